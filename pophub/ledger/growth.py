"""Growth of sharing, counted from the ledger alone, as of a checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from pophub.domain.dates import instant
from pophub.ledger.checkpoint import Checkpoint, Tally
from pophub.ledger.periods import By, period_of, year_before
from pophub.ledger.present import present
from pophub.postgres import Connection, statements, transaction, translated

SQL = statements("ledger")
CHUNK = 20_000


class Granted(NamedTuple):
    """Share transactions of a period that came by terms put on record after its end."""

    recipient: str
    stem: str
    version: int
    granted_at: datetime
    starts_at: datetime
    transactions: int


class Changed(NamedTuple):
    """What the first checkpoint after a period's end said of it, where that is not its figure of now.

    Shape: `granted` is the part of the change that came by rights granted later; the rest are rows that
    were accepted later.
    """

    checkpoint: int
    at: datetime
    transactions: int
    granted: tuple[Granted, ...] = ()


@dataclass(frozen=True)
class Growth:
    """Share transactions of a period; percent against the period before, None for the first and for none.

    Shape: `year_on_year` is percent against the same period of the year before. Of an open period both
    are against `span_before`, the share transactions of the same span of the year before.
    """

    period: str
    transactions: int
    percent: Decimal | None
    year_on_year: Decimal | None = None
    open: bool = False
    span_before: int | None = None
    changed: Changed | None = None

    def as_json(self) -> dict[str, object]:
        """Give the row as JSON values."""
        percent = None if self.percent is None else float(self.percent)
        return {"period": self.period, "transactions": self.transactions, "percent": percent}


@dataclass(frozen=True)
class Scope:
    """What is counted; everything where nothing is named."""

    dataset: str | None = None
    agency: str | None = None
    recipient: str | None = None

    def holds(self, recipient: str, stem: str) -> bool:
        """Tell whether a recipient's transactions of a dataset are counted."""
        return (
            self.dataset in (None, stem)
            and self.agency in (None, stem.split(".")[0])
            and self.recipient in (None, recipient)
        )


@dataclass(frozen=True)
class Late:
    """A share transaction that a later checkpoint has and an earlier one has not."""

    recipient: str
    stem: str
    lane: int
    sequence: int
    event_id: str
    period: str
    exchanged_at: datetime
    recorded_at: datetime

    def as_json(self) -> dict[str, object]:
        """Give the row as JSON values."""
        times = {"exchanged_at": self.exchanged_at.isoformat(), "recorded_at": self.recorded_at.isoformat()}
        return {**vars(self), **times}


def percent(now: int, before: int) -> Decimal | None:
    """Give the growth in percent, one decimal, half up; None where there was nothing before.

    >>> percent(157, 100)
    Decimal('57.0')
    >>> percent(1, 0) is None
    True
    """
    if before == 0:
        return None
    return (Decimal(now - before) * 100 / Decimal(before)).quantize(Decimal("0.1"), ROUND_HALF_UP)


def rows_of(counts: Sequence[tuple[str, int]]) -> list[Growth]:
    """Turn counts in the order of their periods into growth rows; nothing is no fall of 100 %."""
    before: int | None = None
    known = dict(counts)
    found = []
    for period, count in counts:
        year = known.get(year_before(period))
        found.append(
            Growth(
                period,
                count,
                None if before is None or count == 0 else percent(count, before),
                None if year is None or count == 0 else percent(count, year),
            )
        )
        before = count
    return found


def growth_as_of(checkpoint: Checkpoint, by: By, scope: Scope) -> list[Growth]:
    """Count what a checkpoint signed, by period; periods without any between others count 0."""
    return rows_of(list(by_period(checkpoint.tally(), by, scope).items()))


def by_period(tally: Tally, by: By, scope: Scope) -> dict[str, int]:
    """Fold months to periods in their order, from the first with a share transaction to the last."""
    counts: Counter[str] = Counter()
    for (_, _, month), number in _within(tally, scope):
        counts[month] += number
    folded: Counter[str] = Counter()
    for month in _months(min(counts), max(counts)) if counts else ():
        folded[period_of(month, by)] += counts[month]
    return dict(folded)


def agencies_as_of(
    checkpoint: Checkpoint, by: By, scope: Scope
) -> list[tuple[str, str, int, Decimal | None]]:
    """Give period, agency, share transactions and the agency's share in percent of the period."""
    counts: Counter[tuple[str, str]] = Counter()
    whole: Counter[str] = Counter()
    for (_, stem, month), number in _within(checkpoint.tally(), scope):
        period = period_of(month, by)
        counts[period, stem.split(".")[0]] += number
        whole[period] += number
    return [
        (period, agency, number, share(number, whole[period]))
        for (period, agency), number in sorted(counts.items())
    ]


def share(part: int, whole: int) -> Decimal | None:
    """Give a part in percent, one decimal.

    >>> share(1, 3)
    Decimal('33.3')
    """
    return None if whole == 0 else (Decimal(part) * 100 / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)


def _within(tally: Tally, scope: Scope) -> list[tuple[tuple[str, str, str], int]]:
    return [(place, number) for place, number in tally.items() if scope.holds(place[0], place[1])]


def _months(first: str, last: str) -> Iterator[str]:
    year, month = map(int, first.split("-"))
    while (text := f"{year}-{month:02d}") <= last:
        yield text
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def late_rows(
    connection: Connection, earlier: Checkpoint, later: Checkpoint, by: By, scope: Scope
) -> Iterator[Late]:
    """Give each share transaction of the later checkpoint that the earlier one has not, by lane."""
    before = earlier.heads()
    for name, head in sorted(later.heads().items()):
        kind, *place = head["lane"]
        recipient, stem, lane = ("population", *place) if kind == "history" else place
        if not scope.holds(recipient, stem):
            continue
        after = before[name]["sequence"] if name in before else 0
        with transaction(connection, "late rows"), connection.cursor(name="late") as cursor:
            cursor.itersize = CHUNK
            each = SQL["walk_history" if kind == "history" else "each_of_stretch"]
            cursor.execute(each, (*place, after + 1, head["sequence"]))
            for sequence, month, event_id, _, exchanged, recorded, _ in cursor:
                yield Late(recipient, stem, lane, sequence, bytes(event_id).hex(), period_of(month, by),
                           instant(exchanged), instant(recorded))  # fmt: skip


def growth(connection: Connection, by: By = "year", periods: Sequence[str] | None = None) -> list[Growth]:
    """Count what there is now, rows behind the last checkpoint too."""
    return _of_periods(by_period(present(connection), by, Scope()), periods)


def growth_by_agency(connection: Connection, periods: Sequence[str]) -> dict[str, list[Growth]]:
    """Count the same by year for each agency whose records were shared."""
    tally = present(connection)
    agencies = sorted({stem.split(".")[0] for _, stem, _ in tally})
    return {a: _of_periods(by_period(tally, "year", Scope(agency=a)), periods) for a in agencies}


def _of_periods(counts: dict[str, int], periods: Sequence[str] | None) -> list[Growth]:
    chosen = list(counts) if periods is None else periods
    return rows_of([(period, counts.get(period, 0)) for period in chosen])


def derived(connection: Connection, checkpoint: Checkpoint) -> Tally:
    """Count the rows up to a checkpoint's heads, one by one: what its tally must be."""
    tally: Tally = Counter()
    for head in checkpoint.heads().values():
        kind, *place = head["lane"]
        recipient, stem = ("population", place[0]) if kind == "history" else place[:2]
        with translated("ledger"), connection.cursor() as cursor:
            cursor.execute(SQL[f"count_{kind}"], (*place, head["sequence"]))
            for month, number in cursor.fetchall():
                tally[recipient, stem, month] += number
    return tally
