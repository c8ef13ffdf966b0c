"""Two workers, or two datasets, at one row of the population database: who comes second does it over."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest
from hubkit import Project, Servers
from outside import check

from pophub.contracts.load import load_all
from pophub.postgres import connect
from pophub.stores.judge import JudgeStore

pytestmark = pytest.mark.timeout(240)
Place = tuple[str, str]
NO_IDENTITY = ("identity: true", "identity: false")


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_number_that_another_lane_takes_meanwhile_is_waited_for(project: Project, ends: str) -> None:
    (connector,) = load_all(project.folder)[0]
    settings, number = project.servers.settings, ("old_number", f"{ends[:4]}{project.number:05d}")
    told: list[dict[Place, str]] = []

    def second(store: JudgeStore) -> None:
        with store.transaction() as decision:
            told.append(decision.move_claims([], {number: "b", ("old_number", f"x{project.number}"): "b"}))

    with (
        closing(connect(settings, "pophub_judge")) as one,
        closing(connect(settings, "pophub_judge")) as other,
    ):
        worker = threading.Thread(target=second, args=(JudgeStore(other, connector),))
        try:
            with JudgeStore(one, connector).transaction() as decision:
                assert decision.move_claims([], {number: "a"}) == {}
                worker.start()
                worker.join(1.0)
                assert worker.is_alive(), "it waits for the first one's end"
                if ends == "rollback":
                    raise RuntimeError
        except RuntimeError:
            assert ends == "rollback"
        worker.join(30)
    held = project.servers.query(
        "select value, key from population.claim join hub.dataset on number = dataset where stem = %s", project.stem)  # fmt: skip
    if ends == "commit":
        assert told == [{number: "a"}]
        assert held == [(number[1], "a")]  # nothing of the second one's: not the free number either
    else:
        assert told == [{}]
        assert sorted(held) == sorted([(number[1], "b"), (f"x{project.number}", "b")])


def test_a_citizen_that_another_dataset_wrote_is_merged_field_by_field(
    servers: Servers, tmp_path: Path
) -> None:
    first, second = (Project(servers, tmp_path / name) for name in ("first", "second"))
    try:
        first.declare("mps.citizens", fields=("citizen_id", "full_name"))
        second.declare("mps.citizens", NO_IDENTITY, fields=("citizen_id", "full_name"))
        for project in (first, second):
            project.pass_through("prepare")
        people = [first.number_of(n) for n in range(1, 121)]  # so many go by the binary form of COPY
        for n, person in enumerate(people):
            first.put(n + 1, 30)
            if n % 2:
                second.put(n + 1, 20, so_ddcn=person, ho_ten="Lê Văn Sửa")
        first.pass_through()
        second.pass_through()
        rows = servers.query(
            "select citizen_id, full_name, (markers ? %s), (markers ? %s) from population.present_state "
            "where citizen_id = any(%s) order by citizen_id", first.stem, second.stem, people)  # fmt: skip
        assert [row[0] for row in rows] == sorted(people)
        for n, (_, name, by_first, by_second) in enumerate(rows):
            assert (name, by_first, by_second) == (
                ("Lê Văn Sửa", True, True) if n % 2 else ("Nguyễn Văn An", True, False)
            )
        check(first)
        check(second)
    finally:
        first.close()
        second.close()


def test_one_dataset_alone_says_who_exists(servers: Servers, tmp_path: Path) -> None:
    first, second = (Project(servers, tmp_path / name) for name in ("first", "second"))
    try:
        for project in (first, second):
            project.declare("mps.citizens", fields=("citizen_id", "full_name"))
            project.pass_through("prepare")
        first.put(1, 30)
        first.pass_through()
        second.put(1, 20, so_ddcn=first.number_of(1))
        assert second.run().error == "config.authority"
        assert second.states() == {}
        first.declare("mps.citizens", NO_IDENTITY)
        first.put(2, 10)
        assert first.run().error == "config.authority"
        assert first.states() == {"shared": 1}
    finally:
        first.close()
        second.close()


def test_a_citizen_keeps_head_present_and_former_names_in_order_of_their_moments(project: Project) -> None:
    query, stem = project.servers.query, project.stem
    for person in range(1, 4):
        project.put(person, 100, ho_ten="Lê Thị Một")
    project.pass_through()
    project.update(1, 90, ho_ten="Lê Thị Hai")
    project.pass_through("extract")
    project.update(1, 80, ho_ten="Lê Thị Ba")
    project.update(2, 80, da_xoa=True)
    project.pass_through()  # two versions of one citizen in a micro-batch
    project.update(3, 70)
    project.pass_through()  # the head's content under a newer marker
    found = query(
        "select citizen_id, full_name, present from population.identity "
        "where citizen_id in (select key from population.head where stem = %s) order by citizen_id, valid_from", stem)  # fmt: skip
    one, two, three = map(project.number_of, (1, 2, 3))
    assert found == [
        (one, "Lê Thị Một", True), (one, "Lê Thị Hai", True), (one, "Lê Thị Ba", True),
        (two, "Lê Thị Một", True), (two, None, False), (three, "Lê Thị Một", True),
    ]  # fmt: skip
    rows = query(
        "select h.key, l.marker = h.marker, h.seen > h.marker, c.full_name from population.head h "
        "join ledger.history l using (stem, lane, sequence, key) join population.citizen c on c.citizen_id = h.key "
        "where stem = %s order by 1", stem)  # fmt: skip
    assert rows == [
        (one, True, None, "Lê Thị Ba"),
        (two, True, None, None),
        (three, True, True, "Lê Thị Một"),
    ]
    assert query(
        "select count(*) from population.key_head join hub.dataset on number = dataset where stem = %s", stem
    ) == [(0,)]
    check(project)
