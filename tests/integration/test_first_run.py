"""The first run of a new dataset makes its topics, its schemas and what it looks up; nobody has to prepare it before."""

from __future__ import annotations

from pathlib import Path

import pytest
from hubkit import GRANTED, Project
from outside import check, read_log
from test_references import LOOKED_UP, SALES, SAME, SELLER_KNOWN, day, declare, looked_up, one_seller, put

from pophub.contracts.load import load_all
from pophub.prepare import prepare_dataset
from tests.refused import refused

pytestmark = pytest.mark.timeout(180)


def test_a_dataset_that_is_new_to_a_hub_that_runs_flows_by_its_first_run(bare_project: Project) -> None:
    project = bare_project
    project.pass_through("prepare")  # a hub without connectors
    project.declare("mps.citizens")
    for person in (1, 2):
        project.put(person, 50 - person)
    project.pass_through("extract", "judge", "share")
    assert project.states() == {"shared": 2}
    assert len(read_log(project.servers, project.stem)) == 2
    check(project, subscriber=False)


def test_a_grant_that_nobody_put_on_record_waits_for_that_and_keeps_nobody_from_theirs(
    bare_project: Project,
) -> None:
    project = bare_project
    project.pass_through("prepare")
    project.declare("mps.citizens", fields=GRANTED)
    project.put(1, 50)
    project.pass_through("extract", "judge")
    ran = project.run("share")
    assert ran.error == "registry.missing"
    assert len(read_log(project.servers, project.stem)) == 1
    project.pass_through("prepare")
    (shared,) = project.pass_through("share")
    assert shared[project.subscriber] == 1
    check(project)


def test_what_it_looks_up_is_kept_from_its_first_run_on(bare_project: Project) -> None:
    project = bare_project
    sellers = one_seller(project)
    invoices = declare(project, SALES, LOOKED_UP, SELLER_KNOWN, SAME)
    put(project, "invoices", 60, "I1", "S1", "B", day(project, 8))
    project.pass_through("extract", "judge", "share", stem=invoices)
    assert looked_up(project, sellers) == [("S1", True, False)]
    assert project.verdicts(invoices)["I1"][2] == {"correct.agreement.reference"}


def test_where_the_logins_for_it_are_not_at_hand_it_is_refused(project: Project, tmp_path: Path) -> None:
    connectors = load_all(project.folder)[0]
    elsewhere = project.servers.settings.model_copy(update={"home": tmp_path / "home"})
    with refused("registry.missing") as error:
        prepare_dataset(elsewhere, connectors[0], connectors)
    assert "`pophub up` first" in str(error.value)
    assert not (tmp_path / "home/secrets").exists(), "none was made"
