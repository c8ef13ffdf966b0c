"""Terms of grants are append-only: nothing is shared by terms that are not on record, and none is rewritten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hubkit import SIGKILLED, Project
from outside import check, read_topic

from pophub.commands.reconcile import examine
from pophub.reconcile.findings import Report
from pophub.wiring import Hub

pytestmark = pytest.mark.timeout(300)


def file_of(project: Project, name: str = "") -> Path:
    return project.folder / f"subscriptions/{name or project.subscriber}.yaml"


def edit(project: Project, *pairs: tuple[str, str]) -> None:
    text = file_of(project).read_text()
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file_of(project).write_text(text)


def messages(project: Project) -> int:
    return len(read_topic(project.servers, f"sub.{project.subscriber}.{project.stem}"))


def recorded(project: Project) -> list[tuple[int, list[str]]]:
    return project.servers.query(
        "select version, terms->'fields' from hub.subscription where recipient = %s order by 1",
        project.subscriber,
    )


def test_terms_that_change_without_a_new_version_are_refused_and_share_nothing(project: Project) -> None:
    project.put(1, 30)
    project.pass_through()
    before = recorded(project)
    edit(project, (", province_code]", ", province_code, sex]"))
    refused = project.run("prepare")
    assert (refused.error, "fields changed under version 1" in refused.text) == ("subscription.changed", True)
    project.put(2, 20)
    project.pass_through("extract", "judge")
    assert project.run("share").error == "subscription.changed"
    assert (messages(project), recorded(project)) == (1, before)
    edit(project, ("    starts:", "    version: 2\n    starts:"))
    project.pass_through("prepare", "share")
    assert [version for version, _ in recorded(project)] == [1, 2]
    assert (messages(project), recorded(project)[0]) == (2, before[0])
    edit(project, ("version: 2", "version: 1"), (", sex]", "]"))
    assert project.run("prepare").error == "subscription.version"


def test_narrower_rows_are_refused_before_anything_is_shared_by_them(project: Project) -> None:
    edit(project, ("    starts:", "    rows: {province_code: ['01']}\n    starts:"))
    project.put(1, 30)
    project.pass_through("extract", "judge")
    assert project.run("share").error == "subscription.changed", "without a `pophub up`, too"


@pytest.fixture
def last_year(project: Project) -> Iterator[Project]:
    """A project whose one accepted version was exchanged a year ago."""
    project.put(1, 30)
    project.pass_through()
    places = "month, exchanged_at from ledger.history where stem = %s"
    ((month, exchanged_at),) = project.servers.query(f"select {places}", project.stem)
    change = "update ledger.history set month = %s, exchanged_at = %s where stem = %s"
    ago = datetime(datetime.now(UTC).year - 1, 3, 15, tzinfo=UTC)
    project.servers.query(change, ago.date().replace(day=1), ago, project.stem)
    yield project
    project.servers.query(change, month, exchanged_at, project.stem)


def test_a_right_that_counts_in_months_that_are_over_takes_a_word(last_year: Project) -> None:
    project = last_year
    other = f"{project.subscriber}late"
    text = re.sub("subscriber: .*", f"subscriber: {other}", file_of(project).read_text())
    file_of(project, other).write_text(text)
    assert project.run("prepare").error == "subscription.backdated"
    today = f"starts: {datetime.now(UTC).date():%Y-%m-01}"
    for words in (today, "starts: 2022-01-01\n    backdated: Lan, letter 12/2026"):
        file_of(project, other).write_text(text.replace("starts: 2022-01-01", words))
        project.pass_through("prepare")
        project.servers.query("delete from hub.subscription where recipient = %s returning 1", other)


@pytest.mark.parametrize("zone", ["Asia/Ho_Chi_Minh", "UTC", "America/New_York"])
def test_a_right_starts_at_one_instant_whatever_the_session_time_zone(project: Project, zone: str) -> None:
    edit(project, ("starts: 2022-01-01", "version: 2\n    starts: 2024-05-06\n    ends: 2024-06-07"))
    project.servers.query(f"alter role pophub_owner set timezone to '{zone}'")
    try:
        project.pass_through("prepare")
    finally:
        project.servers.query("alter role pophub_owner reset timezone")
    ((starts, ends),) = project.servers.query(
        "select starts_at, ends_at from hub.subscription where recipient = %s and version = 2",
        project.subscriber,
    )
    assert starts.astimezone(UTC) == datetime(2024, 5, 5, 17, tzinfo=UTC)
    assert ends.astimezone(UTC) == datetime(2024, 6, 6, 17, tzinfo=UTC)


HANOI = ("    starts:", "    rows: {province_code: ['01']}\n    version: 2\n    starts:")
NARROWER = ((", province_code]", "]"), ("    starts:", "    version: 2\n    starts:"))


def told(project: Project) -> list[tuple[str, bool]]:
    """Give (key, whether it is a tombstone) of each message, in order of the lanes."""
    found = read_topic(project.servers, f"sub.{project.subscriber}.{project.stem}")
    return [((m.key or b"").decode(), m.value is None) for m in found]


def reconciled(project: Project, patch: pytest.MonkeyPatch) -> Report:
    for name, value in project.environment.items():
        patch.setenv(name, value)
    settings = project.servers.settings.model_copy(update={"project": project.folder})
    return examine(Hub(settings), project.stem, deep=True)


def test_what_leaves_the_granted_rows_is_a_tombstone_to_who_has_it_and_to_nobody_else(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(project, HANOI)
    project.pass_through("prepare")
    ids = [project.put(person, 60, ma_tinh="38" if person > 3 else "01") for person in range(1, 6)]
    project.pass_through()
    assert sorted(told(project)) == [(ids[n], False) for n in range(3)]
    project.update(1, 50, ma_tinh="38")  # leaves
    project.update(2, 50, da_xoa=True)  # deleted while there
    project.update(4, 50, da_xoa=True)  # was never there
    project.update(5, 50, ma_ho="H9")  # stays away
    project.pass_through()
    project.update(1, 40, da_xoa=True)  # told already
    project.update(3, 40, ma_tinh="38")
    assert project.run("extract", "judge", "share", fail="share.published").code == SIGKILLED
    project.pass_through()
    project.update(3, 30, ma_tinh="01")  # comes back
    project.pass_through()
    gone = {ids[0]: [False, True], ids[1]: [False, True], ids[2]: [False, True, False]}
    by_key: dict[str, list[bool]] = {}
    for key, tombstone in told(project):
        by_key.setdefault(key, []).append(tombstone)
    assert by_key == gone
    assert reconciled(project, monkeypatch).findings == []
    check(project, subscriber=False)


def test_history_under_each_version_of_the_terms_is_compared_with_that_version(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in range(1, 5):
        project.put(person, 60)
    project.pass_through()
    edit(project, *NARROWER)
    project.update(1, 50, ho_ten="Nguyễn Văn Bình")
    project.pass_through("prepare", "extract", "judge", "share")
    report = reconciled(project, monkeypatch)
    compared = {c.store: (c.expected, c.found) for c in report.compared}
    assert report.findings == []
    assert compared[f"ledger of {project.subscriber}"] == (5, 5)
    assert compared[f"sub.{project.subscriber}.{project.stem}"] == (5, 5)


def test_what_was_published_under_earlier_terms_is_counted_under_them_after_a_crash(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [project.put(1, 60, ma_tinh="38"), project.put(2, 60)]
    project.pass_through("extract", "judge")
    assert project.run("share", fail="share.published:2").code == SIGKILLED
    edit(project, HANOI)
    project.update(1, 50, ma_ho="H9")  # what the old terms gave lies outside of the new ones
    project.pass_through("prepare", "extract", "judge", "share")
    assert sorted(told(project)) == [(ids[0], False), (ids[0], True), (ids[1], False)]
    versions = project.servers.query(
        "select subscription, sum(granted)::int from ledger.stretch where recipient = %s group by 1 order by 1",
        project.subscriber,
    )
    assert versions == [(1, 2), (2, 1)]
    assert reconciled(project, monkeypatch).findings == []
