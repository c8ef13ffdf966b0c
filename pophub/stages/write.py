"""What judge writes inside its one transaction, once the verdicts stand."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import orjson

from pophub.contracts.model import Connector
from pophub.contracts.referred import referred
from pophub.domain import digests
from pophub.domain.dates import instant, month_of
from pophub.domain.decide import Verdicts
from pophub.domain.history import HEAD, Lane
from pophub.domain.keys import joined_keys
from pophub.domain.record import Columns, FromQuarantine, Origin, Stretch, Versions
from pophub.ports import VerdictTransaction
from pophub.stages.read_block import raw_bytes

STATES = ("shared", "quarantined", "duplicate", "superseded")


def write(
    connector: Connector,
    versions: Versions,
    verdicts: Verdicts,
    decision: VerdictTransaction,
    lanes: dict[int, Lane],
    origin: Origin,
) -> Columns:
    """Write history, heads, people, quarantine, what was passed over, and the reconciliation.

    Shape: gives the history that was appended, columns as `domain.history.HISTORY`, or none. A replay counts
    nothing as read and changes rows of the quarantine.
    """
    now_us, history = decision.now_us(), Columns()
    shared = [row for row, state in enumerate(verdicts.first) if state == "shared"]
    if shared:
        history = _history(connector, versions, shared, lanes, now_us, origin)
        decision.append_history(history)
        decision.move_heads(_heads(history, _gone(versions, shared)))
        decision.write_people(versions, shared)
        for touched in sorted(set(history["lane"])):
            decision.move_lane(lanes[touched])
    decision.renew(verdicts.seen)
    decision.supersede(verdicts.superseded, instant(now_us))
    if isinstance(origin, FromQuarantine):
        decision.replayed(
            [_replayed_row(connector, versions, verdicts, row, now_us) for row in range(len(versions))]
        )
        return history
    aside = [row for row, state in enumerate(verdicts.first) if state == "quarantined"]
    decision.set_aside(
        [_quarantine_row(connector, versions, verdicts, row, origin.lane, now_us) for row in aside]
    )
    renewed = set(verdicts.renewed)
    decision.pass_over([
        (connector.stem, origin.lane, versions.raw_offsets[row], versions.rows[row], versions.batches[row], versions.event_ids[row], state, row in renewed)
        for row, state in enumerate(verdicts.first) if state in ("duplicate", "superseded")
    ])  # fmt: skip
    decision.reconcile(_reconciliation(connector, versions, verdicts, origin))
    return history


def _history(
    connector: Connector,
    versions: Versions,
    rows: list[int],
    lanes: dict[int, Lane],
    now_us: int,
    origin: Origin,
) -> Columns:
    """Give the rows' history, each linked to the one before it in its lane; columns as `domain.history.HISTORY`."""
    stem, count = connector.stem, connector.file.lanes

    def pick(values: list[Any]) -> list[Any]:
        return list(values) if len(rows) == len(versions) else [values[row] for row in rows]

    keys, stamps, deleted = pick(versions.keys), pick(versions.stamps), pick(versions.deleted)
    columns: Columns = {
        "month": [month_of(stamp) for stamp in stamps],
        "stem": [stem] * len(rows),
        "lane": [digests.lane_of(key, count) for key in keys],
        "sequence": [],
        "event_id": pick(versions.event_ids),
        "key": keys,
        "marker": pick(versions.markers),
        "operation": ["d" if gone else "u" for gone in deleted],
        "content": pick(versions.contents),
        "payload": pick(versions.payloads),
        "contract": pick(versions.contracts),
        "exchanged_at": [instant(stamp) for stamp in stamps],
        "recorded_at": [instant(now_us)] * len(rows),
        "changed_at": pick(versions.changes),
        "batch": pick(versions.batches),
        "raw_offset": pick(versions.raw_offsets),
        "row": pick(versions.rows),
        "replayed": [isinstance(origin, FromQuarantine)] * len(rows),
        "digest": [],
    }
    columns["raw_lane"] = columns["lane"] if isinstance(origin, FromQuarantine) else [origin.lane] * len(rows)
    sequences, links, link = columns["sequence"], columns["digest"], digests.history_link
    linked = (
        "lane",
        "event_id",
        "key",
        "marker",
        "operation",
        "content",
        "payload",
        "contract",
        "changed_at",
    )
    for number, event, key, marker, operation, content, payload, contract, changed, stamp in zip(
        *(columns[name] for name in linked), stamps, strict=True
    ):
        lane = lanes[number]
        lane.sequence += 1
        lane.chain = link(lane.chain, stem, number, lane.sequence, event, key, marker, operation, content, payload,
                          contract, stamp, now_us, changed)  # fmt: skip
        sequences.append(lane.sequence)
        links.append(lane.chain)
    return columns


def _gone(versions: Versions, rows: list[int]) -> list[int | None]:
    """Give the moment since which the record of a version is gone; None where it is there."""
    if not any(versions.deleted):
        return [None] * len(rows)
    times = [versions.stamps[row] if (at := versions.changed_at[row]) is None else at for row in rows]
    return [at if versions.deleted[row] else None for row, at in zip(rows, times, strict=True)]


def _heads(history: Columns, gone: list[int | None]) -> Columns:
    """Give each key's newest of these versions; columns as `domain.history.HEAD`, and what references ask for."""
    columns = {name: history[name] for name in HEAD} | {"gone": gone, "known_at": history["exchanged_at"]}
    newest = {key: row for row, key in enumerate(history["key"])}
    if len(newest) == len(history["key"]):
        return columns
    return {name: [values[row] for row in newest.values()] for name, values in columns.items()}


def _failures(versions: Versions, row: int) -> list[dict[str, Any]]:
    return [
        {"gate": f.gate, "code": f.code, "field": f.field, "reason": f.reason, "severity": f.severity}
        for f in versions.failures[row]
    ]


def _waits(connector: Connector, versions: Versions, row: int) -> tuple[list[str] | None, Any]:
    """Give what a version waits for, and until when: only where nothing else failed.

    Shape: `<where> <key>` each, as `contracts.referred.PEOPLE` says.
    """
    blamed = {(f.code, f.field) for f in versions.failures.get(row, [])}
    missing = [one for one in referred(connector.file) if (one.code, one.name) in blamed]
    if not missing or blamed - {(one.code, one.name) for one in missing}:
        return None, None
    until = instant(versions.stamps[row]) + timedelta(seconds=min(one.grace_s for one in missing))
    record = {name: [versions.columns[name][row]] for one in missing for name in one.fields}
    return sorted({f"{one.to} {joined_keys(record, one.fields)[0]}" for one in missing}), until


def _quarantine_row(
    connector: Connector, versions: Versions, verdicts: Verdicts, row: int, lane: int, now_us: int
) -> tuple[Any, ...]:
    """Give a failed version with all its reasons; columns as `domain.history.QUARANTINE`."""
    waits_for, until = _waits(connector, versions, row)
    array = (
        None
        if waits_for is None
        else "{" + ",".join('"' + w.replace("\\", "\\\\").replace('"', '\\"') + '"' for w in waits_for) + "}"
    )
    now = instant(now_us)
    return (connector.stem, versions.keys[row], versions.markers[row], versions.contents[row], versions.event_ids[row],
            versions.contracts[row], "d" if versions.deleted[row] else "u", lane, versions.raw_offsets[row],
            versions.rows[row], versions.batches[row], instant(versions.stamps[row]), versions.changed_at[row],
            raw_bytes(versions.raw[row]), versions.gate(row), orjson.dumps(_failures(versions, row)).decode(), array, until,
            verdicts.present[row], now, now)  # fmt: skip


def _replayed_row(
    connector: Connector, versions: Versions, verdicts: Verdicts, row: int, now_us: int
) -> tuple[Any, ...]:
    """Give what a replay made of a waiting version; what fails now joins what failed before."""
    assert versions.ids is not None
    waits_for, until, gate, failures = None, None, None, "[]"
    if verdicts.first[row] == "quarantined":
        waits_for, until = _waits(connector, versions, row)
        gate, failures = versions.gate(row), orjson.dumps(_failures(versions, row)).decode()
    return (versions.ids[row], verdicts.present[row], instant(now_us), waits_for, until, gate, failures)


def _reconciliation(
    connector: Connector, versions: Versions, verdicts: Verdicts, stretch: Stretch
) -> list[tuple[Any, ...]]:
    read = Counter(versions.batches)
    counts: Counter[tuple[int, str]] = Counter(zip(versions.batches, verdicts.first, strict=True))
    return [
        (connector.stem, *stretch, batch, read[batch], *(counts[batch, state] for state in STATES))
        for batch in sorted(read)
    ]
