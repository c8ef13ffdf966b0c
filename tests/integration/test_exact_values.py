"""Bytes and exact numbers flow from bytea and numeric to every store, reader and command of the hub."""

from __future__ import annotations

import csv
import io
import json
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest
from command_kit import command
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from hubkit import Project, hub_of, surroundings
from outside import check, read_log, read_topic, record_of
from serving import served

from pophub.commands import reconcile as commands
from pophub.domain.codes import CODES
from pophub.postgres import connect
from pophub.quarantine import browse, export, repair
from pophub.quarantine.selection import Selection
from pophub.reconcile.rebuild import Rebuild
from pophub.web.app import create_registry
from pophub.wiring import Hub

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore::authlib.deprecate.AuthlibDeprecationWarning"),
]
PHOTO = b"\x00\xff\x89PNG"
ADDED = {
    "photo": ("anh bytea", "bytes"),
    "paid": (
        "luong numeric",
        {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 10},
    ),
}
SENT = {1: (None, None), 2: (PHOTO, "12345678901234567890.1"), 3: (b"", "1e-10"), 4: (None, "-0")}
EXPECTED = {
    1: (b"\x01", Decimal("5.0000000000")),  # changed under v2
    2: (PHOTO, Decimal("12345678901234567890.1000000000")),
    3: (b"", Decimal("0.0000000001")),
    4: (None, Decimal("0.0000000000")),
    5: (b"\xab\xcd", Decimal("-7.2500000000")),  # quarantined, then repaired
}


def raise_contract(project: Project) -> None:
    """Add both columns at the source, in the contract and in the grant."""
    for column, _ in ADDED.values():
        project.sql(f"alter table dancu.cong_dan add column {column}")
    folder = project.folder / f"schemas/{project.agency}"
    schema = json.loads((folder / "citizens.v1.avsc").read_text())
    for name, (_, kind) in ADDED.items():
        schema["fields"].append({"name": name, "type": ["null", kind], "default": None})
    (folder / "citizens.v2.avsc").write_text(json.dumps(schema, ensure_ascii=False))
    path = project.folder / f"connectors/{project.agency}/citizens.yaml"
    mapped = "mapping:\n  photo: {from: anh, parse: bytes}\n  paid: {from: luong, parse: decimal}\n"
    text = path.read_text().replace("contract: 1", "contract: 2")
    path.write_text(text.replace("mapping:\n", mapped))
    grants = project.folder / f"subscriptions/{project.subscriber}.yaml"
    text = grants.read_text().replace("province_code]", "province_code, photo, paid]")
    grants.write_text(text.replace("    purpose", "    version: 2\n    purpose"))


def by_confluent(project: Project, topic: str) -> dict[int, tuple[Any, Any]]:
    """Read a topic with Confluent's deserializer; give person -> (photo, paid) of the last message."""
    people = {project.number_of(person): person for person in EXPECTED}
    context, found = SerializationContext(topic, MessageField.VALUE), {}
    with (
        served(create_registry(project.servers.settings, guards=())) as address,
        SchemaRegistryClient({"url": address}) as client,
    ):
        read = AvroDeserializer(client)
        for message in read_topic(project.servers, topic):
            record: Any = read(message.value, context)
            found[people[record["citizen_id"]]] = (record.get("photo"), record.get("paid"))
    return found


def by_fastavro(project: Project, topic: str) -> dict[int, tuple[Any, Any]]:
    """Read a topic with fastavro and the registered schemas; give person -> (photo, paid) of the last message."""
    people = {project.number_of(person): person for person in EXPECTED}
    schemas = dict(project.servers.query("select id, schema from hub.registry_schema"))
    found = {}
    for message in read_topic(project.servers, topic):
        assert message.value is not None
        schema = schemas[int.from_bytes(message.value[1:5], "big")]
        parsed = fastavro.parse_schema(schema if isinstance(schema, dict) else json.loads(schema))
        record: Any = fastavro.schemaless_reader(io.BytesIO(message.value[5:]), parsed, None)
        found[people[record["citizen_id"]]] = (record.get("photo"), record.get("paid"))
    return found


def logged(project: Project) -> dict[int, tuple[Any, Any]]:
    """Read the hub's own log with fastavro and the contract; give person -> (photo, paid) of the last version."""
    people = {project.number_of(person): person for person in EXPECTED}
    folder = project.folder / "schemas" / project.agency
    schemas = [
        fastavro.parse_schema(json.loads((folder / f"citizens.v{version}.avsc").read_text()))
        for version in (2, 1)
    ]
    found = {}
    for row in read_log(project.servers, project.stem):
        assert row.payload is not None
        record = record_of(row.payload, *schemas)
        found[people[row.key]] = (record.get("photo"), record.get("paid"))
    return found


def said(project: Project, *arguments: str) -> str:
    """Run a command of pophub that must succeed; give what it prints."""
    ran = command(*arguments, environment=surroundings(project))
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def rejected_is_repaired(project: Project, hub: Hub, folder: Path) -> None:
    """Find the number with too many digits in quarantine, look at it in each way, and repair it."""
    connector = hub.connector(project.stem)
    ((number, code),) = project.servers.query(
        "select id, failures->0->>'code' from quarantine.version where stem = %s", project.stem
    )
    assert code == "contract.number.format"
    with closing(connect(project.servers.settings, "pophub_judge")) as connection:
        sets = ["paid=-7.25", "photo=\\xABcd"]
        proposal = repair.propose(connection, connector, number, sets, "letter 12", "Lan")
        sent = browse.show(connection, number, connector, CODES)["sent"]
        assert (sent["anh"], sent["luong"]) == ("\\xabcd", "0.12345678901")
        assert export.export(connection, Selection(stem=project.stem), "csv", folder / "x.csv", CODES) == 1
        row = next(csv.DictReader((folder / "x.csv").read_text("utf-8-sig").splitlines()))
        assert json.loads(row["row_as_sent"])["anh"] == "\\xabcd"
        shown = said(project, "quarantine", "show", str(number)).splitlines()
        assert {"  anh = \\xabcd", "  luong = 0.12345678901"} <= set(shown)
        assert {"  photo = \\xabcd", "  paid = -7.2500000000"} <= set(shown)
        repair.approve(connection, proposal, "Minh")
    done, _ = project.pass_through("replay", "share")
    assert done["shared"] == 1 and "quarantined" not in project.states()


def test_bytes_and_exact_numbers_are_shared_shown_rebuilt_and_reconciled(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project.put(1, 400)
    project.pass_through()
    raise_contract(project)
    project.pass_through("prepare")
    for person in (2, 3, 4):
        photo, paid = SENT[person]
        project.put(person, 300 - person, anh=photo, luong=paid)
    project.put(5, 290, anh=b"\xab\xcd", luong="0.12345678901")
    project.update(1, 280, anh=b"\x01", luong="5")
    judged = project.pass_through()[1]
    assert (judged["shared"], judged["quarantined"]) == (4, 1)
    hub = hub_of(project, monkeypatch)
    rejected_is_repaired(project, hub, tmp_path)

    check(project)
    topic = f"sub.{project.subscriber}.{project.stem}"
    assert by_fastavro(project, topic) == by_confluent(project, topic) == logged(project) == EXPECTED
    for read in (by_fastavro(project, topic), logged(project)):
        assert {str(paid) for _, paid in read.values()} == {str(paid) for _, paid in EXPECTED.values()}
    report = commands.examine(hub, project.stem, deep=True)
    assert report.findings == []
    tables = Rebuild(hub.settings, [hub.connector(project.stem)], f"rebuilt_{project.agency}").run()
    assert [(t.rebuilt - t.live, t.differing) for t in tables] == [(0, 0)] * 3
    key, now = project.number_of(3), "2100-01-01"
    lines = said(project, "population", "as-of", now, key, "--stem", project.stem).splitlines()
    assert {"  photo = \\x", "  paid = 0.0000000001"} <= set(lines)
    told = json.loads(said(project, "population", "as-of", now, key, "--stem", project.stem, "--json"))
    assert (told["record"]["photo"], told["record"]["paid"]) == ("", "0.0000000001")
    assert project.pass_through()[1]["shared"] == 0  # what was read is not read again
