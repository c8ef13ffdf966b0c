"""Columns on their way to PostgreSQL: the parting of rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress

from pophub.domain.record import Columns


def parted(columns: Columns, chosen: Sequence[bool]) -> tuple[Columns, Columns]:
    """Part columns into the chosen rows and the others."""
    if all(chosen):
        return columns, {name: [] for name in columns}
    others = [not one for one in chosen]
    return (
        {name: list(compress(values, chosen)) for name, values in columns.items()},
        {name: list(compress(values, others)) for name, values in columns.items()},
    )
