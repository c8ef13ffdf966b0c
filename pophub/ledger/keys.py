"""Hands the ledger on from one key to the next: one checkpoint, signed by both."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from pophub.domain.errors import ConfigError
from pophub.ledger.checkpoint import ROLE, SQL, Checkpoint, LedgerDocument, make, of_row
from pophub.ledger.signing import canonical, next_key, public_key, raw, signed
from pophub.postgres import connect, transaction
from pophub.settings import Settings


def replace_key(settings: Settings) -> Checkpoint:
    """Make a new key and have it follow; give the checkpoint that says so. A crash on the way may be repeated.

    The new key signs what the checkpoint says with its name, the old one all of it.
    Errors: `ledger.no_checkpoint` where nothing was signed yet; `secret.lost`, `secret.changed`.
    """
    last = _last(settings)
    if last is None:
        raise ConfigError(
            "ledger.no_checkpoint",
            "nothing was signed yet, so there is no key to replace",
            remedy="see `pophub ledger checkpoint`",
        )
    public_key(settings, last.due)  # the old key is here, before a new one is made
    key = next_key(settings)

    def follows(document: LedgerDocument) -> dict[str, str]:
        name = {"public_key": raw(key).hex()}
        return {**name, "signature": key.sign(canonical({**document, "next_key": name})).hex()}

    made = make(settings, follows)
    public_key(settings, made.due)  # the new key takes its place
    return made


def _last(settings: Settings) -> Checkpoint | None:
    with closing(connect(settings, ROLE)) as connection, transaction(connection, "checkpoint") as cursor:
        cursor.execute(SQL["checkpoint_last"])
        row = cursor.fetchone()
        return of_row(row) if row else None


def due_keys(checkpoints: Sequence[Checkpoint], now: bytes | None) -> list[bytes | None]:
    """Give the public key that each checkpoint should carry, from the hub's own key now back to the first."""
    found: list[bytes | None] = []
    key = now
    for one in reversed(checkpoints):
        if "next_key" in one.document:
            found.append(one.public_key if one.due == key else None)
            key = one.public_key
        else:
            found.append(key)
    return found[::-1]


def rightly_signed(one: Checkpoint, key: bytes | None) -> bool:
    """Tell whether a checkpoint carries this key's signature, and that of the key to which it hands on."""
    change = one.document.get("next_key")
    if change is not None:
        said = {**one.document, "next_key": {"public_key": change["public_key"]}}
        if not signed(said, bytes.fromhex(change["signature"]), one.due):
            return False
    return key is not None and one.public_key == key and signed(one.document, one.signature, key)
