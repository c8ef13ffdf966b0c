"""A contract is raised while records of the version before wait everywhere; strangers read them all."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hubkit import GRANTED, Project, hub_of
from outside import Message, check, read_log, read_topic, record_of

from pophub.commands import reconcile as commands
from pophub.reconcile.rebuild import Rebuild
from pophub.wiring import Hub

pytestmark = pytest.mark.timeout(240)
BAD_NAME = "Nguyễn\u0007Văn An"
V1 = ("citizen_id", "full_name", "birth_date", "sex", "province_code", "household_code", "old_number")
V2 = (*V1, "phone")
EXPECTED: dict[
    int, list[tuple[tuple[str, ...], str | None] | None]
] = {  # person -> the fields and phone of each version of theirs, in order; None: deleted
    1: [(V1, None), (V1, None)],  # shared under v1, changed under v1 and left unshared
    2: [(V1, None), None],
    3: [(V1, None), (V2, "0902")],  # changed under v2
    4: [(V1, None)],
    5: [(V2, None)],  # quarantined under v1, replayed under v2
    6: [(V1, None)],  # judged under v1, left unshared
    7: [(V2, None), (V2, "0907")],  # read under v1, judged under v2; changed under v2
    8: [(V2, "0908")],
    9: [(V2, None)],
}


def raise_contract(project: Project) -> None:
    """Add a column at the source, and a field to the contract and to a grant; grant it alone to another."""
    project.sql("alter table dancu.cong_dan add column so_dt text")
    folder = project.folder / f"schemas/{project.agency}"
    schema = json.loads((folder / "citizens.v1.avsc").read_text())
    schema["fields"].append({"name": "phone", "type": ["null", "string"], "default": None})
    (folder / "citizens.v2.avsc").write_text(json.dumps(schema, ensure_ascii=False))
    edit(project.folder / f"connectors/{project.agency}/citizens.yaml",
         ("contract: 1", "contract: 2"), ("mapping:\n", "mapping:\n  phone: {from: so_dt}\n"))  # fmt: skip
    grants = project.folder / f"subscriptions/{project.subscriber}.yaml"
    edit(grants, ("province_code]", "province_code, phone]"), ("    purpose", "    version: 2\n    purpose"))
    text = grants.read_text().replace(f"[{', '.join(GRANTED)}, phone]", "[phone]")
    other = text.replace(f"subscriber: {project.subscriber}", f"subscriber: {project.subscriber}b")
    (grants.parent / f"{project.subscriber}b.yaml").write_text(other)


def edit(path: Path, *pairs: tuple[str, str]) -> None:
    """Replace texts of a file, each of which must stand there once."""
    text = path.read_text()
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text)


def forgive(project: Project, codes: set[str]) -> None:
    """Take the rules of these codes out of the suite."""
    path = project.folder / f"expectations/{project.agency}/citizens.json"
    suite = json.loads(path.read_text())
    suite["expectations"] = [e for e in suite["expectations"] if e["meta"]["code"] not in codes]
    path.write_text(json.dumps(suite))


def assert_equal_everywhere(hub: Hub, stem: str) -> None:
    """Deep reconciliation compares every byte of every store, and finds nothing."""
    report = commands.examine(hub, stem, deep=True)
    assert report.findings == []
    assert all(c.expected == c.found and c.ranges_differing == 0 for c in report.compared)


def decoded(project: Project, topic: str) -> list[tuple[Message, dict[str, Any] | None]]:
    """Read a subscriber's topic as a stranger does: each value by the registered schema that its framing names."""
    schemas = {
        number: fastavro.parse_schema(schema if isinstance(schema, dict) else json.loads(schema))
        for number, schema in project.servers.query(
            "select id, schema from hub.registry_schema where subject = %s", f"{topic}-value"
        )
    }
    found: list[tuple[Message, dict[str, Any] | None]] = []
    for message in read_topic(project.servers, topic):
        record: Any = None
        if message.value is not None:
            assert message.value[0] == 0
            body = io.BytesIO(message.value[5:])
            schema = schemas[int.from_bytes(message.value[1:5], "big")]
            record = fastavro.schemaless_reader(body, schema, None)
            assert body.read() == b"", "the schema that is named leaves bytes over"
        found.append((message, record))
    return found


def logged(project: Project) -> list[tuple[str, dict[str, Any] | None]]:
    """Read the hub's own log with the registered schemas of the contract, the newest first."""
    schemas = [
        fastavro.parse_schema(schema if isinstance(schema, dict) else json.loads(schema))
        for (schema,) in project.servers.query(
            "select schema from hub.registry_schema where subject = %s order by version desc",
            f"history.{project.stem}",
        )
    ]
    rows = read_log(project.servers, project.stem)
    return [(row.key, record_of(row.payload, *schemas) if row.payload else None) for row in rows]


def by_person(project: Project, read: Iterable[tuple[str, dict[str, Any] | None]]) -> dict[int, list[Any]]:
    """Give person -> (fields, phone) of each version, in order; tells nothing of a key that is nobody's."""
    people = {project.number_of(person): person for person in EXPECTED}
    found: dict[int, list[Any]] = {}
    for key, record in read:
        told = None if record is None else (tuple(record), record.get("phone"))
        found.setdefault(people[key], []).append(told)
        if record is not None:
            assert record["citizen_id"] == key and record["province_code"] == "01"
    return found


def test_records_of_both_versions_flow_and_are_read_by_the_version_they_name(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in range(1, 5):
        project.put(person, 400 - person)
    project.put(5, 395, ho_ten=BAD_NAME)
    _, judged, _ = project.pass_through()
    assert (judged["shared"], judged["quarantined"]) == (4, 1)
    project.update(1, 300, ho_ten="Trần Văn Đổi")
    project.update(2, 299, da_xoa=True)
    project.put(6, 298)
    project.pass_through("extract", "judge")
    project.put(7, 200)
    project.pass_through("extract")

    raise_contract(project)
    project.pass_through("prepare")
    own, sub = f"shared.{project.stem}", f"sub.{project.subscriber}.{project.stem}"
    before = {topic: read_topic(project.servers, topic) for topic in (own, sub)}
    assert_equal_everywhere(hub_of(project, monkeypatch), project.stem)
    project.put(8, 100, so_dt="0908")
    project.put(9, 99)
    project.update(3, 98, so_dt="0902")
    project.update(7, 97, so_dt="0907")
    project.pass_through()
    forgive(project, project.verdicts()[project.number_of(5)][2])
    (done, _) = project.pass_through("replay", "share")
    assert done["shared"] == 1 and "quarantined" not in project.states()

    check(project)
    for topic, messages in before.items():
        assert [m for m in read_topic(project.servers, topic) if m in messages] == messages
    assert by_person(project, logged(project)) == EXPECTED
    granted = [*GRANTED, "phone"]
    told = [((message.key or b"").decode(), record) for message, record in decoded(project, sub)]
    assert by_person(project, told) == {
        person: [
            version and (tuple(f for f in version[0] if f in granted), version[1]) for version in versions
        ]
        for person, versions in EXPECTED.items()
    }
    alone = [record for _, record in decoded(project, f"sub.{project.subscriber}b.{project.stem}")]
    phones = sorted(str(version and version[1]) for versions in EXPECTED.values() for version in versions)
    assert sorted(str(record and record["phone"]) for record in alone) == phones
    assert all(set(record) == {"phone"} for record in alone if record is not None)

    hub = hub_of(project, monkeypatch)
    assert_equal_everywhere(hub, project.stem)
    tables = Rebuild(hub.settings, [hub.connector(project.stem)], f"rebuilt_{project.agency}").run()
    assert [(t.rebuilt - t.live, t.differing) for t in tables] == [(0, 0)] * 3
