"""Deep reconcile, rebuild and replay, each in a hub that the real pipeline filled."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from benchmarks import source, workers
from benchmarks.long_child import Clock
from pophub.commands.quarantine_access import progress_of
from pophub.gates.mapping import ContractMapper
from pophub.postgres import connect, only_row, transaction
from pophub.process.memory import calm
from pophub.reconcile.examine import Examination
from pophub.reconcile.rebuild import Rebuild
from pophub.settings import Settings
from pophub.sources import open_source
from pophub.wiring import Hub

LANES = 2
SOUND, BROKEN = "text: trim, codes: sex}", "text: trim}"


def make(clock: Clock, settings: Settings, rows: int) -> None:
    """Make the source; in a process of its own, for the rows pass through its memory."""
    source.make_source(settings, rows)


def carry(settings: Settings, stem: str, rows: int) -> tuple[float, list[workers.Worked]]:
    """Carry the source through all stages, however long it takes; give the seconds, and what each process took."""
    workers.RUN_S = sys.maxsize
    with progress_of("carried", rows) as moved, _watched(settings, stem, rows, moved):
        return workers.run(settings, stem, LANES)


def carried_whole(settings: Settings, stem: str, rows: int) -> None:
    """Count what arrived, from outside.

    Errors: RuntimeError where a record was not read, accepted and shared once.
    """
    with (
        closing(connect(settings, "pophub_read")) as connection,
        transaction(connection, "counting") as cursor,
    ):
        cursor.execute(
            "select (select count(*) from hub.record_state where stem = %(stem)s and state = 'shared'), "
            "(select count(*) from hub.share_transaction where stem = %(stem)s)",
            {"stem": stem},
        )
        accepted, shared = only_row(cursor)
    if (accepted, shared) != (rows, 2 * rows):  # with the population database, and with the subscriber
        raise RuntimeError(f"{accepted} accepted and {shared} shared of {rows}")


@contextmanager
def _watched(settings: Settings, stem: str, rows: int, moved: Callable[[int, int], None]) -> Iterator[None]:
    """Tell every second how many records were judged, until the block ends."""
    ended = Event()
    thread = Thread(target=_watch, args=(settings, stem, rows, moved, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch(settings: Settings, stem: str, rows: int, moved: Callable[[int, int], None], ended: Event) -> None:
    before = 0
    with closing(connect(settings, "pophub_read")) as connection:
        while not ended.wait(1):
            with transaction(connection, "progress") as cursor:
                cursor.execute(
                    "select coalesce(sum(read), 0) from judge.reconciliation where stem = %s", (stem,)
                )
                judged = int(only_row(cursor)[0])
            moved(judged - before, rows)
            before = judged


def reconcile(clock: Clock, settings: Settings, stem: str, rows: int) -> dict[str, Any]:
    """Compare all stores, deep.

    Errors: RuntimeError when something is found, or a store was not read whole.
    """
    hub = _warm(settings, stem)
    connector = hub.connector(stem)
    subscriptions = list(hub.subscriptions_of(connector))
    steps = 4 + len(subscriptions)  # the hub's own log, too
    with progress_of(f"reconcile {rows:,}, stores", steps) as moved:
        work = Examination(
            settings, connector, ContractMapper(connector), open_source(connector, settings), subscriptions,
            deep=True, says=lambda store: moved(1, steps),
        )  # fmt: skip
        clock.start()
        report = work.run()
    compared = {one.store: one.found for one in report.compared}
    if report.findings or report.pending or any(found != rows for found in compared.values()):
        raise RuntimeError(f"{len(report.findings)} findings, {report.pending} pending, read: {compared}")
    return {"records": rows, "stores": len(compared)}


def rebuild(clock: Clock, settings: Settings, stem: str, rows: int) -> dict[str, Any]:
    """Rebuild the population database from the hub's own log.

    Errors: RuntimeError when a table is not as the live one, or the heads were not built whole.
    """
    hub = _warm(settings, stem)
    clock.start()
    tables = Rebuild(settings, [hub.connector(stem)], "rebuilt").run()
    if any(one.differing for one in tables) or tables[0].rebuilt != rows:
        raise RuntimeError(f"rebuilt: {tables}")
    return {"records": rows}


def defect(settings: Settings, stem: str, *, mended: bool) -> None:
    """Take the code table of the sex out of the mapping, so that every record fails, or put it back."""
    path = Path(settings.project, "connectors", *stem.split(".", 1)).with_suffix(".yaml")
    before, after = (BROKEN, SOUND) if mended else (SOUND, BROKEN)
    text = path.read_text()
    path.write_text(
        "\n".join(
            line.replace(before, after) if line.startswith("  sex: {from: gioi_tinh") else line
            for line in text.split("\n")
        )
    )


def replay(clock: Clock, settings: Settings, stem: str, rows: int) -> dict[str, Any]:
    """Judge all of a quarantine again with the mended mapping.

    Errors: RuntimeError when a version is not shared by it.
    """
    hub = _warm(settings, stem)
    with progress_of("replay", rows) as moved:
        clock.start()
        done = hub.replay(stem, "bench", progress=moved)
    if done["total"] != rows or done["shared"] != rows:
        raise RuntimeError(f"{done['shared']} of {done['total']} shared instead of {rows}")
    return {"versions": rows}


def _warm(settings: Settings, stem: str) -> Hub:
    from pophub.gates.rules import preload

    preload()
    hub = Hub(settings)
    hub.connector(stem)
    calm()
    return hub
