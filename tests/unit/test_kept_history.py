"""The history that judge hands to share is kept in memory by its bytes, however wide its records are."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from pophub.domain.history import HISTORY
from pophub.postgres import Cursor
from pophub.stores.history import MOST_BYTES, History

NOBODY = cast(Cursor, None)  # what is kept needs no database
NOW = datetime(2024, 1, 1, tzinfo=UTC)


def added(first: int, rows: int, payload: bytes | None) -> dict[str, list[Any]]:
    """Give history of one lane as judge appends it, from a sequence on."""
    columns: dict[str, list[Any]] = {name: [b"x"] * rows for name in HISTORY}
    columns |= {"lane": [0] * rows, "sequence": list(range(first, first + rows)), "payload": [payload] * rows}
    return columns | {"exchanged_at": [NOW] * rows, "recorded_at": [NOW] * rows}


def test_a_turn_is_full_once_its_payloads_are_what_is_kept() -> None:
    history, wide = History("s"), bytes(1 << 20)
    history.begin()
    for step in range(0, MOST_BYTES >> 20, 8):
        assert not history.full
        history.add(added(step + 1, 8, wide))
    assert history.full
    history.begin()
    assert not history.full


def test_wide_records_of_earlier_turns_are_let_go_and_narrow_ones_kept() -> None:
    for payload, oldest in ((bytes(1 << 20), 49), (bytes(80), 1), (None, 1)):
        history = History("s")
        for first in range(1, 66, 8):
            history.add(added(first, 8, payload))
        kept = history.read(NOBODY, 0, oldest + 7, 72)
        assert [row.sequence for row in kept] == list(range(oldest + 8, 73))
        assert sum(len(row.payload or b"") for row in history._rows) <= MOST_BYTES + (9 << 20)
