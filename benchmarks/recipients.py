"""What ten recipients cost beside one: the same table carried twice, CPU and bytes of each further one."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import hubs, workers
from benchmarks.meter import Meter
from benchmarks.rounds import LANES, SUBSCRIBER
from pophub.postgres import connect, only_row, transaction
from pophub.settings import Settings

MANY = 10
TOPICS = ("connect", "project", "send")
"""Steps of share that fill a recipient's own topic; Kafka's CPU is theirs too."""

BYTES_SQL = """
select pg_total_relation_size('ledger.stretch') + pg_total_relation_size('ledger.lane')
    + pg_total_relation_size('ledger.holding')
"""
SHARED_SQL = "select count(*), min(shared), max(shared) from (select sum(granted) as shared from ledger.stretch group by recipient) one"


@dataclass
class Carried:
    """One run: CPU seconds by part, bytes by place."""

    cpu_s: dict[str, float] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)


def measured(settings: Settings, rows: int) -> dict[str, Any]:
    """Carry the table to one recipient, then to ten.

    Shape: microseconds of CPU and bytes a record and further recipient; `beyond` leaves out what its topic takes.
    Errors: RuntimeError where a recipient did not get each record once.
    """
    one, ten = (_carried(settings, rows, count) for count in (1, MANY))
    more = rows * (MANY - 1)
    cpu_us = {name: round((ten.cpu_s[name] - one.cpu_s[name]) / more * 1e6, 3) for name in ten.cpu_s}
    size = {name: round((ten.bytes[name] - one.bytes[name]) / more, 3) for name in ten.bytes}
    beyond = sum(took for name, took in cpu_us.items() if name not in (*TOPICS, "kafka"))
    return {"recipients": MANY, "cpu_us": cpu_us, "bytes": size, "beyond_cpu_us": round(beyond, 3)}


def _carried(settings: Settings, rows: int, count: int) -> Carried:
    stem = f"bench.peopleto{count}"
    own = hubs.fresh_hub(settings, f"to{count}", lambda project: _subscribe(project, count))
    with Meter(own, own.endpoints.database, ("sub",)) as meter:
        _, worked = workers.run(own, stem, LANES, steps=True)
    found = Carried(
        {name: meter.ran.cpu_s[name] for name in ("postgres", "kafka")},
        {"topic": meter.ran.disk_bytes["sub.*"]},
    )
    for one in worked:
        for (stage, step), taken in one.steps.items():
            if stage == "share":
                found.cpu_s[step] = found.cpu_s.get(step, 0.0) + taken.cpu_s
    with closing(connect(own, "pophub_owner")) as connection, transaction(connection, "counting") as cursor:
        cursor.execute(BYTES_SQL)
        found.bytes["ledger"] = int(only_row(cursor)[0])
        cursor.execute(SHARED_SQL)
        if only_row(cursor) != (count, rows, rows):
            raise RuntimeError(f"{count} recipients did not get each of {rows} records once")
    hubs.drop_database(settings, own.endpoints.database)
    return found


def _subscribe(project: Path, count: int) -> None:
    """Give each recipient what the first one has."""
    first = project / "subscriptions" / f"{SUBSCRIBER}.yaml"
    for number in range(2, count + 1):
        text = first.read_text().replace(f"subscriber: {SUBSCRIBER}", f"subscriber: {SUBSCRIBER}{number}")
        first.with_name(f"{SUBSCRIBER}{number}.yaml").write_text(text)


def table(found: dict[str, Any]) -> str:
    """Write the figures for a person."""
    took = ", ".join(f"{name} {value:.2f}" for name, value in found["cpu_us"].items())
    return (
        f"Each further one of {found['recipients']} recipients takes, a record: {found['bytes']['ledger']:.2f} bytes of "
        f"database and {found['beyond_cpu_us']:.2f} microseconds of CPU, and for its topic "
        f"{found['bytes']['topic']:.0f} bytes; microseconds by part: {took}."
    )
