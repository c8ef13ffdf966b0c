"""What a record refers to: people, and rows of other datasets; what is not known yet is waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from pophub.contracts.flaws import Flaws
from pophub.contracts.model import AvroField, Connector, ConnectorFile, DatasetReference
from pophub.contracts.strict_yaml import Document
from pophub.contracts.suite import nearest, refuse
from pophub.domain.dates import DAY_US, ZONE_US
from pophub.domain.errors import ConfigError
from pophub.domain.record import Versions

PEOPLE = "people"
"""What a version waits for is `<where> <key>`: where is this word for people, else the dataset's stem."""


class Referred(NamedTuple):
    """A reference as judge uses it. Shape: `name` is the first of `fields`, by which rules and failures call it."""

    name: str
    fields: tuple[str, ...]
    to: str
    at: str | None
    grace_s: int
    code: str


def referred(file: ConnectorFile) -> list[Referred]:
    """Give all that a record refers to: people, organisations, who are references to those who exist, and rows."""
    people = [
        Referred(p.id, (p.id,), PEOPLE, p.at, p.grace_s, "sufficient.unknown_person") for p in file.people
    ]
    organisations = [
        Referred(o.id, (o.id,), o.dataset, o.at, o.grace_s, "sufficient.unknown_organisation")
        for o in file.organisations
    ]
    others = [
        Referred(r.fields[0], r.fields, r.to, r.at, r.grace_s, "sufficient.unknown_reference")
        for r in file.references
    ]
    return people + organisations + others


def in_turn(connectors: Iterable[Connector]) -> list[list[str]]:
    """Give the datasets in turns, each behind those that its records name or look up; those of a circle come last, together.

    People are named after the dataset that decides who exists.
    """
    files = {one.stem: one.file for one in connectors}
    identity = {stem for stem, file in files.items() if file.population and file.population.identity}
    needs = {
        stem: {to for one in referred(file) for to in (identity if one.to == PEOPLE else {one.to})}.union(
            one.dataset for one in file.look_up.values()
        )
        & files.keys() - {stem}  # a row that refers to one of its own table waits for no other dataset
        for stem, file in files.items()
        if stem not in identity
    }
    turns: list[list[str]] = []
    done = set[str]()
    while waiting := sorted(files.keys() - done):
        ready = [stem for stem in waiting if needs.get(stem, set()) <= done] or waiting
        turns.append(ready)
        done.update(ready)
    return turns


def looked_up_columns(connector: Connector) -> list[str]:
    """Give the columns in which rules find what a connector looks up: `hub_<name>_<field>`."""
    return [column for one in connector.looked_up for column in one.columns]


def moments(at: str | None, fields: Sequence[AvroField], versions: Versions) -> list[int]:
    """Give the time of each record's facts, microseconds UTC.

    It is that of the field `at`, of a day its end in Asia/Ho_Chi_Minh; else of the change, else of the exchange.
    """
    times = versions.columns[at] if at else versions.changed_at
    days = any(field.name == at and field.type == "date" for field in fields)
    return [
        stamp if time is None else (time + 1) * DAY_US - ZONE_US - 1 if days else time
        for time, stamp in zip(times, versions.stamps, strict=True)
    ]


def check_references(document: Document, file: ConnectorFile, known: dict[str, AvroField]) -> None:
    """Refuse references that could not be told apart, and fields that are no part of a key."""
    taken, flaws = {person.id for person in file.people}, Flaws()
    for at, one in enumerate(file.organisations):
        if one.id in taken:
            what = f"{one.id} is an id already: each is known by it"
            flaws.add(refuse("config.value", what, document.where("organisations", at, "id")))
        taken.add(one.id)
    for at, reference in enumerate(file.references):
        name = reference.fields[0]
        if name in taken:
            what = f"{name} begins another reference, or is an id of people: each is known by its first field"
            flaws.add(refuse("config.value", what, document.where("references", at, "fields", 0)))
        taken.add(name)
        for place, field in enumerate(reference.fields):
            if field in known and known[field].type in ("bytes", "decimal", "double", "boolean"):
                what = f"{field} is {known[field].type}, which is no part of a key"
                flaws.add(refuse("config.type", what, document.where("references", at, "fields", place)))
        if reference.at in known and known[reference.at].type not in ("date", "timestamp-micros"):
            what = f"{reference.at} is {known[reference.at].type}, not a date or a time"
            flaws.add(refuse("config.type", what, document.where("references", at, "at")))
    flaws.tell()


def check_targets(
    document: Document,
    file: ConnectorFile,
    fields: Sequence[AvroField],
    connectors: Mapping[str, Connector],
    broken: set[str],
) -> Iterator[ConfigError]:
    """Find references to datasets that are not there, or whose key is another; a broken one is its own finding."""
    types = {field.name: field.type for field in fields}
    for at, reference in enumerate(file.references):
        if reference.to in broken:
            continue
        where = partial(document.where, "references", at, "to")
        target = connectors.get(reference.to)
        if target is None:
            what = f"there is no dataset {reference.to}{nearest(reference.to, connectors)}"
            yield refuse("config.unknown_stem", what, where())
        elif target.file.population is not None and target.file.population.identity:
            what = f"{reference.to} says who exists: name its citizens under people"
            yield refuse("config.value", what, where())
        else:
            fields_where = partial(document.where, "references", at, "fields")
            yield from _other_key(reference, target, types, fields_where)


def _other_key(
    reference: DatasetReference, target: Connector, types: Mapping[str, str], where: Callable[[], str]
) -> Iterator[ConfigError]:
    key = target.file.key
    if len(key) != len(reference.fields):
        what = f"the key of {reference.to} is {', '.join(key)}: a reference names a field for each"
        yield refuse("config.value", what, where())
        return
    theirs = {field.name: field.type for field in target.contract.fields}
    for field, part in zip(reference.fields, key, strict=True):
        if _whole(types[field]) != _whole(theirs[part]):
            what = f"{field} is {types[field]}, and {part} of {reference.to} is {theirs[part]}"
            yield refuse("config.type", what, where())


def _whole(kind: str) -> str:
    return "long" if kind == "int" else kind
