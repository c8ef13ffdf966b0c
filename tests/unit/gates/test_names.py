"""Names: look-alikes agree and are stored as the letter that is meant; old fonts have a code of their own."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pophub.domain.legacy_fonts import _TCVN3, in_legacy_font
from pophub.domain.lookalikes import LOOKALIKES, as_in_names
from pophub.domain.names import fold_name
from pophub.gates.frame import Frame
from pophub.gates.parsing import clean_text, clean_texts
from pophub.gates.texts import bad_rows

SOUND = [
    "Nguyễn Đức Anh", "Trần Thị Hồng", "Hòa", "Hoà", "Đỗ Quỳnh Như", "Thuở", "Giếng", "Nguyễn Thị Quyên", "H'Hen Niê-Kdăm",
    "Rơ Châm Hyêu", "Siu Krêk", "Y Blơm Ñuôl", "Ksor Phước", "Êban H'Đơk", "Ya Č̆ung", "Bkrông Ayŭn", "Kbuôr ƀik",
    "Lò Văn Ủn", "Sùng A Pháo", "Tôn Nữ Ỷ Lan", "NGUYỄN VĂN ƯỚC", "Đinh Gia Rưng", "Trượng Thị Xuyến", "Huê", "Khoé",
]  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_a_name_of_this_country_is_taken_as_it_is(name: str) -> None:
    frame = Frame({"n": [name, None]})
    assert bad_rows(frame, "n", "letters") == bad_rows(frame, "n", "legacy_font") == []
    assert as_in_names(name) == name


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("Nguyễn Ðức Anh", "Nguyễn Đức Anh"),
        ("Nguyễn Ɖức Anh", "Nguyễn Đức Anh"),
        ("nguyễn ðức anh", "nguyễn đức anh"),
        ("H’Hen Niê", "H'Hen Niê"),
        ("HʼHen Niê", "H'Hen Niê"),
        ("H‘Hen Niê‑Kdăm", "H'Hen Niê-Kdăm"),
        ("Nguyễn Vӑn Аn", "Nguyễn Văn An"),  # a with breve, and A, of Cyrillic
        ("Νguyễn Văn Ηoà", "Nguyễn Văn Hoà"),  # N and H of Greek
        ("Ｎguyễn Ｖăn An", "Nguyễn Văn An"),
    ],
)
def test_look_alikes_agree_and_are_stored_as_the_letter_that_is_meant(sent: str, stored: str) -> None:
    assert clean_text(sent, "name") == stored
    assert fold_name(sent) == fold_name(stored)
    assert clean_texts([sent, "Lê Văn An"], "name") in (None, [stored, "Lê Văn An"])


@given(st.lists(st.text(st.sampled_from("aĐđÐɖНӑ’' ễ\u0302e"), max_size=6), min_size=1, max_size=5))
def test_a_look_at_all_names_is_a_look_at_each(names: list[str]) -> None:
    together = clean_texts(list(names), "name")
    assert together is None or together == [clean_text(name, "name") for name in names]


@pytest.mark.parametrize(
    "name",
    ["Nguyễn Łam", "Nguyễn Ðức", "Müller", "Ңguyễn", "Иван", "李小龙", "Nguyễn 2", "Nguyễn_An", "An@", "ﬁ"],
)
def test_a_letter_of_no_name_of_this_country_fails(name: str) -> None:
    assert bad_rows(Frame({"n": [None, name]}), "n", "letters") == [1]
    assert bad_rows(Frame({"n": [None, name]}), "n", "legacy_font") == []


@pytest.mark.parametrize(
    "name", ["TrÇn ThÞ Hång", "Nguyeãn Vaên Huøng", "Lª ThÞ Hoµ", "Ñoã Thò Hoa", "ThÕ", "NguyÔn V¨n An"]
)
def test_old_fonts_have_a_code_of_their_own(name: str) -> None:
    assert bad_rows(Frame({"n": ["Lê Văn An", name]}), "n", "legacy_font") == [1]


def test_each_name_in_tcvn3_is_told_unless_it_is_one_as_it_stands() -> None:
    back = {letter: sign for sign, letter in reversed(_TCVN3.items())}
    told: dict[str, Any] = {}
    for name in (
        "Nguyễn Văn Hùng",
        "Trần Thị Hồng",
        "Phạm Đức Mạnh",
        "Vũ Thị Nguyệt",
        "Đặng Quốc Việt",
        "Bùi Thị Yến",
    ):
        told[name] = in_legacy_font("".join(back.get(letter, letter) for letter in name))
    assert all(told.values()), told


def test_look_alikes_are_none_of_our_own_letters() -> None:
    own = "".join(SOUND) + "ĂÂĐÊÔƠƯăâđêôơưÑñČčŎŏŬŭƀ"
    assert LOOKALIKES.isdisjoint(unicodedata.normalize("NFC", own) + unicodedata.normalize("NFD", own))
