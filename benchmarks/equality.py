"""A time counts only where the copy equals the source: counts and digest of content."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import fastavro
from kafka import KafkaConsumer, TopicPartition

from benchmarks import source
from pophub.contracts.code_tables import read_tables
from pophub.postgres import connect, transaction
from pophub.settings import PROJECT, Settings

TABLES = read_tables(PROJECT)[0].sound

_EPOCH = date(1970, 1, 1)
_ALL = ", ".join(source.COLUMNS)


def of_pophub(
    settings: Settings, stem: str, lanes: int, subscriber: str, rows: int, changed: int = 0
) -> None:
    """Compare source, population database, ledger and the subscriber's topic.

    `changed` records were shared a second time.

    Errors: RuntimeError naming what differs.
    """
    wanted = _read(
        settings,
        source.DATABASE,
        "select so_ddcn, ho_ten, to_date(ngay_sinh, 'DD/MM/YYYY') - date '1970-01-01', ma_tinh, ma_ho "
        f"from {source.TABLE}",
    )
    provinces = TABLES["province"].values
    people = [(n, name, birth, provinces[place], house) for n, name, birth, place, house in wanted]
    hub = settings.endpoints.database
    stored = _read(
        settings,
        hub,
        "select citizen_id, full_name, birth_date - date '1970-01-01', province_code, household_code "
        "from population.citizen",
    )
    _same("the population database", stored, people)
    for what, wanted_rows in (
        ("ledger.history", rows + changed),
        (f"hub.share_transaction where recipient = '{subscriber}'", rows + changed),
        ("population.head", rows),
    ):
        found = _read(settings, hub, f"select count(*) from {what}")[0][0]
        if found != wanted_rows:
            raise RuntimeError(f"{what} has {found} rows instead of {wanted_rows}")
    taken = list(_topic(settings, f"sub.{subscriber}.{stem}", lanes))
    if len(taken) != rows + changed:
        raise RuntimeError(f"the subscriber's topic has {len(taken)} records instead of {rows + changed}")
    newest = {person[0]: person for person in taken}
    _same("the subscriber's topic", list(newest.values()), [person[:4] for person in people])
    if (log := sum(map(_rows_of, _messages(settings, f"shared.{stem}", lanes)))) != rows + changed:
        raise RuntimeError(f"shared.{stem} has {log} records instead of {rows + changed}")


def of_peer(settings: Settings, database: str, more: tuple[str, ...] = ()) -> None:
    """Compare source and the peer's copy, all columns; those beyond the nine by a digest of each row's.

    Errors: RuntimeError naming what differs.
    """
    columns = f"{_ALL}, md5(row({', '.join(more)})::text)" if more else _ALL
    wanted = _read(settings, source.DATABASE, f"select {columns} from {source.TABLE}")
    _same("the peer's copy", _read(settings, database, f"select {columns} from bench.cong_dan"), wanted)


def of_topic(settings: Settings, topic: str, lanes: int, columns: tuple[str, ...]) -> None:
    """Compare some columns of the source and a topic of JSON, a message a row.

    Errors: RuntimeError naming what differs.
    """
    wanted = _read(settings, source.DATABASE, f"select {', '.join(columns)} from {source.TABLE}")
    found = (json.loads(value) for value in _messages(settings, topic, lanes))
    _same(f"topic {topic}", [tuple(row[name] for name in columns) for row in found], wanted)


def of_newest(
    settings: Settings, topic: str, lanes: int, rows_of: Callable[[bytes], Iterable[Mapping[str, Any]]]
) -> None:
    """Compare all columns of the source with the newest row of each key on a topic; `rows_of` reads a message.

    Errors: RuntimeError naming what differs.
    """
    newest: dict[str, Mapping[str, Any]] = {}
    for value in _messages(settings, topic, lanes):
        newest |= {row[source.COLUMNS[0]]: row for row in rows_of(value)}
    wanted = _read(settings, source.DATABASE, f"select {_ALL} from {source.TABLE}")
    found = [_in_utc(row[name] for name in source.COLUMNS) for row in newest.values()]
    _same(f"topic {topic}", found, [_in_utc(row) for row in wanted])


def _in_utc(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(one.astimezone(UTC) if isinstance(one, datetime) else one for one in values)


def _read(settings: Settings, database: str, query: str) -> list[tuple[Any, ...]]:
    connection = connect(settings, settings.endpoints.postgres_superuser, database=database)
    try:
        with transaction(connection, "comparing") as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())
    finally:
        connection.close()


def _same(what: str, found: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]]) -> None:
    if len(found) != len(wanted) or _digest(found) != _digest(wanted):
        raise RuntimeError(f"{what} differs from the source: {len(found)} rows, {len(wanted)} wanted")


def _digest(rows: Iterable[tuple[Any, ...]]) -> str:
    digest = hashlib.sha256()
    for row in sorted(rows):
        digest.update(repr(row).encode())
    return digest.hexdigest()


def _topic(settings: Settings, topic: str, lanes: int) -> Iterator[tuple[Any, ...]]:
    """Decode a topic as an outsider would, by the registered schema of its messages."""
    schemas: dict[int, Any] = {}
    for value in _messages(settings, topic, lanes):
        number = int.from_bytes(value[1:5], "big")
        if number not in schemas:
            query = f"select schema from hub.registry_schema where id = {number}"
            text = _read(settings, settings.endpoints.database, query)[0][0]
            schemas[number] = fastavro.parse_schema(json.loads(text))
        record: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), schemas[number], None)
        yield tuple((v - _EPOCH).days if isinstance(v, date) else v for v in record.values())


def _rows_of(block: bytes) -> int:
    """Count the accepted versions of a history block."""
    record: Any = next(fastavro.reader(io.BytesIO(block)))
    return int(record["rows"])


def _messages(settings: Settings, topic: str, lanes: int) -> Iterator[bytes]:
    consumer = KafkaConsumer(
        bootstrap_servers=settings.endpoints.kafka_bootstrap.split(","),
        security_protocol="SASL_PLAINTEXT", sasl_mechanism="SCRAM-SHA-512", sasl_plain_username="admin",
        sasl_plain_password=settings.secret("kafka.admin"), isolation_level="read_committed",
        enable_auto_commit=False, auto_offset_reset="earliest",
    )  # fmt: skip
    partitions = [TopicPartition(topic, lane) for lane in range(lanes)]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    while any(consumer.position(p) < ends[p] for p in partitions):
        for records in consumer.poll(timeout_ms=500).values():
            yield from (record.value for record in records)
    consumer.close()
