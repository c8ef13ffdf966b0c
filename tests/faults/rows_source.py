"""Rows 17, 24, 25: a source that commits late, whose contract breaks its readers, that changes its shape."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubkit import Project

from tests.faults.catalogue import Injected, fault
from tests.faults.rows_stages import SMALL_BATCHES, People

if TYPE_CHECKING:
    from tests.faults.world import World

STEPS = {"POPHUB_TEST_INSIDE": "tests.faults.inside:steps"}


@fault(
    17,
    fault="rows commit below the watermark, within the declared window and later than that",
    promise="those of the window are read by the next extract, the others found and brought in by reconcile",
    bounded=True,
)
def a_row_that_commits_below_the_watermark_is_not_missed(world: World, seed: int) -> Injected:
    chance = world.random(17, seed)
    project = world.project(SMALL_BATCHES)  # late_s: 3600
    journal = world.journal
    for person in range(1, 11):
        journal.put(project, person, 30 + person / 10)
    project.pass_through()
    within, beyond = chance.randint(2, 6), chance.randint(1, 4)
    for person in range(11, 11 + within):
        journal.put(project, person, chance.uniform(31, 85))
    late = [
        project.put(person, chance.uniform(200, 9000), ho_ten=journal.unique_name())
        for person in range(41, 41 + beyond)
    ]
    project.pass_through()
    assert project.states() == {"shared": 10 + within}, project.states()
    ran = project.run("mend", **STEPS)
    assert (ran.error, ran.results) == (None, [beyond]), ran.text
    project.pass_through()
    assert project.states()["shared"] == 10 + within + beyond
    heads = world.servers.query(
        "select count(*) from population.head where stem = %s and key = any(%s)", project.stem, late
    )
    assert heads == [(beyond,)]
    assert project.run("mend", **STEPS).results == [0]
    return Injected("rows committed under an older marker", within + beyond)


def command(project: Project, *arguments: str) -> tuple[int, Any]:
    """Run a command of `pophub` as a person would; give its exit code and the JSON that it tells."""
    program = str(Path(sys.executable).with_name("pophub"))
    environment = os.environ | project.environment | {"POPHUB_HOME": str(project.servers.settings.home)}
    done = subprocess.run(
        [program, *arguments, "--json"],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout or "null")


def _without(name: str) -> Callable[[list[dict[str, Any]]], None]:
    return lambda fields: fields.remove(next(f for f in fields if f["name"] == name))


def _typed(name: str, kind: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda fields: next(f for f in fields if f["name"] == name).update(type=kind)


BREAKS: tuple[tuple[str, str, Callable[[list[dict[str, Any]]], None]], ...] = (
    ("schema.field_dropped", "full_name", _without("full_name")),
    ("schema.type_changed", "birth_date", _typed("birth_date", ["null", "string"])),
    ("schema.type_changed", "province_code", _typed("province_code", ["null", "long"])),
)


@fault(
    24,
    fault="a new contract version drops a field or changes its type",
    promise="`connector check` refuses it, rule and field named; no stage runs with it",
    bounded=True,
)
def a_contract_that_breaks_its_readers_is_refused(world: World, seed: int) -> Injected:
    project = world.project(SMALL_BATCHES)
    people = People(world, project, world.random(24, seed))
    people.write(8)
    project.pass_through()
    code, name, change = BREAKS[seed % 3]
    folder = project.folder / "schemas" / project.agency
    schema = json.loads((folder / "citizens.v1.avsc").read_text())
    change(schema["fields"])
    (folder / "citizens.v2.avsc").write_text(json.dumps(schema))
    connector = project.folder / "connectors" / project.agency / "citizens.yaml"
    sound = connector.read_text()
    connector.write_text(sound.replace("contract: 1", "contract: 2"))
    exit_code, findings = command(project, "connector", "check")
    assert exit_code == 2
    first = findings["findings"][0]
    assert (first["code"], name in first["what"], "v2.avsc" in first["where"]) == (code, True, True), first
    people.write(4)
    assert world.run(project, "extract").error == code
    connector.write_text(sound)
    world.settle(project)
    return Injected(f"{code} of {name}", 1)


@fault(
    25,
    fault="a column is renamed between two fetches of one extract",
    promise="the batch is held; what earlier batches carried stands; mended, nothing is missing",
    bounded=True,
)
def a_column_renamed_on_the_way_holds_the_batch(world: World, seed: int) -> Injected:
    chance = world.random(25, seed)
    project = world.project(SMALL_BATCHES)
    people = People(world, project, chance)
    count = chance.randint(21, 29)
    people.write(count)
    fetches = chance.randint(1, 3)
    column = chance.choice(("ho_ten", "ngay_sinh", "ma_tinh"))
    ran = world.run(
        project, "extract", POPHUB_TEST_INSIDE="tests.faults.inside:drift",
        POPHUB_TEST_DRIFT=f"{column} {fetches}",
    )  # fmt: skip
    assert ran.error == "source.column_missing", ran.text or str(ran.results)
    assert column in ran.text
    holds = "select code, released_at is null from extract.hold where stem = %s"
    assert project.servers.query(holds, project.stem) == [("source.column_missing", True)]
    project.pass_through("judge", "share")
    assert project.states() == {"shared": 5 * fetches}, "what earlier batches carried does not stand"
    project.sql(f"alter table dancu.cong_dan rename column {column}_moi to {column}")
    project.pass_through()
    assert project.servers.query(holds, project.stem) == [("source.column_missing", False)]
    assert project.states() == {"shared": count}
    world.settle(project)
    return Injected(f"{column} renamed after {fetches} fetches", 1)
