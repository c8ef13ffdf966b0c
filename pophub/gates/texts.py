"""What the characters of a text may be; told of a whole column where that can be done at once."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from pophub.gates.frame import Frame, known_values

MAX_TEXT_CHARS = 2_000
_HIDDEN = (
    "\\x01-\\x1f\\x7f-\\x9f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180e\\u200b-\\u200f"
    "\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffd\\ue000-\\uf8ff"
)
HIDDEN = re.compile(f"[{_HIDDEN}]")
# one class each: alternatives that overlap would backtrack without end
_BLANK = re.compile(rf"[\s{_HIDDEN}]*\Z")
_LETTERS = r"\u0300-\u036f '\u2019\u02bc.\-"
_OTHER = re.compile(rf"[^\w{_LETTERS}{_HIDDEN}]|[\d_]")
_TAX_CODE = re.compile(r"[0-9]{10}(?:-[0-9]{3})?\Z")


def bad_texts(frame: Frame, column: str, check: str) -> set[str]:
    """Give the values of a column that fail a check."""
    all_good = _AT_ONCE.get(check)
    if all_good is not None and all_good(frame, column):
        return set()
    good = ONE_BY_ONE[check]
    return {value for value in frame.found(known_values, column) if not good(value)}


ONE_BY_ONE: dict[str, Callable[[str], bool]] = {
    "control": lambda value: HIDDEN.search(value) is None,
    "letters": lambda value: _OTHER.search(value) is None,
    "visible": lambda value: _BLANK.match(value) is None,
    "length": lambda value: len(value) <= MAX_TEXT_CHARS,
    "tax_code": lambda value: _TAX_CODE.match(value) is not None,
}


def _together(values: list[str]) -> str:
    try:
        return "".join(values)
    except TypeError:  # nulls among them, or what is no text
        return "".join([value for value in values if value is not None])


def _characters(frame: Frame, column: str) -> str:
    """Give the different characters of a column: few, whatever its length."""
    together = _together(frame(column))
    points = np.frombuffer(together.encode("utf-32-le", "surrogatepass"), np.uint32)
    seen = np.zeros(int(points.max(initial=0)) + 1, np.bool_)
    seen[points] = True
    return "".join(map(chr, np.flatnonzero(seen).tolist()))


def _none_hidden(frame: Frame, column: str) -> bool:
    return HIDDEN.search(frame.found(_characters, column)) is None


def _only_letters(frame: Frame, column: str) -> bool:
    return _OTHER.search(frame.found(_characters, column)) is None


def _all_visible(frame: Frame, column: str) -> bool:
    return _none_hidden(frame, column) and "" not in map(str.strip, frame.found(known_values, column))


def _none_long(frame: Frame, column: str) -> bool:
    return max(map(len, frame.found(known_values, column)), default=0) <= MAX_TEXT_CHARS


# what tells of a whole column that each value is good; where it does not, each value is looked at
_AT_ONCE: dict[str, Callable[[Frame, str], bool]] = {
    "control": _none_hidden,
    "letters": _only_letters,
    "visible": _all_visible,
    "length": _none_long,
}
