"""Codes of administrative units, each by the list of its record's day: real communes before and since 1 July 2025."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from project_kit import edit

from pophub.contracts.code_tables import read_tables
from pophub.contracts.load import check, load_connector
from pophub.contracts.units import AMBIGUOUS, UnitMapping, codes_of, meanings, units
from pophub.domain.dates import EPOCH_DAY, ZONE_US
from pophub.gates.mapping import ContractMapper
from pophub.gates.unit_codes import DAY_US, read_units
from pophub.settings import PROJECT
from pophub.simulation.places import COMMUNES, DIVIDED, NEW_COMMUNES, new_code

PARCELS = "connectors/monre/land_parcels.yaml"
BEFORE, SINCE, LATER = date(2025, 6, 30), date(2025, 7, 1), date(2026, 3, 1)
UNKNOWN, SEVERAL = "correct.code.unknown", "correct.unit.ambiguous"


def meant(
    of: str,
    to: str,
    code: str,
    day: date | None,
    renewed_on: date | None = None,
    written: date | None = None,
) -> Any:
    """Give the unit that a code means, or the code of what is wrong with it; `written` is the day of the change."""
    unit = UnitMapping.model_validate({"of": of, "to": to, "renewed_on": renewed_on})
    number = None if day is None else day.toordinal() - EPOCH_DAY
    time = None if written is None else (written.toordinal() - EPOCH_DAY) * DAY_US - ZONE_US
    (found,), refused = read_units([code], [number], [time], unit)
    return refused[0][1] if refused else found


def test_both_generations_are_whole() -> None:
    known = units()
    assert {level: len(found) for level, found in known.old.items()} == {
        "province": 63, "district": 696, "commune": 10_035,
    }  # fmt: skip
    assert (len(known.new), len(codes_of("province")), len(codes_of("commune"))) == (3_321, 34, 3_321)
    assert all(new for level in known.old.values() for new in level.values())
    assert set().union(*known.old["commune"].values()) <= set(known.new)


def test_no_unit_of_before_lies_in_two_provinces_of_today() -> None:
    for of in ("province", "district", "commune"):
        found = meanings(of, "province", "either")  # type: ignore[arg-type]
        assert AMBIGUOUS not in found.values()
        assert set(found.values()) == codes_of("province")
    table = read_tables(PROJECT)[0].sound["province"]
    assert dict(meanings("province", "province", "either")) == table.values
    assert all(table.values[code] == new_code(code) for code in table.values)


@pytest.mark.parametrize(
    ("of", "to", "code", "day", "unit"),
    [
        ("commune", "commune", "08833", BEFORE, "08812"),  # Bàn Giản of Vĩnh Phúc went whole into one
        ("commune", "commune", "08833", LATER, "08812"),  # and its old code goes on flowing
        ("commune", "province", "08833", LATER, "25"),
        ("commune", "commune", "00008", BEFORE, "00008"),  # merged into one that took its code
        ("commune", "commune", "00008", SINCE, "00008"),
        (
            "commune",
            "commune",
            "00097",
            BEFORE,
            SEVERAL,
        ),  # Tứ Liên went into Hồng Hà (00097) and Tây Hồ (00103)
        ("commune", "commune", "00097", SINCE, SEVERAL),  # Tứ Liên of before, or Hồng Hà of today
        ("commune", "province", "00097", SINCE, "01"),
        (
            "commune",
            "commune",
            "00679",
            BEFORE,
            SEVERAL,
        ),  # Đại Áng: into Ngọc Hồi and a commune with no such code
        ("commune", "commune", "99999", SINCE, UNKNOWN),
        ("commune", "commune", "97", SINCE, UNKNOWN),
        ("district", "commune", "755", BEFORE, "26732"),  # Côn Đảo is one special zone
        ("district", "commune", "001", BEFORE, SEVERAL),  # Ba Đình is several wards
        ("district", "province", "001", BEFORE, "01"),
        ("district", "province", "317", LATER, "31"),  # Cát Hải
        ("province", "province", "26", BEFORE, "25"),  # Vĩnh Phúc
        ("province", "province", "17", LATER, "25"),  # Hòa Bình
        ("province", "province", "15", BEFORE, "15"),  # Yên Bái, whose code Lào Cai has taken
        ("province", "province", "10", SINCE, "15"),  # Lào Cai of before
        ("province", "province", "15", SINCE, "15"),
        ("province", "province", "05", BEFORE, UNKNOWN),
    ],
)
def test_a_code_means_what_it_meant_on_its_day(of: str, to: str, code: str, day: date, unit: str) -> None:
    assert meant(of, to, code, day) == unit


def test_a_code_of_today_did_not_exist_before() -> None:
    known = units()
    newest = sorted(known.new.keys() - known.old["commune"].keys())
    assert newest
    for code in newest:
        assert meant("commune", "commune", code, BEFORE) == UNKNOWN
        assert meant("commune", "commune", code, SINCE) == code
        assert meant("commune", "commune", code, None) == code


def test_a_source_that_says_when_it_writes_new_codes_is_believed_from_that_day_on() -> None:
    assert meant("commune", "commune", "00097", LATER, LATER) == "00097"
    assert meant("commune", "commune", "00097", date(2026, 2, 28), LATER) == SEVERAL
    assert meant("commune", "commune", "00097", BEFORE, date(2025, 1, 1)) == SEVERAL
    assert meant("commune", "commune", "08833", LATER, LATER) == "08812"
    assert meant("commune", "commune", "00097", None, LATER) == SEVERAL


@pytest.mark.parametrize("day", [date(2010, 5, 1), BEFORE, SINCE, None])
def test_old_facts_that_such_a_source_corrects_later_have_a_code_of_today(day: date | None) -> None:
    eve = date(2026, 2, 28)
    assert meant("commune", "commune", "00097", day, LATER, LATER) == "00097"
    assert meant("commune", "commune", "00097", day, LATER, eve) == SEVERAL
    assert meant("commune", "commune", "08833", day, LATER, LATER) == "08812"
    assert meant("commune", "commune", "00097", day, date(2025, 1, 1), BEFORE) == SEVERAL


def test_a_corrected_parcel_of_2010_passes_with_a_code_of_today(project: Path) -> None:
    told = {"ma_xa": "00097", "ma_tinh": "01", "ngay_dk": "01/05/2010", "cap_nhat": "2026-03-01 08:00:00"}
    assert sent(project, **told)["commune_code"] == SEVERAL
    edit(project, PARCELS, "of: commune, to: commune", "of: commune, to: commune, renewed_on: 2026-01-01")
    assert sent(project, **told)["commune_code"] == "00097"


def test_a_code_in_both_lists_is_taken_only_where_both_mean_the_same() -> None:
    old, either = units().old["commune"], meanings("commune", "commune", "either")
    both = old.keys() & units().new.keys()
    several = {code for code in both if either[code] == AMBIGUOUS}
    assert (len(both), len(several)) == (3_316, 151)
    assert several == {code for code in both if old[code] != {code}}


def test_the_simulation_knows_the_same_places() -> None:
    either = meanings("commune", "commune", "either")
    for province, commune in COMMUNES:
        assert units().new[meanings("commune", "commune", "before")[commune]] == new_code(province)
        assert either[commune] != AMBIGUOUS
    for province, commune in NEW_COMMUNES:
        assert (either[commune], units().new[commune]) == (commune, province)
    assert all(either[code] == AMBIGUOUS and code in units().new for code in DIVIDED)


def sent(project: Path = PROJECT, **changed: Any) -> dict[str, Any]:
    """Map one parcel: its units, and the codes of what failed, by field."""
    connector = load_connector(project / PARCELS, project)
    raw: dict[str, list[Any]] = {column: [None] for column in connector.file.columns}
    told = {"ma_thua": "T1", "stt": 1, "ma_tinh": "26", "ma_xa": "08833", **changed}
    mapped = ContractMapper(connector).map(raw | {column: [value] for column, value in told.items()})
    failed = {failure.field: failure.code for failure in mapped.failures if failure.field}
    return {name: mapped.columns[name][0] for name in ("province_code", "commune_code")} | failed


def test_the_day_is_that_of_the_facts_else_that_of_the_change() -> None:
    whole = {"province_code": "25", "commune_code": "08812"}
    assert sent(ngay_dk="30/06/2025", cap_nhat="2026-01-01 08:00:00") == whole
    newest = min(units().new.keys() - units().old["commune"].keys())
    for day, changed, code in (
        ("30/06/2025", "2026-01-01 08:00:00", UNKNOWN),
        ("01/07/2025", "2024-01-01 08:00:00", newest),
        (None, "2025-06-30 23:59:59", UNKNOWN),
        (None, "2025-07-01 00:00:00", newest),
    ):
        assert sent(ngay_dk=day, cap_nhat=changed, ma_xa=newest)["commune_code"] == code, day


def test_a_code_that_is_refused_stays_to_be_repaired_and_an_empty_one_is_no_code() -> None:
    assert sent(ma_xa=" 00097 ", ngay_dk="01/01/2024") == {"province_code": "25", "commune_code": SEVERAL}
    assert sent(ma_xa=None, ma_tinh=None) == {"province_code": None, "commune_code": None}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("of: commune, to: commune", "of: province, to: commune", "config.value"),
        ("of: commune, to: commune", "of: village, to: commune", "config.value"),
        ("of: commune, to: commune", "of: commune, to: district", "config.value"),
        ("of: commune, to: commune, at: registered_on", "of: commune, to: commune, at: area_m2", "config.type"),
        ("of: commune, to: commune, at: registered_on", "of: commune, to: commune, at: nowhere", "config.type"),
        ("of: commune, to: commune", "of: commune, to: commune, renewed_on: soon", "config.type"),
        ("of: province, to: province, at: registered_on}", "of: province, to: province}, codes: province", "config.value"),
        ("{from: dien_tich, text: trim, parse: integer}", "{from: dien_tich, unit: {of: commune, to: commune}}", "config.value"),
        ("{from: ma_thua}", "{from: ma_thua, unit: {of: commune, to: commune}}", "config.value"),
    ],
)  # fmt: skip
def test_what_a_unit_cannot_be_is_refused_with_file_and_line(
    project: Path, old: str, new: str, code: str
) -> None:
    edit(project, PARCELS, old, new)
    found = [error for error in check(project) if error.where.startswith(PARCELS)]
    assert code in [error.code for error in found], found
    assert all(error.where.rpartition(":")[2].isdigit() for error in found)


def test_rows_of_a_grant_are_limited_by_todays_units(project: Path) -> None:
    grant = (
        "subscription: 1\nsubscriber: phutho\ntitle: {en: Phu Tho, vi: Phú Thọ}\ngrants:\n"
        "  - dataset: monre.land_parcels\n    purpose: {en: Levy, vi: Thu thuế}\n    legal_basis: Decree 123/2020\n"
        '    fields: [parcel_no, area_m2]\n    rows: {province_code: ["25"]}\n    starts: 2024-01-01\n'
    )
    path = project / "subscriptions/phutho.yaml"
    path.write_text(grant)
    assert [error for error in check(project) if "phutho" in error.where] == []
    path.write_text(grant.replace('"25"', '"26"'))
    (told,) = [error for error in check(project) if "phutho" in error.where]
    assert "no province '26' since 1 July 2025" in told.what
