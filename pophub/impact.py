"""A changed contract against what was accepted: what it would take from subscribers, and whether it may.

A contract judges from the moment at which it is put on record. One that takes something from a subscriber
is refused until a user has acknowledged it, with the day from which it may.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pophub import avro
from pophub.adapters import Adapters
from pophub.contracts.model import Connector
from pophub.domain.codes import explain
from pophub.domain.dates import today
from pophub.domain.errors import ConfigError
from pophub.gates.mapping import ContractMapper
from pophub.gates.rules import GreatExpectationsRules
from pophub.postgres import Connection
from pophub.sharing.taken import Effect, Loss, effect, taken_fields
from pophub.stages.rejudge import Rejudged, Side, rejudge, taken
from pophub.stores.contract import ContractStore
from pophub.stores.judge import TrialStore

LOOKED_AT = 1_000
"""Accepted records that a changed contract is held against before it judges."""


class Impact(NamedTuple):
    """What a changed contract would do.

    Shape: `rejudged` is None where nothing was accepted yet. `takes` is what each subscriber would lose.
    """

    before: Connector
    after: Connector
    rejudged: Rejudged | None
    takes: list[Loss]
    effects: list[Effect]


def settle_contract(adapters: Adapters, connection: Connection, connector: Connector) -> None:
    """Put a contract on record where it is new or takes nothing from a subscriber, or was acknowledged.

    Errors: `impact.breaks`, `impact.not_yet`.
    """
    store = ContractStore(connection, connector.stem)
    if (known := store.digest()) is None:
        store.keep(connector, None)
        return
    if known == connector.digest:
        return
    acknowledged = store.acknowledged(connector.digest)
    if acknowledged is None:
        if takes := impact(adapters, store, store.on_record(), connector, LOOKED_AT).takes:
            raise _breaks(connector.stem, takes)
    elif acknowledged.starts > today():
        what = f"the changed contract was acknowledged by {acknowledged.by} from {acknowledged.starts} on"
        raise _refused("impact.not_yet", what, connector.stem)
    store.keep(connector, acknowledged)


def settle_all(adapters: Adapters, connectors: Iterable[Connector]) -> list[ConfigError]:
    """Put each contract on record that may be; give why the others may not."""
    refused = []
    with adapters.connection("pophub_judge") as connection:
        for connector in connectors:
            try:
                settle_contract(adapters, connection, connector)
            except ConfigError as error:
                refused.append(error)
    return refused


def impact(
    adapters: Adapters, store: ContractStore, before: Connector, after: Connector, most: int
) -> Impact:
    """Hold a changed contract against the one on record, and against what was accepted last."""
    day = today()
    grants = [(name, grant) for name, grant in store.grants() if grant.ends is None or grant.ends > day]
    takes = [one for name, grant in grants for one in taken_fields(before, after, name, grant)]
    rejudged = _rejudged(adapters, store, before, after, most)
    effects = list[Effect]()
    if rejudged is not None:
        rows = (rejudged.before, rejudged.after, list(rejudged.failing), rejudged.sound)
        effects = [effect(before, name, grant, *rows) for name, grant in grants]
        takes += [
            Loss(one.recipient, "", f"{one.gone:,} of {one.rows:,} records would no longer come")
            for one in effects
            if one.gone
        ]
    return Impact(before, after, rejudged, takes, effects)


def _rejudged(
    adapters: Adapters, store: ContractStore, before: Connector, after: Connector, most: int
) -> Rejudged | None:
    blocks = list[avro.Block]()
    for lane, offsets in store.newest_accepted(most).items():
        with adapters.reader(before.stem, lane) as reader:
            start = reader.start()
            wanted = {offset: rows for offset, rows in offsets.items() if offset >= start}
            if not wanted:
                continue
            for offset, data in reader.read(min(wanted), max(wanted) + 1):
                if offset in wanted:
                    blocks.append(taken(avro.decode_block(data), wanted[offset]))
    if not blocks:
        return None
    with adapters.connection("pophub_judge") as connection:
        return rejudge(
            _side(connection, before, before), _side(connection, after, _as_read(after, before)), blocks
        )


def _side(connection: Connection, connector: Connector, read_as: Connector) -> Side:
    known = TrialStore(connection, connector).accepted
    return Side(connector, ContractMapper(read_as), GreatExpectationsRules(connector), known)


def _as_read(after: Connector, before: Connector) -> Connector:
    """Give the changed contract with the marker by which its accepted rows were read.

    Another marker is taken by a person (`position reset`), and may be a column that was not read until then.
    """
    source = after.file.source.model_copy(update={"marker": before.file.source.marker})
    return after.model_copy(update={"file": after.file.model_copy(update={"source": source})})


def _breaks(stem: str, takes: Sequence[Loss]) -> ConfigError:
    first = takes[0]
    what = f"{first.recipient}{f', {first.field}' if first.field else ''}: {first.what}"
    more = f"; and {len(takes) - 1} more" if len(takes) > 1 else ""
    return _refused("impact.breaks", f"{what}{more}", stem)


def _refused(code: str, what: str, stem: str) -> ConfigError:
    return ConfigError(code, what, where=stem, remedy=explain(code).remedy)
