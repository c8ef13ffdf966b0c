"""Growth of sharing, counted from the ledger alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from pophub.postgres import Connection, statements, transaction

SQL = statements("ledger")
By = Literal["year", "quarter", "month"]


@dataclass(frozen=True)
class Growth:
    """Share transactions of a period; percent against the period before, None for the first."""

    period: str
    transactions: int
    percent: Decimal | None

    def as_json(self) -> dict[str, object]:
        """Give the row as JSON values."""
        percent = None if self.percent is None else float(self.percent)
        return {"period": self.period, "transactions": self.transactions, "percent": percent}


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
    """Turn counts in the order of their periods into growth rows."""
    before: int | None = None
    found = []
    for period, count in counts:
        found.append(Growth(period, count, None if before is None else percent(count, before)))
        before = count
    return found


def growth(connection: Connection, by: By = "year", periods: Sequence[str] | None = None) -> list[Growth]:
    """Count share transactions by calendar period of `exchanged_at` in Asia/Ho_Chi_Minh."""
    with transaction(connection, "growth") as cursor:
        cursor.execute(SQL[f"growth_by_{by}"])
        counts = dict(cursor.fetchall())
    chosen = list(periods) if periods is not None else list(counts)
    return rows_of([(p, counts.get(p, 0)) for p in chosen])


def growth_by_agency(connection: Connection, periods: Sequence[str]) -> dict[str, list[Growth]]:
    """Count the same for each agency whose records were shared."""
    with transaction(connection, "growth by agency") as cursor:
        cursor.execute(SQL["growth_by_year_and_agency"])
        counts = {(agency, year): count for agency, year, count in cursor.fetchall()}
    agencies = sorted({agency for agency, _ in counts})
    return {a: rows_of([(p, counts.get((a, p), 0)) for p in periods]) for a in agencies}
