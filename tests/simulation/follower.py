"""What the model is told: commits of the database, in their order, and the rows of raw that they judged."""

from __future__ import annotations

from datetime import datetime

from life_model import LANES

from pophub import avro
from pophub.domain.finder import Finder

from .broker import NO_BLOCK, Broker
from .database import Commit, Database
from .model import Model, Place, Version, lane_of
from .source import Row
from .statements import us

STEM = "mem.things"
ELSEWHERE_NUMBER = 99  # of the other dataset, whose rows may be referred to
FINDER = Finder("value")  # by which another dataset looks things up


class Follower:
    """Lets the model live through what was committed. Shape: `placed` gives the version of each row of raw."""

    def __init__(self, database: Database, broker: Broker, model: Model, is_time: bool) -> None:
        self.database, self.broker, self.model, self.is_time = database, broker, model, is_time
        self.placed: dict[Place, Version] = {}
        self.read_to, self.commits_read = [0] * LANES, 0

    def follow(self) -> None:
        """Let the model live through the commits since last time."""
        for commit in self.database.commits[self.commits_read :]:
            self._follow_one(commit)
        self.commits_read = len(self.database.commits)

    def _follow_one(self, commit: Commit) -> None:
        moved = [
            r
            for r in commit.writes.get("judge.lane", {}).values()
            if r and r["raw_offset"] > self.read_to[r["lane"]]
        ]
        if moved:
            (row,) = moved
            stretch = self._stretch(row["lane"], self.read_to[row["lane"]], row["raw_offset"])
            self.read_to[row["lane"]] = row["raw_offset"]
            self.model.judge(stretch, (commit.saw_people, commit.saw_claims), commit.claimed, again=False)
        elif commit.replayed:
            stretch = [self.placed[self.place_of(number)] for number in commit.replayed]
            self.model.judge(stretch, (commit.saw_people, commit.saw_claims), commit.claimed, again=True)
        elif people := commit.writes.get("population.identity"):
            self.model.people_change(
                (r["citizen_id"], r["valid_from"], r["present"], us(r["exchanged_at"]))
                for r in people.values()
                if r
            )
        elif elsewhere := commit.writes.get("population.key_head"):  # not judge's own, which moves a lane
            self.model.people_change(
                (r["key"], r["gone"] or 0, r["gone"] is None, us(r["known_at"]))
                for r in elsewhere.values()
                if r
            )
        else:
            for row in commit.writes.get("quarantine.repair", {}).values():
                version = self.placed[self.place_of(row["version"])] if row else None
                if version and version.whole and not version.gone:
                    version.mended = True
            self.model.passed()

    def place_of(self, number: int) -> tuple[int, int, int]:
        """Give the place on raw of a row of the quarantine."""
        row = self.database.tables["quarantine.version"][number,]
        return row["lane"], row["raw_offset"], row["row"]

    def _stretch(self, lane: int, start: int, end: int) -> list[Version]:
        values = self.broker.raw(lane, f"raw.{STEM}")
        found = [v for offset in range(start, end) for v in self._block(lane, offset, values[offset])]
        self.placed |= {v.place: v for v in found}
        return found

    def on_raw(self, lane: int) -> list[Version]:
        """Read all versions that a lane of raw has, judged or not."""
        values = self.broker.raw(lane, f"raw.{STEM}")
        return [v for offset, data in enumerate(values) for v in self._block(lane, offset, data)]

    def _block(self, lane: int, offset: int, data: bytes) -> list[Version]:
        if not data or data.startswith(NO_BLOCK):
            return [Version((lane, offset, 0), f"{data!r}", offset, None, 0, 0)]
        block = avro.decode_block(data)
        rows = self.rows_of(block)
        stubs = block.columns.get("_pophub_stub") or [None] * len(rows)
        for row in rows:
            assert lane_of(row.key) == lane, f"{row.key} came by lane {lane}"
        times = block.columns.get("_changed_at") or [None] * len(rows)
        return [
            self._version((lane, offset, n), row, block, stub is not None, at)
            for n, (row, stub, at) in enumerate(zip(rows, stubs, times, strict=True))
        ]

    def _version(
        self, place: Place, row: Row, block: avro.Block, stub: bool, changed: datetime | None
    ) -> Version:
        key = row.key if row.marker is not None else repr(row)
        moment = row.marker if self.is_time and row.marker is not None else block.exchanged_at
        told = None if changed is None else us(changed)
        moment = moment if told is None else told
        return Version(
            place, key, row.marker or 0, row, block.batch, block.exchanged_at, moment, told, stub=stub
        )

    def rows_of(self, block: avro.Block) -> list[Row]:
        """Read the source's rows of a block; of a stub there is only key and marker."""
        c = block.columns
        if "_scan" in c:
            gone = c.get("_gone") or [False] * block.rows
            return [
                Row(*v)
                for v in zip(c["key"], c["value"], c["person"], c["number"], c["_scan"], gone, strict=True)
            ]
        markers = c["at"] if not self.is_time else [None if at is None else us(at) for at in c["at"]]
        columns = zip(c["key"], c["value"], c["person"], c["number"], markers, c["gone"], strict=True)
        return [Row(*values[:-1], gone=bool(values[-1])) for values in columns]
