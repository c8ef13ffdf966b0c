"""The personal identification number by Decree 137/2015, at its borders."""

from __future__ import annotations

from datetime import date

import pytest

from pophub.contracts.code_tables import read_tables
from pophub.domain.names import fold_name
from pophub.gates.personal_id import PLACES, contradicting, flaw
from pophub.settings import PROJECT


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("038090000123", None),
        ("096399999999", None),
        ("03809000012", "length"),
        ("0380900001234", "length"),
        ("038090000123\n", "format"),
        ("03809000O123", "format"),
        ("-38090000123", "format"),
        ("٠٣٨٠٩٠٠٠٠١٢٣", "digits"),
        ("０３８０９００００１２３", "digits"),
        ("038\u00a0090000123", "whitespace"),
        ("038090000123 ", "whitespace"),
        ("038090000123\u200b", "whitespace"),
        ("000090000123", "province"),
        ("099090000123", "province"),
        ("003090000123", "province"),
    ],
)
def test_one_flaw_is_named(number: str, found: str | None) -> None:
    assert flaw(number) == found


@pytest.mark.parametrize(
    ("number", "born", "sex", "contradicts"),
    [
        ("038099000001", date(1999, 12, 31), "M", False),
        ("038200000001", date(2000, 1, 1), "M", False),
        ("038300000001", date(2000, 1, 1), "F", False),
        ("038000000001", date(1900, 1, 1), "M", False),
        ("038000000001", date(2000, 1, 1), "M", True),
        ("038199000001", date(1999, 12, 31), "M", True),
        ("038098000001", date(1999, 12, 31), "M", True),
        ("038099000001", None, "F", True),
        ("038099000001", None, None, False),
        ("038098000001", date(1999, 12, 31), None, True),
        ("03809800000", date(1999, 12, 31), None, False),
    ],
)
def test_digits_against_the_person(
    number: str, born: date | None, sex: str | None, contradicts: bool
) -> None:
    days = None if born is None else (born - date(1970, 1, 1)).days
    assert contradicting([number], [days], [sex]) == ([0] if contradicts else [])


def test_there_are_63_places_of_birth_registration() -> None:
    assert len(PLACES) == 63
    sources = read_tables(PROJECT)[0].sound["province"].values
    assert {f"0{code}" for code in sources} == PLACES


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Nguyễn Văn Hòa", "NGUYỄN  VĂN HOÀ", True),
        ("Thúy", "Thuý", True),
        ("Hòa", "Hoa", False),
        ("Hòa", "Hóa", False),
        ("Đỗ", "Dỗ", False),
        ("Lê Thị Mơ", "Lê Thị Mô", False),
    ],
)
def test_names_agree_but_for_form_case_spaces_and_tone_placement(one: str, other: str, same: bool) -> None:
    assert (fold_name(one) == fold_name(other)) is same
    assert fold_name(fold_name(one)) == fold_name(one)
