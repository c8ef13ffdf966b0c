"""Vietnamese as people search and sort it: without tone marks, and in the order of its alphabet."""

from __future__ import annotations

import unicodedata

_ORDER = {"\u0306": 1, "\u0302": 2, "\u031b": 3}  # ă â, ê, ô before ơ, ư: letters of their own
_TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}  # huyền, hỏi, ngã, sắc, nặng


def toneless(text: str) -> str:
    """Write a text without any mark, in whichever form it was typed.

    >>> toneless("Nguyễn Đức"), toneless("Nguye\u0302\u0303n")
    ('Nguyen Duc', 'Nguyen')
    """
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


def found_in(wanted: str, text: str) -> bool:
    """Tell whether each word of what somebody typed stands in a text, whatever its case and marks.

    >>> found_in("nguyen duc", "Đức Nguyễn"), found_in("le", "Nguyễn")
    (True, False)
    """
    plain = toneless(text).casefold()
    return all(word in plain for word in toneless(wanted).casefold().split())


def sort_key(text: str) -> tuple[tuple[tuple[str, int], ...], tuple[int, ...]]:
    """Give what texts are sorted by as Vietnamese sorts: letters first, tones where letters are the same.

    >>> sorted(["Đà", "dạ", "dá", "Ăn", "an", "ân"], key=sort_key)
    ['an', 'Ăn', 'ân', 'dá', 'dạ', 'Đà']
    """
    letters: list[tuple[str, int]] = []
    tones: list[int] = []
    for sign in unicodedata.normalize("NFD", text.casefold().replace("đ", "d\u031b")):
        if sign in _TONES and tones:
            tones[-1] = _TONES[sign]
        elif sign in _ORDER and letters:
            letters[-1] = (letters[-1][0], _ORDER[sign])
        elif not unicodedata.combining(sign):
            letters.append((sign, 0))
            tones.append(0)
    return tuple(letters), tuple(tones)
