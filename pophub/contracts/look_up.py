"""What a record refers to, looked up for its rules: declared with the connector, held against the other's schema."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pophub.contracts.avro_schema import read_schema
from pophub.contracts.evolution import earlier_versions
from pophub.contracts.flaws import Flaws
from pophub.contracts.model import AvroField, ConnectorFile, DatasetReference, LookedUp, LookUp
from pophub.contracts.refusals import read_model
from pophub.contracts.strict_yaml import Document, Place, load_document
from pophub.contracts.suite import nearest, refuse
from pophub.domain.errors import ConfigError


def read_looked_up(
    document: Document, file: ConnectorFile, project: Path
) -> tuple[tuple[LookedUp, ...], list[Path]]:
    """Read what a connector looks up, and the files of the schemas that tell of it.

    Errors: ConfigError with file and line; the first brings the others.
    """
    found, paths, flaws = list[LookedUp](), list[Path](), Flaws()
    for name, look_up in file.look_up.items():
        with flaws.gathered():
            reference = _reference(document, file, name, look_up)
            fields, schemas, path = _schemas(document, name, look_up, project)
            chosen = _chosen(document, name, look_up, fields)
            found.append(LookedUp(name=name, reference=reference, fields=chosen, schemas=schemas))
            paths.append(path)
    flaws.tell()
    return tuple(found), paths


def _reference(document: Document, file: ConnectorFile, name: str, look_up: LookUp) -> DatasetReference:
    """Give the reference that a look-up follows, which waits for what is not there yet."""
    place: Place = ("look_up", name)
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


def _schemas(
    document: Document, name: str, look_up: LookUp, project: Path
) -> tuple[tuple[AvroField, ...], tuple[str, ...], Path]:
    """Give the fields and schemas of the dataset that is looked up; what is wrong with it is its own finding."""
    where = document.where("look_up", name, "in")
    known = {f"{one.parent.name}.{one.stem}": one for one in (project / "connectors").glob("*/*.yaml")}
    if (path := known.get(look_up.dataset)) is None:
        raise refuse("config.unknown_stem", f"there is no dataset {look_up.dataset}", where)
    try:
        other = read_model(ConnectorFile, load_document(path, project))
        schema_path = project / "schemas" / path.parent.name / f"{path.stem}.v{other.contract}.avsc"
        _, fields, text = read_schema(load_document(schema_path, project), other.key)
        earlier = earlier_versions(schema_path, project)
    except (ConfigError, OSError):
        what = f"{look_up.dataset} cannot be read, so nothing can be looked up there"
        raise refuse("config.value", what, where) from None
    return fields, (text, *(found.schema for found in earlier)), schema_path


def _chosen(
    document: Document, name: str, look_up: LookUp, fields: Sequence[AvroField]
) -> tuple[AvroField, ...]:
    known, flaws = {field.name: field for field in fields}, Flaws()
    for place, wanted in enumerate(look_up.fields):
        if wanted not in known:
            what = f"{look_up.dataset} has no field {wanted!r}{nearest(wanted, known)}"
            where = document.where("look_up", name, "fields", place)
            flaws.add(refuse("schema.field_missing", what, where))
    flaws.tell()
    return tuple(known[wanted] for wanted in look_up.fields)
