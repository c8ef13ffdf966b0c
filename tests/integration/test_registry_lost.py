"""An id of the registry never changes its meaning, whatever becomes of the registry."""

from __future__ import annotations

import json
import re

import pytest
from hubkit import Project
from outside import read_topic

from pophub.contracts.load import load_all
from pophub.sharing.registry import _fingerprint, content_id

Ids = dict[int, str]


def subjects(project: Project) -> list[str]:
    return [f"history.{project.stem}", f"sub.{project.subscriber}.{project.stem}-value"]


def registered(project: Project) -> dict[str, Ids]:
    """Give for each subject of the project its ids and what they mean."""
    return {
        subject: dict(
            project.servers.query("select id, schema from hub.registry_schema where subject = %s", subject)
        )
        for subject in subjects(project)
    }


def lose(project: Project) -> None:
    for subject in subjects(project):
        project.servers.query("delete from hub.registry_schema where subject = %s", subject)


def named(project: Project) -> set[int]:
    """Give the ids that the messages on the subscriber's topic name."""
    messages = read_topic(project.servers, f"sub.{project.subscriber}.{project.stem}")
    return {int.from_bytes(m.value[1:5], "big") for m in messages if m.value}


def narrow(project: Project) -> None:
    """Grant three of the four fields under a second version of the terms."""
    path = project.folder / f"subscriptions/{project.subscriber}.yaml"
    text = re.sub(
        r"fields: .*", "fields: [citizen_id, full_name, province_code]\n    version: 2", path.read_text()
    )
    path.write_text(text)


def test_a_registry_that_was_emptied_gives_each_schema_its_id_again(project: Project) -> None:
    project.put(1, 400)
    project.pass_through()
    narrow(project)
    project.pass_through("prepare")
    project.put(2, 300)
    project.pass_through()
    before, messages = registered(project), named(project)
    assert [len(before[subject]) for subject in subjects(project)] == [1, 2]
    assert messages == set(before[subjects(project)[1]])
    lose(project)
    project.servers.query(  # another dataset comes first this time
        "insert into hub.registry_schema values (1, %s, 1, '{}', 'first')", f"{project.agency}.first"
    )
    project.pass_through("prepare")
    assert registered(project) == before
    project.put(3, 200)
    project.pass_through()
    assert named(project) == messages


def test_a_subscriber_whose_file_is_gone_can_still_read_what_it_has(project: Project) -> None:
    before = registered(project)
    (project.folder / f"subscriptions/{project.subscriber}.yaml").unlink()
    lose(project)
    project.pass_through("prepare")
    assert registered(project) == before


def test_an_id_that_another_schema_has_is_refused(bare_project: Project) -> None:
    stem = bare_project.declare("mps.citizens")
    (connector,), _ = load_all(bare_project.folder)
    (schema,) = connector.contract.schemas
    number, other = content_id(_fingerprint(schema)), f"{bare_project.agency}.other"
    bare_project.servers.query(
        "insert into hub.registry_schema values (%s, %s, 1, '{}', 'other')", number, other
    )
    ran = bare_project.run("prepare")
    assert ran.error == "schema.id_taken"
    for told in (str(number), other, f"history.{stem}"):
        assert told in ran.text
    bare_project.servers.query("delete from hub.registry_schema where subject = %s", other)
    bare_project.pass_through("prepare")


@pytest.mark.parametrize("kind", ["int", "string"])
def test_an_id_is_a_positive_number_of_31_bits(kind: str) -> None:
    schema = {"type": "record", "name": "r", "fields": [{"name": "a", "type": kind}]}
    assert 0 < content_id(_fingerprint(json.dumps(schema))) < 2**31
