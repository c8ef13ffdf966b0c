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
from pophub.settings import Settings

KEY = "ledger.ed25519"
SEED_BYTES = 32


def canonical(document: Mapping[str, Any]) -> bytes:
    """Write a document as the one text that is signed: sorted keys, no spaces, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def fingerprint(document: Mapping[str, Any], signature: bytes) -> str:
    """Name a signed checkpoint: SHA-256 over its canonical text and its signature, hex."""
    return hashlib.sha256(canonical(document) + signature).hexdigest()


def sign(settings: Settings, document: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Sign a document; give signature and public key. The key is made at the first signature."""
    key = _key(settings)
    return key.sign(canonical(document)), _raw(key)


def public_key(settings: Settings) -> bytes:
    """Give the public key of this hub.

    Errors: `ledger.key_missing` where nothing was ever signed from here.
    """
    variable = "POPHUB_SECRET_" + KEY.replace(".", "_").upper()
    if not (settings.home / "secrets" / KEY).exists() and not os.environ.get(variable):
        raise ConfigError(
            "ledger.key_missing",
            "the key that signs checkpoints is not here",
            where=f"secrets/{KEY}",
            remedy=f"bring the file back from where it is kept, or set {variable}",
        )
    return _raw(_key(settings))


def signed(document: Mapping[str, Any], signature: bytes, key: bytes) -> bool:
    """Tell whether the signature is the key's over this document."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, canonical(document))
    except InvalidSignature:
        return False
    return True


def _key(settings: Settings) -> Ed25519PrivateKey:
    text = settings.secret(KEY)
    try:
        seed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise ConfigError(
            "ledger.key_invalid",
            "the key that signs checkpoints is not 32 bytes in base64",
            where=f"secrets/{KEY}",
            remedy="bring the right file back; a new key would make all checkpoints look forged",
        )
    return Ed25519PrivateKey.from_private_bytes(seed)


def _raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
