"""Times as Debezium and Kafka Connect count them: days, milli-, micro-, nanoseconds, and texts of ISO 8601.

What Python cannot hold (year 10000, BC, infinity) is a text, as psql prints it in a session in UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pophub.domain.dates import DAY_US, EPOCH, EPOCH_DAY

_START = EPOCH.replace(tzinfo=None)
_LAST_DAY = date.max.toordinal() - EPOCH_DAY
_FIRST_DAY = 1 - EPOCH_DAY
_INFINITE_US = {
    9223372036825200000: "infinity",
    -9223372036832400000: "-infinity",
}  # as PostgreSQL's driver has them
_ZONED = re.compile(
    r"([+-]?\d{4,9})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d(?::\d\d)?)\Z",
    re.ASCII,
)
_DAY = re.compile(r"([+-]?\d{4,9})-(\d\d)-(\d\d)Z?\Z", re.ASCII)
_CLOCK = re.compile(r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?Z\Z", re.ASCII)
_SPAN = re.compile(
    r"(-?)P(?:([+-]?\d+)Y)?(?:([+-]?\d+)M)?(?:([+-]?\d+)D)?"
    r"(?:T(?:([+-]?\d+)H)?(?:([+-]?\d+)M)?(?:([+-]?\d+)(?:\.(\d{1,9}))?S)?)?\Z",
    re.ASCII,
)


def of_days(days: int) -> date | str:
    """Give the day so many days after 1970-01-01.

    >>> of_days(19782), of_days(2932897), of_days(-735160)
    (datetime.date(2024, 2, 29), '10000-01-01', '0044-03-15 BC')
    """
    if _FIRST_DAY <= days <= _LAST_DAY:
        return date.fromordinal(days + EPOCH_DAY)
    return " ".join(filter(None, _far_day(days)))


def of_micros(us: int, *, zone: str = "") -> datetime | str:
    """Give the time so many microseconds after 1970, without a zone, or as a text with one.

    >>> of_micros(1709182800500000), of_micros(253402300800000000, zone="+00")
    (datetime.datetime(2024, 2, 29, 5, 0, 0, 500000), '10000-01-01 00:00:00+00')
    """
    if us in _INFINITE_US:
        return _INFINITE_US[us]
    days, rest = divmod(us, DAY_US)
    if _FIRST_DAY <= days <= _LAST_DAY:
        return _START + timedelta(microseconds=us)
    day, era = _far_day(days)
    return f"{day} {time_of_day(rest)}{zone}" + (f" {era}" if era else "")


def of_nanos(ns: int) -> datetime | str:
    """Give the time so many nanoseconds after 1970; what no microsecond holds is a text of nine digits."""
    us, rest = divmod(ns, 1000)
    if not rest:
        return of_micros(us)
    return f"{of_micros(us - us % 1_000_000)}.{us % 1_000_000:06}{rest:03}"


def zoned(text: str) -> datetime | str:
    """Read a time with its zone; a text that is none stays what it is.

    >>> zoned("2024-02-29T05:00:00.5Z"), zoned("+10000-01-01T00:00:00Z"), zoned("soon")
    (datetime.datetime(2024, 2, 29, 5, 0, 0, 500000, tzinfo=datetime.timezone.utc), '10000-01-01 00:00:00+00', 'soon')
    """
    us = _micros(text)
    found = text if us is None else of_micros(us, zone="+00")
    return found.replace(tzinfo=UTC) if isinstance(found, datetime) else found


def unzoned(text: str) -> datetime | str | None:
    """Read a time of a column without a zone, which Debezium writes as if it were in UTC; None where it is none.

    >>> unzoned("2024-02-29T12:00:00Z"), unzoned("+10000-01-01T00:00:00Z"), unzoned("2024-02-29T12:00:00+07:00")
    (datetime.datetime(2024, 2, 29, 12, 0), '10000-01-01 00:00:00', None)
    """
    us = _micros(text) if text.endswith("Z") else None
    return None if us is None else of_micros(us)


def written_day(text: str) -> date | str | None:
    """Read a day as ISO 8601 writes it; None where it is none.

    >>> written_day("2024-02-29Z"), written_day("+10000-01-01Z"), written_day("-0043-03-15Z"), written_day("soon")
    (datetime.date(2024, 2, 29), '10000-01-01', '0044-03-15 BC', None)
    """
    match = _DAY.match(text)
    if match is None:
        return None
    days = _days(*map(int, match.groups()))
    return of_days(days)


def written_clock(text: str) -> str | None:
    """Read a time of day of a column without a zone, as psql prints it; None where it is none.

    >>> written_clock("23:59:59.50Z"), written_clock("24:00:00Z"), written_clock("12:00:00+07:00")
    ('23:59:59.5', '24:00:00', None)
    """
    match = _CLOCK.match(text)
    us = None if match is None else _micros(f"1970-01-01T{text}")
    return None if us is None or us > DAY_US else time_of_day(us)


def _micros(text: str) -> int | None:
    """Count microseconds since 1970 of a time of ISO 8601; None where it is none, or has nanoseconds."""
    match = _ZONED.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, part, zone = match.groups()
    part = (part or "").ljust(9, "0")
    if part[6:] != "000":
        return None
    days = _days(int(year), int(month), int(day))
    us = days * DAY_US + ((int(hour) * 60 + int(minute)) * 60 + int(second or 0)) * 1_000_000 + int(part[:6])
    return us - _offset_s(zone) * 1_000_000


def time_of_day(us: int) -> str:
    """Write a time of day as psql prints it.

    >>> time_of_day(86399500000), time_of_day(86400000000)
    ('23:59:59.5', '24:00:00')
    """
    seconds, part = divmod(us, 1_000_000)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{part:06}".rstrip("0") if part else text


def span(text: str) -> str | None:
    """Write an interval of ISO 8601 as psql prints it; None where it is none.

    >>> span("P1Y2M-3DT4H5M6.7S"), span("P0Y0M0DT0H0M0S"), span("P0Y0M0DT-2H0M0S")
    ('1 year 2 mons -3 days +04:05:06.7', '00:00:00', '-02:00:00')
    """
    match = _SPAN.match(text)
    if match is None or text[-1] in "PT":
        return None
    sign = -1 if match[1] else 1
    years, months, days, hours, minutes, seconds = (sign * int(match[i] or 0) for i in range(2, 8))
    part = (match[8] or "").ljust(9, "0")
    if part[6:] != "000":
        return None
    below = -1 if sign < 0 or (match[7] or "").startswith("-") else 1
    us = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + below * int(part[:6])
    months += 12 * years
    years, months = int(months / 12), months - 12 * int(months / 12)
    return _said([(years, "year"), (months, "mon"), (days, "day")], us)


def _said(parts: list[tuple[int, str]], us: int) -> str:
    words: list[str] = []
    negative = False
    for count, unit in parts:
        if count:
            plus = "+" if negative and count > 0 else ""
            words.append(f"{plus}{count} {unit}{'' if count == 1 else 's'}")
            negative = count < 0
    if us or not words:
        sign = "-" if us < 0 else "+" if negative else ""
        words.append(sign + time_of_day(abs(us)))
    return " ".join(words)


def _offset_s(zone: str) -> int:
    if zone == "Z":
        return 0
    parts = [int(part) for part in zone[1:].split(":")]
    seconds = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    return -seconds if zone[0] == "-" else seconds


def _days(year: int, month: int, day: int) -> int:
    """Count days since 1970 in the Gregorian calendar, of any year (0 is 1 BC)."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (9 if month <= 2 else -3)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _far_day(days: int) -> tuple[str, str]:
    """Write a day of any year, and its era where it is BC."""
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + (3 if shifted < 10 else -9)
    year += era * 400 + (month <= 2)
    return f"{year if year > 0 else 1 - year:04}-{month:02}-{day:02}", "" if year > 0 else "BC"


def whole(value: Any) -> bool:
    """Tell whether a value is an integer: JSON's true is none."""
    return isinstance(value, int) and not isinstance(value, bool)
