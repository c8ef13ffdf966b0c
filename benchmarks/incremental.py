"""One record in a hundred changed: a second run over a hub that holds them all."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from benchmarks import equality, source, workers
from benchmarks.rounds import LANES, SUBSCRIBER
from pophub.postgres import transaction
from pophub.settings import Settings

SHARE = 100


def change(settings: Settings, rows: int) -> int:
    """Change the household of each hundredth record, all within the last hour; give how many."""
    with (
        closing(source.open_source_database(settings)) as connection,
        transaction(connection, "changing the source") as cursor,
    ):
        cursor.execute(
            f"update {source.TABLE} set ma_ho = ma_tinh || '-' || lpad(n::text, 9, '9'), "
            "cap_nhat_luc = now() - interval '5 minutes' + n * interval '1 microsecond' "
            f"from (select so_ddcn as id, row_number() over (order by so_ddcn) as n from {source.TABLE}) o "
            "where o.id = so_ddcn and o.n %% %s = 0",
            (SHARE,),
        )
        return int(cursor.rowcount)


def measured(own: Settings, stem: str, rows: int) -> dict[str, Any]:
    """Change, run, compare; seconds from the start of warm workers to the last commit.

    Errors: RuntimeError where a copy differs from the source, or unchanged records were shared again.
    """
    changed = change(own, rows)
    seconds, worked = workers.run(own, stem, LANES)
    equality.of_pophub(own, stem, LANES, SUBSCRIBER, rows, changed)
    return {
        "rows": rows,
        "changed": changed,
        "seconds": round(seconds, 3),
        "changed_per_s": round(changed / seconds, 1),
        "cpu_s": {w.name: round(w.cpu_s, 2) for w in worked},
    }
