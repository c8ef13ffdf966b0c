"""Columns on their way to PostgreSQL: times, months, and the parting of rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import compress
from zoneinfo import ZoneInfo

from pophub.domain.record import Columns

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HO_CHI_MINH = ZoneInfo("Asia/Ho_Chi_Minh")


@lru_cache(4096)
def instant(us: int) -> datetime:
    """Turn microseconds UTC into an aware time."""
    return EPOCH + timedelta(microseconds=us)


@lru_cache(4096)
def month_of(us: int) -> date:
    """Give the first day of the calendar month in Asia/Ho_Chi_Minh."""
    return instant(us).astimezone(HO_CHI_MINH).date().replace(day=1)


def parted(columns: Columns, chosen: Sequence[bool]) -> tuple[Columns, Columns]:
    """Part columns into the chosen rows and the others."""
    if all(chosen):
        return columns, {name: [] for name in columns}
    others = [not one for one in chosen]
    return (
        {name: list(compress(values, chosen)) for name, values in columns.items()},
        {name: list(compress(values, others)) for name, values in columns.items()},
    )
