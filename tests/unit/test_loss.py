"""A loss of raw is taken up lane by lane: no offset is given twice, and what came meanwhile is written again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import pytest
from fake_rules import things

from pophub import avro
from pophub.commands.position_loss import meaning
from pophub.domain.keys import joined_keys, parts_of
from pophub.gates.mapping import ContractMapper
from pophub.stages.loss import FILLED, look, take_up, told_again
from pophub.stores.loss import LossStore, RawLoss
from tests.refused import refused


def block(batch: int) -> bytes:
    """Give a raw block of a batch."""
    return avro.encode_block(avro.Block(batch, 1, 1, 1, {"key": ["a"]}))


class Lanes:
    """Lanes in memory: what was removed is None."""

    def __init__(self, *lanes: list[bytes | None]) -> None:
        self.lanes = list(lanes)
        self.made = False

    def ends(self) -> dict[int, int]:
        """Give the ends."""
        return {lane: len(found) for lane, found in enumerate(self.lanes)}

    def make(self) -> None:
        """Make the topic."""
        self.made = True

    def end(self, lane: int) -> int:
        """Give a lane's end."""
        return len(self.lanes[lane])

    def read(self, lane: int, upto: int) -> Iterator[bytes]:
        """Give what is there."""
        yield from [data for data in self.lanes[lane][:upto] if data is not None]

    def append(self, lane: int, messages: Sequence[bytes]) -> None:
        """Write messages."""
        self.lanes[lane] += messages

    def forget(self, lane: int, upto: int) -> None:
        """Remove messages."""
        self.lanes[lane][:upto] = [None] * upto


class Kept:
    """What the store was told."""

    def __init__(
        self, standing: RawLoss | None = None, found: RawLoss | None = None, behind: int = 0
    ) -> None:
        self._standing, self._found, self._behind = standing, found, behind
        self.told: list[str] = []

    def standing(self) -> RawLoss | None:
        """Give the open loss."""
        return self._standing

    def compared(self, ends: dict[int, int]) -> tuple[RawLoss, int]:
        """Give what is lost, and how much is still to be judged."""
        assert self._found is not None
        return self._found, self._behind

    def begun(self, loss: RawLoss, by: str, why: str) -> RawLoss:
        """Put it on record."""
        self.told.append(f"begun by {by}: {why}")
        return loss._replace(number=1)

    def ended(self, loss: RawLoss, undeleted: Sequence[tuple[str, str]]) -> None:
        """End it."""
        self.told.append(f"ended {loss.number}")


def taken(lanes: Lanes, loss: RawLoss) -> list[str]:
    kept = Kept()
    take_up(cast(LossStore, kept), lanes, loss, "Lan", "a disk", [])
    return kept.told


def test_a_lost_lane_is_filled_to_where_judge_stands_and_what_came_since_goes_behind() -> None:
    lanes = Lanes([block(1), block(7), b"no block"], [block(8)], [])
    told = taken(lanes, RawLoss({0: 5, 2: 2 * FILLED + 1}, 2, 2, 7, None))
    assert lanes.made and told == ["begun by Lan: a disk", "ended 1"]
    assert lanes.lanes[0] == [*[None] * 5, block(7), b"no block"]
    assert lanes.lanes[1] == [block(8)], "a lane that is not lost stays as it is"
    assert lanes.lanes[2] == [None] * (2 * FILLED + 1)


def test_a_loss_that_was_begun_is_gone_on_with_and_not_begun_again() -> None:
    begun = RawLoss({0: 3}, 1, 1, 7, None, number=4)
    assert look(things(), cast(LossStore, Kept(begun)), Lanes([])) is begun
    lanes = Lanes([block(7), b"", b"", block(7)])  # cut off behind what was written again
    assert taken(lanes, begun) == ["ended 4"]
    assert lanes.lanes[0] == [*[None] * 3, block(7), block(7)]


@pytest.mark.parametrize(("first", "behind"), [(None, 0), (None, 3), (7, 3)])
def test_what_is_not_lost_is_not_taken_up(first: int | None, behind: int) -> None:
    with refused("raw.nothing_lost"):
        look(things(), cast(LossStore, Kept(None, RawLoss({}, 1, 1, first, 5), behind)), Lanes([]))


def test_a_source_is_read_from_where_it_was_or_whole_where_its_markers_are_the_hubs_own() -> None:
    found = RawLoss({}, 1, 1, 7, 500)
    assert look(things(), cast(LossStore, Kept(None, found)), Lanes([])).since == 500
    scan = things({"kind": "sql", "url": "${X}", "table": "t", "key": ["key"], "marker": {"kind": "scan"}})
    assert look(scan, cast(LossStore, Kept(None, found)), Lanes([])).since is None


def test_keys_are_taken_apart_as_they_were_joined() -> None:
    for parts in (["x|y", "1"], ["", "\\|", "a\\"], ["|", "|"], ["a\nb", "c"]):
        columns = {str(at): [part] for at, part in enumerate(parts)}
        (key,) = joined_keys(columns, list(columns))
        assert key is not None and parts_of(key, len(parts)) == parts
    assert parts_of("a|b", 1) == ["a|b"]


def test_a_delete_is_told_again_of_a_key_that_can_be_made_of_its_text() -> None:
    source = {"kind": "sql", "url": "${X}", "table": "t", "key": ["key"], "marker": {"kind": "scan"}}
    mapping = {name: {"from": name} for name in ("value", "person", "number")}
    connector = things(source, mapping=mapping | {"key": {"from": "key", "text": "trim"}})
    mapper = ContractMapper(connector)
    assert list(told_again(connector, mapper, ["a", " b "])) == [("a", '["a"]')]
    assert list(told_again(connector, mapper, [])) == []


def test_what_a_loss_means_is_said() -> None:
    told = "\n".join(meaning("a.b", RawLoss({1: 12}, 2, 30, 7, 500), 3))
    assert "raw.a.b, lane 1: ends before offset 12" in told and "the marker 500" in told
    assert "2 batches with 30 rows" in told and "3 keys may be gone" in told
    assert "nothing is read again" in "\n".join(meaning("a.b", RawLoss({1: 12}, 0, 0, None, None), 0))
