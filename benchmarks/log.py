"""A table by PostgreSQL's log beside Debezium: its snapshot, and single commits until they are on a topic.

Both read the same table and write to two partitions of the same broker: pophub to `raw`, Debezium JSON. A time counts
only after the topic was compared with the source.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import fastavro

from benchmarks import debezium, equality, hubs, kinds, latency, source
from benchmarks.figures import spread
from pophub.settings import Settings

ROUNDS, CHANGES = 3, 1_800
LANES = debezium.PARTITIONS
WAYS = ("pophub", "debezium")
SOURCE = re.compile(r"^source:\n(?:  .*\n)+", re.M)
BY_LOG = """\
source:
  kind: cdc
  url: ${POPHUB_SOURCE_BENCH_URL}
  table: dancu.cong_dan
  key: [so_ddcn]
"""


def measured(rows: int) -> dict[str, Any]:
    """Take so many snapshots by turns, then commit changes one by one.

    Shape: by way the records a second of a snapshot, microseconds of CPU a record of its own process, and percentiles
    from commit to topic; how many times as fast pophub's snapshots were.
    Errors: RuntimeError where a way fails, or its topic differs from the source.
    """
    with hubs.servers() as settings:
        hubs.say(f"making the source: {rows:,} rows")
        source.make_source(settings, rows)
        os.environ["POPHUB_SOURCE_BENCH_URL"] = source.source_url(settings)
        _at_source(settings, f"create publication pophub for table {source.TABLE}")
        hubs.say("fetching Debezium, starting Kafka Connect")
        with debezium.running(settings) as worker:
            done = [_round(settings, worker, number, rows) for number in range(ROUNDS + 1)][
                1:
            ]  # the first one warms
            hubs.say(f"{latency.CHANGES_PER_S} changes a second, by Debezium and by pophub")
            commits = {"debezium": _debezium_commits(settings, worker, rows)}
        commits["pophub"] = _pophub_commits(settings, rows)
    rates = {way: [rows / one[way]["seconds"] for one in done] for way in WAYS}
    ratios = [one["debezium"]["seconds"] / one["pophub"]["seconds"] for one in done]
    return {
        "rows": rows, "rounds": ROUNDS, "records_per_s": {way: spread(rates[way]) for way in WAYS},
        "cpu_us": {way: spread([one[way]["cpu_us"] for one in done]) for way in WAYS},
        "ratio": spread(ratios), "commits": {way: commits[way] for way in WAYS},
    }  # fmt: skip


def _round(settings: Settings, worker: debezium.Copier, number: int, rows: int) -> dict[str, Any]:
    """Take a snapshot each way; those of the last round are followed on."""
    own, stem, name = _hub(settings, number), f"bench.people{number}", f"debezium_{number}"
    with get_context("spawn").Pool(1) as process:
        ours = process.apply(kinds.extracted, (own, stem, rows))
    equality.of_newest(settings, f"raw.{stem}", LANES, _of_block)
    cpu_s = worker.cpu_s()
    seconds = worker.to_topic(name, rows)
    theirs = {"seconds": seconds, "cpu_us": (worker.cpu_s() - cpu_s) / rows * 1e6}
    equality.of_newest(settings, debezium.topic_of(name), LANES, _of_message)
    hubs.say(
        f"round {number}: pophub {rows / ours['seconds']:,.0f} records/s, Debezium {rows / seconds:,.0f}, equal"
    )
    if number < ROUNDS:
        worker.forget(name)
        _at_source(settings, f"select pg_drop_replication_slot('pophub_bench_people{number}')")
    return {"pophub": ours, "debezium": theirs}


def _debezium_commits(settings: Settings, worker: debezium.Copier, rows: int) -> dict[str, Any]:
    name = f"debezium_{ROUNDS}"
    topic = debezium.topic_of(name)
    arrivals = latency.Arrivals(settings, topic, "admin", lambda value, _: _keys(_of_message(value)))
    found = latency.watched(
        settings, arrivals, min(CHANGES, rows), lambda: worker.tasks(f"{name}-source") == 1
    )
    equality.of_newest(settings, topic, LANES, _of_message)
    worker.forget(name)
    return found


def _pophub_commits(settings: Settings, rows: int) -> dict[str, Any]:
    own, stem = _settings_of(settings, ROUNDS), f"bench.people{ROUNDS}"
    total = min(CHANGES, rows)
    with get_context("spawn").Pool(1) as process:
        process.apply(kinds.extracted, (own, stem, total))  # what was changed for Debezium
    with latency.streaming(own, stem, "--stages", "extract") as stream:
        arrivals = latency.Arrivals(own, f"raw.{stem}", "admin", lambda value, _: _keys(_of_block(value)))
        found = latency.watched(settings, arrivals, total, lambda: stream.poll() is None)
    equality.of_newest(settings, f"raw.{stem}", LANES, _of_block)
    return found


def _hub(settings: Settings, number: int) -> Settings:
    def by_log(project: Path) -> None:
        (path,) = project.glob("connectors/*/*.yaml")
        path.write_text(SOURCE.sub(lambda _: BY_LOG, path.read_text()))
        (suite,) = project.glob("expectations/*/*.json")  # the marker is a place in the log
        suite.write_text(suite.read_text().replace("hub_marker", "hub_changed_at"))

    return hubs.fresh_hub(settings, number, by_log)


def _settings_of(settings: Settings, number: int) -> Settings:
    endpoints = settings.endpoints.model_copy(update={"database": f"bench_hub_{number}"})
    return settings.model_copy(update={"project": settings.home / f"project{number}", "endpoints": endpoints})


def _at_source(settings: Settings, statement: str) -> None:
    with closing(source.open_source_database(settings)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)


def _of_block(value: bytes) -> Iterator[Mapping[str, Any]]:
    """Read a raw block as an outsider would: a column each, under the source's own name."""
    reader = fastavro.reader(io.BytesIO(value))
    schema: Any = reader.writer_schema
    record: Any = next(reader)
    (fields,) = (field["type"]["fields"] for field in schema["fields"] if field["name"] == "columns")
    columns = {field["column"]: record["columns"][field["name"]] for field in fields}
    for row in zip(*columns.values(), strict=True):
        yield dict(zip(columns, row, strict=True))


def _of_message(value: bytes) -> Iterator[Mapping[str, Any]]:
    row = json.loads(value)["payload"]["after"]
    yield row | {"cap_nhat_luc": datetime.fromisoformat(row["cap_nhat_luc"])}


def _keys(rows: Iterator[Mapping[str, Any]]) -> list[str]:
    return [row[source.COLUMNS[0]] for row in rows]
