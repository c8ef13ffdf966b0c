"""replay: judge quarantined versions again, with the mapping, rules and repairs of now.

Atomic step: judge's own transaction, with the move of the run's row inside it. Under the lane rows
each version is looked at once more: where another worker decided one meanwhile, the micro-batch is
rolled back and read anew, so that each version ends in one state and is counted once.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson

from pophub.contracts.model import Connector
from pophub.domain.decide import decide
from pophub.ports import Mapper, Rules
from pophub.postgres import Connection, Cursor, only_row, transaction
from pophub.process.failpoints import reach
from pophub.quarantine.selection import SQL, Selection, statement
from pophub.stages.claims import batch_of
from pophub.stages.hub_columns import hub_columns
from pophub.stages.judge import Judge
from pophub.stages.remap import remapped
from pophub.stores.replay import OUTCOMES, Moved, ReplayStore, Run, move_run

MICRO_ROWS = 5_000
MICRO_BYTES = 32 << 20
Progress = Callable[[int, int], None]


class Replay:
    """Replays selections of one connector's quarantine in bounded memory."""

    def __init__(self, connection: Connection, connector: Connector, mapper: Mapper, rules: Rules) -> None:
        self._store = ReplayStore(connection, connector)
        self._judge = Judge(connector, mapper, rules, self._store)
        self._connector = connector
        self._micro_rows = int(os.environ.get("POPHUB_REPLAY_ROWS", MICRO_ROWS))

    def run(self, selection: Selection, by: str, progress: Progress) -> Run:
        """Judge the selection again; a run of the same selection that was cut off is gone on with."""
        run = self._begin(self._meant(selection), by)
        self._store.run = run.number
        reach("replay.started")
        while rows := self._rows(run):
            try:
                self._micro(run, rows)
            except Moved:  # read again what is still open, behind what another worker of the run has counted
                run.last_id = max(run.last_id, self._store.run_at())
                continue
            run.last_id = rows[-1][0]
            progress(len(rows), run.total)
        return self._finish(run)

    def foresee(self, selection: Selection, progress: Progress) -> Run:
        """Say what a replay would do: nothing is locked or written."""
        meant = self._meant(selection)
        run = Run(0, meant, 0, *self._bounds(meant))
        while rows := self._rows(run):
            versions, unreadable = remapped(self._connector, self._judge.mapper, rows, self._store.repairs)
            run.counts["unreadable"] += unreadable
            if len(versions):
                accepted = self._store.accepted(versions)
                hub = hub_columns(self._connector, versions, accepted)
                self._judge.apply_rules(versions, hub)
                batch = batch_of(self._connector, versions)
                run.counts.update(decide(batch, accepted.heads, accepted.quarantine, accepted.claims).present)
            run.last_id = rows[-1][0]
            progress(len(rows), run.total)
        return run

    def _meant(self, selection: Selection) -> Selection:
        return replace(selection, stem=self._connector.stem, state="quarantined")

    def _bounds(self, selection: Selection) -> tuple[int, int]:
        with transaction(self._store.connection, "bounds of a replay") as cursor:
            cursor.execute(statement("replay_bounds"), selection.values())
            total, upto = only_row(cursor)
        return upto, total

    def _begin(self, selection: Selection, by: str) -> Run:
        upto, total = self._bounds(selection)
        chosen = orjson.dumps(selection.values(), option=orjson.OPT_SORT_KEYS).decode()
        with transaction(self._store.connection, "beginning a replay") as cursor:
            for number, *_ in self._open_runs(cursor, chosen):
                cursor.execute(SQL["own_run"], (number,))
                if only_row(cursor)[0]:  # nobody works on it any more: cut off, or finished meanwhile
                    for row in self._open_runs(cursor, chosen):
                        if row[0] == number:
                            return Run(number, selection, *row[1:], resumed=True)
            cursor.execute(SQL["start_run"], (self._connector.stem, chosen, by, upto, total))
            number = only_row(cursor)[0]
            cursor.execute(SQL["own_run"], (number,))
        return Run(number, selection, 0, upto, total)

    def _open_runs(self, cursor: Cursor, chosen: str) -> list[tuple[int, int, int, int]]:
        """Give the runs of a selection that are not finished: number, last id, id up to, planned."""
        cursor.execute(SQL["open_runs"], (self._connector.stem, chosen))
        return [(row[0], row[1], row[2], row[3]) for row in cursor.fetchall()]

    def _finish(self, run: Run) -> Run:
        with transaction(self._store.connection, "ending a replay") as cursor:
            cursor.execute(SQL["finish_run"], (run.number,))
            cursor.execute(SQL["run_counts"], (run.number,))
            run.counts = Counter(dict(zip(OUTCOMES, only_row(cursor), strict=False)))
        return run

    def _rows(self, run: Run) -> list[tuple[Any, ...]]:
        bounds = {"after": run.last_id, "upto": run.upto_id, "limit": self._micro_rows, "bytes": MICRO_BYTES}
        with transaction(self._store.connection, f"replay of {self._connector.stem}") as cursor:
            cursor.execute(statement("replay_rows"), run.selection.values(**bounds))
            return list(cursor.fetchall())

    def _micro(self, run: Run, rows: list[tuple[Any, ...]]) -> None:
        """Judge one micro-batch; what cannot be read any more stays as it is and is counted."""
        versions, unreadable = remapped(self._connector, self._judge.mapper, rows, self._store.repairs)
        self._store.ids, self._store.after = versions.ids or [], run.last_id
        if len(versions):
            self._judge.replayed(versions)
        if unreadable:
            with transaction(self._store.connection, "moving a replay") as cursor:
                after = self._store.ids[-1] if self._store.ids else run.last_id
                move_run(cursor, run.number, after, rows[-1][0], Counter(unreadable=unreadable))
