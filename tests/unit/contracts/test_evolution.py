"""A new contract version that would break a reader of an earlier one is refused, rule and field named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pophub.contracts.load import check, load_connector

PROJECT = Path(__file__).parents[3]
Fields = list[dict[str, Any]]


def second_version(project: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Raise the contract of citizens, its schema changed."""
    schema = json.loads((project / "schemas/mps/citizens.v1.avsc").read_text())
    change(schema)
    (project / "schemas/mps/citizens.v2.avsc").write_text(json.dumps(schema))
    path = project / "connectors/mps/citizens.yaml"
    text = path.read_text().replace("contract: 1", "contract: 2")
    path.write_text(text.replace("  old_number: {from", "  extra: {from: so_cmnd}\n  old_number: {from"))


def with_extra(kind: Any) -> Callable[[dict[str, Any]], None]:
    more = {"default": None} if isinstance(kind, list) else {}
    return lambda schema: schema["fields"].append({"name": "extra", "type": kind, **more})


def changed(name: str, kind: Any) -> Callable[[dict[str, Any]], None]:
    def change(schema: dict[str, Any]) -> None:
        with_extra(["null", "string"])(schema)
        next(f for f in schema["fields"] if f["name"] == name)["type"] = kind

    return change


def dropped(name: str) -> Callable[[dict[str, Any]], None]:
    def change(schema: dict[str, Any]) -> None:
        schema["fields"] = [f for f in schema["fields"] if f["name"] != name]

    return change


def moved(place: int) -> Callable[[dict[str, Any]], None]:
    """Put a new field at a place among the others."""
    return lambda schema: schema["fields"].insert(
        place, {"name": "extra", "type": ["null", "string"], "default": None}
    )


def turned(schema: dict[str, Any]) -> None:
    fields = schema["fields"]
    fields[1], fields[2] = fields[2], fields[1]
    with_extra(["null", "string"])(schema)


def test_a_field_added_that_may_be_null_is_sound(project: Path) -> None:
    second_version(project, with_extra(["null", "string"]))
    assert check(project) == []


def test_a_field_added_without_a_default_is_refused(project: Path) -> None:
    second_version(
        project, lambda schema: schema["fields"].append({"name": "extra", "type": ["null", "string"]})
    )
    (found,) = [f for f in check(project) if f.code.startswith("schema.")]
    assert (found.code, found.where) == ("schema.field_required", "schemas/mps/citizens.v2.avsc:1")
    assert "extra" in found.what and "schemas/mps/citizens.v1.avsc" in found.what


def test_a_contract_knows_the_schemas_of_its_earlier_versions_the_newest_first(project: Path) -> None:
    path, folder = project / "connectors/mps/citizens.yaml", project / "schemas/mps"
    assert load_connector(path, project).contract.earlier == {}
    second_version(project, with_extra(["null", "string"]))
    (folder / "citizens.v3.avsc").write_text((folder / "citizens.v2.avsc").read_text())
    (folder / "citizens.v4.avsc").write_text("a draft of the next version")
    path.write_text(path.read_text().replace("contract: 2", "contract: 3"))
    contract = load_connector(path, project).contract
    assert list(contract.earlier) == [2, 1]
    files = [json.loads((folder / f"citizens.v{version}.avsc").read_text()) for version in (3, 2, 1)]
    assert [json.loads(schema) for schema in contract.schemas] == files


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        (dropped("sex"), "schema.field_dropped", "sex"),
        (changed("sex", ["null", "int"]), "schema.type_changed", "sex"),
        (lambda s: s.update(name="Person"), "schema.renamed", "Person"),
        (moved(0), "schema.fingerprint", "extra"),
        (moved(6), "schema.fingerprint", "extra"),
        (turned, "schema.fingerprint", "birth_date"),
    ],
)
def test_a_version_that_breaks_readers_is_refused(
    project: Path, change: Callable[[dict[str, Any]], None], code: str, field: str
) -> None:
    second_version(project, change)
    (found,) = [f for f in check(project) if f.code.startswith("schema.")][:1]
    assert (found.code, "schemas/mps/citizens.v2.avsc" in found.where) == (code, True)
    assert field in found.what and "schemas/mps/citizens.v1.avsc" in found.what


def test_a_field_that_joins_the_key_is_refused(project: Path) -> None:
    def change(schema: dict[str, Any]) -> None:
        schema["fields"].append({"name": "extra", "type": "string"})

    second_version(project, change)
    path = project / "connectors/mps/citizens.yaml"
    path.write_text(path.read_text().replace("key: [citizen_id]", "key: [citizen_id, extra]"))
    found = [f for f in check(project) if f.code == "schema.field_required"]
    assert ["extra" in f.what for f in found] == [True]


def test_the_tenth_version_is_held_against_every_earlier_one(project: Path) -> None:
    second_version(project, with_extra(["null", "string"]))
    folder = project / "schemas/mps"
    (folder / "citizens.v2.avsc").rename(folder / "citizens.v10.avsc")
    middle = json.loads((folder / "citizens.v1.avsc").read_text())
    middle["fields"].append({"name": "since", "type": ["null", "string"]})
    (folder / "citizens.v2.avsc").write_text(json.dumps(middle))
    path = project / "connectors/mps/citizens.yaml"
    path.write_text(path.read_text().replace("contract: 2", "contract: 10"))
    (found,) = [f for f in check(project) if f.code == "schema.field_dropped"]
    assert "since" in found.what and "v2.avsc" in found.what
