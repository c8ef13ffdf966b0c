"""Signs checkpoints with Ed25519; the key lies beside the hub's secrets, never in the database."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pophub.domain.errors import ConfigError
from pophub.settings import Settings, secret_lost

KEY = "ledger.ed25519"
NEXT = f".{KEY}.next"
SEED_BYTES = 32


def canonical(document: Mapping[str, Any]) -> bytes:
    """Write a document as the one text that is signed: sorted keys, no spaces, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def fingerprint(document: Mapping[str, Any], signature: bytes) -> str:
    """Name a signed checkpoint: SHA-256 over its canonical text and its signature, hex."""
    return hashlib.sha256(canonical(document) + signature).hexdigest()


def sign(settings: Settings, document: Mapping[str, Any], due: bytes | None = None) -> tuple[bytes, bytes]:
    """Sign a document; give signature and public key.

    `due` is the public key under which the ledger goes on; the key is made at the very first signature.
    Errors: `secret.lost`, `secret.changed` where the key that is due is not here.
    """
    key = _own(settings) if due is None else _due_key(settings, due)
    return key.sign(canonical(document)), raw(key)


def public_key(settings: Settings, due: bytes | None = None) -> bytes:
    """Give the public key of this hub.

    Errors: `secret.lost` where nothing was ever signed from here; `secret.changed` for another than `due`.
    """
    if not settings.has_secret(KEY):
        raise secret_lost(KEY)
    return raw(_own(settings) if due is None else _due_key(settings, due))


def next_key(settings: Settings) -> Ed25519PrivateKey:
    """Make the key that is to follow, beside the present one; the same again until it has followed."""
    path = settings.folder("secrets") / NEXT
    if not path.exists():
        draft = path.with_name(f"{NEXT}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(base64.urlsafe_b64encode(os.urandom(SEED_BYTES)).decode())
        draft.replace(path)
    return _key(path.read_text().strip(), NEXT)


def _due_key(settings: Settings, due: bytes) -> Ed25519PrivateKey:
    """Give the key that is due; one that was signed to follow takes its place, also after a crash on the way."""
    if not settings.has_secret(KEY):
        raise secret_lost(KEY)
    key, folder = _own(settings), settings.home / "secrets"
    if raw(key) != due and (folder / NEXT).exists() and raw(follows := next_key(settings)) == due:
        (folder / NEXT).replace(folder / KEY)
        key = follows
    if raw(key) != due:
        raise ConfigError(
            "secret.changed",
            f"the key that signs checkpoints is not the one that is due: its public key is {due.hex()}",
            where=f"secrets/{KEY}",
            remedy="bring the right file back; a key is replaced by `pophub ledger replace-key` alone",
        )
    return key


def signed(document: Mapping[str, Any], signature: bytes, key: bytes) -> bool:
    """Tell whether the signature is the key's over this document."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, canonical(document))
    except InvalidSignature:
        return False
    return True


def raw(key: Ed25519PrivateKey) -> bytes:
    """Give the public key of a private one."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def _own(settings: Settings) -> Ed25519PrivateKey:
    return _key(settings.secret(KEY), KEY)


def _key(text: str, name: str) -> Ed25519PrivateKey:
    try:
        seed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise ConfigError(
            "ledger.key_invalid",
            "the key that signs checkpoints is not 32 bytes in base64",
            where=f"secrets/{name}",
            remedy="bring the right file back; a new key would make all checkpoints look forged",
        )
    return Ed25519PrivateKey.from_private_bytes(seed)
