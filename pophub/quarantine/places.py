"""Where a record from a drop folder stands: file, sheet and line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pophub.domain.record import PLACE


def in_words(sent: Mapping[str, Any] | None, language: str = "en") -> str | None:
    """Say where a row that was sent stands in its file; None for a row of a table.

    >>> in_words({"_place": "ho_so_1.xlsx!Tháng 1:17"}), in_words({"_place": "a!b.csv:2"}, "vi")
    ('ho_so_1.xlsx, sheet Tháng 1, line 17', 'a!b.csv, dòng 2')
    """
    place = (sent or {}).get(PLACE)
    if not isinstance(place, str):
        return None
    name, _, line = place.rpartition(":")
    book, mark, sheet = name.partition(".xlsx!")
    vi = language == "vi"
    if mark:
        name = f"{book}.xlsx, {'trang tính' if vi else 'sheet'} {sheet}"
    return f"{name}, {'dòng' if vi else 'line'} {line}"


def without(sent: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Give a row as sent without the column that says where it stands."""
    return None if sent is None else {name: value for name, value in sent.items() if name != PLACE}
