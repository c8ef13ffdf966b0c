"""From a database never seen to the first shared records: commands, lines written, seconds, in a hub that runs."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import hubs, idle

TABLES = (1, 30)
ROWS = 200
POPHUB = str(Path(sys.executable).with_name("pophub"))
VARIABLE = "POPHUB_SOURCE_NEW{}_URL"


def measured(tables: tuple[int, ...] = TABLES) -> dict[str, Any]:
    """Take one table, then thirty of a database, to the log by the commands of docs/add-a-connector.md."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="pophub-bench-first-") as folder:
        project = Path(folder) / "project"
        idle.write_project(project, 0)
        (project / "connectors").mkdir()
        os.environ |= {"POPHUB_PROJECT": str(project), "POPHUB_SCHEDULE": idle.NEVER}
        try:
            with hubs.servers():
                _ran("up")  # the hub runs before anybody comes with a database
                for count in tables:
                    hubs.say(f"a database of {count} tables that nobody has seen")
                    found[f"tables_{count}"] = _of(Path(folder), count)
        finally:
            del os.environ["POPHUB_PROJECT"], os.environ["POPHUB_SCHEDULE"]
    return found


def _of(folder: Path, count: int) -> dict[str, Any]:
    """Draft, check and run; give seconds by command, and how many rows were shared.

    Errors: RuntimeError where a command fails or rows are set aside.
    """
    agency, variable = f"new{count}", VARIABLE.format(count)
    database = folder / f"{agency}.sqlite"
    _make(database, count)
    os.environ[variable] = f"sqlite:///{database}"
    new = ["connector", "new", agency, "--all"] if count > 1 else ["connector", "new", f"{agency}.t0"]
    begun = time.monotonic()
    ran = {"connector new": _ran(*new, "--from", variable, "--json")}
    stems = [one["stem"] for one in ran["connector new"][1]["drafted"]]
    ran["up"] = _ran("up")
    ran["run"] = _ran("run", *([stems[0]] if count == 1 else []), "--json")
    seconds = time.monotonic() - begun
    shared = sum(one.get("shared", 0) for one in ran["run"][1]["runs"] if one["stem"] in stems)
    if shared != count * ROWS:
        raise RuntimeError(f"{shared} of {count * ROWS} rows were shared")
    return {
        "tables": len(stems), "rows": shared, "commands": len(ran), "lines_written": 0, "seconds": round(seconds, 1),
        "each_s": {name: round(took, 1) for name, (took, _) in ran.items()},
    }  # fmt: skip


def _ran(*arguments: str) -> tuple[float, dict[str, Any]]:
    begun = time.monotonic()
    done = subprocess.run([POPHUB, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"pophub {' '.join(arguments[:2])}: {(done.stderr or done.stdout)[-600:]}")
    told = json.loads(done.stdout) if "--json" in arguments else {}
    return time.monotonic() - begun, told


def _make(database: Path, count: int) -> None:
    """Make tables with keys, times of update and, but for the first, a foreign key to the one before."""
    now = datetime.now().replace(microsecond=0)
    with sqlite3.connect(database) as source:
        for at in range(count):
            link = f", truoc text references t{at - 1} (ma)" if at else ""
            source.execute(
                f'create table t{at} (ma text primary key, "Tên gọi" text not null, "Mã tỉnh" text, so_luong integer, '
                f"gia numeric(12,2), ngay date{link}, cap_nhat_luc datetime not null)"
            )
            for n in range(ROWS):
                row = [f"M{n:05d}", f"Tên {n}", ("01", "38", "48")[n % 3], n, f"{n}.50", "2026-01-31"]
                row += [f"M{n:05d}"] if at else []
                changed = f"{now - timedelta(minutes=n + 1):%Y-%m-%d %H:%M:%S}"
                marks = ", ".join("?" * (len(row) + 1))
                source.execute(f"insert into t{at} values ({marks})", (*row, changed))
