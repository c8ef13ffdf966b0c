"""Vietnamese names at about their real frequencies, and the ways to write one name."""

# ruff: noqa: SIM905

from __future__ import annotations

import unicodedata
from random import Random

_SURNAMES = {
    "Nguyễn": 315, "Trần": 109, "Lê": 89, "Phạm": 59, "Hoàng": 33, "Huỳnh": 22, "Võ": 25,
    "Vũ": 24, "Phan": 28, "Trương": 22, "Bùi": 21, "Đặng": 19, "Đỗ": 19, "Ngô": 17, "Hồ": 15,
    "Dương": 14, "Đinh": 10, "Lý": 8, "Đào": 7, "Mai": 7, "Lâm": 6, "Cao": 6, "Hà": 6, "Tạ": 4,
    "Trịnh": 7, "Lương": 6, "Đoàn": 6, "Nông": 3, "Vàng": 2, "Lò": 3, "Thạch": 2, "Châu": 3,
}  # fmt: skip
_MIDDLE = {
    "M": "Văn Văn Văn Đức Hữu Minh Quang Công Xuân Đình Ngọc Thanh Anh Bá Tiến Trọng Quốc".split(),
    "F": "Thị Thị Thị Thị Ngọc Thanh Thu Phương Hồng Kim Bích Minh Thùy Mỹ Diệu Khánh".split(),
}
_GIVEN = {
    "M": (
        "Hùng Dũng Tuấn Minh Long Nam Hải Sơn Hòa Thắng Cường Bình Khoa Đạt Phúc Huy Toàn Quân "
        "Tùng Việt Khánh Kiên Trung Hiếu Phong Tài Thành Lâm Vinh Đức Bảo Duy Khôi Tú Hoàng Nghĩa"
    ).split(),
    "F": (
        "Lan Hương Hoa Thúy Thủy Hà Linh Trang Mai Nga Hằng Yến Thảo Nhung Ngân Hạnh Hiền Loan "
        "Oanh Phượng Quỳnh Tâm Vân Xuân Anh Châu Diễm Giang Hòa Ly My Ngọc Nhi Như Thư Trâm Vy"
    ).split(),
}
_TONES = {
    "òa": "oà", "óa": "oá", "ỏa": "oả", "ùy": "uỳ", "úy": "uý", "ủy": "uỷ",
}  # fmt: skip
_SURNAME_LIST, _SURNAME_WEIGHTS = list(_SURNAMES), list(_SURNAMES.values())


def surname(rng: Random) -> str:
    """Draw a family name."""
    return rng.choices(_SURNAME_LIST, _SURNAME_WEIGHTS)[0]


def full_name(rng: Random, family: str, sex: str) -> str:
    """Draw middle and given names for a family name."""
    return f"{family} {rng.choice(_MIDDLE[sex])} {rng.choice(_GIVEN[sex])}"


def other_name(rng: Random, name: str) -> str:
    """Draw a name whose every syllable but perhaps the middle one is another."""
    family, *_, given = name.split()
    while True:
        sex = rng.choice("MF")
        other = full_name(rng, surname(rng), sex).split()
        if other[0] != family and other[-1] != given:
            return " ".join(other)


def tone_moved(name: str) -> str:
    """Write the tone on the other vowel, as older orthography or a keyboard does (Hoà for Hòa)."""
    for written, other in _TONES.items():
        name = name.replace(written, other)
    return name


def spellings(name: str) -> list[tuple[str, str]]:
    """Give sound ways to write one name that differ in code points, with a label each."""
    decomposed = unicodedata.normalize("NFD", name)
    ways = [
        (decomposed, "near miss: name in NFD"),
        (name.replace(" ", "  ", 1), "near miss: double inner space"),
        (name.upper(), "near miss: name in capitals"),
        (f" {name} ", "near miss: outer spaces"),
    ]
    if tone_moved(name) != name:
        ways.insert(0, (tone_moved(name), "near miss: tone on the other vowel"))
    return [(text, label) for text, label in ways if text != name]
