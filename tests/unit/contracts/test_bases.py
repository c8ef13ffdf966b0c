"""Legal bases with a validity: what is refused, which record is in order, which right stands and who is told."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from project_kit import edit

from pophub.contracts import bases as legal
from pophub.contracts.load import check, load_all, load_subscriptions
from pophub.contracts.model import LegalBasis
from pophub.domain.codes import CODES
from pophub.domain.dates import today
from pophub.live.conditions import BASIS_DAYS, of_bases
from pophub.live.run import ending_rights
from pophub.quarantine.reasons import in_words
from pophub.scoring.samples import judged as judged_samples
from pophub.settings import PROJECT

OLD, NEW = "bases/decree_59_2022.yaml", "bases/decree_69_2024.yaml"
DAY = timedelta(days=1)
SUITE = "expectations/mps/identity_accounts.json"


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("basis: 1\n", "", "config.missing", "basis"),
        ("in_force_to: 2024-06-30", "in_force_to: 2022-10-19", "config.range", "it ends before"),
        ("in_force_to: 2024-06-30\n", "", "config.missing", "has an end"),
        ("decree_69_2024", "decree_96_2024", "config.basis", "did you mean decree_69_2024"),
        ("replaced_by: decree_69_2024", "replaced_by: decree_59_2022", "config.basis", "no other basis"),
        ("number:", "nummer:", "config.unknown_key", "number"),
    ],
)
def test_what_is_wrong_with_a_basis_is_told_with_file_and_line(
    project: Path, old: str, new: str, code: str, words: str
) -> None:
    edit(project, OLD, old, new)
    found = [error for error in check(project) if error.where.startswith(OLD)]
    assert code in [error.code for error in found] and words in " ".join(error.what for error in found)
    assert all(error.where.rpartition(":")[2].isdigit() for error in found)


def test_a_file_is_named_as_it_is_cited(project: Path) -> None:
    (project / OLD).rename(project / "bases/Decree-59.yaml")
    assert "config.path" in [error.code for error in check(project)]


@pytest.mark.parametrize(
    ("written", "day", "stands"),
    [
        ("59/2022/NĐ-CP", date(2024, 6, 30), True),
        ("Decree 59/2022", date(2024, 6, 30), True),
        ("Decree 59/2022", date(2024, 7, 1), False),
        ("Decree 69/2024", date(2024, 7, 1), True),
        ("Decree 69/2024", date(2024, 6, 30), False),
        ("Decree 59", date(2024, 6, 30), False),
    ],
)
def test_a_basis_is_in_force_from_its_first_day_to_its_last(written: str, day: date, stands: bool) -> None:
    found = legal.read_bases(PROJECT)[0]
    assert legal.in_force(found.values(), written, day) == stands


def test_the_day_of_a_record_is_that_of_its_facts_its_change_or_its_exchange() -> None:
    connector = next(one for one in load_all(PROJECT)[0] if one.stem == "project06.tasks")
    last = (
        86_400_000_000 * (date(2024, 6, 30) - date(1970, 1, 1)).days + 61_200_000_000
    )  # 00:00 of 1 July here
    columns = {
        "legal_basis": ["Decree 59/2022", "Decree 59/2022", None],
        "assigned_on": [19_904, None, 19_905],
    }
    assert legal.basis_columns(connector, columns, [last] * 3, [last - 1] * 3) == {
        "hub_legal_basis_in_force": [True, True, True]
    }
    assert legal.basis_columns(
        connector, columns | {"assigned_on": [19_905, None, None]}, [0] * 3, [last] * 3
    ) == {"hub_legal_basis_in_force": [False, False, True]}


def ends(project: Path, last: date) -> None:
    """Let every basis of the portal's grant end on a day."""
    edit(project, NEW, "in_force_from: 2024-07-01", f"in_force_from: 2024-07-01\nin_force_to: {last}")
    edit(project, "subscriptions/portal.yaml", "[decree_47_2020, decree_59_2022,", "[decree_59_2022,")


def test_a_right_stands_to_the_last_day_of_its_basis_and_no_longer(project: Path) -> None:
    connectors = load_all(project)[0]
    ends(project, today())
    files, errors = load_subscriptions(project, connectors)
    assert errors == [] and [len(file.grants) for file in files] == [2, 1, 2]
    edit(project, NEW, str(today()), str(today() - DAY))
    files, (error,) = load_subscriptions(project, connectors)
    left = {file.subscriber: len(file.grants) for file in files}
    assert left == {"gdt": 2, "laocai": 1, "portal": 1}, "what rests on another basis goes on"
    assert (error.code, "replaced by decree_69_2024" in error.what) == ("config.basis", True)
    assert error.where.startswith("subscriptions/portal.yaml:")


def test_a_basis_that_is_none_carries_no_right(project: Path) -> None:
    edit(project, "subscriptions/gdt.yaml", "bases: [decree_117_2025]", "bases: [decree_117]")
    files, (error,) = load_subscriptions(project, load_all(project)[0])
    assert error.code == "config.basis" and "did you mean decree_117_2025" in error.what
    assert [grant.dataset for file in files if file.subscriber == "gdt" for grant in file.grants] == [
        "mof.einvoices"
    ]


@pytest.mark.parametrize(("days", "told"), [(0, True), (BASIS_DAYS, True), (BASIS_DAYS + 1, False)])
def test_the_end_of_a_basis_is_told_ninety_days_before(project: Path, days: int, told: bool) -> None:
    ends(project, today() + days * DAY)
    rights = ending_rights(project, load_subscriptions(project, load_all(project)[0])[0])
    assert rights == [("mps.citizens", "portal", today() + days * DAY)], "the others have no end"
    found = [(one.code, one.stem, one.subject) for one in of_bases(rights, today())]
    assert found == ([("alert.basis_ends", "mps.citizens", "recipient portal")] if told else [])


@pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own
def test_a_rule_tells_on_which_basis_it_rests_and_goes_on_when_that_ends(project: Path) -> None:
    def judged() -> set[str]:
        (accounts,) = (one for one in load_all(project)[0] if one.stem == "mps.identity_accounts")
        sample = json.loads(
            (
                PROJECT / "tests/samples" / accounts.stem / "no_such_level.fail.correct.code.unknown.json"
            ).read_text()
        )
        (failures,) = judged_samples(accounts, [sample])
        for one in (in_words(vars(one), CODES) for one in failures if one.field == "level"):
            assert one["en"] == one["reason"] and one["vi"].partition(" (")[2] == one["en"].partition(" (")[2]
        return {one.reason for one in failures if one.field == "level"}

    said = "The value is not in the code list"
    assert judged() == {f"{said} (69/2024/NĐ-CP)"} and check(project) == []
    edit(
        project, NEW, "in_force_from: 2024-07-01", f"in_force_from: 2024-07-01\nin_force_to: {today() - DAY}"
    )
    assert judged() == {said}
    errors = [error for error in check(project) if error.where.startswith(SUITE)]
    assert [error.code for error in errors] == ["config.basis"] and "59/2022/NĐ-CP, 69/2024/NĐ-CP" in errors[
        0
    ].what
    assert "decree_69_2024" in errors[0].what, "what took the place of the first"


def test_a_basis_that_is_none_carries_no_rule(project: Path) -> None:
    edit(project, SUITE, '"decree_59_2022", "decree_69_2024"', '"decree_59_2022", "decree_96_2024"')
    (error,) = load_all(project)[1]
    assert error.code == "config.basis" and "did you mean decree_69_2024" in error.what
    assert error.where.startswith(f"{SUITE}:")
    edit(project, SUITE, '["decree_59_2022", "decree_96_2024"]', '"decree_59_2022"')
    assert [error.code for error in load_all(project)[1]] == ["config.type"]


def test_a_change_of_a_basis_changes_the_digest_of_who_cites_it(project: Path) -> None:
    def digests() -> dict[str, str]:
        return {one.stem: one.digest for one in load_all(project)[0]}

    before = digests()
    (project / NEW).write_text((project / NEW).read_text() + "\n")
    after = digests()
    assert {stem for stem in before if before[stem] != after[stem]} == {
        "molisa.social_support",
        "mps.identity_accounts",
        "project06.tasks",
    }


def test_a_basis_without_an_end_is_in_force_until_further_notice() -> None:
    basis = LegalBasis.model_validate(
        {"basis": 1, "number": "1", "title": {"en": "x", "vi": "x"}, "in_force_from": "2024-01-01"}
    )
    assert basis.in_force(date(2999, 1, 1)) and not basis.in_force(date(2023, 12, 31))
