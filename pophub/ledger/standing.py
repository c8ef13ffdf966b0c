"""What a period's figure is worth: whether it is open still, and whether it changed since it was signed.

An open period is compared with the same span of the year before: whole months from the checkpoint's
tally, the month that is cut from the rows up to its heads. A closed one is compared with the first
checkpoint that was signed after its end, and what of the difference came by a right granted later is told.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from pophub.domain.dates import HO_CHI_MINH
from pophub.ledger.checkpoint import Checkpoint, find
from pophub.ledger.growth import Changed, Granted, Growth, Scope, by_period, percent
from pophub.ledger.periods import By, months_of, span_of, year_before
from pophub.postgres import Connection, statements, transaction

SQL = statements("ledger")
TICK = timedelta(microseconds=1)  # a day that is named means its last microsecond


class Span(NamedTuple):
    """First moment of a period, and the first one behind it, in Asia/Ho_Chi_Minh."""

    start: datetime
    end: datetime


def span(period: str) -> Span:
    """Give the span of a period.

    >>> span("2024-Q2").end.isoformat()
    '2024-07-01T00:00:00+07:00'
    """
    first, after = span_of(months_of(period))
    return Span(datetime.combine(first, time(), HO_CHI_MINH), datetime.combine(after, time(), HO_CHI_MINH))


def is_open(period: str, moment: datetime) -> bool:
    """Tell whether a period has not ended at a moment.

    >>> is_open("2024", datetime(2024, 12, 31, 16, 59, 59, 999999, tzinfo=UTC))
    False
    """
    return moment + TICK < span(period).end


def year_earlier(moment: datetime) -> datetime:
    """Give the same moment of the year before; that of 29 February is the end of the 28th.

    >>> year_earlier(datetime(2024, 2, 29, 8, tzinfo=HO_CHI_MINH)).isoformat()
    '2023-03-01T00:00:00+07:00'
    """
    local = moment.astimezone(HO_CHI_MINH)
    if (local.month, local.day) == (2, 29):
        return datetime(local.year - 1, 3, 1, tzinfo=HO_CHI_MINH)
    return local.replace(year=local.year - 1)


def with_standing(
    connection: Connection,
    checkpoint: Checkpoint,
    moment: datetime,
    by: By,
    scope: Scope,
    rows: Sequence[Growth],
) -> list[Growth]:
    """Mark what is open at a moment, with its growth on the same span, and what changed since it was signed."""
    changed = _changes(connection, checkpoint, moment, by, scope, rows)
    told = []
    for row in rows:
        if is_open(row.period, moment):
            before = _same_span(connection, checkpoint, moment, row.period, scope)
            grown = percent(row.transactions, before)
            told.append(replace(row, open=True, span_before=before, percent=grown, year_on_year=grown))
        else:
            told.append(replace(row, changed=changed.get(row.period)))
    return told


def _same_span(
    connection: Connection, checkpoint: Checkpoint, moment: datetime, period: str, scope: Scope
) -> int:
    """Count the period of the year before up to the same moment."""
    before = year_before(period)
    cut = year_earlier(moment)
    month = f"{cut:%Y-%m}"
    whole = [one for one in months_of(before) if one < month]
    counts = by_period(checkpoint.tally(), "month", scope)
    number = sum(counts.get(one, 0) for one in whole)
    return number + (
        _before_in_month(connection, checkpoint, cut, scope) if month in months_of(before) else 0
    )


def _before_in_month(connection: Connection, checkpoint: Checkpoint, cut: datetime, scope: Scope) -> int:
    counted = before_in_month(connection, checkpoint, cut)
    return sum(n for recipient, stem, n in counted if scope.holds(recipient, stem))


def before_in_month(
    connection: Connection, checkpoint: Checkpoint, cut: datetime
) -> list[tuple[str, str, int]]:
    """Count the share transactions of a moment's month up to it: recipient, stem, number."""
    heads = checkpoint.heads().values()
    counted: list[tuple[str, str, int]] = []
    with transaction(connection, "growth of an open period") as cursor:
        for kind in ("history", "stretch"):
            mine = [(*head["lane"][1:], head["sequence"]) for head in heads if head["lane"][0] == kind]
            if not mine:
                continue
            columns = [list(column) for column in zip(*mine, strict=True)]
            cursor.execute(SQL[f"span_{kind}"], (*columns, f"{cut:%Y-%m}-01", cut))
            counted += cursor.fetchall()
    return counted


def _changes(
    connection: Connection,
    checkpoint: Checkpoint,
    moment: datetime,
    by: By,
    scope: Scope,
    rows: Sequence[Growth],
) -> dict[str, Changed]:
    """Give the closed periods whose figure is not that of the first checkpoint after their end."""
    with transaction(connection, "checkpoints") as cursor:
        cursor.execute(SQL["checkpoint_times"], (checkpoint.id,))
        signed = cursor.fetchall()
    times = [at for _, at in signed]
    closed = [row for row in rows if not is_open(row.period, moment)]
    first = {row.period: bisect_left(times, span(row.period).end) for row in closed}
    known: dict[int, tuple[Checkpoint, dict[str, int]]] = {}
    found = {}
    for row in closed:
        if first[row.period] == len(signed):  # the checkpoint asked for was signed before the end
            continue
        number, at = signed[first[row.period]]
        if number not in known:
            then = find(connection, number)
            known[number] = then, by_period(then.tally(), by, scope)
        then, counts = known[number]
        if (before := counts.get(row.period, 0)) != row.transactions:
            later = granted_later(connection, then, checkpoint, row.period, scope)
            found[row.period] = Changed(number, at.astimezone(UTC), before, tuple(later))
    return found


def granted_later(
    connection: Connection, signed: Checkpoint, now: Checkpoint, period: str, scope: Scope
) -> list[Granted]:
    """Give what a closed period has more since it was signed because of rights granted after its end.

    Counted are versions that were accepted when it was signed: what was accepted later came late to
    everybody, whoever's right is how old.
    """
    before = signed.heads()
    spans = []
    for name, head in now.heads().items():
        kind, *place = head["lane"]
        accepted = before.get(("history", *name[2:]))
        if kind == "stretch" and accepted and scope.holds(place[0], place[1]):
            after = before[name]["sequence"] if name in before else 0
            spans.append((*place, after, min(head["sequence"], accepted["sequence"])))
    if not spans:
        return []
    columns = [list(column) for column in zip(*spans, strict=True)]
    months = span_of(months_of(period))
    with transaction(connection, "growth by rights granted later") as cursor:
        cursor.execute(SQL["granted_later"], (*columns, span(period).end, *months))
        return [
            Granted(recipient, stem, version, granted.astimezone(UTC), starts.astimezone(UTC), number)
            for recipient, stem, version, granted, starts, number in cursor.fetchall()
        ]
