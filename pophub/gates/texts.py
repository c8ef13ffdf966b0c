"""What the characters of a text may be; told of a whole column where that can be done at once."""

from __future__ import annotations

import re
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from pophub.domain.legacy_fonts import in_legacy_font
from pophub.domain.tax_codes import TAX_CODE, checked
from pophub.gates.frame import Frame, known_values

MAX_TEXT_CHARS = 2_000
_HIDDEN = (
    "\\x01-\\x1f\\x7f-\\x9f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180e\\u200b-\\u200f"
    "\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffd\\ue000-\\uf8ff"
)
HIDDEN = re.compile(f"[{_HIDDEN}]")
# one class each, so that a text is good if each of its characters is
EMPTY = re.compile(rf"[\s{_HIDDEN}]")
_VIETNAMESE = "ÀÁÂÃÈÉÊÌÍÒÓÔÕÙÚÝàáâãèéêìíòóôõùúýĂăĐđĨĩŨũƠơƯư\u1ea0-\u1ef9"
_MINORITIES = "ČčĔĕĬĭŎŏŬŭÑñƀɃ"  # of Ê Đê, Gia Rai, Ba Na, Chăm and others, with marks besides
_LETTERS = f"A-Za-z{_VIETNAMESE}{_MINORITIES}\u0300-\u0303\u0306\u0309\u030c\u031b\u0323 '\u2019\u02bc.\\-"
OTHER = re.compile(rf"[^{_LETTERS}{_HIDDEN}]")


@cache
def _of_kind(kind: re.Pattern[str]) -> NDArray[np.bool_]:
    """Give a table of 16-bit characters that tells those of a kind; one of more bits is as each of its halves."""
    table = np.zeros(1 << 16, np.bool_)
    table[[found.start() for found in kind.finditer("".join(map(chr, range(1 << 16))))]] = True
    return table


class Characters:
    """The characters of a column of texts, row after row, a null as none; judged without looking at texts.

    Errors: TypeError where a value is no text.
    """

    def __init__(self, frame: Frame, column: str) -> None:
        self._values = frame(column)
        try:
            together = "".join(self._values)
        except TypeError:  # nulls among them, or what is no text
            self._values = ["" if value is None else value for value in self._values]
            together = "".join(self._values)
        self._points = np.frombuffer(together.encode("utf-16-le", "surrogatepass"), np.uint16)
        self._paired = len(self._points) > len(together)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Characters of each row."""
        return np.fromiter(map(len, self._values), np.int64, len(self._values))

    @cached_property
    def _widths(self) -> NDArray[np.int64]:
        """16-bit numbers of each row."""
        if not self._paired:
            return self.lengths
        octets = (len(value.encode("utf-16-le", "surrogatepass")) for value in self._values)
        return np.fromiter(octets, np.int64, len(self._values)) // 2

    def rows_with(self, kind: re.Pattern[str]) -> list[int]:
        """Give the rows that have a character of a kind."""
        marks = _of_kind(kind).take(self._points)
        if not marks.any():
            return []
        places = np.flatnonzero(marks)
        rows: list[int] = np.unique(np.searchsorted(self._widths.cumsum(), places, "right")).tolist()
        return rows

    def rows_of_only(self, kind: re.Pattern[str]) -> list[int]:
        """Give the rows that have no character but of a kind."""
        marks, widths = _of_kind(kind), self._widths
        ends, filled = widths.cumsum(), np.flatnonzero(widths)
        starts = ends - widths
        begun = filled[marks[self._points[starts[filled]]]].tolist()  # few: names are trimmed
        none = np.flatnonzero(widths == 0).tolist()
        return sorted([*none, *(row for row in begun if marks[self._points[starts[row] : ends[row]]].all())])


def bad_rows(frame: Frame, column: str, check: str) -> list[int]:
    """Give the rows whose text fails a check; a null fails none."""
    if check == "tax_code":
        bad = {value for value in frame.found(known_values, column) if not TAX_CODE.match(value)}
        return [row for row, value in enumerate(frame(column)) if value in bad] if bad else []
    if check == "tax_code_digit":
        bad = {value for value in frame.found(known_values, column) if not checked(value)}
        return [row for row, value in enumerate(frame(column)) if value in bad] if bad else []
    if check == "legacy_font":
        found = {value for value in frame.found(known_values, column) if in_legacy_font(value)}
        return [row for row, value in enumerate(frame(column)) if value in found] if found else []
    characters = frame.found(Characters, column)
    if check == "length":
        return np.flatnonzero(characters.lengths > MAX_TEXT_CHARS).tolist()
    if check == "visible":
        values = frame(column)
        return [row for row in characters.rows_of_only(EMPTY) if values[row] is not None]
    return characters.rows_with(HIDDEN if check == "control" else OTHER)
