"""The columns of one frame, and what looks at whole columns found; it lives no longer than the frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pophub.domain.record import Columns

Found = TypeVar("Found")


class Frame:
    """Gives columns as they are, without a copy: nobody changes them.

    Errors: ValueError where columns differ in length.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        lengths = {len(values) for values in columns.values()}
        if len(lengths) > 1:
            raise ValueError("columns differ in length")
        self.rows = max(lengths, default=0)
        self._found: dict[tuple[Any, str], Any] = {}

    def __call__(self, name: str) -> list[Any]:
        return self.columns[name]

    def found(self, look: Callable[[Frame, str], Found], name: str) -> Found:
        """Give what a look at a column finds; rules that ask the same share one look."""
        place = (look, name)
        if place not in self._found:
            self._found[place] = look(self, name)
        found: Found = self._found[place]
        return found


def distinct(frame: Frame, name: str) -> frozenset[Any]:
    """Give the different values of a column."""
    return frozenset(frame(name))


def known_values(frame: Frame, name: str) -> frozenset[Any]:
    """Give the different values of a column that are no null."""
    values = frame.found(distinct, name)
    return values - {None} if None in values else values


def whole_numbers(frame: Frame, name: str) -> NDArray[np.int64] | None:
    """Give a column of whole numbers without a null, such as days or microseconds; None for any other."""
    values = frame(name)
    if not values or type(values[0]) is not int:
        return None
    found = np.array(values)
    return found if found.dtype == np.int64 else None
