"""Share transactions as the pages show them: what the last checkpoint signed, and what came behind its heads.

No page counts rows of history or of the ledger that were signed before: they are as many as there are records. Nor does
it where very many came since, as before the first signature; sums by recipient are those of the lanes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from pophub.domain.errors import ConfigError
from pophub.ledger.checkpoint import Tally, find
from pophub.ledger.present import present
from pophub.postgres import Connection, only_row, statements, transaction
from pophub.web.counts import Counts, Figures, Row

MOST_MONTHS = 36
MOST_COUNTED = 200_000
"""Accepted versions behind the signed heads that a page counts by month: a tenth of a second, and their stretches."""
UNSIGNED = statements("metrics")["unsigned"]
# the newest row of each lane by its key; it may be of any month, since what waited keeps the stamp of its batch
LAST = """
select 'population', n.stem, sum(n.sequence)::bigint, max(newest.recorded_at) from judge.lane n cross join lateral (
    select h.recorded_at from ledger.history h where (h.stem, h.lane, h.sequence) = (n.stem, n.lane, n.sequence) limit 1
) newest group by n.stem
union all
select n.recipient, n.stem, sum(n.transactions)::bigint, max(newest.recorded_at) from ledger.lane n cross join lateral (
    select s.recorded_at from ledger.stretch s
    where (s.recipient, s.stem, s.lane) = (n.recipient, n.stem, n.lane) order by s.first desc limit 1
) newest where n.recipient <> 'shared' group by n.recipient, n.stem
"""


class Given(NamedTuple):
    """Share transactions by recipient, dataset and month; by recipient and dataset how many, and when the last was.

    Units: `uncounted`, accepted versions that `tally` leaves out, since they are too many and not signed yet.
    """

    tally: Tally
    lanes: dict[tuple[str, str], tuple[int, datetime]]
    uncounted: int


def given(connection: Connection) -> Given:
    """Count as of now."""
    with transaction(connection, "pages") as cursor:
        cursor.execute(LAST)
        lanes = {(recipient, stem): (number, at) for recipient, stem, number, at in cursor.fetchall()}
        cursor.execute(UNSIGNED)
        (unsigned,) = only_row(cursor)
    if unsigned <= MOST_COUNTED:
        return Given(present(connection), lanes, 0)
    return Given(_signed(connection), lanes, unsigned)


def _signed(connection: Connection) -> Tally:
    try:
        return find(connection, datetime.now(UTC)).tally()
    except ConfigError:  # nothing was signed yet
        return Counter()


def ask_given(counts: Counts) -> Figures:
    """Give what was given, in a list of one; the last good figures where PostgreSQL does not answer."""
    return counts.found("given", given)


def months_of(tally: Tally, stem: str, recipient: str | None = None) -> list[Row]:
    """Give the transactions of a dataset by month, the newest first: with one recipient, or with all.

    >>> months_of(Counter({("population", "a.b", "2026-01"): 2, ("x", "a.b", "2026-02"): 1, ("x", "c.d", "2026-02"): 9}), "a.b")
    [{'period': '2026-02', 'transactions': 1}, {'period': '2026-01', 'transactions': 2}]
    """
    found = _folded(
        (month, number) for (to, of, month), number in tally.items() if of == stem and recipient in (None, to)
    )
    return found[::-1][:MOST_MONTHS]


def years_of(tally: Tally) -> list[Row]:
    """Give all transactions by year, the oldest first."""
    return _folded((int(month[:4]), number) for (_, _, month), number in tally.items())


def listed(tally: Tally, stem: str, recipient: str, period: str) -> list[Row]:
    """Give the transactions by month, recipient and dataset, the newest month first; what is empty restricts nothing.

    >>> listed(Counter({("population", "a.b", "2026-01"): 2, ("x", "a.b", "2026-02"): 1}), "a.b", "", "2026-01")
    [{'month': '2026-01', 'recipient': 'population', 'stem': 'a.b', 'transactions': 2}]
    """
    found = [
        {"month": month, "recipient": to, "stem": of, "transactions": number}
        for (to, of, month), number in tally.items()
        if stem in ("", of) and recipient in ("", to) and month.startswith(period)
    ]
    found.sort(key=lambda one: (one["recipient"] != "population", one["recipient"], one["stem"]))
    return sorted(found, key=lambda one: one["month"], reverse=True)


def recipients_of(told: Given) -> list[Row]:
    """Give who got how much of which dataset, and when last; the population database first."""
    ordered = sorted(told.lanes, key=lambda one: (one[0] != "population", one))
    return [
        {"recipient": to, "stem": stem, "transactions": number, "last": last}
        for to, stem in ordered
        for number, last in [told.lanes[to, stem]]
        if number
    ]


def _folded(counted: Iterable[tuple[int | str, int]]) -> list[Row]:
    found = Counter[int | str]()
    for period, number in counted:
        found[period] += number
    return [{"period": period, "transactions": number} for period, number in sorted(found.items())]
