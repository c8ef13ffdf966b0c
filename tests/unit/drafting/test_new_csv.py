"""connector new drafts from CSV files as offices export them: Windows-1258, the fonts before Unicode, dates in mixed forms."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from datetime import timedelta

import pytest
from draft_kit import NEWEST, School, drafted, folder_school, shared

from pophub.domain.legacy_fonts import _TCVN3

__all__ = ["folder_school"]  # its fixture
pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own

HEAD = "Mã hồ sơ;Họ và tên;Ngày sinh;Số trang;Tình trạng;Cập nhật lúc"
PLAIN_HEAD = "MA_HS;HO_TEN;NGAY_SINH;SO_TRANG;TINH_TRANG;CAP_NHAT"
STATES = ("Đã trả", "Đang xử lý", "Quá hạn")
GIVEN = ("Hường", "Thị Thuỷ", "Đức Quỳnh", "Hữu Nghĩa", "Bích Ngọc")
TO_TCVN3 = str.maketrans({letter: code for code, letter in _TCVN3.items()})


def dossiers(born: Callable[[int], str] = lambda at: f"{at % 28 + 1:02d}/03/1990") -> str:
    """Give forty dossiers as an office exports them; `born` writes a date of birth."""
    lines = [
        f"HS{at:03d};Nguyễn {GIVEN[at % 5]};{born(at)};{at + 1};{STATES[at % 3]};{NEWEST - timedelta(hours=at):%d/%m/%Y %H:%M:%S}"
        for at in range(40)
    ]
    return "\r\n".join([HEAD, *lines, ""])


def in_windows_1258(text: str) -> bytes:
    """Write a text as Windows does: the five tones stand behind their letters."""
    return b"".join(map(_letter, unicodedata.normalize("NFC", text)))


def _letter(letter: str) -> bytes:
    try:
        return letter.encode("cp1258")
    except UnicodeEncodeError:
        apart = unicodedata.normalize("NFD", letter)
        tone = next(mark for mark in apart if mark in "\u0300\u0301\u0303\u0309\u0323")
        return (unicodedata.normalize("NFC", apart.replace(tone, "")) + tone).encode("cp1258")


def test_windows_1258_is_found_and_its_letters_are_whole(school: School) -> None:
    (school.folder / "in/a.csv").write_bytes(in_windows_1258(dossiers()))
    drafted(school)
    connector = school.connector("hcc.dossiers")
    declared = connector.file.source.model_dump()
    assert (declared["encoding"], declared["delimiter"]) == ("cp1258", ";")
    assert connector.file.mapping["ho_va_ten"].source == "Họ và tên"
    assert {"ho_va_ten", "ngay_sinh"} == set(connector.file.personal or ())
    assert shared(school) == 40
    (rule,) = [one for one in connector.contract.rules if one.code == "correct.code.unknown"]
    assert rule.kwargs["value_set"] == sorted(STATES), "as the contract has them, whatever the file's form"


@pytest.mark.parametrize("in_unicode", [False, True], ids=["bytes of the font", "its letters in UTF-8"])
def test_a_font_before_unicode_is_named_and_no_record_in_it_is_shared(
    school: School, in_unicode: bool
) -> None:
    _, *lines = dossiers().translate(TO_TCVN3).split("\r\n")
    text = "\r\n".join([PLAIN_HEAD, *lines])
    (school.folder / "in/a.csv").write_bytes(text.encode("utf-8" if in_unicode else "cp1252"))
    told = drafted(school)
    assert [one for one in told["decisions"] if "TCVN3 or VNI" in one]
    assert "before Unicode" in school.texts()["connectors/hcc/dossiers.yaml"]
    read_as = school.connector("hcc.dossiers").file.source.model_dump()["encoding"]
    assert read_as == ("utf-8-sig" if in_unicode else "cp1252"), "as which each letter of the fonts is told"
    tried = school.run("try", "hcc.dossiers")
    assert tried["states"]["shared"] == 0
    rules = {(one["code"], one["field"]): one["rows"] for one in tried["rules"]}
    assert rules["clean.name.legacy_font", "ho_ten"] == 40


def test_columns_that_are_named_in_such_a_font_are_refused_with_what_to_ask_for(school: School) -> None:
    (school.folder / "in/a.csv").write_bytes(dossiers().translate(TO_TCVN3).encode("cp1252"))
    told = school.run("new", "hcc.dossiers", "--from", "POPHUB_SOURCE_HCC_URL", code=2)
    assert (told["code"], school.texts()) == ("connector.from", {})
    assert "TCVN3 or VNI" in told["what"] and "Unicode" in told["remedy"]


def test_dates_in_one_form_but_for_a_few_are_dates_and_the_few_are_told(school: School) -> None:
    text = dossiers(lambda at: "1990" if at % 8 == 0 else f"{at % 28 + 1:02d}/03/1990")
    (school.folder / "in/a.csv").write_text(text, encoding="utf-8")
    told = drafted(school)
    fields = {field.name: field.type for field in school.connector("hcc.dossiers").contract.fields}
    assert fields["ngay_sinh"] == "date"
    assert "12% of the values seen are refused" in told["guesses"]["ngay_sinh"]
    tried = school.run("try", "hcc.dossiers")
    assert [(one["code"], one["rows"]) for one in tried["rules"]] == [("contract.date.format", 5)]


def test_dates_in_several_forms_are_a_decision_since_a_fields_type_stays(school: School) -> None:
    forms = (
        lambda at: f"{at % 28 + 1:02d}/03/1990",
        lambda at: f"1990-03-{at % 28 + 1:02d}",
        lambda at: "1990",
    )
    (school.folder / "in/a.csv").write_text(dossiers(lambda at: forms[at % 3](at)), encoding="utf-8")
    told = drafted(school)
    assert [one for one in told["decisions"] if one.startswith("Ngày sinh: dates in more than one form")]
    assert "dates in more than one form" in told["guesses"]["ngay_sinh"]
    assert shared(school) == 40


def test_numbers_with_dots_between_thousands_are_texts_and_a_decision(school: School) -> None:
    text = dossiers(
        lambda at: f"{at * 1250:,}".replace(",", ".")
    )  # 0, 1.250, 2.500, as the office writes dong
    (school.folder / "in/a.csv").write_text(text.replace("Ngày sinh", "Lệ phí"), encoding="utf-8")
    told = drafted(school)
    assert [one for one in told["decisions"] if one.startswith("Lệ phí: numbers with dots or commas")]
    assert shared(school) == 40
    (drawn,) = [one for one in school.connector("hcc.dossiers").contract.fields if one.name == "le_phi"]
    assert drawn.type == "string"


def test_whole_numbers_of_a_text_file_stay_texts_and_the_file_says_how_to_make_them_numbers(
    school: School,
) -> None:
    (school.folder / "in/a.csv").write_text(dossiers(), encoding="utf-8")
    assert "parse: integer" in drafted(school)["guesses"]["so_trang"]
    for name, before, after in (
        ("connectors/hcc/dossiers.yaml", "Số trang\", text: trim", "Số trang\", parse: integer"),
        ("schemas/hcc/dossiers.v1.avsc", 'so_trang",\n      "type": [\n        "null",\n        "string"', 'so_trang",\n      "type": [\n        "null",\n        "long"'),
    ):  # fmt: skip
        path = school.folder / name
        assert before in path.read_text(encoding="utf-8")
        path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    suite = school.folder / "expectations/hcc/dossiers.json"
    lines = [
        line for line in suite.read_text(encoding="utf-8").splitlines() if '"so_trang", "check"' not in line
    ]
    suite.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert shared(school) == 40
