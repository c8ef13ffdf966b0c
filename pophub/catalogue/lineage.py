"""Where a dataset's records come from and go to, one hop each way: as the declarations say it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from pophub.catalogue.entries import CatalogueEntry
from pophub.contracts.kafka_source import KafkaSource
from pophub.contracts.model import Connector
from pophub.contracts.referred import PEOPLE, referred
from pophub.contracts.source_model import DatabaseSource, FilesSource


class LineageHop(NamedTuple):
    """A neighbour of a dataset. Shape: `name` is a stem, a subscriber, a figure, or what is read at the source."""

    way: Literal["from", "to"]
    kind: Literal["source", "dataset", "population", "subscriber", "figure"]
    name: str
    by: tuple[str, ...] = ()


def hops(stem: str, known: Sequence[CatalogueEntry]) -> list[LineageHop]:
    """Give the neighbours of a dataset of the catalogue: what it comes from, then where it goes; none of an unknown one."""
    mine = next((one for one in known if one.stem == stem), None)
    if mine is None:
        return []
    connectors = [one.connector for one in known]
    file = mine.connector.file
    found = [LineageHop("from", "source", _source(mine.connector), file.columns)]
    found += [LineageHop("from", "dataset", *one) for one in _named(mine.connector, connectors)]
    if file.population is not None:
        found.append(LineageHop("to", "population", "", tuple(file.population.fields)))
    found += [LineageHop("to", "subscriber", who.subscriber, grant.fields) for who, grant in mine.receivers]
    found += [
        LineageHop("to", "dataset", other.stem, fields)
        for other in connectors
        if other.stem != stem
        for name, fields in _named(other, connectors)
        if name == stem
    ]
    return found + [LineageHop("to", "figure", one.name) for one in mine.figures]


def _named(connector: Connector, known: Sequence[Connector]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give the datasets whose records a record names or looks up, each with the fields that name them."""
    named = referred(connector.file)
    people = tuple(one.name for one in named if one.to == PEOPLE)
    for other in known:
        authority = other.file.population is not None and other.file.population.identity
        if people and authority and other.stem != connector.stem:
            yield other.stem, people
    looked_for = [(one.dataset, (one.by,)) for one in connector.file.look_up.values() if one.match]
    yield from dict.fromkeys([*((one.to, one.fields) for one in named if one.to != PEOPLE), *looked_for])


def _source(connector: Connector) -> str:
    """Name what is read at the source; an address stands in no declaration."""
    source = connector.file.source
    if isinstance(source, DatabaseSource):
        return source.table
    if isinstance(source, FilesSource):
        return source.pattern
    return source.topic if isinstance(source, KafkaSource) else source.url
