"""Agencies by declaration: read strictly, planned the same each time, true to the figures of the reports."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pophub.contracts.refusals import read_model
from pophub.contracts.strict_yaml import parse_document
from pophub.domain.codes import GATES
from pophub.settings import PROJECT
from pophub.simulation.clock import from_us, month_end_us, to_us
from pophub.simulation.declaration import FOLDER, Declaration, declarations, in_order, read_declaration
from pophub.simulation.declared import DeclaredPlan
from pophub.simulation.model import Step, Version
from pophub.simulation.plan import Plan, plan
from pophub.simulation.today import Round, plan_today
from tests.refused import refused

PAGE = (PROJECT / "docs" / "simulation.md").read_text()
EXAMPLE = re.search(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
STEPS: tuple[Step, ...] = ("2023", "2024", "today")
HOURS_US = 3 * 3600 * 1_000_000
STEMS = [one.stem for one in declarations()]
DEAD = "correct.account.after_death"


def declared(text: str) -> Declaration:
    return read_model(Declaration, parse_document(text, Path("example.yaml")))


def example(**lines: str) -> Declaration:
    """Give the page's example, a line of it written otherwise."""
    assert EXAMPLE is not None
    text = EXAMPLE[1]
    for beginning, line in lines.items():
        text, times = re.subn(rf"(?m)^ *{beginning}.*$", line, text)
        assert times == 1
    return declared(text)


@cache
def planned(seed: int = 1, scale: float = 0.2) -> Plan:
    return plan(seed, scale)


def day(written: object, form: str) -> date:
    return datetime.strptime(str(written), form).date()


def of(stem: str, seed: int = 1, scale: float = 0.2) -> list[Version]:
    return [version for version in planned(seed, scale).versions if version.stem == stem]


def standing(stem: str, day: str, *, seed: int = 1, scale: float = 0.2) -> list[dict[str, Any]]:
    """Give the sound rows of a dataset as they stand at the end of a day in Viet Nam."""
    end = to_us(datetime.fromisoformat(f"{day}T23:59:59+07:00"))
    newest: dict[str, Version] = {}
    for version in sorted(of(stem, seed, scale), key=lambda v: v.changed):
        if version.sound and version.changed <= end:
            newest[version.key] = version
    return [version.row for version in newest.values() if not version.delete]


def test_the_example_of_the_page_costs_under_60_lines_and_has_each_gate() -> None:
    assert EXAMPLE is not None and EXAMPLE[1].count("\n") < 60
    declaration = example()
    assert len(declaration.columns) == 8
    made = [DeclaredPlan(declaration, "1:1.0", 1.0, planned().cast, {}) for _ in range(2)]
    for one in made:
        one.plan()
    assert made[0].versions == made[1].versions
    assert {version.gate for version in made[0].versions if not version.sound} == set(GATES)
    assert sum(version.label.startswith("near miss") for version in made[0].versions) == 3
    sound = [version.row for version in made[0].versions if version.sound]
    assert sum(row["Cập nhật"].startswith("09/11/2024") for row in sound) == 12


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/*.yaml")), ids=lambda path: path.stem)
def test_a_declared_agency_costs_under_60_lines(path: Path) -> None:
    assert path.read_text().count("\n") < 60
    declaration = read_declaration(path)
    assert path.parts[-2:] == (declaration.agency, f"{declaration.dataset}.yaml")


@pytest.mark.parametrize(
    ("beginning", "line", "code"),
    [
        ("Số hiệu:", "  Số hiệu: {code: a, text: b}", "config.type"),
        ("source:", "source: {kind: postgres, name: a.b, key: Số hiệu, changed: c}", "config.type"),
        ("Số hiệu:", "  Số hiệu: {code: a, defects: [lost]}", "config.value"),
        ("Trường:", "  Trường: {organisation: name, empty: 0.5, defects: [hidden]}", "config.type"),
        ("Ngày thi:", "  Ngày thi: {date: {}, defects: [before]}", "config.type"),
        ("- .count: 40", "  - {count: 40, year: 2022}", "config.type"),
        ("- .count: 40", "  - {count: 40}", "config.type"),
        ("- .count: 40", "  - {count: 40, year: 2023, day: 2023-01-01}", "config.type"),
        ("- .count: 40", "  - {counts: 40, year: 2023}", "config.unknown_key"),
    ],
)
def test_what_a_declaration_cannot_mean_is_refused(beginning: str, line: str, code: str) -> None:
    with refused(code):
        example(**{beginning: line})


def test_a_reference_to_nothing_or_in_a_circle_is_refused() -> None:
    first = example(**{"Loại:": "  Loại: {reference: {to: a.b}}"})
    with refused("config.unknown_stem"):
        in_order([first])
    with refused("config.unknown_stem"):
        in_order([example(**{"Loại:": "  Loại: {reference: {to: moet.diplomas}}"})])


def test_what_others_refer_to_comes_first() -> None:
    assert STEMS.index("laocai.procedure_catalogue") < STEMS.index("laocai.procedures")


@pytest.mark.parametrize("seed", range(2, 8))
def test_other_seeds_can_be_planned_at_a_small_scale(seed: int) -> None:
    made = plan(seed, 0.1)
    assert made.expected_transactions(2024) == round(1.57 * made.expected_transactions(2023))


@pytest.mark.parametrize("stem", STEMS)
def test_versions_of_a_declared_dataset_have_places_of_their_own(stem: str) -> None:
    """But for contradictions; nothing comes after the last tick, and the opening stock is December's."""
    places = Counter((version.key, version.marker) for version in of(stem))
    again = {place for place, number in places.items() if number > 1}
    contradicted = {(v.key, v.marker) for v in of(stem) if v.code == "clean.contradiction"}
    assert again == contradicted
    assert {version.step for version in of(stem)} == (
        {"2023", "2024"} if stem == "mof.taxpayers" else {"2024"}
    )
    for version in of(stem):
        assert version.changed <= month_end_us(2024, 12)
        assert version.code == "live.stale" or from_us(version.changed) >= from_us(month_end_us(2022, 11))


def test_the_catalogue_of_lao_cai_is_as_reported_whatever_seed_and_scale() -> None:
    for seed, scale in ((1, 0.2), (7, 0.1)):
        day = standing("laocai.procedure_catalogue", "2023-11-09", seed=seed, scale=scale)
        levels = Counter(row["Mức độ"] for row in day)
        assert levels["Toàn trình"] == 1_277
        assert levels["Toàn trình"] + levels["Một phần"] == 1_797
        assert sum(row["Trên Cổng"] == "x" for row in day) == 1_655
        december = standing("laocai.procedure_catalogue", "2023-12-01", seed=seed, scale=scale)
        assert sum(row["Không giấy"] == "x" for row in december) == 35


def test_an_online_fee_is_40_percent_lower_since_6_july_2023() -> None:
    for day, share in (("2023-07-05", 1.0), ("2023-07-06", 0.6)):
        rows = [row for row in standing("laocai.procedure_catalogue", day) if row["Lệ phí"]]
        assert rows
        assert {row["Lệ phí trực tuyến"] / row["Lệ phí"] for row in rows} == {share}


def test_dossiers_of_lao_cai_are_as_reported_and_cost_what_was_in_force() -> None:
    rows = standing("laocai.procedures", "2024-12-31")
    assert sum(row["so_hoa"] for row in rows) / len(rows) == 0.687
    assert sum(row["truc_tuyen"] for row in rows) / len(rows) > 0.5
    catalogue = {row["Mã thủ tục"]: row for row in standing("laocai.procedure_catalogue", "2024-12-31")}
    for row in rows:
        procedure = catalogue[row["ma_tt"]]
        fee = procedure["Lệ phí trực tuyến" if row["truc_tuyen"] else "Lệ phí"]
        assert row["le_phi"] == fee or version_is_near(row)
        assert not (procedure["Không giấy"] and row["so_giay"]) or version_is_near(row)


def version_is_near(row: dict[str, Any]) -> bool:
    """Tell whether a row is a near miss, which may say something else."""
    return any(v.row is row and v.label.startswith("near miss") for v in of("laocai.procedures"))


def test_19_agencies_have_not_reported_on_security() -> None:
    rows = standing("security.criteria", "2024-12-31")
    assert Counter(row["trang_thai"] for row in rows) == {"Đã báo cáo": 66, "Chưa báo cáo": 19}


def test_identity_accounts_cite_the_decree_in_force() -> None:
    for version in of("mps.identity_accounts"):
        if version.sound and version.row["can_cu"].startswith("Nghị định 69") and version.code is None:
            assert from_us(version.changed).strftime("%Y-%m") >= "2024-07"


def test_an_account_that_is_active_again_after_the_death_is_defective_and_one_locked_then_is_not() -> None:
    died = {
        v.row["so_ddcn"]: day(v.row["ngay_su_kien"], "%Y%m%d")
        for v in of("moj.civil_status")
        if v.row["loai"] == "KT" and v.sound
    }
    mine = [v for v in of("mps.identity_accounts") if v.row["so_ddcn"] in died and v.code in (None, DEAD)]
    after = [v for v in mine if day(v.row["ngay_kich_hoat"], "%d/%m/%Y") > died[v.row["so_ddcn"]]]
    assert {v.row["trang_thai"] for v in mine if v not in after} == {"Hoạt động", "Khóa"}
    registered_later = [v for v in after if v.label == "near miss: a death that is registered later"]
    assert all(v.code == DEAD for v in after if v not in registered_later)
    opened = [v for v in after if day(v.row["ngay_cap"], "%d/%m/%Y") > died[v.row["so_ddcn"]]]
    assert len(after) - len(opened) >= 8 and {v.code for v in mine if v not in after} == {None}


def test_a_round_of_today_brings_new_rows_the_last_of_them_defective() -> None:
    end = month_end_us(2025, 6)
    first, again = (plan_today(planned(), Round(1, end, end + HOURS_US)) for _ in range(2))
    second = plan_today(planned(), Round(2, end + HOURS_US, end + 2 * HOURS_US))
    assert first == again
    for one in declarations():
        mine = [[v for v in made if v.stem == one.stem] for made in (first, second)]
        assert [len(made) for made in mine] == [one.today, one.today]
        assert not {v.key for v in mine[0]} & {v.key for v in mine[1]}
        known = {v.key for v in mine[0]} & {v.key for v in of(one.stem)}
        assert len(known) == (one.today // 2 if one.source.in_place else 0)
        assert [v.sound for v in mine[0]] == [True] * (one.today - 1) + [False] * bool(one.today)
        if one.source.numbered and one.today:
            numbers = [v.row[one.source.number] for v in [*of(one.stem), *mine[0], *mine[1]]]
            assert numbers == sorted(set(numbers))


def test_what_is_at_rest_is_read_once_with_2024_and_the_rest_with_today() -> None:
    going_on = {one.stem for one in declarations() if one.today}
    resting = {one.stem for one in declarations()} - going_on
    read = {step: planned().stems(step) for step in STEPS}
    yearly = {one.stem for one in declarations() if one.yearly}
    assert resting <= read["2024"] and not (resting - yearly) & read["2023"] and not resting & read["today"]
    assert yearly == {"mof.taxpayers"} and yearly <= read["2023"]
    by_log = {one.stem for one in declarations() if one.source.in_place}  # as it stands, then what changes
    assert going_on <= read["today"] and going_on & (read["2023"] | read["2024"]) == by_log
    assert planned().stems() == read["2023"] | read["2024"] | read["today"]


def test_every_organisation_that_sells_is_a_taxpayer_and_some_never_issue_an_invoice() -> None:
    taxpayers = {row["mst"]: row for row in standing("mof.taxpayers", "2022-12-31")}
    invoices = [v.row for v in planned().versions if v.stem == "mof.einvoices" and v.sound]
    sales = [
        v.row for v in planned().versions if v.stem == "moit.ecommerce_sales" and v.sound and v.row["mst"]
    ]
    for row in (*invoices, *sales):
        seller = taxpayers[row.get("mst_ban") or row["mst"]]
        assert seller["hoat_dong"] is True
        person = row.get("so_ddcn_ban") or row.get("so_ddcn")
        assert seller["so_dai_dien"] in (None, person) or person is None
    assert all(row["ten_ban"] == taxpayers[row["mst_ban"]]["ten"].strip() for row in invoices)
    silent = {row["mst"] for row in sales} - {row["mst_ban"] for row in invoices}
    assert 0 < len(silent) < len({row["mst"] for row in sales})


def test_targets_are_as_set() -> None:
    rows = standing("catalogue.targets", "2024-12-31")
    online = {
        r["doi_tuong"]: r["ty_le"] for r in rows if r["noi_dung"].strip() == "Tỷ lệ hồ sơ nộp trực tuyến"
    }
    assert online == {"Bộ, ngành": 85, "Địa phương": 70}


def test_317_procedures_are_to_be_simplified_and_each_of_63_provinces_says_what_it_resolved() -> None:
    rows = standing("portal.simplifications", "2024-12-31")
    assert Counter(row["trang_thai"] for row in rows) == {
        "Hoàn thành": 120, "Đang thực hiện": 90, "Chưa thực hiện": 107,
    }  # fmt: skip
    provinces = {row["tinh"]: row for row in standing("catalogue.fee_resolutions", "2024-12-31")}
    assert len(provinces) == 63 and provinces["laocai"]["giam"] == 40
    assert {row["trang_thai"] for row in provinces.values() if row["so_nq"] is None} == {"Chưa ban hành"}


def test_a_store_of_lao_cai_holds_what_the_portal_held_but_what_it_changed_itself() -> None:
    own, portal = (standing(f"{agency}.parties", "2024-12-31") for agency in ("laocai", "portal"))
    known = {row["ma"]: row for row in portal}
    pairs = [(row, known[row["ma_cong"]]) for row in own if row["ma_cong"] in known]
    assert len(pairs) == len(own)
    assert all(mine["so_ddcn"] == theirs["so_ddcn"] for mine, theirs in pairs)
    assert 0 < sum(mine["dia_chi"] != theirs["dia_chi"] for mine, theirs in pairs) < len(pairs) / 2


def test_no_sound_row_is_dated_after_the_end_of_its_month() -> None:
    """Its batch is stamped then, and a day after that would lie in the future."""
    for one in declarations():
        for version in of(one.stem):
            end = from_us(version.changed).strftime("%Y-%m-31")
            for name, column in one.columns.items():
                day = version.row[name]
                if column.date and not column.date.after and day and version.sound:
                    assert datetime.strptime(day, column.format).strftime("%Y-%m-%d") <= end
    linked = [v for v in of("catalogue.databases") if v.sound and v.row["ngay_ket_noi"]]
    assert all(v.row["ngay_ket_noi"] <= from_us(v.changed).strftime("%Y-%m-31") for v in linked)
