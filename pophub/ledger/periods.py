"""Calendar periods in Asia/Ho_Chi_Minh, and the time that "as of" names."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.errors import ConfigError

By = Literal["year", "quarter", "month"]
_PERIOD = re.compile(r"([0-9]{4})(?:-Q([1-4])|-(0[1-9]|1[0-2]))?")


def period_of(month: str, by: By) -> str:
    """Give the period of a month such as 2024-05.

    >>> [period_of("2024-05", by) for by in ("year", "quarter", "month")]
    ['2024', '2024-Q2', '2024-05']
    """
    year, number = month.split("-")
    if by == "year":
        return year
    return month if by == "month" else f"{year}-Q{(int(number) + 2) // 3}"


def year_before(period: str) -> str:
    """Give the same period of the year before.

    >>> year_before("2024-Q2")
    '2023-Q2'
    """
    return f"{int(period[:4]) - 1}{period[4:]}"


def months_of(period: str) -> list[str]:
    """Give the months of a period.

    >>> months_of("2024-Q2")
    ['2024-04', '2024-05', '2024-06']

    Errors: `cli.period`.
    """
    match = _PERIOD.fullmatch(period)
    if match is None or match[1] in ("0000", "9999"):  # no calendar has the first, nor what follows the last
        raise ConfigError(
            "cli.period", f"a period is 2024, 2024-Q2 or 2024-05, not {period}", remedy="try --period 2024"
        )
    year, quarter, month = match.groups()
    if month:
        return [f"{year}-{month}"]
    numbers = range(1, 13) if quarter is None else range(int(quarter) * 3 - 2, int(quarter) * 3 + 1)
    return [f"{year}-{number:02d}" for number in numbers]


def span_of(months: list[str]) -> tuple[date, date]:
    """Give the first day of consecutive months, and the day after the last one."""
    first, last = (date.fromisoformat(f"{month}-01") for month in (months[0], months[-1]))
    return first, (last + timedelta(days=31)).replace(day=1)


def moment(text: str) -> datetime | int:
    """Read "as of": a day means its end in Asia/Ho_Chi_Minh; `#3` is checkpoint 3; `now`.

    >>> moment("2024-12-31").isoformat()
    '2024-12-31T23:59:59.999999+07:00'
    >>> moment("#3")
    3

    Errors: `cli.as_of`.
    """
    if text == "now":
        return datetime.now(UTC)
    if re.fullmatch(r"#[0-9]{1,9}", text):
        return int(text[1:])
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), time.max, HO_CHI_MINH)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            "cli.as_of",
            f"as of is a date, a time, #NUMBER of a checkpoint or now, not {text}",
            remedy="try --as-of 2024-12-31",
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=HO_CHI_MINH)
