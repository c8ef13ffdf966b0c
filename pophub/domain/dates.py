"""Strict dates and times: fixed widths, ASCII digits, days and microseconds since 1970."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from pophub.domain.errors import ConfigError

HO_CHI_MINH = ZoneInfo("Asia/Ho_Chi_Minh")  # of the hub's days, months and periods
ZONE_US = 7 * 3_600_000_000  # its distance from UTC, without change since 1975
DAY_US = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = EPOCH.toordinal()
FIRST_US = -62_135_596_800_000_000  # 0001-01-01 00:00:00 UTC
LAST_US = 253_402_300_799_999_999  # 9999-12-31 23:59:59.999999 UTC
MICROSECOND = timedelta(microseconds=1)
_DIRECTIVES = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "f": 6}
_ORDER = "YmdHMSf"
_WRITTEN = re.compile(
    r"(?=[0-9]{4}[-/.]|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{4}\Z)([0-9]+)([-/.])([0-9]{1,2})\2([0-9]+)\Z"
)
_OPEN = r"(?:0{1,2}|-{1,2}|_{1,2}|\?{1,2}|\.{2}|[xX]{1,2})"
_YEAR_ALONE = re.compile(
    rf"(?:{_OPEN}?[-/. ]{{1,3}}{_OPEN}?[-/. ]{{1,3}})?([1-9][0-9]{{3}})\Z|([1-9][0-9]{{3}})[-/.]{_OPEN}[-/.]{_OPEN}\Z"
)
_FAR = re.compile(
    r"(?:0000|[0-9]{5,})-[0-9]{2}-[0-9]{2}(?:[T ].*)?\Z|[0-9]{4,}-[0-9]{2}-[0-9]{2}(?:[T ].*)? BC\Z"
)
_ISO_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?\Z"
)


@cache
def compile_format(form: str) -> tuple[re.Pattern[str], tuple[int, ...]]:
    """Turn a strptime format into a strict pattern and the positions of Y m d H M S f.

    Shape: position -1 where the format does not name the part.
    Errors: `config.format`.
    """
    pattern, names = "", ""
    pieces = iter(form)
    for letter in pieces:
        if letter != "%":
            pattern += re.escape(letter)
            continue
        name = next(pieces, "")
        if name == "%":
            pattern += "%"
            continue
        if name not in _DIRECTIVES or name in names:
            raise ConfigError(
                "config.format",
                f"the format {form!r} uses %{name}, which is unknown or stands twice",
                remedy="use each of %Y %m %d %H %M %S %f at most once",
            )
        names += name
        pattern += f"([0-9]{{{_DIRECTIVES[name]}}})"
    if "Y" not in names:
        raise ConfigError("config.format", f"the format {form!r} has no %Y", remedy="add %Y")
    return re.compile(pattern + r"\Z"), tuple(names.find(name) for name in _ORDER)


def year_alone(form: str | None, text: str) -> int | None:
    """Give the year of a birth date whose day and month are left open, None of any other text.

    >>> [year_alone(None, text) for text in ("1938", "--/--/1938", "00/00/1938", "1938-00-00", "01/01/1938")]
    [1938, 1938, 1938, 1938, None]
    """
    if found := _YEAR_ALONE.match(text.strip()):
        return int(found[1] or found[2])
    pattern, (year, month, day, *_) = compile_format(form or "%Y-%m-%d")
    parts = found.groups() if (found := pattern.match(text)) else ()
    if parts and -1 not in (month, day) and int(parts[month]) == int(parts[day]) == 0:
        return int(parts[year]) or None
    return None


def birth_flaw(form: str | None, text: str) -> str | None:
    """Name what is wrong with a birth date that is no day of the declared form.

    `year_only`: day and month are left open, however that is written. `invalid`: however it is read, the calendar has no such day. `ambiguous`: it can be read with day or
    month first, and the declared form, with the year first, does not say which. None: anything else.
    """
    form = form or "%Y-%m-%d"
    if year_alone(form, text) is not None:
        return "year_only"
    if compile_format(form)[0].match(text):
        return "invalid"
    found = _WRITTEN.match(text)
    if found is None:
        return None
    first, _, second, third = found.groups()
    orders = (
        ((first, second, third),) if len(first) == 4 else ((third, second, first), (third, first, second))
    )
    days = {day for order in orders if (day := _day(*map(int, order)))}
    if len(days) == 2 and form.startswith("%Y"):
        return "ambiguous"
    return None if days else "invalid"


def far_flaw(text: str) -> str | None:
    """Name why a text that is no date here may be one to a database.

    `infinite`: a day that never comes, as PostgreSQL has it. `range`: a day outside the years 1 to 9999.
    """
    if text.lower() in ("infinity", "-infinity"):
        return "infinite"
    return "range" if _FAR.match(text) else None


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def date_parser(form: str | None) -> Callable[[str], int]:
    """Give a function from text to days since 1970; it raises ValueError on anything else."""
    pattern, positions = compile_format(form or "%Y-%m-%d")
    match = pattern.match
    year, month, day = positions[:3]
    groups = [place + 1 for place in positions[:3]]

    def parse_whole(text: str) -> int:
        found = match(text)
        if found is None:
            raise ValueError
        return date.fromisoformat("-".join(found.group(*groups))).toordinal() - EPOCH_DAY

    def parse(text: str) -> int:
        found = match(text)
        if found is None:
            raise ValueError
        parts = found.groups()
        return (
            date(
                int(parts[year]),
                int(parts[month]) if month >= 0 else 1,
                int(parts[day]) if day >= 0 else 1,
            ).toordinal()
            - EPOCH_DAY
        )

    return parse if -1 in positions[:3] else parse_whole


def time_parser(form: str | None, zone: str) -> Callable[[str], int]:
    """Give a function from text to microseconds since 1970 UTC; ValueError on anything else."""
    local = ZoneInfo(zone)
    pattern, positions = compile_format(form or "%Y")
    defaults = (1, 1, 1, 0, 0, 0, 0)

    def parse(text: str) -> int:
        if form is None:
            if _ISO_TIME.match(text) is None:
                raise ValueError
            return micros(datetime.fromisoformat(text), local)
        found = pattern.match(text)
        if found is None:
            raise ValueError
        parts = found.groups()
        year, month, day, hour, minute, second, micro = (
            int(parts[at]) if at >= 0 else default for at, default in zip(positions, defaults, strict=True)
        )
        moment = datetime(year, month, day, hour, minute, second, micro, tzinfo=local)
        return (moment - EPOCH) // MICROSECOND

    return parse


def today() -> date:
    """Give the day that it is in Asia/Ho_Chi_Minh."""
    return datetime.now(HO_CHI_MINH).date()


def date_of(number: int) -> date:
    """Turn days since 1970 into a date.

    >>> date_of(-1)
    datetime.date(1969, 12, 31)
    """
    return date.fromordinal(EPOCH_DAY + number)


def hours_of(span: timedelta) -> str:
    """Write a duration, or a time of day that a driver gives as one, in hours that go on beyond a day.

    >>> hours_of(timedelta(hours=25)), hours_of(-timedelta(seconds=1)), hours_of(timedelta(milliseconds=1500))
    ('25:00:00', '-00:00:01', '00:00:01.500000')
    """
    seconds, micro = divmod(abs(span) // MICROSECOND, 1_000_000)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return ("-" if span < timedelta() else "") + text + (f".{micro:06d}" if micro else "")


def micros(moment: datetime, local: ZoneInfo) -> int:
    """Give microseconds since 1970 UTC of a time; one without zone is read in `local`.

    Shape: may lie outside `FIRST_US` to `LAST_US`, which no reader of Python can hold.
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=local)
    return (moment - EPOCH) // MICROSECOND


def all_micros(moments: Iterable[datetime | None], local: ZoneInfo) -> list[int | None]:
    """Give `micros` of each time of a column, None for none."""
    epoch, unit = EPOCH, MICROSECOND
    return [
        None if moment is None
        else (moment - epoch) // unit if moment.tzinfo is not None
        else micros(moment, local)
        for moment in moments
    ]  # fmt: skip


def moment_of(us: int) -> datetime:
    """Give the time of microseconds UTC; the first or last there is, for one beyond the calendar."""
    return EPOCH + timedelta(microseconds=min(max(us, FIRST_US), LAST_US))


def shown_time(moment: datetime, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Write a time of Viet Nam; one that its calendar does not reach is written in UTC, and says so.

    >>> shown_time(datetime(2024, 2, 29, tzinfo=UTC)), shown_time(datetime(9999, 12, 31, 20, tzinfo=UTC))
    ('2024-02-29 07:00:00', '9999-12-31 20:00:00 UTC')
    """
    try:
        return moment.astimezone(HO_CHI_MINH).strftime(form)
    except OverflowError:
        return f"{moment.replace(tzinfo=None) - (moment.utcoffset() or timedelta()):{form}} UTC"


def printed(value: date) -> str:
    """Write a date or time as a database's client prints it.

    >>> printed(datetime(2024, 2, 29, 12, 0, 0, 500_000, UTC)), printed(date(2024, 2, 29))
    ('2024-02-29 12:00:00.5+00', '2024-02-29')
    """
    if not isinstance(value, datetime):
        return value.isoformat()
    whole = value.replace(tzinfo=None).isoformat(" ")
    zone = value.isoformat()[len(value.replace(tzinfo=None).isoformat()) :]
    return (whole.rstrip("0") if value.microsecond else whole) + zone.removesuffix(":00")


def day_of(value: Any, local: ZoneInfo) -> int:
    """Give days since 1970 of a date, or of a time in the zone `local`."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(local)
    return int(value.toordinal()) - EPOCH_DAY


@lru_cache(4096)
def instant(us: int) -> datetime:
    """Turn microseconds UTC into an aware time."""
    return EPOCH + timedelta(microseconds=us)


@lru_cache(4096)
def month_of(us: int) -> date:
    """Give the first day of the calendar month in Asia/Ho_Chi_Minh."""
    return instant(us).astimezone(HO_CHI_MINH).date().replace(day=1)
