"""Checkpoints: the heads of all lanes and the share transactions up to them, signed.

A checkpoint says: up to here, these were the rows. "As of DATE" is the last one at or before it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pophub.domain import digests
from pophub.domain.dates import instant
from pophub.domain.errors import ConfigError, LedgerDiverged
from pophub.ledger.signing import fingerprint, sign
from pophub.ledger.witness import PREFIX_BYTES, Witness
from pophub.postgres import Connection, Cursor, connect, now_us, statements, transaction, translated
from pophub.settings import Settings

SQL = statements("ledger")
ROLE = "pophub_ledger"
CHUNK = 20_000
LedgerDocument = dict[str, Any]
LaneName = tuple[str, ...]
Follows = Callable[[LedgerDocument], dict[str, str]]
Tally = Counter[tuple[str, str, str]]


@dataclass(frozen=True)
class Checkpoint:
    """A signed document. Shape: `docs/ledger.md`."""

    id: int
    document: LedgerDocument
    signature: bytes
    public_key: bytes
    new: bool = False

    @property
    def at(self) -> datetime:
        """Give the hub's time of signing."""
        return instant(self.document["at"])

    @property
    def fingerprint(self) -> str:
        """Name the checkpoint as its successor does."""
        return fingerprint(self.document, self.signature)

    def heads(self) -> dict[LaneName, dict[str, Any]]:
        """Give the signed head of each lane: `("history", stem, lane)`, `("stretch", recipient, stem, lane)`."""
        return {_name(head): head for head in self.document["heads"]}

    def tally(self) -> Tally:
        """Give share transactions by recipient, stem and month."""
        return Counter({(r, s, m): n for r, s, m, n in self.document["tally"]})

    @property
    def due(self) -> bytes:
        """Give the public key under which the ledger goes on: its own, or the one that follows."""
        change = self.document.get("next_key")
        return bytes.fromhex(change["public_key"]) if change else self.public_key

    def as_json(self) -> dict[str, Any]:
        """Tell which one it is."""
        return {"id": self.id, "at": self.at.isoformat(), "sha256": self.fingerprint}


def make(settings: Settings, follows: Follows | None = None) -> Checkpoint:
    """Sign the present heads; where nothing came since the last checkpoint, give that one.

    `follows` adds what hands the ledger on to another key: such a checkpoint is always a new one.

    Atomic step: one snapshot of heads and rows, one at a time. Rows since the last checkpoint are
    walked: they must continue what it signed.
    Errors: `ledger.rewritten` where they do not; `secret.lost`, `secret.changed` where the key that is due
    is not here. Nothing is signed then.
    """
    witness = Witness(settings)
    with closing(connect(settings, ROLE)) as connection:
        with transaction(connection, "checkpoint") as cursor:
            cursor.execute(SQL["checkpoint_lock"])
        with transaction(connection, "checkpoint") as cursor:
            cursor.execute(SQL["one_snapshot"])
            cursor.execute(SQL["checkpoint_last"])
            row = cursor.fetchone()
            last = of_row(row) if row else None
            document = _document(connection, cursor, last, witness)
            if follows is not None:
                document["next_key"] = follows(document)
            elif last is not None and document["heads"] == last.document["heads"]:
                return last
            signature, key = sign(settings, document, last.due if last else None)
            cursor.execute(
                SQL["checkpoint_write"],
                (document["id"], instant(document["at"]), json.dumps(document), signature, key),
            )
    made = Checkpoint(document["id"], document, signature, key, new=True)
    witness.name(made.id, made.fingerprint)
    return made


def of_row(row: tuple[Any, ...]) -> Checkpoint:
    """Read a checkpoint from a row of its table."""
    return Checkpoint(row[0], row[1], bytes(row[2]), bytes(row[3]))


def _document(
    connection: Connection, cursor: Cursor, last: Checkpoint | None, witness: Witness
) -> LedgerDocument:
    known = last.heads() if last else {}
    tally = last.tally() if last else Counter()
    heads = []
    cursor.execute(SQL["heads_history"])
    for stem, lane, sequence, chain in cursor.fetchall():
        head = {
            "lane": ["history", stem, lane],
            "sequence": sequence,
            "rows": sequence,
            "chain": bytes(chain).hex(),
        }
        heads.append(_walk_history(connection, head, known, tally, witness))
    cursor.execute(SQL["heads_stretch"])
    for recipient, stem, lane, sequence, transactions, chain in cursor.fetchall():
        head = {"lane": ["stretch", recipient, stem, lane], "sequence": sequence, "transactions": transactions,
                "chain": bytes(chain).hex()}  # fmt: skip
        heads.append(_walk_stretches(connection, head, known, tally, witness))
    gone = known.keys() - {_name(head) for head in heads}
    if gone:
        raise _rewritten(min(gone), 1)
    return {
        "checkpoint": 1,
        "id": last.id + 1 if last else 1,
        "at": now_us(cursor),
        "previous": last.fingerprint if last else None,
        "heads": heads,
        "tally": [[*place, number] for place, number in sorted(tally.items())],
    }


def _walk_history(
    connection: Connection, head: LedgerDocument, known: dict[LaneName, LedgerDocument], tally: Tally, witness: Witness
) -> LedgerDocument:  # fmt: skip
    """Walk a lane's versions since its last signed head; count them, link them, keep their witness."""
    _, stem, lane = head["lane"]
    before = known.get(_name(head), {"rows": 0, "last": 0, "chain": "", "links": ""})
    links, last, chain = bytes.fromhex(before["links"]), before["last"], before["chain"]
    number, kept = before["rows"], bytearray()
    for sequence, month, event_id, contract, exchanged, recorded, data in _since(connection, head, last):
        digest = bytes(data)
        if sequence == before["last"]:
            _must_be(head, last, digest.hex(), chain)
            continue
        number += 1
        links = digests.public_link(
            links, stem, lane, sequence, bytes(event_id), contract, exchanged, recorded, digest
        )
        tally["population", stem, month] += 1
        kept += digest[:PREFIX_BYTES]
        last, chain = sequence, digest.hex()
    _must_be(head, last, (number, chain), (head["rows"], head["chain"]))
    witness.keep(head["lane"], before["rows"] + 1, bytes(kept))
    return {**head, "last": last, "links": links.hex()}


def _walk_stretches(
    connection: Connection, head: LedgerDocument, known: dict[LaneName, LedgerDocument], tally: Tally, witness: Witness
) -> LedgerDocument:  # fmt: skip
    """Walk a recipient's stretches since the last signed head; add up what they count, keep their witness."""
    _, recipient, stem, _ = head["lane"]
    before = known.get(_name(head), {"rows": 0, "last": 0, "transactions": 0, "chain": ""})
    last, chain, transactions = before["last"], before["chain"], before["transactions"]
    kept = bytearray()
    for upto, month, granted, data in _since(connection, head, last):
        digest = bytes(data)
        if upto == before["last"]:
            _must_be(head, last, digest.hex(), chain)
            continue
        transactions += granted
        tally[recipient, stem, month] += granted
        kept += digest[:PREFIX_BYTES]
        last, chain = upto, digest.hex()
    _must_be(head, last, (transactions, chain), (head["transactions"], head["chain"]))
    witness.keep(head["lane"], before["rows"] + 1, bytes(kept))
    return {**head, "rows": before["rows"] + len(kept) // PREFIX_BYTES, "last": last}


def _name(head: LedgerDocument) -> LaneName:
    return tuple(map(str, head["lane"]))


def _since(connection: Connection, head: LedgerDocument, last: int) -> Iterator[tuple[Any, ...]]:
    """Give a lane's rows up to its head; the last signed one comes again, it must be the one that was signed."""
    kind, *place = head["lane"]
    with translated("checkpoint"), connection.cursor(name="walk") as rows:
        rows.itersize = CHUNK
        rows.execute(SQL[f"walk_{kind}"], (*place, last, head["sequence"]))
        yield from rows


def _must_be(head: LedgerDocument, sequence: int, found: object, wanted: object) -> None:
    if found != wanted:
        raise _rewritten(head["lane"], sequence)


def _rewritten(lane: Any, sequence: int) -> LedgerDiverged:
    return LedgerDiverged(
        "ledger.rewritten",
        f"the rows around sequence {sequence} do not continue what the last checkpoint signed",
        where=".".join(map(str, lane)),
        remedy="run `pophub ledger verify`, which names the row; nothing was signed",
    )


def find(connection: Connection, as_of: datetime | int) -> Checkpoint:
    """Give the last checkpoint at or before a time, or the one of a number.

    Errors: `ledger.no_checkpoint`.
    """
    number = isinstance(as_of, int)
    with transaction(connection, "checkpoints") as cursor:
        cursor.execute(SQL["checkpoint_number" if number else "checkpoint_as_of"], (as_of,))
        row = cursor.fetchone()
    if row is None:
        raise ConfigError(
            "ledger.no_checkpoint",
            f"there is no checkpoint {as_of}" if number else f"no checkpoint was signed at or before {as_of}",
            remedy="see `pophub ledger checkpoint --list`, or ask with --as-of now",
        )
    return of_row(row)


def load(connection: Connection) -> list[Checkpoint]:
    """Give all checkpoints in the order of their numbers."""
    with transaction(connection, "checkpoints") as cursor:
        cursor.execute(SQL["checkpoints"])
        return [of_row(row) for row in cursor.fetchall()]
