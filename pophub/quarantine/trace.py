"""Find a record, by key, personal number, event id or a recipient's transaction id, and tell what became of it.

Who asks is known before: keys are compared, values are given to nobody here but in `Taken.payload`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from pophub.domain.digests import keyed
from pophub.postgres import Connection, statements, transaction

SQL = statements("trace")
CHUNK = 20_000
_DIGEST = re.compile(r"\A[0-9a-f]{32}\Z")


class Hit(NamedTuple):
    """A version that was found. Shape: `version` where it was in quarantine, lane and sequence where it was accepted.

    Of one that never reached the gates its batch alone is known.
    """

    stem: str
    event_id: str
    state: str
    exchanged_at: datetime | None
    batch: int
    version: int | None
    lane: int | None
    sequence: int | None


class FoundRecord(NamedTuple):
    """What was found, and how many where: place -> versions."""

    hits: list[Hit]
    places: dict[str, int]


class Taken(NamedTuple):
    """An accepted version as history has it; `payload` is personal data, None for a delete."""

    stem: str
    key: str
    event_id: str
    operation: str
    contract: int
    batch: int
    lane: int
    sequence: int
    exchanged_at: datetime
    recorded_at: datetime
    payload: bytes | None


class Usage(NamedTuple):
    """How often a recipient was given versions of a key; `terms` are the grant's, as it stood at the last, none where the
    population database is the recipient.
    """

    stem: str
    recipient: str
    times: int
    first: datetime
    last: datetime
    terms: dict[str, Any] | None


class Moment(NamedTuple):
    """Something that happened to a record; `who` and `why` where a person did it, else a place or a code."""

    at: datetime
    what: str
    who: str = ""
    why: str = ""


class Passage(NamedTuple):
    """What became of an accepted version for a subscriber.

    Shape: `state` is `given`, `waits`, `withheld` by the terms, or `ended`, the right before the version's turn. `at` and
    `transaction`, the id that the subscriber has it under, where it was given; `fields` by the terms of then, else the newest.
    """

    recipient: str
    state: str
    at: datetime | None
    fields: str
    transaction: str


def find(connection: Connection, text: str, secrets: Mapping[tuple[str, str], bytes]) -> FoundRecord:
    """Look wherever a text can name a record, and say where.

    Shape: `secrets` gives for each recipient and dataset what its transaction ids are derived from.
    """
    hits, places = _of_key(connection, text)
    if (
        not hits and (composed := unicodedata.normalize("NFC", text)) != text
    ):  # some keyboards type signs and marks apart
        hits, places = _of_key(connection, composed)
    if is_digest(text):
        event = bytes.fromhex(text)
        of_event = _hits(connection, "of_event", {"event": event})
        sent = _of_transaction(connection, event, secrets) if not of_event else []
        places |= {"event": len(of_event)} | ({"transaction": len(sent)} if secrets else {})
        hits += of_event + sent
    return FoundRecord(hits, places)


def usage(connection: Connection, key: str) -> list[Usage]:
    """Tell who was given a key's versions, whatever the key is of: a citizen, an organisation, a dossier.

    Shape: by dataset, the population database first; nothing of a key that was never accepted.
    """
    with transaction(connection, "finding who was given a record") as cursor:
        cursor.execute(SQL["heads"], {"key": key})
        heads = cursor.fetchall()
        places = {"key": key, "stems": [stem for stem, _ in heads], "lanes": [lane for _, lane in heads]}
        cursor.execute(SQL["usage"], places)
        return [Usage(*row) for row in cursor.fetchall()]


def is_digest(text: str) -> bool:
    """Tell whether a text may be an event id or a transaction id."""
    return _DIGEST.match(text.lower()) is not None


def _of_key(connection: Connection, key: str) -> tuple[list[Hit], dict[str, int]]:
    failed = _hits(connection, "failed_of_key", {"key": key})
    with transaction(connection, "finding a record") as cursor:
        cursor.execute(SQL["heads"], {"key": key})
        heads = cursor.fetchall()
    values = {"key": key, "stems": [stem for stem, _ in heads], "lanes": [lane for _, lane in heads]}
    accepted = _hits(connection, "accepted_of_key", values) if heads else []
    return merged([*failed, *accepted]), {"quarantine": len(failed), "history": len(accepted)}


def merged(hits: Iterable[Hit]) -> list[Hit]:
    """Give each version once: one that was accepted out of the quarantine is told by its page there, which knows both."""
    found: dict[tuple[str, str], Hit] = {}
    for hit in hits:
        known = found.setdefault((hit.stem, hit.event_id), hit)
        if known.version is not None and known.lane is None:
            found[hit.stem, hit.event_id] = known._replace(lane=hit.lane, sequence=hit.sequence)
    return list(found.values())


def _of_transaction(
    connection: Connection, wanted: bytes, secrets: Mapping[tuple[str, str], bytes]
) -> list[Hit]:
    """Derive the transaction id of each accepted version for each recipient, until one is the one that is looked for."""
    of_stem = defaultdict[str, list[Callable[[bytes], bytes]]](list)
    for (_, stem), secret in secrets.items():
        of_stem[stem].append(keyed(secret, b"transaction"))
    for stem, ids in of_stem.items():
        with transaction(connection, "finding a transaction"), connection.cursor(name="events") as cursor:
            cursor.itersize = CHUNK
            cursor.execute(SQL["events"], {"stem": stem})
            events = (bytes(row) for (row,) in cursor)
            event = next((e for e in events if any(one(e)[:16] == wanted for one in ids)), None)
        if event is not None:
            return _hits(connection, "of_event", {"event": event})
    return []


def of_event(connection: Connection, event: bytes) -> list[Hit]:
    """Give the versions of an event id."""
    return _hits(connection, "of_event", {"event": event})


def _hits(connection: Connection, name: str, values: Mapping[str, Any]) -> list[Hit]:
    with transaction(connection, "finding a record") as cursor:
        cursor.execute(SQL[name], values)
        return [Hit(*row) for row in cursor.fetchall()]


def accepted(connection: Connection, stem: str, lane: int, sequence: int) -> Taken | None:
    """Give an accepted version."""
    with transaction(connection, "reading history") as cursor:
        cursor.execute(SQL["accepted"], {"stem": stem, "lane": lane, "sequence": sequence})
        row = cursor.fetchone()
    if row is None:
        return None
    found = Taken(*row)
    return found if found.payload is None else found._replace(payload=bytes(found.payload))


def acceptance(
    connection: Connection, stem: str, lane: int, event_id: str
) -> tuple[int, int, datetime] | None:
    """Give lane, sequence and time at which a version from the quarantine was accepted after all."""
    with transaction(connection, "reading history") as cursor:
        cursor.execute(SQL["acceptance"], {"stem": stem, "lane": lane, "event": bytes.fromhex(event_id)})
        row = cursor.fetchone()
    return None if row is None else (int(row[0]), int(row[1]), row[2])


def of_batch(connection: Connection, stem: str, batch: int) -> list[Moment]:
    """Tell when a batch was exchanged, and by which run."""
    return _moments(
        connection, "batch", {"stem": stem, "batch": batch}, lambda r: Moment(r[1], "sent", r[0], str(batch))
    )


def recipients_of(
    connection: Connection,
    stem: str,
    lane: int,
    sequence: int,
    event_id: str,
    secrets: Mapping[tuple[str, str], bytes],
) -> list[Passage]:
    """Tell what became of an accepted version for each subscriber; `secrets` as for `find`."""
    values = {"stem": stem, "lane": lane, "sequence": sequence}
    with transaction(connection, "tracing a record") as cursor:
        cursor.execute(SQL["recipients"], values)
        rows = cursor.fetchall()
    found = []
    for recipient, at, passed, ended, fields in rows:
        state = "given" if at else "withheld" if passed else "ended" if ended else "waits"
        secret = secrets.get((recipient, stem))
        sent = keyed(secret, b"transaction")(bytes.fromhex(event_id))[:16].hex() if secret and at else ""
        found.append(Passage(recipient, state, at, fields, sent))
    return found


def looks(connection: Connection, stem: str, event_id: str) -> list[Moment]:
    """Tell who saw the values of a record."""
    values = {"stem": stem, "what": record_named(event_id)}
    return _moments(connection, "looks", values, lambda r: Moment(r[1], "revealed", r[0], r[2]))


def record_named(event_id: str) -> str:
    """Name a record as a reveal does."""
    return f"record {event_id}"


def _moments(connection: Connection, name: str, values: Mapping[str, Any], made: Any) -> list[Moment]:
    with transaction(connection, "tracing a record") as cursor:
        cursor.execute(SQL[name], values)
        return [made(row) for row in cursor.fetchall()]
