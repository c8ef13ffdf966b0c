"""dlt on the same table: PostgreSQL to PostgreSQL, merge, in a warm process of its own."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any, Literal

from benchmarks import source
from benchmarks.meter import peak_mb_of
from pophub.settings import Settings

Backend = Literal["sqlalchemy", "pyarrow"]
RUN_S = 900
"""Two hundred fields take dlt minutes where the machine has other work."""
QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR", "EXTRACT__WORKERS": "2"}
"""dlt's settings, by the environment."""


def backend_of(peer: str) -> Backend:
    """Give the backend of `dlt_<backend>`."""
    return "pyarrow" if peer == "dlt_pyarrow" else "sqlalchemy"


def run(settings: Settings, backend: Backend, database: str) -> tuple[float, float, float]:
    """Merge the table into `<database>.bench.cong_dan`; give seconds, CPU seconds, peak of memory in MB.

    Errors: RuntimeError when the peer fails or hangs.
    """
    return in_a_process(_merge, settings, backend, database)


def in_a_process(way: Callable[..., None], *told: Any) -> tuple[float, float, float]:
    """Call a way in a process of its own; give what it puts into the queue that is its last argument.

    Errors: RuntimeError when it fails or hangs.
    """
    context = multiprocessing.get_context("spawn")
    done: Any = context.Queue()
    process = context.Process(target=way, args=(*told, done))
    process.start()
    process.join(RUN_S)
    if process.exitcode != 0:
        process.kill()
        raise RuntimeError(f"{way.__module__} ended with {process.exitcode}")
    seconds, cpu_s, peak = done.get(timeout=5)
    return float(seconds), float(cpu_s), float(peak)


def _merge(settings: Settings, backend: Backend, database: str, done: Any) -> None:
    os.environ |= QUIET
    import dlt
    import sqlalchemy  # noqa: F401
    from dlt.sources.sql_database import sql_table

    schema, _, name = source.TABLE.partition(".")
    address = source.source_url(settings)
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            f"bench_{backend}",
            pipelines_dir=folder,
            destination=dlt.destinations.postgres(credentials=plain(address, database)),
            dataset_name="bench",
        )
        begun, cpu = time.monotonic(), time.process_time()
        table = sql_table(credentials=address, schema=schema, table=name, backend=backend, chunk_size=50_000)
        table.apply_hints(write_disposition="merge", primary_key="so_ddcn")
        pipeline.run(table)
        seconds, cpu_s = time.monotonic() - begun, time.process_time() - cpu
    done.put((seconds, cpu_s, peak_mb_of()))


def plain(address: str, database: str) -> str:
    """Give the address of another database on the same server, without SQLAlchemy's driver."""
    return address.replace("+psycopg2", "").replace(f"/{source.DATABASE}", f"/{database}")
