"""connector try against a hub that runs: it knows what the hub knows, and no row, message or position changes."""

from __future__ import annotations

import json
from typing import Any

import psycopg2
import pytest
from command_kit import Ran, command
from hubkit import Project, surroundings
from outside import read_topic
from test_references import LOOKED_UP, SALES, SAME, SELLER_KNOWN, day, declare, one_seller, put

from pophub.contracts.load import load_connector
from pophub.domain.errors import PromiseBroken
from pophub.postgres import connect
from pophub.settings import Settings
from pophub.stores.judge import TrialStore


def tried(project: Project, *arguments: str, stem: str | None = None) -> dict[str, Any]:
    """Run the command as it is typed; give what it told."""
    done = typed(project, stem or project.stem, "--json", *arguments)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def typed(project: Project, *arguments: str) -> Ran:
    done = command("connector", "try", *arguments, environment=surroundings(project))
    assert done.returncode == 0, done.stderr
    return done


def everything(project: Project) -> dict[str, Any]:
    """Name the content of each table of the hub, and each message of the dataset's topics."""
    tables = project.servers.query(
        "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
    )
    found: dict[str, Any] = {}
    for schema, table in tables:
        content = f'select md5(string_agg(t::text, e\'\\n\' order by t::text)) from "{schema}"."{table}" t'
        found[f"{schema}.{table}"] = project.servers.query(content)
    for topic in (f"raw.{project.stem}", f"shared.{project.stem}"):
        found[topic] = read_topic(project.servers, topic)
    return found


def test_a_trial_knows_what_the_hub_knows_and_changes_nothing(project: Project) -> None:
    project.put(1, 50, so_cmnd="A1")
    project.put(2, 40, so_cmnd="B2")
    project.pass_through("extract", "judge", "share")
    project.update(1, 5, ho_ten="Nguyễn Văn Bình")
    project.put(3, 4, so_cmnd="B2")
    project.put(4, 3, gioi_tinh="?")
    before = everything(project)
    told = tried(project)
    assert everything(project) == before
    assert told["compared_with_hub"] and told["not_judged"] == []
    assert told["states"] == {"shared": 1, "quarantined": 2, "duplicate": 1, "superseded": 0}
    codes = {rule["code"] for rule in told["rules"]}
    assert codes == {"clean.key.duplicate", "correct.code.unknown"}
    assert "Nguyễn" not in json.dumps(told, ensure_ascii=False)
    project.pass_through("extract", "judge", "share")
    assert project.states() == {"shared": 3, "quarantined": 2}


def test_a_trial_works_before_the_hub_has_seen_the_connector(bare_project: Project) -> None:
    bare_project.declare("mof.einvoices")
    bare_project.pass_through("prepare")
    bare_project.declare("mps.citizens")
    bare_project.put(1, 5)
    told = tried(bare_project)
    assert (told["compared_with_hub"], told["states"]["shared"]) == (True, 1)
    for table in ("judge.lane", "hub.dataset"):
        known = bare_project.servers.query(f"select count(*) from {table} where stem = %s", bare_project.stem)
        assert known == [(0,)]


def test_what_is_looked_up_and_not_kept_yet_is_named_and_its_rules_are_not_judged(
    bare_project: Project,
) -> None:
    project = bare_project
    sellers = one_seller(project)
    invoices = declare(project, SALES, LOOKED_UP, SELLER_KNOWN, SAME)
    put(project, "invoices", 60, "I1", "S1", "B", day(project, 8))  # of another grade than the seller
    told = tried(project, stem=invoices)
    assert (told["compared_with_hub"], told["not_kept"]) == (True, [sellers])
    assert (told["not_judged"], told["states"]["shared"]) == (["correct.agreement.reference of grade"], 1)
    said = " ".join(typed(project, invoices).stderr.split())
    assert f"looked up, and not kept for it before `pophub up`: {sellers}" in said
    project.pass_through("prepare")
    told = tried(project, stem=invoices)
    assert (told["not_kept"], told["not_judged"]) == ([], [])
    assert [one["code"] for one in told["rules"]] == ["correct.agreement.reference"]


def test_the_session_of_a_trial_cannot_write(project: Project) -> None:
    path = project.folder / "connectors" / project.agency / "citizens.yaml"
    connector = load_connector(path, project.folder)
    known = project.servers.settings
    settings = Settings(home=known.home, project=project.folder, endpoints=known.endpoints)
    connection = connect(settings, "pophub_judge")
    with pytest.raises(PromiseBroken) as raised:
        TrialStore(connection, connector).lane(0)
    assert isinstance(raised.value.__context__, psycopg2.errors.ReadOnlySqlTransaction)
    connection.close()
