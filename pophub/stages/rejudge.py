"""Accepted rows judged once more, under the contract that accepted them and under a changed one.

The functions are those of a run: `add_block`, the rules, as in a trial. Nothing is decided or kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from pophub import avro
from pophub.contracts.model import Connector
from pophub.domain.record import Accepted, Failure, Versions
from pophub.ports import Mapper, Rules
from pophub.stages.hub_columns import hub_columns
from pophub.stages.judge import Judge
from pophub.stages.read_block import add_block
from pophub.stages.trial import ReadOnlyStore


class Side(NamedTuple):
    """A contract with what maps and judges by it; `known` gives the accepted state that versions meet."""

    connector: Connector
    mapper: Mapper
    rules: Rules
    known: Callable[[Versions], Accepted]


@dataclass(frozen=True)
class Rejudged:
    """Accepted rows under both contracts.

    Shape: `before` and `after` have the rows in one order. `failing` maps a row to what it fails under the
    changed contract alone; a row that fails under the one before too is in neither `failing` nor `sound`.
    """

    before: Versions
    after: Versions
    failing: dict[int, list[Failure]]
    sound: tuple[int, ...]


def rejudge(before: Side, after: Side, blocks: Sequence[avro.Block]) -> Rejudged:
    """Judge the rows of blocks under both contracts."""
    first, second = _judged(before, blocks), _judged(after, blocks)
    later = _names(after.connector) - _names(before.connector)  # what was sent before could not have them
    passed = [row for row in range(len(first)) if row not in first.failures]
    failing = {
        row: found
        for row in passed
        if (found := [f for f in second.failures.get(row, []) if f.field not in later])
    }
    return Rejudged(first, second, failing, tuple(row for row in passed if row not in failing))


def taken(block: avro.Block, rows: Sequence[int]) -> avro.Block:
    """Give some rows of a block as a block that was read."""
    columns = {name: [values[row] for row in rows] for name, values in block.columns.items()}
    some = avro.Block(block.batch, block.exchanged_at, block.contract, len(rows), columns)
    return avro.decode_block(avro.encode_block(some))


def _judged(side: Side, blocks: Sequence[avro.Block]) -> Versions:
    versions = Versions({})
    for block in blocks:
        add_block(versions, side.connector, side.mapper, 0, block, _names(side.connector))
    if not len(versions):
        return versions
    accepted = replace(side.known(versions), heads={}, quarantine={})  # none of them is a rival of itself
    hub = hub_columns(side.connector, versions, accepted)
    Judge(side.connector, side.mapper, side.rules, ReadOnlyStore(side.known)).apply_rules(versions, hub)
    return versions


def _names(connector: Connector) -> set[str]:
    return {field.name for field in connector.contract.fields}
