"""What the characters of a text may be; told of a whole column where that can be done at once."""

from __future__ import annotations

import re
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pophub.domain.legacy_fonts import in_legacy_font
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
TAX_CODE = re.compile(r"[0-9]{10}(?:-[0-9]{3})?\Z")


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
        self._points = np.frombuffer(together.encode("utf-32-le", "surrogatepass"), np.uint32)
        self._seen = np.zeros(int(self._points.max(initial=0)) + 1, np.bool_)
        self._seen[self._points] = True
        self._different = np.flatnonzero(self._seen).tolist()

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Characters of each row."""
        return np.fromiter(map(len, self._values), np.int64, len(self._values))

    def rows_with(self, kind: re.Pattern[str]) -> list[int]:
        """Give the rows that have a character of a kind."""
        marks = self._marks(kind)
        if marks is None:
            return []
        places = np.flatnonzero(marks[self._points])
        rows: list[int] = np.unique(np.searchsorted(self.lengths.cumsum(), places, "right")).tolist()
        return rows

    def rows_of_only(self, kind: re.Pattern[str]) -> list[int]:
        """Give the rows that have no character but of a kind."""
        none = np.flatnonzero(self.lengths == 0).tolist()
        marks = self._marks(kind)
        if marks is None:
            return none
        ends, filled = self.lengths.cumsum(), np.flatnonzero(self.lengths)
        starts = ends - self.lengths
        begun = filled[marks[self._points[starts[filled]]]].tolist()  # few: names are trimmed
        return sorted([*none, *(row for row in begun if marks[self._points[starts[row] : ends[row]]].all())])

    def _marks(self, kind: re.Pattern[str]) -> NDArray[np.bool_] | None:
        """Give a table of characters that tells those of a kind; None if the column has none."""
        found = [point for point in self._different if kind.match(chr(point))]
        if not found:
            return None
        marks = np.zeros_like(self._seen)
        marks[found] = True
        return marks


def bad_rows(frame: Frame, column: str, check: str) -> list[int]:
    """Give the rows whose text fails a check; a null fails none."""
    if check == "tax_code":
        bad = {value for value in frame.found(known_values, column) if not TAX_CODE.match(value)}
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
