"""How fast each kind of source is read: the same records, by connectors that the tool drafted."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import confluent_kafka
from openpyxl import Workbook

from benchmarks import hubs, source
from pophub import wiring
from pophub.kafka import Administrator
from pophub.postgres import transaction
from pophub.runtime import postgres
from pophub.settings import PROJECT, Settings

POPHUB = str(Path(sys.executable).with_name("pophub"))
KEY = "so_ddcn"
TOPIC = "bench.cong_dan"
PARTITIONS = 2
PAGE = 500
Row = dict[str, Any]


def measured(rows: int) -> dict[str, Any]:
    """Draft a connector of each kind over the same rows and extract it once; give rate, CPU and memory."""
    with tempfile.TemporaryDirectory(prefix="pophub-bench-kinds-") as folder, hubs.servers() as settings:
        hubs.say(f"making {rows:,} rows for each kind of source")
        source.make_source(settings, rows)
        own = _hub(settings, Path(folder) / "project")
        with _sources(settings, Path(folder)) as wishes:
            for kind, (wish, environment) in wishes.items():
                os.environ |= environment
                _draft(own, kind, wish)
            with wiring.open_hub(own) as hub:
                hub.prepare()
            found = {}
            for kind in wishes:
                hubs.say(f"reading by {kind}")
                with get_context("spawn").Pool(1) as process:
                    found[kind] = process.apply(extracted, (own, f"bench.{kind}", rows))
    return {"rows": rows, "kinds": found}


def _hub(settings: Settings, project: Path) -> Settings:
    """Give a hub with a database of its own over a project without connectors."""
    (project / "connectors").mkdir(parents=True)
    shutil.copytree(PROJECT / "codes", project / "codes")
    endpoints = settings.endpoints.model_copy(update={"database": "bench_hub_kinds"})
    own = settings.model_copy(update={"project": project, "endpoints": endpoints})
    postgres.make_databases(own)
    return own


def _draft(own: Settings, kind: str, wish: Sequence[str]) -> None:
    """Draft a connector as a person would.

    Errors: RuntimeError with what the tool said.
    """
    variable = f"POPHUB_SOURCE_BENCH_{kind.upper()}_URL"
    command = [POPHUB, "connector", "new", f"bench.{kind}", "--from", variable, "--key", KEY, *wish, "--json"]
    environment = os.environ | {"POPHUB_PROJECT": str(own.project)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"connector new bench.{kind}: {done.stderr[-600:]}")


def extracted(own: Settings, stem: str, rows: int) -> dict[str, Any]:
    """Extract in this process, once what it needs is loaded; units: seconds, microseconds of CPU a record, MB."""
    with wiring.open_hub(own) as hub:
        begun, cpu = time.monotonic(), time.process_time()
        sent = hub.extract(stem)["rows"]
        seconds, cpu_s = time.monotonic() - begun, time.process_time() - cpu
    if sent != rows:
        raise RuntimeError(f"{stem} sent {sent:,} of {rows:,} rows")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return {
        "records_per_s": round(rows / seconds), "seconds": round(seconds, 2), "cpu_us": round(cpu_s / rows * 1e6, 1),
        "peak_mb": peak,
    }  # fmt: skip


@contextmanager
def _sources(settings: Settings, folder: Path) -> Iterator[dict[str, tuple[list[str], dict[str, str]]]]:
    """Give kind -> what its draft is told, and the variables that it needs, as long as the block lasts."""
    records = list(_records(settings))
    files = {"csv": _csv, "xlsx": _xlsx, "json_lines": _json_lines}
    found: dict[str, tuple[list[str], dict[str, str]]] = {}

    def take(kind: str, wish: list[str], address: str, **others: str) -> None:
        found[kind] = wish, {f"POPHUB_SOURCE_BENCH_{kind.upper()}_URL": address, **others}

    url = source.source_url(settings)
    table = ["--table", source.TABLE]
    take("sql_postgresql", table, url)
    take("sql_sqlite", ["--table", "cong_dan"], _sqlite(folder / "source.sqlite", records))
    for kind, write in files.items():
        (folder / kind).mkdir()
        write(folder / kind, records)
        take(kind, [], str(folder / kind))
    with (
        closing(source.open_source_database(settings)) as connection,
        transaction(connection, "publishing") as cursor,
    ):
        cursor.execute(f"create publication pophub for table {source.TABLE}")
    take("cdc", [*table, "--marker", "wal"], url)
    _fill(settings, records)
    login = {
        "POPHUB_SOURCE_BENCH_KAFKA_USER": "admin",
        "POPHUB_SOURCE_BENCH_KAFKA_SECRET": settings.secret("kafka.admin"),
    }
    address = f"kafka://{settings.endpoints.kafka_bootstrap}"
    take("kafka", ["--table", TOPIC], address, POPHUB_SOURCE_BENCH_KAFKA_MECHANISM="scram-sha-512", **login)
    (folder / "records.json").write_text(json.dumps(records))
    with _serving(folder) as address:
        take("http", [], address)
        yield found


def _records(settings: Settings) -> Iterator[Row]:
    """Give the rows of the table as JSON would hold them."""
    with closing(source.open_source_database(settings)) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"select {', '.join(source.COLUMNS)} from {source.TABLE} order by cap_nhat_luc, so_ddcn"
        )
        for row in cursor:
            yield dict(zip(source.COLUMNS, row, strict=True)) | {"cap_nhat_luc": row[-1].isoformat()}


def _sqlite(path: Path, records: Sequence[Row]) -> str:
    with sqlite3.connect(path) as database:
        kinds = {"da_xoa": "boolean", "cap_nhat_luc": "datetime", "so_ddcn": "text primary key"}
        columns = ", ".join(f"{name} {kinds.get(name, 'text')}" for name in source.COLUMNS)
        database.execute(f"create table cong_dan ({columns})")
        database.execute("create index theo_luc on cong_dan (cap_nhat_luc, so_ddcn)")
        marks = ", ".join("?" * len(source.COLUMNS))
        rows = (_cells(record, _local) for record in records)
        database.executemany(f"insert into cong_dan values ({marks})", rows)
    return f"sqlite:///{path}"


def _local(text: str) -> str:
    return text[:19].replace("T", " ")


def _cells(record: Row, moment: Callable[[str], Any]) -> list[Any]:
    return [moment(value) if name == "cap_nhat_luc" else value for name, value in record.items()]


def _csv(folder: Path, records: Sequence[Row]) -> None:
    lines = [",".join(source.COLUMNS)]
    lines += [",".join("" if cell is None else str(cell) for cell in _cells(one, _local)) for one in records]
    (folder / "cong_dan.csv").write_text("\n".join(lines) + "\n")


def _xlsx(folder: Path, records: Sequence[Row]) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Công dân")
    sheet.append(list(source.COLUMNS))
    for record in records:
        sheet.append(_cells(record, _local))
    book.save(folder / "cong_dan.xlsx")


def _json_lines(folder: Path, records: Sequence[Row]) -> None:
    (folder / "cong_dan.jsonl").write_text(
        "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in records)
    )


def _fill(settings: Settings, records: Sequence[Row]) -> None:
    """Fill a topic as Kafka Connect does with JSON, without an envelope."""
    Administrator(settings).ensure_topics({TOPIC: PARTITIONS})
    producer = confluent_kafka.Producer({
        "bootstrap.servers": settings.endpoints.kafka_bootstrap, "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "admin", "sasl.password": settings.secret("kafka.admin"),
        "linger.ms": 20,
    })  # fmt: skip
    for record in records:
        producer.produce(TOPIC, json.dumps(record).encode(), json.dumps({KEY: record[KEY]}).encode())
        producer.poll(0)
        if len(producer) > 50_000:
            producer.flush()
    producer.flush()


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    """Serve the records page by page from a process of its own."""
    told = folder / "address"
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.kinds", str(folder / "records.json"), str(told)]
    ) as process:
        try:
            while not told.exists() and process.poll() is None:
                time.sleep(0.05)
            yield told.read_text()
        finally:
            process.terminate()


def _serve(records: list[Row], told: Path) -> None:
    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = dict(parse_qsl(urlsplit(self.path).query))
            at, size = int(asked.get("cursor", 0)), int(asked.get("limit", PAGE))
            behind = str(at + size) if at + size < len(records) else None
            body = json.dumps({"data": records[at : at + size], "next": behind}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    draft = told.with_suffix(".part")
    draft.write_text(f"http://127.0.0.1:{server.server_port}/cong-dan")
    draft.rename(told)
    server.serve_forever()


if __name__ == "__main__":
    _serve(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
