"""Codes of administrative units, each read by the list of its record's day: the unit of today that it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pophub.contracts.units import AMBIGUOUS, CHANGED, Era, UnitMapping, meanings
from pophub.domain.dates import EPOCH_DAY, ZONE_US

UNKNOWN_CODE, AMBIGUOUS_CODE = "correct.code.unknown", "correct.unit.ambiguous"
DAY_US = 86_400 * 1_000_000
CHANGED_DAY = CHANGED.toordinal() - EPOCH_DAY


def read_units(
    codes: Sequence[Any], days: Sequence[int | None], changed_at: Sequence[int | None], unit: UnitMapping
) -> tuple[list[Any], list[tuple[int, str]]]:
    """Give the unit of today that each code means on its day, and (row, code) of those that mean none or several.

    Days since 1970, and the times of change in microseconds: when each code was written. A record of no day may be
    of either list. A refused code stays as it was sent.
    """
    renewed = None if unit.renewed_on is None else max(unit.renewed_on.toordinal() - EPOCH_DAY, CHANGED_DAY)
    eras: tuple[Era, ...] = ("before", "either", "since")
    lists = {era: meanings(unit.of, unit.to, era) for era in eras}
    found, refused = list(codes), list[tuple[int, str]]()
    for row, (code, day, time) in enumerate(zip(codes, days, changed_at, strict=True)):
        if code is None:
            continue
        era = "since" if renewed is not None and _renewed(day, time, renewed) else _era(day)
        meant = lists[era].get(code)
        if meant is None or meant == AMBIGUOUS:
            refused.append((row, UNKNOWN_CODE if meant is None else AMBIGUOUS_CODE))
        else:
            found[row] = meant
    return found, refused


def days_of(at: Sequence[Any] | None, changed_at: Sequence[int | None], *, dated: bool) -> list[int | None]:
    """Give the day of each record's facts, else that of its change, in days since 1970 in Viet Nam."""
    told = [None] * len(changed_at) if at is None else list(at) if dated else [_day(time) for time in at]
    return [_day(time) if day is None else day for day, time in zip(told, changed_at, strict=True)]


def _day(time: int | None) -> int | None:
    return None if time is None else (time + ZONE_US) // DAY_US


def _renewed(day: int | None, time: int | None, renewed: int) -> bool:
    """Tell whether a source that writes new codes since a day wrote this one since: facts may be far older."""
    written = day if time is None else _day(time)
    return written is not None and written >= renewed


def _era(day: int | None) -> Era:
    """Tell which lists a code may be of: before 1 July 2025 there was the old one alone, then a source may write either."""
    if day is None:
        return "either"
    return "before" if day < CHANGED_DAY else "either"
