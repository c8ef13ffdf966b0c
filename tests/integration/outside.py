"""Counts from outside: reads topics with librdkafka and tables by SQL, and shares no code with the stages."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from typing import Any, NamedTuple

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from hubkit import Project, Servers

END_S = 30
COLUMNS = ("event_id", "content", "key", "marker", "operation", "payload")
STAMPED = ("contract", "exchanged_at", "recorded_at")


class Logged(NamedTuple):
    """An accepted version on the hub's own log; `digest` only of the last one of a block."""

    lane: int
    sequence: int
    event_id: bytes
    content: bytes
    key: str
    marker: int
    operation: str
    payload: bytes | None
    contract: int
    exchanged_at: int
    recorded_at: int
    changed_at: int | None
    digest: bytes | None


class Message(NamedTuple):
    """A committed message."""

    lane: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]


def read_topic(servers: Servers, topic: str) -> list[Message]:
    """Read all committed messages of a topic, lane by lane, until the last stable offset is the end."""
    consumer = Consumer({
        "bootstrap.servers": servers.settings.endpoints.kafka_bootstrap,
        "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "admin", "sasl.password": servers.settings.secret("kafka.admin"),
        "group.id": "outside", "isolation.level": "read_committed", "enable.auto.commit": False,
        "enable.partition.eof": True, "fetch.wait.max.ms": 50,
    })  # fmt: skip
    try:
        lanes = sorted(consumer.list_topics(topic, timeout=END_S).topics[topic].partitions)
        ends = {lane: _end(consumer, topic, lane) for lane in lanes}
        consumer.assign([TopicPartition(topic, lane, OFFSET_BEGINNING) for lane in lanes])
        found: list[Message] = []
        open_lanes = {lane for lane in lanes if ends[lane]}
        while open_lanes:
            message = consumer.poll(END_S)
            assert message is not None, f"{topic} did not give its messages up to {ends}"
            error = message.error()
            if error is None:
                headers = {name: value.decode() for name, value in message.headers() or []}
                found.append(
                    Message(message.partition(), message.offset(), message.key(), message.value(), headers)
                )
            elif error.code() != KafkaError._PARTITION_EOF:
                raise AssertionError(str(error))
            elif message.offset() >= ends[message.partition()]:
                open_lanes.discard(message.partition())
        return sorted(found)
    finally:
        consumer.close()


def _end(consumer: Any, topic: str, lane: int) -> int:
    return int(consumer.get_watermark_offsets(TopicPartition(topic, lane), timeout=END_S)[1])


def read_log(servers: Servers, stem: str) -> list[Logged]:
    """Read the accepted versions on the hub's own log of a dataset, lane by lane, in their order."""
    found = []
    for message in read_topic(servers, f"shared.{stem}"):
        assert (message.key, message.headers) == (None, {})
        block: Any = next(fastavro.reader(io.BytesIO(message.value or b"")))
        stamps = [stamp for stamp in block["stamps"] for _ in range(stamp["rows"])]
        changes = block["changed_at"] or block["marker"]
        for row, values in enumerate(zip(*(block[name] for name in COLUMNS), strict=True)):
            told = dict(zip(COLUMNS, values, strict=True)) | {name: stamps[row][name] for name in STAMPED}
            told |= {"payload": told["payload"] or None, "digest": None}
            told["changed_at"] = None if changes[row] == told["marker"] else changes[row]
            if row + 1 == block["rows"]:
                told["digest"] = block["digest"]
            found.append(Logged(lane=message.lane, sequence=block["first"] + row, **told))
        assert found[-1].digest is not None and len(stamps) == block["rows"]
    return found


def record_of(payload: bytes, *schemas: Any) -> dict[str, Any]:
    """Decode a payload by a contract's schemas, the newest first: it is of the first that reads it whole."""
    for schema in schemas:
        body = io.BytesIO(payload)
        try:
            found: Any = fastavro.schemaless_reader(body, schema, None)
        except EOFError:
            continue
        assert not body.read(), "bytes are left over behind a record"
        return dict(found)
    raise AssertionError("a payload of no version of the contract")


def raw_rows(servers: Servers, stem: str) -> Counter[tuple[int, int, int]]:
    """Give each row on raw as (lane, offset, row); a message that is no block counts as one row."""
    places: Counter[tuple[int, int, int]] = Counter()
    for message in read_topic(servers, f"raw.{stem}"):
        block = message.value or b""
        try:
            if not block.startswith(b"Obj\x01"):  # fastavro reads on without it
                raise ValueError("no object container")
            record: Any = next(fastavro.reader(io.BytesIO(block)))
            rows = int(record["rows"])
        except (ValueError, EOFError, IndexError, KeyError, TypeError, StopIteration):
            rows = 1
        places.update((message.lane, message.offset, row) for row in range(rows))
    return places


def check(
    project: Project,
    stem: str | None = None,
    subscriber: bool = True,
    resent: bool = False,
    lost: bool = False,
) -> None:
    """Assert the invariant: read = the four states, nothing twice, nothing lost, topics = tables.

    `resent`: the test wrote blocks to raw a second time, so batches were read more than once. `lost`: it
    deleted messages of raw, some of which had been read.
    """
    name = stem or project.stem
    _records(project.servers, name, lost)
    _heads(project.servers, name)
    _shared(project.servers, name)
    if subscriber:
        _subscribed(project.servers, name, project.subscriber)
    if not resent:
        _batches(project.servers, name)


def _records(servers: Servers, stem: str, lost: bool) -> None:
    """Each row on raw has one state; each version is accepted once at most, and is something once."""
    states = servers.query(
        "select lane, raw_offset, row, event_id, state from hub.record_state where stem = %s", stem
    )
    judged = Counter((lane, offset, row) for lane, offset, row, _, _ in states)
    there = raw_rows(servers, stem)
    assert judged == there or (lost and max(judged.values()) == 1 and there < judged)
    by_event: dict[bytes, Counter[str]] = defaultdict(Counter)
    for _, _, _, event, state in states:
        by_event[bytes(event)][state] += 1
    says_nothing_new = servers.query(
        "select event_id from judge.passed_over where stem = %s and renewed union "
        "select event_id from quarantine.version where stem = %s and state = 'duplicate'",
        stem,
        stem,
    )
    renewed = {bytes(event) for (event,) in says_nothing_new}  # the head's content under a newer marker
    for event, counted in by_event.items():
        assert counted["shared"] <= 1, (event.hex(), counted)
        assert counted["quarantined"] <= 1, (event.hex(), counted)
        something = counted["shared"] + counted["quarantined"] + counted["superseded"]
        assert something >= 1 or event in renewed, (event.hex(), counted)
        assert not (counted["shared"] and counted["quarantined"]), (event.hex(), counted)
    twice = servers.query(
        "select key, marker from ledger.history where stem = %s group by key, marker having count(*) > 1",
        stem,
    )
    assert twice == []


def _heads(servers: Servers, stem: str) -> None:
    """Heads are the last of history per key, quarantine holds nothing older than its head, no holes."""
    wrong = servers.query(
        "with last as (select distinct on (key) key, marker, content, contract, lane, sequence "
        "from ledger.history where stem = %s order by key, sequence desc) "
        "select count(*) from last full join (select * from population.head where stem = %s) h "
        "on (h.key, h.marker, h.content, h.contract, h.lane, h.sequence) "
        "= (last.key, last.marker, last.content, last.contract, last.lane, last.sequence) "
        "where h.key is null or last.key is null", stem, stem)  # fmt: skip
    assert wrong == [(0,)]
    backwards = servers.query(
        "select count(*) from (select marker - lag(marker) over (partition by key order by sequence) as step "
        "from ledger.history where stem = %s) s where step <= 0", stem)  # fmt: skip
    assert backwards == [(0,)], "a key's markers do not rise with its sequence"
    void = servers.query(
        "select count(*) from quarantine.version q join population.head h using (stem, key) "
        "where stem = %s and q.state = 'quarantined' and q.marker < h.marker", stem)  # fmt: skip
    assert void == [(0,)], "a version older than its head still waits in quarantine"
    lanes = servers.query(
        "select l.lane, l.sequence, coalesce(h.least, 1), coalesce(h.most, 0), coalesce(h.rows, 0) "
        "from judge.lane l left join (select lane, min(sequence) least, max(sequence) most, count(*) rows "
        "from ledger.history where stem = %s group by lane) h using (lane) where l.stem = %s", stem, stem)  # fmt: skip
    for lane, sequence, least, most, rows in lanes:
        assert (least, most, rows) == (1, sequence, sequence), f"lane {lane} has holes"


def _history(servers: Servers, stem: str) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    rows = servers.query(
        "select lane, sequence, event_id, key, operation, payload from ledger.history "
        "where stem = %s order by lane, sequence", stem)  # fmt: skip
    for lane, sequence, event, key, operation, payload in rows:
        body = None if payload is None else bytes(payload)
        found[lane].append((sequence, bytes(event).hex(), key, operation, body))
    return found


def _shared(servers: Servers, stem: str) -> None:
    """The hub's own log is history in its order: each column, and at each block's end the link of the chain."""
    rows = servers.query(
        "select lane, sequence, event_id, content, key, marker, operation, payload, contract, "
        "(extract(epoch from exchanged_at) * 1000000)::bigint, (extract(epoch from recorded_at) * 1000000)::bigint, "
        "changed_at, digest from ledger.history where stem = %s order by lane, sequence", stem)  # fmt: skip
    logged = read_log(servers, stem)
    assert len(logged) == len(rows)
    for row, found in zip(rows, logged, strict=True):
        told = [bytes(value) if isinstance(value, memoryview) else value for value in row]
        assert list(found[:-1]) == told[:-1] and found.digest in (None, told[-1])


def _subscribed(servers: Servers, stem: str, subscriber: str) -> None:
    """A subscriber's topic has one message a ledger row, in order, each with an id of its own."""
    messages = read_topic(servers, f"sub.{subscriber}.{stem}")
    ids = Counter(m.headers["transaction"] for m in messages)
    assert all(times == 1 for times in ids.values())
    assert all(set(m.headers) == {"transaction"} for m in messages)
    topic: dict[int, list[tuple[bytes, bool]]] = defaultdict(list)
    for m in messages:
        topic[m.lane].append((m.key or b"", m.value is None))
    history = _history(servers, stem)
    assert {
        lane: [(key.encode(), op == "d") for _, _, key, op, _ in rows] for lane, rows in history.items()
    } == topic
    ledger: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for lane, sequence, event in servers.query(
        "select lane, sequence, event_id from hub.share_transaction where recipient = %s and stem = %s "
        "order by lane, sequence", subscriber, stem):  # fmt: skip
        ledger[lane].append((sequence, bytes(event).hex()))
    assert {lane: [(row[0], row[1]) for row in rows] for lane, rows in history.items()} == ledger


def _batches(servers: Servers, stem: str) -> None:
    """Each batch that was sent was read whole, and the reconciliation is what the states say."""
    unequal = servers.query(
        "select batch, sent, read from hub.batch_summary where stem = %s and state = 'sent' "
        "and (sent <> read or read <> shared + quarantined + duplicate + superseded)", stem)  # fmt: skip
    assert unequal == []
    read = servers.query(
        "select (select coalesce(sum(read), 0) from judge.reconciliation where stem = %s), "
        "(select count(*) from hub.record_state where stem = %s)", stem, stem)  # fmt: skip
    assert read[0][0] == read[0][1]
