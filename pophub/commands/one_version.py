"""`pophub quarantine show`: one rejected version, written for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pophub.commands.shown import local_time, marker_time, shown, typed
from pophub.contracts.model import Connector

Found = Mapping[str, Any]
STATES = {
    "quarantined": "waits in quarantine",
    "shared": "accepted after all, and shared",
    "superseded": "made void by a newer version",
    "duplicate": "a repetition of what was accepted",
}
TIMES = {
    "exchanged_at": "exchanged",
    "first_judged_at": "first judged",
    "last_judged_at": "last judged",
    "waits_until": "waits for its person until",
    "expired_at": "what was sent was removed",
}


def for_programs(found: Found, connector: Connector | None) -> dict[str, Any]:
    """Give what is known of a version: the marker's time beside its number, repairs with dates and times."""
    fields = connector.contract.fields if connector else ()
    repairs = [repair | {"fields": typed(fields, repair["fields"])} for repair in found["repairs"]]
    owner = None if connector is None else connector.file.owner.model_dump()
    at = marker_time(connector, found["marker"])
    return {**found, "marker_at": at, "repairs": repairs, "owner": owner}


def lines(found: Found) -> Iterator[str]:
    """Give the lines of a version as `for_programs` gives it, the row as sent included."""
    yield f"version {found['id']} of {found['stem']}: {STATES.get(found['state'], found['state'])}"
    marker = local_time(found["marker_at"]) if found["marker_at"] else str(found["marker"])
    yield f"key: {shown(found['key'])}; change marker: {marker}; operation: {found['operation']}"
    yield f"event: {found['event_id']}; contract version {found['contract']}"
    yield f"came by batch {found['batch']}, lane {found['lane']}, offset {found['raw_offset']}, row {found['row']}"
    if found["file"]:
        yield f"file: {found['file']}"
    yield from (f"{words}: {local_time(found[name])}" for name, words in TIMES.items() if found[name])
    if found["owner"]:
        yield f"owner: {found['owner']['name']} <{found['owner']['email']}>"
    yield from _failed(found)
    yield "as sent:" if found["sent"] is not None else "as sent: removed, or no row"
    for name, value in (found["sent"] or {}).items():
        yield f"  {name} = {shown(value)}"
    for repair in found["repairs"]:
        yield from _repair(repair)
    yield f"next: {_next(found)}"


def _failed(found: Found) -> Iterator[str]:
    """Give each failed rule; what mends it at the source only while that is what helps."""
    yield f"failed at gate {found['gate']}:"
    for rule in found["failures"]:
        where = f" (field {rule['field']})" if rule["field"] else ""
        yield f"  {rule['code']}{where}, {rule['severity']}: {rule['en']} / {rule['vi']}"
        if _waits(found) and not found["repairs"] and rule["remedy"]:
            yield f"    mend: {rule['remedy']}"


def _repair(repair: Mapping[str, Any]) -> Iterator[str]:
    state = f"approved by {repair['approved_by']} at {local_time(repair['approved_at'])}"
    if not repair["approved_by"]:
        state = "waits for approval"
    proposed = f"proposed by {repair['proposed_by']} at {local_time(repair['proposed_at'])}"
    yield f"repair {repair['repair']}: {proposed} ({shown(repair['reason'])}), {state}"
    for name, value in repair["fields"].items():
        yield f"  {name} = {shown(value)}"


def _waits(found: Found) -> bool:
    return bool(found["state"] == "quarantined" and found["expired_at"] is None)


def _next(found: Found) -> str:
    open_repairs = [repair["repair"] for repair in found["repairs"] if not repair["approved_by"]]
    if not _waits(found):
        return "nothing; it is decided"
    if open_repairs:
        return f"another person runs pophub quarantine approve {open_repairs[-1]}"
    if found["repairs"]:
        return f"it fails also as repaired; propose another repair, or pophub quarantine replay --id {found['id']}"
    return "the owner mends it at the source, or pophub quarantine repair"
