"""What must be true: from outside, by tables, topics and the plain model."""

from __future__ import annotations

import hashlib
import hmac
import re
from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson
from life_model import LANES

from pophub import avro
from pophub.sharing.subscription import subscription_secret
from pophub.sources import pgoutput

from .follower import ELSEWHERE_NUMBER, FINDER, STEM
from .model import Version
from .statements import us
from .statements_flow import counted
from .wal_source import WalTwin

if TYPE_CHECKING:
    from .life import Life

OUTCOMES = ("shared", "superseded", "duplicate", "quarantined", "unreadable")
STATES = OUTCOMES[0], "quarantined", "duplicate", "superseded"
LOGGED = ("sequence", "event_id", "content", "key", "marker", "operation", "payload", "contract",
          "exchanged_at", "recorded_at", "changed_at")  # fmt: skip
SHARED, SUB = f"shared.{STEM}", f"sub.portal.{STEM}"


def sound(life: Life) -> None:
    """Check what must be true at any moment, of whatever is committed."""
    life.follow()
    if isinstance(life.source, WalTwin) and not life.loses:
        _logged(life, life.source)
    elif life.source.scanned:
        _deletes(life)
    _states(life)
    _history(life)
    _looked_up(life)
    _counts(life)
    for lane in range(LANES):
        _own_topic(life, lane)
        _subscriber(life, lane)


def settled(life: Life) -> None:
    """Check what must be true when everything had time to arrive."""
    sound(life)
    _nothing_missing(life)
    ends = {lane: len(rows) for lane, rows in life.model.history.items()}
    for lane, end in ends.items():
        for topic in (SHARED, SUB):
            position = life.broker.offsets.get((topic, lane))
            assert (position.sequence if position else 0) == end, f"{topic} lane {lane} is not at the end"
        for recipient in ("shared", "portal"):
            row = life.database.tables["ledger.lane"].get((recipient, STEM, lane))
            assert (row["sequence"] if row else 0) == end, (
                f"the ledger of lane {lane} for {recipient} is not complete"
            )


def _looked_up(life: Life) -> None:
    """Who looks a dataset up finds each accepted version under its time, of one moment the newest, by what it says."""
    tables, promised = life.database.tables, dict[tuple[str, int], tuple[int, bytes | None, str | None]]()
    if not tables["hub.looked_up"]:
        return
    named = bool(tables["hub.looked_up"][STEM,]["finders"])
    rows = sorted(tables["ledger.history"].values(), key=lambda r: r["marker"])
    timed = life.connector.file.source.marker.kind == "time"
    for r in rows:
        told = us(r["exchanged_at"]) if r["changed_at"] is None else r["changed_at"]
        name = _name(life, r["payload"]) if named else None
        promised[r["key"], r["marker"] if timed else told] = (r["marker"], r["payload"], name)
    found = {
        (r["key"], r["valid_from"]): (r["marker"], r["payload"], r.get("found_by"))
        for r in tables["population.looked_up"].values()
    }
    assert found == promised, "what others look up is not what was accepted"


def _name(life: Life, payload: bytes | None) -> str | None:
    """Give the array of the one name under which a version is looked for; none for a delete, or an empty value."""
    if payload is None:
        return None
    value = avro.decode_record(life.connector.contract.avro_schema, payload)[FINDER.field]
    return None if value is None else f'{{"{FINDER.field} {value}"}}'


def _states(life: Life) -> None:
    """Each row of raw that was judged has one state, the model's."""
    tables = life.database.tables
    aside = {(r["lane"], r["raw_offset"], r["row"]): r for r in tables["quarantine.version"].values()}
    found = [
        ((r["lane"], r["raw_offset"], r["row"]), "shared")
        for r in tables["ledger.history"].values()
        if not r["replayed"]
    ]
    found += [(place, r["state"]) for place, r in aside.items()]
    found += [
        ((r["lane"], r["raw_offset"], r["row"]), r["state"]) for r in tables["judge.passed_over"].values()
    ]
    states = dict(found)
    assert len(states) == len(found), "a row of raw has two states"
    expected = {v.place: v.state for v in life.model.versions}
    wrong = {
        p: (states.get(p), expected.get(p))
        for p in states.keys() | expected.keys()
        if states.get(p) != expected.get(p)
    }
    assert not wrong, f"states (found, promised): {wrong}"
    waits = {p for p, r in aside.items() if r["state"] == "quarantined" and r["waits_for"]}
    assert waits == {v.place for v in life.model.versions if v.state == "quarantined" and v.waits}, (
        "who waits"
    )


def _history(life: Life) -> None:
    """History is the model's, in its order, without holes; heads, claims and lane rows follow from it."""
    tables = life.database.tables
    for lane, expected in life.model.history.items():
        rows = _rows(life, lane)
        assert [r["sequence"] for r in rows] == list(range(1, len(rows) + 1)), "history has a hole"
        places = [(r["lane"], r["raw_offset"], r["row"]) for r in rows]
        assert places == [v.place for v in expected], "history is not the promised one"
        chain = b""
        for row, version in zip(rows, expected, strict=True):
            chain = _link(chain, row)
            assert row["digest"] == chain, "the chain of history is broken"
            assert row["changed_at"] == version.changed, "changed at another time"
            _payload(life, row, version)
        lane_row = tables["judge.lane"].get((STEM, lane))
        assert (lane_row["sequence"], lane_row["chain"]) == (len(rows), chain) if lane_row else not rows, (
            "lane row"
        )
        versions = Counter(v.key for v in expected)
        assert len({(r["key"], r["marker"]) for r in rows}) == versions.total(), (
            "one version was accepted twice"
        )
    own = {p: r for p, r in tables["population.key_head"].items() if p[0] != ELSEWHERE_NUMBER}
    heads = {
        key: (r["marker"], r["lane"], r["sequence"], r["gone"] is not None) for (_, key), r in own.items()
    }
    last = {
        r["key"]: (r["marker"], r["lane"], r["sequence"], r["operation"] == "d")
        for lane in range(LANES)
        for r in _rows(life, lane)
    }
    assert heads == last, "a head is not the last row of its key's history"
    known = {key: r["known_at"] for (_, key), r in own.items()}
    first: dict[str, Any] = {}
    for lane in range(LANES):
        for r in _rows(life, lane):
            first[r["key"]] = min(r["exchanged_at"], first.get(r["key"], r["exchanged_at"]))
    assert all(first[key] <= at for key, at in known.items()), "a key was known before it came"
    assert heads.keys() == life.model.heads.keys()
    claims = {value: r["key"] for (_, _, value), r in tables["population.claim"].items()}
    assert claims == life.model.holders[-1], "who holds which unique value"
    held = {v: r["key"] for r in own.values() for v in orjson.loads(r["held"] or "{}").values()}
    assert held == claims, "a head tells another claim than there is"


def _payload(life: Life, row: dict[str, Any], version: Version) -> None:
    assert (row["operation"], row["payload"] is None) == (("d", True) if version.gone else ("u", False)), (
        "operation"
    )
    if row["payload"] is not None:
        found = avro.decode_record(life.connector.contract.avro_schema, row["payload"])
        assert (
            found == version.fields()
            if row["replayed"]
            else found == version.fields() | {"value": version.row.value}
        ), "payload"  # type: ignore[union-attr]


def _counts(life: Life) -> None:
    """The reconciliation tells the first verdicts; a batch that was sent and judged is read whole."""
    by_batch: dict[int, list[int]] = {}
    for row in life.database.rows("judge.reconciliation"):
        sums = by_batch.setdefault(row["batch"], [0] * 5)
        for n, name in enumerate(("read", *STATES)):
            sums[n] += row[name]
    expected: dict[int, list[Version]] = {}
    for version in life.model.versions:
        expected.setdefault(version.batch, []).append(version)
    assert by_batch.keys() == expected.keys()
    for batch, versions in expected.items():
        first = life.model.first_verdicts(versions)
        assert by_batch[batch] == [len(versions), *(first[s] for s in STATES)], f"counts of batch {batch}"
    if not (life.loses and life.simulation.hostile) and all(
        life.follower.read_to[lane] == len(life.broker.logs[f"raw.{STEM}", lane]) for lane in range(LANES)
    ):
        for row in life.database.rows("extract.batch"):
            read = by_batch.get(row["batch"], [0])[0]
            assert row["state"] == "open" or read == row["rows"], (
                f"batch {row['batch']}: sent {row['rows']}, read {read}"
            )
    _replays(
        list(life.database.rows("quarantine.replay_run")), list(life.database.rows("quarantine.version"))
    )


def _replays(runs: list[dict[str, Any]], versions: list[dict[str, Any]]) -> None:
    """Each version is counted under what it became, once; a run looks at each of its own once."""
    became, ids = Counter(row["state"] for row in versions), sorted(row["id"] for row in versions)
    for state in ("shared", "superseded", "duplicate"):
        assert sum(run[state] for run in runs) <= became[state], "two replays counted one version"
    for run in runs:  # `total` is the plan: a version with a lower number may commit later
        looked_at = sum(run[name] for name in OUTCOMES)
        assert looked_at <= bisect_right(ids, run["upto_id"]), "a replay counted a version twice"
        assert run["last_id"] <= run["upto_id"], "a replay went on behind its end"


def _own_topic(life: Life, lane: int) -> None:
    """The hub's own log is history up to the position, column by column, and each block proves itself."""
    rows, messages = _rows(life, lane), life.broker.committed(SHARED, lane)
    position = life.broker.offsets.get((SHARED, lane))
    reached = position.sequence if position else 0
    assert reached <= len(rows), "the position is beyond history"
    assert all((m.key, m.headers) == (None, []) for m in messages)
    blocks = [avro.decode_history(m.value or b"") for m in messages]
    logged = [version for block in blocks for version in block]
    if not _held_up(life, SHARED, lane):
        assert len(logged) == reached, f"{SHARED}, lane {lane}: {len(logged)} versions at position {reached}"
    for found, row in zip(logged, rows, strict=False):
        told = found._asdict() | {
            "exchanged_at": found.exchanged_us, "recorded_at": found.recorded_us, "changed_at": found.changed_us
        }  # fmt: skip
        row = row | {name: us(row[name]) for name in ("exchanged_at", "recorded_at")}
        for name in LOGGED:
            assert told[name] == row[name], f"another {name}, or another order"
    for block in blocks:
        assert block[-1].digest == rows[block[-1].sequence - 1]["digest"], "the link at a block's end"


def _subscriber(life: Life, lane: int) -> None:
    """What the subscriber reads is what was granted, and the ledger tells just that."""
    position = life.broker.offsets.get((SUB, lane))
    reached = position.sequence if position else 0
    granted, left, has = [], set[int](), set[str]()
    for row, version in zip(_rows(life, lane), life.model.history[lane], strict=True):
        if _granted(life, row, version):
            granted.append((row, version))
            has.add(row["key"])
        elif row["key"] in has:  # who has the key is told that it left, and nobody else
            granted.append((row, version))
            left.add(row["sequence"])
            has.discard(row["key"])
    secret = subscription_secret("secret", SUB)
    messages = life.broker.committed(SUB, lane)
    expected = [(r, v) for r, v in granted if r["sequence"] <= reached]
    if not _held_up(life, SUB, lane):
        assert len(messages) == len(expected), (
            f"{SUB}, lane {lane}: {len(messages)} of {len(expected)} records"
        )
    schema = avro.projected(life.connector.contract.avro_schema, ("value", "number"), "things_for_portal")
    for message, (row, version) in zip(messages, expected, strict=False):
        name = hmac.digest(secret, b"transaction" + row["event_id"], "sha256")[:16].hex().encode()
        assert message.headers == [("transaction", name)], "another version, or another order"
        assert (message.value is None) == (version.gone or row["sequence"] in left)
        if message.value is not None:
            found = avro.decode_record(schema, message.value[5:])
            assert found.keys() == {"value", "number"} and found["number"] == version.fields()["number"]
    _ledger(life, lane, reached, [r for r, _ in granted])


def _ledger(life: Life, lane: int, reached: int, granted: list[dict[str, Any]]) -> None:
    tables = life.database.tables
    head = tables["ledger.lane"].get(("portal", STEM, lane))
    done = head["sequence"] if head else 0
    assert done <= reached, "the ledger is ahead of the topic"
    stretches = sorted(
        (r for r in tables["ledger.stretch"].values() if r["lane"] == lane), key=lambda r: int(r["first"])
    )
    shared = {r["sequence"]: r for r in granted if r["sequence"] <= done}
    told = [sequence for stretch in stretches for sequence in counted(stretch)]
    assert told == sorted(shared), "the ledger is not what was shared"
    assert (head["transactions"] if head else 0) == len(told), "the ledger's count"
    chain = b""
    for stretch in stretches:
        chain = _stretch_link(chain, stretch, [shared[sequence] for sequence in counted(stretch)])
        assert stretch["digest"] == chain, "the ledger's chain is broken"
    assert not head or head["chain"] == chain


def _stretch_link(previous: bytes, stretch: dict[str, Any], rows: list[dict[str, Any]]) -> bytes:
    """Link a stretch over the versions that were shared; each of them must count as the stretch says."""
    assert stretch["granted"] == len(rows), "a stretch counts what was not granted"
    assert {r["exchanged_at"] for r in rows} == {stretch["exchanged_at"]}, "a stretch over two stamps"
    assert {r["month"] for r in rows} == {stretch["history_month"]} == {stretch["month"]}
    between = [int(n) - at % 2 for at, n in enumerate(re.findall(r"\d+", stretch["omitted"] or ""))]
    places = (stretch["lane"], stretch["first"], stretch["last"], len(rows), stretch["subscription"])
    times = us(stretch["exchanged_at"]), us(stretch["recorded_at"])
    events = b"".join(r["event_id"] for r in rows)
    return _chain(previous, b"portal", STEM.encode(), _numbers(*places, *times), _numbers(*between), events)


def _granted(life: Life, row: dict[str, Any], version: Version) -> bool:
    wanted = life.file.grants[0].rows
    if not wanted:
        return True
    if version.gone:
        return False
    assert version.row is not None
    value = "mended" if version.mended and row["replayed"] else version.row.value
    return value in wanted["value"]


def _held_up(life: Life, topic: str, lane: int) -> bool:
    """Say whether an open transaction holds readers up."""
    return life.broker.ids[f"pophub.share.{topic}.{lane}"].number is not None


def _nothing_missing(life: Life) -> None:
    """Every row that the source has now was read, and judged."""
    if life.source.scanned:
        _scanned(life)
        return
    seen = {v.row for v in life.model.versions}
    stubs = {(v.key, v.marker) for v in life.model.versions if v.stub}
    missing = [r for r in life.source.rows_now() if r not in seen and (r.key, r.marker) not in stubs]
    assert not missing, f"rows of the source that were never read: {missing}"


def _deletes(life: Life) -> None:
    """A scan told a delete only of a key that it did not see."""
    for version in life.model.versions:
        if version.gone:
            saw = life.source.snapshots.get(version.marker, [])
            assert any(version.key not in keys for keys in saw), (
                f"{version.key} was there, and is told to be gone"
            )


def _logged(life: Life, source: WalTwin) -> None:
    """Each change since the slot was made that the position is behind stands on raw as the log tells it."""
    followed = life.database.tables["extract.slot"].get((STEM,))
    if followed is None or followed["state"] != "following" or followed["origin"] != source.origin:
        return
    base, position = followed["base"], life.database.tables["extract.position"].get((STEM,), {}).get("marker")
    if position is None:
        return
    sent: dict[tuple[str, int], list[Version]] = {}
    for lane in range(LANES):
        for version in life.follower.on_raw(lane):
            sent.setdefault((version.key, version.marker), []).append(version)
    assert source.taken, "a slot is followed of which no snapshot was taken whole"
    for end, messages in source.log:
        if not source.taken[-1] < end <= position - base:
            continue
        for at, message in messages:
            if isinstance(message, pgoutput.RowChange):
                for key, gone in _told(message):
                    found = sent.get((key, base + at), [])
                    assert any(v.gone == gone for v in found), f"the change of {key} at {at} was passed over"


def _told(message: pgoutput.RowChange) -> list[tuple[str, bool]]:
    """Give the keys that a change tells of, and whether as deleted."""
    rows = [(message.old, True), (message.new, False)]
    return [(row[0].decode(), gone) for row, gone in rows if row and isinstance(row[0], bytes)]


def _scanned(life: Life) -> None:
    """Of each key the newest version on raw is what the source has now, or a delete where it has nothing."""
    newest: dict[str, Version] = {}
    for version in life.model.versions:
        if version.row is not None and version.marker >= (
            newest[version.key].marker if version.key in newest else 0
        ):
            newest[version.key] = version
    for key, row in life.source.rows.items():
        found = newest.get(key)
        assert found is not None, f"{key} was never read"
        assert found.row is not None
        assert found.stub or found.row._replace(marker=None) == row, f"{key} is {row}, told was {found.row}"
    gone = [v for key, v in newest.items() if key not in life.source.rows and not v.gone]
    assert not gone, f"rows that are gone, and no delete told of it: {gone}"


def _rows(life: Life, lane: int) -> list[dict[str, Any]]:
    rows = life.database.tables["ledger.history"].values()
    return sorted((r for r in rows if r["lane"] == lane), key=lambda r: int(r["sequence"]))


def _numbers(*values: int) -> bytes:
    return b"".join(v.to_bytes(8, "big", signed=True) for v in values)


def _chain(previous: bytes, *parts: bytes) -> bytes:
    return hashlib.sha256(previous + b"".join(len(p).to_bytes(4, "big") + p for p in parts)).digest()


def _link(previous: bytes, row: dict[str, Any]) -> bytes:
    body = b"" if row["payload"] is None else hashlib.sha256(row["payload"]).digest()
    numbers = (
        row["lane"],
        row["sequence"],
        row["marker"],
        row["contract"],
        us(row["exchanged_at"]),
        us(row["recorded_at"]),
    )
    changed = () if row["changed_at"] is None else (row["changed_at"],)
    return _chain(previous, row["stem"].encode(), _numbers(*numbers, *changed), row["event_id"], row["key"].encode(),
                  row["operation"].encode(), row["content"], body)  # fmt: skip
