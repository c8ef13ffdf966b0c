"""extract of a log of changes: each partition is read from its place on, and the place moves with the batch.

Atomic step: the transaction that closes a batch, after the broker's acknowledgement of all of it, keeps the
place behind the batch's last message. A crash before repeats the batch, under the same places as markers,
and judge finds duplicates; a crash behind repeats nothing.
"""

from __future__ import annotations

from typing import cast

from pophub.domain.errors import ContractBreach
from pophub.domain.places import LogEnds, LogPart, LogPlaces
from pophub.domain.rows import Rows
from pophub.ports import LogSource, PlaceKeeper
from pophub.process.failpoints import reach
from pophub.stages.extract import Extract, Extracted


class Follow(Extract):
    """One extract of a log, to the ends that it sees at its start."""

    def run(self) -> Extracted:
        """Read each partition from its place to its end."""
        source = cast(LogSource, self.source)
        with self._places.held_when_breached("table"):
            ends = source.ends()
            known = self._places.places()
            at = where_to_begin(known, ends, self.connector.stem)
            if at != known:
                self._places.begun(at)
            for part in source.follow(at.generation, at.next, ends.end, self._chunk_rows):
                self._take(part)
        return self.done

    def _take(self, part: LogPart) -> None:
        """Send a part's rows, and move its partition's place behind each batch."""
        if not part.offsets:
            self._places.skipped(part.partition, part.upto)
            return
        start, rows = self._places.start(), Rows.of(part.columns, self.mapper)
        self._see(rows, range(len(rows)), self.done)
        sent = 0
        for batch in self.cutter.cut(rows, start.now_us):
            self._send(batch, self.done)
            sent += len(batch)
            # two rows of one message may be cut apart: the place is that of the first row that was not sent
            self._places.behind(part.partition, part.offsets[sent] if sent < len(rows) else part.upto)
            self._places.moved(batch, None, None, tuple(part.columns))
            reach("extract.moved")

    @property
    def _places(self) -> PlaceKeeper:
        return cast(PlaceKeeper, self.store)


def where_to_begin(known: LogPlaces | None, ends: LogEnds, where: str) -> LogPlaces:
    """Give from which offsets on a log is read, and under which generation.

    Errors: `source.gap` where messages were cut away before they were read; `source.topic_changed` where the
    topic was made anew, has lost its newest messages, or keeps its keys in other partitions than before.
    """
    if known is None:
        return LogPlaces(ends.topic_id, 0, dict(ends.first))
    anew = known.topic_id != ends.topic_id
    back = any(at > ends.end.get(partition, at) for partition, at in known.next.items())
    if not anew and known.next.keys() != ends.first.keys():
        raise _changed(
            f"it has {len(ends.first)} partitions, and had {len(known.next)}: a key may lie in another one than "
            "before, and nothing tells which of its messages is the newer",
            "ask the agency for a new topic with a new snapshot, under another name or this one", where,
        )  # fmt: skip
    if known.again:
        return LogPlaces(ends.topic_id, known.generation + (anew or back), dict(ends.first))
    if anew or back:
        what = "it was made anew" if anew else "its newest messages are gone, and others get their offsets"
        remedy = "ask the agency whether it holds a new snapshot of all rows"
        raise _changed(what, remedy, where)
    if lost := {p: ends.first[p] - at for p, at in known.next.items() if at < ends.first[p]}:
        told = ", ".join(f"{count:,} of partition {partition}" for partition, count in sorted(lost.items()))
        raise ContractBreach(
            "source.gap", f"messages that were not read yet are no longer on the topic: offsets {told}", where=where,
            remedy="ask the agency to keep messages longer, and for a new snapshot into this topic; then "
            f"`pophub position reset {where}` has what is left of it read",
        )  # fmt: skip
    return known


def _changed(what: str, remedy: str, where: str) -> ContractBreach:
    return ContractBreach(
        "source.topic_changed", f"the topic is not the one that was read: {what}", where=where,
        remedy=f"{remedy}; then `pophub position reset {where}` has it read from its first message",
    )  # fmt: skip
