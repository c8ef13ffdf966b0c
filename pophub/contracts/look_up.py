"""What a record refers to, looked up for its rules: declared with the connector, held against the other's schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pophub.contracts.avro_schema import read_schema
from pophub.contracts.evolution import earlier_versions
from pophub.contracts.flaws import Flaws
from pophub.contracts.model import AvroField, ConnectorFile, DatasetReference, LookedUp
from pophub.contracts.reference_model import LookUp
from pophub.contracts.refusals import read_model
from pophub.contracts.strict_yaml import Document, Place, load_document
from pophub.contracts.suite import nearest, refuse
from pophub.domain.errors import ConfigError
from pophub.domain.finder import Finder

REGISTERED = {"name": "string", "representative": "string", "active": "boolean"}
"""What rules may know of an organisation, and which type its register has it in."""


class _Other(NamedTuple):
    """A dataset that is looked up; `path` is that of its schema."""

    file: ConnectorFile
    fields: dict[str, AvroField]
    schemas: tuple[str, ...]
    path: Path


def read_looked_up(
    document: Document, file: ConnectorFile, own: Sequence[AvroField], project: Path
) -> tuple[tuple[LookedUp, ...], list[Path]]:
    """Read what a connector with its `own` fields looks up, of its organisations too, and the files of schemas for it.

    Errors: ConfigError with file and line; the first brings the others.
    """
    found, paths, flaws = list[LookedUp](), list[Path](), Flaws()
    for name, look_up in file.look_up.items():
        with flaws.gathered():
            if look_up.match is None:
                reference = _reference(document, file, name, look_up)
            else:
                reference = _matched(document, own, name, look_up)
            other = _other(document, ("look_up", name, "in"), look_up.dataset, project)
            columns = tuple(f"hub_{name}_{field}" for field in look_up.fields)
            fields = _chosen(document, name, look_up, other.fields)
            finder = _finder(document, name, look_up, other.fields)
            found.append(LookedUp(
                reference=reference, columns=columns, fields=fields, schemas=other.schemas, finder=finder
            ))  # fmt: skip
            paths.append(other.path)
    for at, one in enumerate(file.organisations):
        with flaws.gathered():
            place: Place = ("organisations", at, "in")
            other = _other(document, place, one.dataset, project)
            told = list(_registered(document, place, other))
            reference = DatasetReference(fields=(one.id,), to=one.dataset, at=one.at, grace_s=one.grace_s)
            columns = tuple(f"hub_{one.id}_{name}" for name, _ in told)
            fields = tuple(field for _, field in told)
            found.append(LookedUp(reference=reference, columns=columns, fields=fields, schemas=other.schemas))
            paths.append(other.path)
    flaws.tell()
    return tuple(found), paths


def look_ups_read(looked_up: Sequence[LookedUp]) -> str:
    """Tell which fields of which datasets are looked up: a register says of its own which of them are meant."""
    told = [
        [
            one.reference.to,
            one.columns,
            [field.name for field in one.fields],
            one.finder and one.finder.told(),
        ]
        for one in looked_up
    ]
    return json.dumps(told) if told else ""


def _registered(document: Document, place: Place, other: _Other) -> Iterator[tuple[str, AvroField]]:
    """Give what the register of organisations tells of each."""
    register = other.file.register_
    if register is None:
        what = f"{other.file.stem} is no register of organisations"
        raise refuse("config.value", what, document.where(*place))
    for name in REGISTERED:
        if (field := getattr(register, name)) in other.fields:
            yield name, other.fields[field]


def check_register(document: Document, file: ConnectorFile, known: dict[str, AvroField]) -> None:
    """Hold a register of organisations to its keys being the tax codes, and to what its fields must be."""
    if file.register_ is None:
        return
    flaws = Flaws()
    if file.key != (file.register_.id,):
        what = f"which organisations exist is said by their tax code as the key, which is {', '.join(file.key)} here"
        flaws.add(refuse("config.value", what, document.where("register", "id")))
    for name, kind in REGISTERED.items():
        field = known.get(getattr(file.register_, name) or "")
        if field is not None and field.type != kind:
            what = f"{field.name} is {field.type}, not {kind}"
            flaws.add(refuse("config.type", what, document.where("register", name)))
    flaws.tell()


def _reference(document: Document, file: ConnectorFile, name: str, look_up: LookUp) -> DatasetReference:
    """Give the reference that a look-up follows, which waits for what is not there yet."""
    place: Place = ("look_up", name)
    if look_up.only or look_up.at:
        what = "only and at are for a look-up with match: a reference has a time of its own"
        raise refuse("config.value", what, document.where(*place, "by"))
    names = {one.fields[0]: one for one in file.references}
    if look_up.by not in names:
        what = (
            f"no reference begins with {look_up.by}{nearest(look_up.by, names)}: declare it under references"
        )
        raise refuse("config.value", what, document.where(*place, "by"))
    if names[look_up.by].to != look_up.dataset:
        what = f"{look_up.by} refers to {names[look_up.by].to}, not to {look_up.dataset}"
        raise refuse("config.value", what, document.where(*place, "in"))
    return names[look_up.by]


def _matched(document: Document, own: Sequence[AvroField], name: str, look_up: LookUp) -> DatasetReference:
    """Give the reference of a look-up by a field that is no key: it waits for nothing."""
    kinds = {field.name: field.type for field in own}
    for key, told, wanted in (
        ("by", look_up.by, ("string",)),
        ("at", look_up.at, ("date", "timestamp-micros")),
    ):
        if told is None or kinds.get(told) in wanted:
            continue
        where = document.where("look_up", name, key)
        if told not in kinds:
            raise refuse("schema.field_missing", f"there is no field {told!r}{nearest(told, kinds)}", where)
        raise refuse("config.type", f"{told} is {kinds[told]}, not {' or '.join(wanted)}", where)
    return DatasetReference(fields=(look_up.by,), to=look_up.dataset, at=look_up.at, grace_s=0)


def _finder(document: Document, name: str, look_up: LookUp, known: dict[str, AvroField]) -> Finder | None:
    """Give how the row is found that is looked up by a field which is not its key."""
    if look_up.match is None:
        return None
    flaws = Flaws()
    places: dict[str, Place] = {one: ("look_up", name, "only", one) for one in look_up.only}
    places[look_up.match] = ("look_up", name, "match")
    for wanted, place in places.items():
        if wanted not in known:
            what = f"{look_up.dataset} has no field {wanted!r}{nearest(wanted, known)}"
            flaws.add(refuse("schema.field_missing", what, document.where(*place)))
        elif known[wanted].type != "string":
            what = f"{wanted} of {look_up.dataset} is {known[wanted].type}, not string"
            flaws.add(refuse("config.type", what, document.where(*place)))
    flaws.tell()
    return Finder(look_up.match, tuple(sorted(look_up.only.items())))


def _other(document: Document, place: Place, stem: str, project: Path) -> _Other:
    """Read the dataset that is looked up; what is wrong with it is its own finding."""
    known = {f"{one.parent.name}.{one.stem}": one for one in (project / "connectors").glob("*/*.yaml")}
    if (path := known.get(stem)) is None:
        raise refuse("config.unknown_stem", f"there is no dataset {stem}", document.where(*place))
    try:
        file = read_model(ConnectorFile, load_document(path, project))
        schema_path = project / "schemas" / path.parent.name / f"{path.stem}.v{file.contract}.avsc"
        _, fields, text = read_schema(load_document(schema_path, project), file.key)
        earlier = earlier_versions(schema_path, project)
    except (ConfigError, OSError):
        what = f"{stem} cannot be read, so nothing can be looked up there"
        raise refuse("config.value", what, document.where(*place)) from None
    schemas = (text, *(found.schema for found in earlier))
    return _Other(file, {field.name: field for field in fields}, schemas, schema_path)


def _chosen(
    document: Document, name: str, look_up: LookUp, known: dict[str, AvroField]
) -> tuple[AvroField, ...]:
    flaws = Flaws()
    for place, wanted in enumerate(look_up.fields):
        if wanted not in known:
            what = f"{look_up.dataset} has no field {wanted!r}{nearest(wanted, known)}"
            where = document.where("look_up", name, "fields", place)
            flaws.add(refuse("schema.field_missing", what, where))
    flaws.tell()
    return tuple(known[wanted] for wanted in look_up.fields)
