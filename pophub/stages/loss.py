"""loss: take up what raw lost, knowingly: the lanes are brought to where judge stands, and the source is sent again.

Atomic steps: the loss is put on record, and nothing is extracted until it has ended; each lost lane is filled with
empty messages up to the offset where judge stands, so that no offset is ever given to two messages; what somebody
wrote there meanwhile is written again behind; a transaction moves the position back to before the first batch that
was lost, and ends it. A crash between them is gone on with, and judge finds duplicates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pophub import avro
from pophub.contracts.model import Connector
from pophub.domain.errors import ConfigError
from pophub.domain.keys import parts_of
from pophub.domain.raw_values import packed
from pophub.domain.rows import KeyReader
from pophub.ports import RawLanes
from pophub.process.failpoints import reach
from pophub.stages.scan import key_columns
from pophub.stores.loss import LossStore, RawLoss

FILLED, CARRIED = 10_000, 8
"""Messages that are written at once: empty ones, and blocks of up to 8 MiB."""


def look(connector: Connector, store: LossStore, raw: RawLanes) -> RawLoss:
    """Say what is lost, or go on with what was begun.

    Errors: `raw.nothing_lost`.
    """
    if begun := store.standing():
        return begun
    loss, behind = store.compared(raw.ends())
    if not loss.lanes and (behind or loss.first is None):
        what = (
            f"{behind:,} blocks of raw are still to be judged" if behind else "all that was sent was judged"
        )
        remedy = f"`pophub run {connector.stem}`, then look again" if behind else "none"
        raise ConfigError("raw.nothing_lost", what, where=connector.stem, remedy=remedy)
    source = connector.file.source
    bounded = source.reads == "table" and not source.marker.numbered
    return loss if bounded else loss._replace(since=None)


def take_up(
    store: LossStore, raw: RawLanes, loss: RawLoss, by: str, why: str, undeleted: Sequence[tuple[str, str]]
) -> RawLoss:
    """Take a loss up in somebody's name; the next extract sends again what was lost, and judge goes on."""
    if not loss.number:
        loss = store.begun(loss, by, why)
    raw.make()
    for lane, judged in sorted(loss.lanes.items()):
        _refill(raw, lane, judged, loss.first)
    reach("loss.filled")
    store.ended(loss, undeleted)
    return loss


def _refill(raw: RawLanes, lane: int, judged: int, first: int | None) -> None:
    """Bring a lane to the offset where judge stands; what was written to it since the loss goes behind."""
    while (end := raw.end(lane)) < judged:
        raw.append(lane, [b""] * min(FILLED, judged - end))
    part: list[bytes] = []
    for data in raw.read(lane, judged):
        if data and _was_lost(data, first):
            part.append(data)
        if len(part) == CARRIED:
            raw.append(lane, part)
            part = []
    if part:
        raw.append(lane, part)
    raw.forget(lane, judged)


def _was_lost(data: bytes, first: int | None) -> bool:
    """Tell whether a message may be one that judge never saw: none of a batch before the first that was lost is."""
    try:
        batch = avro.decode_block(data).batch
    except avro.BadBlock:
        return True
    return first is not None and batch >= first


def told_again(connector: Connector, reader: KeyReader, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Give keys whose delete was lost, each with how the source tells it: those that it can be made of again."""
    columns, parts = key_columns(connector), [parts_of(key, len(connector.file.key)) for key in keys]
    raw = {name: [part[at] for part in parts] for at, name in enumerate(columns)}
    for key, found, part in zip(keys, reader.key_of(raw) if keys else (), parts, strict=True):
        if found == key:
            yield key, packed(part)
