"""What a scan takes at any size: `python -m benchmarks.scan ROWS`; no part of `make bench`.

Three extracts, each in a process of its own: the first, one over an unchanged table, and one with a row in a hundred
changed and another gone. For each: rows sent, seconds of CPU of its process, and the most memory that it took.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import hubs, source
from pophub import wiring
from pophub.postgres import transaction
from pophub.settings import Settings


def _without_marker(project: Path) -> None:
    """Let the copied project read its table by scans."""
    (path,) = project.glob("connectors/bench/*.yaml")
    text = re.sub(r"(?s)  marker:.*?\nmapping:", "  marker: {kind: scan}\n\nmapping:", path.read_text())
    path.write_text(text)
    (suite,) = project.glob("expectations/bench/*.json")
    suite.write_text(suite.read_text().replace("hub_marker", "hub_changed_at"))


def _extract(own: Settings, stem: str, name: str) -> dict[str, Any]:
    with wiring.open_hub(own) as hub:
        done = hub.extract(stem)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = round(used.ru_utime + used.ru_stime, 1)
    return {"scan": name, "rows": done["rows"], "cpu_s": cpu_s, "most_mib": used.ru_maxrss >> 10}


def _change(settings: Settings) -> None:
    with (
        closing(source.open_source_database(settings)) as connection,
        transaction(connection, "change") as cursor,
    ):
        cursor.execute(f"update {source.TABLE} set ma_ho = 'moved' where right(so_ddcn, 2) = '01'")
        cursor.execute(f"delete from {source.TABLE} where right(so_ddcn, 2) = '02'")


def main(rows: int) -> None:
    """Measure, and print JSON lines."""
    with hubs.servers() as settings:
        hubs.say(f"making {rows:,} rows")
        source.make_source(settings, rows)
        os.environ["POPHUB_SOURCE_BENCH_URL"] = source.source_url(settings)
        own = hubs.fresh_hub(settings, "scan", _without_marker)
        for name in ("first", "unchanged", "changed and gone"):
            if name.startswith("changed"):
                _change(settings)
            with get_context("spawn").Pool(1) as process:
                print(json.dumps(process.apply(_extract, (own, "bench.peoplescan", name))), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
