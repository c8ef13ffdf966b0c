"""top: how each dataset stands, looked at again and again; the figures are those of the metrics."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pophub.commands.output import answer, print_json
from pophub.commands.shown import local_time
from pophub.metrics.families import Sample
from pophub.metrics.gather import Gatherer
from pophub.settings import Settings

ENDED = "alive", "unknown"
"""States of a source that call for nobody."""
FRAME = 5
"""Lines of a terminal that the table takes beside its rows: borders, head, and what says that there are more."""


@dataclass
class DatasetRow:
    """How a dataset stands. Units: `read_per_s` since the look before, None at the first; `behind` versions that the
    slowest recipient has not got; `waits_s` age of the oldest record that waits for a stage.
    """

    stem: str
    source: str = "unknown"
    read: int = 0
    read_per_s: float | None = None
    unjudged: int = 0
    held: int = 0
    held_oldest_s: float | None = None
    behind: int = 0
    waits_s: float | None = None
    residual: int = 0
    alerts: int = 0

    @property
    def rank(self) -> tuple[bool, bool, int, float, str]:
        """Where it stands: what does not add up first, then alerts, what waits, the name."""
        return (
            not self.residual,
            not self.alerts,
            -self.unjudged - self.behind,
            -(self.waits_s or 0),
            self.stem,
        )


@dataclass
class Look:
    """What was seen at a moment; `rows` is None where PostgreSQL did not answer."""

    at: datetime
    up: dict[str, bool] = field(default_factory=dict)
    rows: list[DatasetRow] | None = None

    @property
    def sentence(self) -> str:
        """Say how the hub stands."""
        rows = self.rows or []
        late = sum(row.source not in ENDED for row in rows)
        wrong = sum(bool(row.residual) for row in rows)
        books = f"books do not balance in {wrong} datasets" if wrong else "books balance"
        return f"{sum(row.held for row in rows):,} held; {late} of {len(rows)} sources late; {books}"


def look_at(samples: Iterable[Sample], at: datetime, before: Look | None = None) -> Look:
    """Make a look of samples; rates are those since the look before."""
    found, rows = Look(at), dict[str, DatasetRow]()

    def row(stem: str) -> DatasetRow:
        return rows.setdefault(stem, DatasetRow(stem))

    for name, labels, value in samples:
        match name, labels:
            case "pophub_up", (server,):
                found.up[server] = bool(value)
            case "pophub_records", (_, stem, "read"):
                row(stem).read = int(value)
            case "pophub_residual_records", (_, stem):
                row(stem).residual = int(value)
            case "pophub_unjudged_records", (_, stem):
                row(stem).unjudged = int(value)
            case "pophub_held_records", (_, stem):
                row(stem).held = int(value)
            case "pophub_held_oldest_seconds", (_, stem):
                row(stem).held_oldest_s = value
            case "pophub_source_state", (_, stem, state):
                row(stem).source = state
            case "pophub_open_alerts", (_, stem):
                row(stem).alerts += int(value)
            case "pophub_pending_seconds", (stem, *_):
                row(stem).waits_s = max(value, row(stem).waits_s or 0)
    _behind(rows, samples)
    if found.up.get("postgres"):
        found.rows = sorted(rows.values(), key=lambda one: one.rank)
        _rates(found, before)
    return found


def _behind(rows: Mapping[str, DatasetRow], samples: Iterable[Sample]) -> None:
    """Add up the lanes of each recipient, and keep the slowest."""
    sums: dict[tuple[str, str], int] = {}
    for name, labels, value in samples:
        if name == "pophub_behind" and labels[1] == "share":
            place = labels[0], labels[3]
            sums[place] = sums.get(place, 0) + int(value)
    for (stem, _), number in sums.items():
        if stem in rows:
            rows[stem].behind = max(rows[stem].behind, number)


def _rates(found: Look, before: Look | None) -> None:
    if before is None or before.rows is None:
        return
    seconds = (found.at - before.at).total_seconds()
    read = {row.stem: row.read for row in before.rows}
    for row in found.rows or ():
        if row.stem in read and seconds > 0:
            row.read_per_s = round(max(0, row.read - read[row.stem]) / seconds, 1)


def top(every_s: float, once: bool, as_json: bool) -> None:
    """Show the table until it is interrupted; once where there is no terminal.

    Errors: exit code 3 where PostgreSQL does not answer and one look was asked for.
    """
    gatherer = Gatherer(Settings.load())
    found = look_at(gatherer.samples(), datetime.now(UTC))
    if as_json:
        rows = None if found.rows is None else [vars(row) for row in found.rows]
        print_json({"at": found.at, "up": found.up, "datasets": rows})
    elif once or not answer.is_terminal:
        answer.print(_shown(found, found))
    else:
        _watch(gatherer, found, every_s)
    if found.rows is None:
        raise typer.Exit(3)


def _watch(gatherer: Gatherer, found: Look, every_s: float) -> None:
    good = found
    with Live(_shown(found, good, answer.height), console=answer, screen=True, auto_refresh=False) as live:
        while True:
            time.sleep(every_s)
            found = look_at(gatherer.samples(), datetime.now(UTC), good)
            good = found if found.rows is not None else good
            live.update(_shown(found, good, answer.height), refresh=True)


def _shown(found: Look, good: Look, height: int | None = None) -> RenderableType:
    """Draw a look; where it has no figures, the last good ones with their age; as many rows as the height takes."""
    away = [server for server, answers in sorted(found.up.items()) if not answers]
    lines = [f"{local_time(good.at)}  {good.sentence}" if good.rows is not None else local_time(found.at)]
    for server in away:
        lines.append(f"{server} does not answer: see `pophub status`")
    if found.rows is None and good.rows is not None:
        lines.append(f"the figures are {(found.at - good.at).total_seconds():.0f} s old")
    rows = good.rows or []
    room = len(rows) if height is None else max(1, height - len(lines) - FRAME)
    if room < len(rows):
        lines.append(f"{room} of {len(rows)} datasets, the worst first; `pophub top --once` shows all")
    return Group(Text("\n".join(lines)), *([_table(rows[:room])] if rows else []))


def _table(rows: Iterable[DatasetRow]) -> Table:
    table = Table(header_style="bold")
    table.add_column("dataset", no_wrap=True)
    table.add_column("source", no_wrap=True)
    for name in (
        "read",
        "read/s",
        "not judged",
        "held",
        "oldest, h",
        "behind",
        "waits, s",
        "residual",
        "alerts",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    for one in rows:
        numbers = (one.read, one.read_per_s, one.unjudged, one.held, _hours(one.held_oldest_s), one.behind, one.waits_s,
                   one.residual, one.alerts)  # fmt: skip
        table.add_row(one.stem, one.source, *(_number(number) for number in numbers))
    return table


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds / 3600, 1)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,}"
