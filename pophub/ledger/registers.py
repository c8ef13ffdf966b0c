"""Figures of two registers, from their accepted versions: Project 06's tasks and registered databases."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from pophub.avro import decode_known
from pophub.contracts.load import load_all
from pophub.domain.dates import date_of
from pophub.domain.errors import ConfigError
from pophub.ledger.checkpoint import ROLE
from pophub.ledger.growth import Growth, percent, rows_of, share
from pophub.ledger.standing import is_open, year_earlier
from pophub.postgres import connect, statements, transaction
from pophub.settings import Settings

SQL = statements("ledger")
STATES = ("DONE", "REGULAR", "IN_PROGRESS", "UNREPORTED")
Row = dict[str, Any]


def register(settings: Settings, stem: str, as_of: datetime) -> list[Row]:
    """Give a register's rows as they stood: of each key the newest version exchanged by then.

    Errors: `ledger.no_register` where the project has no such connector.
    """
    connector = next((c for c in load_all(settings.project)[0] if c.stem == stem), None)
    if connector is None:
        raise ConfigError(
            "ledger.no_register", f"there is no connector {stem}", remedy="see `pophub connector list`"
        )
    schemas = connector.contract.schemas
    with closing(connect(settings, ROLE)) as connection, transaction(connection, stem) as cursor:
        cursor.execute(SQL["register"], (stem, as_of))
        return [decode_known(schemas, bytes(payload)) for (payload,) in cursor.fetchall()]


def overdue(task: Row, today: date) -> bool:
    """Tell whether a task in progress is past its deadline; an unreported one is not overdue."""
    return bool(task["state"] == "IN_PROGRESS" and date_of(task["deadline"]) < today)


def count_tasks(rows: Iterable[Row], today: date, year: int | None, agency: str | None) -> Row:
    """Count tasks by state and overdue ones: all, by year of assignment, by agency, by group."""
    chosen = [r for r in rows if year in (None, r["year"]) and agency in (None, r["agency"])]
    parts = {"by_year": "year", "by_agency": "agency", "by_group": "task_group"}
    found: Row = {"version": 1, "as_of": today.isoformat(), "all": _counts(chosen, today)}
    found["done_percent"] = float(share(found["all"]["done"], len(chosen)) or 0)
    for name, field in parts.items():
        values = sorted({r[field] for r in chosen})
        found[name] = {str(v): _counts([r for r in chosen if r[field] == v], today) for v in values}
    return found


def _counts(rows: list[Row], today: date) -> dict[str, int]:
    counts = {"tasks": len(rows)}
    counts |= {state.lower(): sum(r["state"] == state for r in rows) for state in STATES}
    counts["overdue"] = sum(overdue(r, today) for r in rows)
    return counts


def growth_of_databases(
    rows: Iterable[Row], agency: str | None = None, moment: datetime | None = None
) -> list[Growth]:
    """Count the databases registered by the end of each year: national ones, then all others.

    Shape: periods `2023 national`, `2024 national`, `2023 other`, ...; percent within each kind, and in the
    year that is open at `moment` against those registered by the same day of the year before.
    """
    chosen = [r for r in rows if agency in (None, r["agency"])]
    years = sorted({date_of(r["registered_on"]).year for r in chosen})
    found = []
    for kind, national in (("national", True), ("other", False)):
        days = [date_of(r["registered_on"]) for r in chosen if (r["level"] == "NATIONAL") == national]
        counted = (
            [(str(y), sum(each.year <= y for each in days)) for y in range(years[0], years[-1] + 1)]
            if years
            else []
        )
        found += [replace(_of_now(g, days, moment), period=f"{g.period} {kind}") for g in rows_of(counted)]
    return found


def _of_now(row: Growth, days: list[date], moment: datetime | None) -> Growth:
    if moment is None or not is_open(row.period, moment):
        return row
    earlier = year_earlier(moment).date()
    before = sum(each <= earlier for each in days)
    grown = percent(row.transactions, before)
    return replace(row, open=True, span_before=before, percent=grown, year_on_year=grown)
