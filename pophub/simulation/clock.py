"""The simulation's clock: month ends in Asia/Ho_Chi_Minh, moments between them, microseconds UTC."""

from __future__ import annotations

import calendar
from datetime import date, datetime, timedelta, timezone
from functools import cache, lru_cache
from random import Random

from pophub.domain.dates import EPOCH, HO_CHI_MINH, MICROSECOND, ZONE_US

LOCAL = timezone(ZONE_US * MICROSECOND, HO_CHI_MINH.key)
EPOCH_LOCAL = EPOCH.astimezone(LOCAL)
SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US


def to_us(moment: datetime) -> int:
    """Give microseconds since 1970 UTC of an aware time."""
    return (moment - EPOCH) // timedelta(microseconds=1)


@lru_cache(1 << 12)
def from_us(moment_us: int) -> datetime:
    """Give the local aware time of microseconds since 1970 UTC."""
    return EPOCH_LOCAL + timedelta(microseconds=moment_us)


def month_end_us(year: int, month: int) -> int:
    """Give the last microsecond of a local month."""
    last = calendar.monthrange(year, month)[1]
    return to_us(datetime(year, month, last, 23, 59, 59, 999_999, tzinfo=LOCAL))


def ticks_us(step: str) -> list[int]:
    """Give the ticks that a step writes: month ends; the opening stock's too in 2023."""
    if step == "today":
        return []
    stock = [month_end_us(2022, 12)] if step == "2023" else []
    return stock + [month_end_us(int(step), month) for month in range(1, 13)]


def moment_us(rng: Random, year: int, month: int, first_day: int = 1, last_day: int = 31) -> int:
    """Draw an office hour of a local month."""
    last = min(last_day, calendar.monthrange(year, month)[1])
    day = _month_start_us(year, month) + (rng.randint(first_day, last) - 1) * DAY_US
    return day + 7 * 3600 * SECOND_US + int(rng.random() * 11 * 3600 * SECOND_US)


@cache
def _month_start_us(year: int, month: int) -> int:
    return to_us(datetime(year, month, 1, tzinfo=LOCAL))


def local_date(moment_us: int) -> date:
    """Give the local calendar day."""
    return from_us(moment_us).date()


def whole_second(moment_us: int) -> int:
    """Cut to the second, for sources that keep no more."""
    return moment_us - moment_us % SECOND_US
