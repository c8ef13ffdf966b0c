"""Hold a contract's schema against the versions before it: what was shared stays readable for everyone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pophub.contracts.avro_schema import read_schema
from pophub.contracts.model import AvroField
from pophub.contracts.strict_yaml import Document, load_document
from pophub.contracts.suite import refuse


class Earlier(NamedTuple):
    """A version before the contract's own: its number and file, record name, fields and schema."""

    version: int
    file: Path
    record_name: str
    fields: tuple[AvroField, ...]
    schema: str


def earlier_versions(path: Path, project: Path) -> list[Earlier]:
    """Read the versions before the one of this file, the newest first."""
    found = []
    for version, file in _earlier(path):
        document = load_document(file, project)
        found.append(Earlier(version, file.relative_to(project), *read_schema(document, _key(document))))
    return found


def check_evolution(
    document: Document, earlier: Sequence[Earlier], now: tuple[str, Sequence[AvroField]]
) -> None:
    """Refuse a schema with which an earlier version's readers, or its records in history, cannot be read.

    Errors: ConfigError `schema.renamed`, `schema.field_dropped`, `schema.type_changed`,
    `schema.field_required`, `schema.fingerprint`, naming the field and the earlier file.
    """
    for old in earlier:
        if found := difference((old.record_name, old.fields), now):
            code, what = found
            raise refuse(code, f"{what}, unlike in {old.file}", document.where("fields"))
    if earlier:
        _check_defaults(document, earlier[0])


def _check_defaults(document: Document, before: Earlier) -> None:
    """Refuse a new field without a default: who reads with this version could not read what came before."""
    known = {field.name for field in before.fields}
    for place, entry in enumerate(document.data["fields"]):
        if entry["name"] not in known and "default" not in entry:
            what = (
                f'the new field {entry["name"]} has no "default": null, which readers of {before.file} need'
            )
            raise refuse("schema.field_required", what, document.where("fields", place))


def difference(
    before: tuple[str, Sequence[AvroField]], now: tuple[str, Sequence[AvroField]]
) -> tuple[str, str] | None:
    """Give the rule that a schema breaks against an earlier one, with the field; None where it fits."""
    if before[0] != now[0]:
        return "schema.renamed", f"the record is named {now[0]}"
    known, present = {f.name: f for f in before[1]}, {f.name: f for f in now[1]}
    for name, field in known.items():
        if name not in present:
            return "schema.field_dropped", f"the field {name} is gone"
        if field != present[name]:
            nullable = " or null" if present[name].nullable else ""
            return "schema.type_changed", f"the field {name} is {present[name].type}{nullable}"
    for name in present.keys() - known.keys():
        if not present[name].nullable:
            return "schema.field_required", f"the new field {name} must not be null"
    # new fields stand last, so that the number of fields in a record tells its version
    for old, new in zip(before[1], now[1], strict=False):
        if old.name != new.name:
            return "schema.fingerprint", f"the field {new.name} stands in the place of {old.name}"
    return None


def _key(document: Document) -> tuple[str, ...]:
    """Give the fields that may not be null: the key of that version."""
    entries = document.data.get("fields") or ()
    return tuple(e["name"] for e in entries if isinstance(e, dict) and not isinstance(e.get("type"), list))


def _earlier(path: Path) -> list[tuple[int, Path]]:
    """Give number and file of the versions before this one, the newest first; before the first there is none."""
    dataset, version = path.name.removesuffix(".avsc").rsplit(".v", 1)
    if version == "1":  # hundreds of datasets in one folder: each would look through all of it
        return []
    found = {
        int(match[1]): other
        for other in path.parent.glob(f"{dataset}.v*.avsc")
        if (match := re.fullmatch(rf"{re.escape(dataset)}\.v([0-9]+)\.avsc", other.name))
    }
    return [(number, found[number]) for number in sorted(found, reverse=True) if number < int(version)]
