"""A slot that its server lost, or whose publication went: told, and made good by a snapshot, on the real servers."""

from __future__ import annotations

from contextlib import closing

import pytest
from hubkit import Project
from log_kit import STATUS, at_source, invalidate_slot, passed, present, publish_anew, slot
from outside import check
from test_sources_cdc import began, log_of, pophub
from test_sources_kafka import reset

from pophub.domain.errors import PophubError

pytestmark = pytest.mark.timeout(300)


def change(project: Project) -> None:
    """Change, delete and insert a row, which nobody reads in time."""
    project.sql("update dancu.cong_dan set ho_ten = 'Lê Văn Một' where so_ddcn = %s", project.number_of(1))
    project.sql("delete from dancu.cong_dan where so_ddcn = %s", project.number_of(2))
    project.put(9, 30)


def test_a_slot_that_the_server_invalidated_is_told_and_the_next_run_brings_what_it_did_not_tell(
    logged: Project,
) -> None:
    passed(logged)
    change(logged)
    invalidate_slot(logged)
    found = pophub(logged, "connector", "check", logged.stem)["findings"]
    assert [one["level"] for one in found if one["code"] == "source.slot_lost"] == ["advice"]
    ran = logged.run("extract")
    assert ran.error == "source.slot_lost" and "max_slot_wal_keep_size" in ran.text
    assert logged.servers.query(
        "select code, released_at is null from extract.hold where stem = %s", logged.stem
    ) == [("source.slot_lost", True)]
    assert passed(logged) == (3, {"shared": 3}), "only what differs, and the delete"
    assert present(logged) == at_source(logged)
    assert logged.sql(STATUS, slot(logged)) == [("reserved",)]
    assert passed(logged) == (0, {})
    assert pophub(logged, "reconcile", logged.stem)["findings"] == []
    check(logged)


def test_a_person_may_have_the_snapshot_taken_without_a_run_that_fails_first(
    logged: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed(logged)
    change(logged)
    invalidate_slot(logged)
    reset(logged, monkeypatch)
    assert passed(logged) == (9, {"shared": 3, "duplicate": 6})
    assert present(logged) == at_source(logged)
    check(logged)


def test_a_slot_that_is_invalidated_while_it_is_read_ends_the_run_and_nothing_is_passed_over(
    logged: Project,
) -> None:
    passed(logged)
    with closing(log_of(logged)) as log:
        place = log.state(slot(logged)).place
        reading = log.changes(0, place, 1 << 62, 1000)
        next(reading)
        change(logged)
        invalidate_slot(logged)
        with pytest.raises(PophubError) as found:
            list(reading)
    assert found.value.code in ("source.unreachable", "source.slot_lost")
    assert logged.run("extract").error == "source.slot_lost"
    assert passed(logged) == (3, {"shared": 3})
    assert present(logged) == at_source(logged)


def test_a_slot_that_is_invalidated_while_its_snapshot_is_read_is_made_again(logged: Project) -> None:
    log = log_of(logged)
    place = began(logged, log)
    invalidate_slot(logged)
    with pytest.raises(PophubError) as found:
        list(log.changes(0, place, 1 << 62, 1000))
    assert found.value.code == "source.slot_lost"
    log.close()


def test_a_publication_that_is_dropped_is_told_with_its_statement_and_made_anew_what_passed_is_found(
    logged: Project,
) -> None:
    passed(logged)
    change(logged)
    logged.sql("drop publication pophub")
    assert logged.run("extract").error == "source.publication"
    assert "CREATE PUBLICATION pophub FOR TABLE dancu.cong_dan" in log_of(logged).look().flaws[0].remedy
    publish_anew(logged)
    assert logged.run("extract").error == "source.slot_lost"
    assert passed(logged) == (3, {"shared": 3})
    assert present(logged) == at_source(logged)
    check(logged)
