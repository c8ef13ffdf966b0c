"""Rows of the ledger as values."""

from __future__ import annotations

from typing import NamedTuple


class Accepted(NamedTuple):
    """One accepted version, a row of `ledger.history`; times in microseconds UTC."""

    sequence: int
    event_id: bytes
    key: str
    marker: int
    operation: str
    payload: bytes | None
    contract: int
    exchanged_us: int
    recorded_us: int
    digest: bytes


class LedgerLane(NamedTuple):
    """How far a recipient's ledger of a lane is complete."""

    sequence: int
    transactions: int
    chain: bytes
