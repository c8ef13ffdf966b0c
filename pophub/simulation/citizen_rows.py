"""Rows of the police's table dancu.cong_dan, and the ways to spoil one."""

from __future__ import annotations

from datetime import date
from random import Random

from pophub.simulation import defects
from pophub.simulation.clock import from_us
from pophub.simulation.model import Citizen, Defect, Row, Step, Version, edit, put
from pophub.simulation.people import personal_id

STEM = "mps.citizens"


def row_of(person: Citizen, marker_us: int) -> Row:
    """Write a person as the police's table holds one."""
    return {
        "id": person.row_id,
        "so_ddcn": person.citizen_id,
        "ho_ten": person.full_name,
        "ngay_sinh": person.birth.strftime("%d/%m/%Y"),
        "gioi_tinh": "Nam" if person.sex == "M" else "Nữ",
        "ma_tinh": person.province,
        "ma_ho": person.household,
        "so_cmnd": person.old_number,
        "da_xoa": False,
        "cap_nhat_luc": from_us(marker_us).isoformat(),
    }


def version(person: Citizen, marker_us: int, step: Step, label: str = "") -> Version:
    """Make a sound version of a person's row."""
    row = row_of(person, marker_us)
    return Version(STEM, person.citizen_id, marker_us, marker_us, step, row, label=label)


def _future_birth(row: Row, rng: Random) -> None:
    birth = date(2035, rng.randint(1, 12), rng.randint(1, 28))
    number, sex = row["so_ddcn"], "M" if row["gioi_tinh"] == "Nam" else "F"
    row["ngay_sinh"] = birth.strftime("%d/%m/%Y")
    row["so_ddcn"] = personal_id(number[1:3], sex, birth, int(number[6:]))


def _of_other_sex(row: Row, _: Random) -> None:
    row["gioi_tinh"] = "Nam" if row["gioi_tinh"] == "Nữ" else "Nữ"


CONTENT_DEFECTS: list[Defect] = [
    Defect(
        "contract",
        "contract.dob.invalid",
        "impossible date",
        put("ngay_sinh", "31/02/1990"),
    ),
    Defect(
        "contract",
        "contract.date.format",
        "date year first",
        put("ngay_sinh", "1990-05-12"),
    ),
    Defect("correct", "correct.code.unknown", "province 99", put("ma_tinh", "99")),
    Defect("correct", "correct.code.unknown", "sex X", put("gioi_tinh", "X")),
    Defect("correct", "correct.id.dob_mismatch", "sex against the id", _of_other_sex),
    *defects.missing("ho_ten", "ngay_sinh", "gioi_tinh", "ma_tinh"),
    Defect("sufficient", "sufficient.missing", "name of spaces", put("ho_ten", "   ")),
    defects.hidden_character("ho_ten"),
    defects.hidden_character("ma_ho", "\x07"),
    Defect(
        "clean",
        "clean.name.letters",
        "digit in the name",
        edit("ho_ten", lambda v: v + " 2"),
    ),
    Defect(
        "clean",
        "clean.name.letters",
        "symbol in the name",
        edit("ho_ten", lambda v: v + "@"),
    ),
]
KEY_DEFECTS: list[Defect] = [
    *defects.personal_id("so_ddcn"),
    Defect("correct", "correct.dob.future", "born in 2035", _future_birth),
]
