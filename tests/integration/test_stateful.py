"""Random lives of a source on the real servers: edits by SQL, kills, repairs, replays and restarts.

After each step the hub, the subscriber's topic and the ledger equal the plain model of
`tests/unit/life_model.py`, which judges what an independent reader finds on raw.
"""

from __future__ import annotations

import io
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import fastavro
import pytest
from hubkit import SIGKILLED, Project, Servers
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from outside import check, read_topic

from pophub.contracts.load import load_all
from pophub.postgres import connect
from pophub.quarantine import repair
from pophub.runtime import hub

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))  # the model lies with the unit tests

from life_model import LANES, Model, Version

pytestmark = pytest.mark.timeout(600)
EXAMPLES, STEPS = 5, 4
NAMES = {"good": "Nguyễn Văn An", "fine": "Trần Văn Đổi", "bad:clean": "Nguyễn\u0007Văn An"}
VALUES = {name: value for value, name in NAMES.items()}
PASS_KILLS = [
    "extract.opened", "extract.acknowledged", "extract.moving", "extract.moved", "judge.judged", "judge.written",
    "judge.written:2", "judge.committed", "share.read", "share.sent", "share.published", "share.recorded:2",
]  # fmt: skip
REPLAY_KILLS = ["replay.started", "judge.judged", "judge.written", "judge.written:2", "judge.committed"]
REPLAY_ROWS = 2
Place = tuple[int, int, int]
Edit = tuple[str, int, str, str | None]

edits = st.lists(
    st.tuples(
        st.sampled_from(["new", "new", "update", "delete", "late", "repeat", "contradiction"]),
        st.integers(1, 3),
        st.sampled_from(sorted(NAMES)),
        st.sampled_from([None, "987654321", "123456789"]),
    ),
    min_size=4,
    max_size=10,
)


class Life(RuleBasedStateMachine):
    """A source of citizens, its hub and its accidents."""

    servers: ClassVar[Servers]
    folders: ClassVar[pytest.TempPathFactory]

    def __init__(self) -> None:
        super().__init__()
        self.project = Project(self.servers, self.folders.mktemp("life"))
        self.project.declare("mps.citizens", fields=("citizen_id", "full_name"))
        self.project.pass_through("prepare")
        self.model = Model()
        self.written: list[Version] = []
        self.placed: dict[Place, Version] = {}

    @initialize(drawn=edits)
    def begin(self, drawn: list[Edit]) -> None:
        """Let there be something from the start."""
        self.edit_and_pass(drawn, None)

    @rule(drawn=edits, kill=st.none() | st.sampled_from(PASS_KILLS))
    def edit_and_pass(self, drawn: list[Edit], kill: str | None) -> None:
        """Edit the source by SQL and pass it through, killed once on the way."""
        self.edit(drawn)
        if kill:
            ran = self.project.run(fail=kill)
            assert (ran.code, ran.error) in ((SIGKILLED, None), (0, None)), ran.text
        self.pass_on()

    def edit(self, drawn: list[Edit]) -> None:
        """Edit the source by SQL."""
        for each in drawn:
            self._edit(*each)

    def pass_on(self) -> None:
        """Pass all through and compare with the model."""
        self.project.pass_through()
        self._judge_what_is_on_raw()
        self._compare()

    @rule(kill=st.none() | st.sampled_from(REPLAY_KILLS), every=st.booleans())
    def repair_and_replay(self, kill: str | None, every: bool) -> None:
        """Repair one waiting version, or all, and replay, killed once on the way."""
        waiting = [(n, v) for n, v in self._quarantine().items() if v.state == "quarantined" and not v.gone]
        with closing(connect(self.project.servers.settings, "pophub_judge")) as connection:
            connector = load_all(self.project.folder)[0][0]
            for number, version in waiting if every else waiting[-1:]:
                proposal = repair.propose(
                    connection, connector, number, ["full_name=Lê Văn Sửa"], "letter", "Lan"
                )
                repair.approve(connection, proposal, "Minh")
                version.mended = True
        rows = str(REPLAY_ROWS)
        if kill:
            ran = self.project.run("replay", fail=kill, POPHUB_REPLAY_ROWS=rows)
            assert (ran.code, ran.error) in ((SIGKILLED, None), (0, None)), ran.text
        ran = self.project.run("replay", "share", POPHUB_REPLAY_ROWS=rows)
        assert (ran.code, ran.error) == (0, None), ran.text
        self._replay_model()
        if kill and ran.results[0]["resumed"] is False:  # the killed one had ended: this was another
            self._replay_model()
        self._compare()

    def teardown(self) -> None:
        """Leave the source."""
        self.project.close()

    # the source

    def _edit(self, kind: str, person: int, value: str, number: str | None) -> None:
        key = self.project.number_of(person)
        known = [v for v in self.written if v.key == key]
        newest = max((v.marker for v in known), default=0)
        old = known[len(value) % len(known)] if known else None
        if kind == "repeat" and old:
            version = old.again()
        elif kind == "contradiction" and old:
            version = Version(key, old.marker, False, value, None, None)
        elif kind == "late":
            version = Version(key, max(1, newest - 1), False, value, None, None)
        else:
            version = Version(key, newest + 2, kind == "delete", value, None, number)
        row = {"ho_ten": NAMES[version.value or "good"], "so_cmnd": version.number, "da_xoa": version.gone}
        last = {v.content() for v in [v for v in known if v.marker == newest][-1:]}
        read = {v.content() for v in self.placed.values() if (v.key, v.marker) == (key, newest)}
        if kind == "update" and last & read:  # in place of the last row, which the hub has read
            self.project.sql(
                "update dancu.cong_dan set ho_ten = %s, so_cmnd = %s, da_xoa = %s, cap_nhat_luc = %s where id = "
                "(select max(id) from dancu.cong_dan where so_ddcn = %s and cap_nhat_luc = %s)",
                *row.values(), self.project.ago(_minutes(version)), key, self.project.ago(50 - newest / 60),
            )  # fmt: skip
        else:
            self.project.put(person, _minutes(version), **row)
        self.written.append(version)

    # the model

    def _judge_what_is_on_raw(self) -> None:
        """Let the model judge what is new on raw, a lane at a time as judge does."""
        epoch = self.project.ago(50)
        found: dict[int, list[Version]] = {lane: [] for lane in range(LANES)}
        for place, row in sorted(raw_rows(self.project).items()):
            if place not in self.placed:
                marker = round((row["cap_nhat_luc"] - epoch).total_seconds())
                value = VALUES[row["ho_ten"]]
                version = Version(row["so_ddcn"], marker, row["da_xoa"], value, None, row["so_cmnd"])
                self.placed[place] = version
                found[place[0]].append(version)
        for stretch in found.values():
            self.model.judge(stretch)
        sent = {(v.key, v.marker, v.content()) for v in self.placed.values()}
        assert sent == {(v.key, v.marker, v.content()) for v in self.written}

    def _replay_model(self) -> None:
        left = sorted((n, v) for n, v in self._quarantine().items())
        left = [(n, v) for n, v in left if v.state == "quarantined"]
        while chosen := [(n, v) for n, v in left if v.state == "quarantined"][:REPLAY_ROWS]:
            self.model.judge([v for _, v in chosen], again=True)
            left = [(n, v) for n, v in left if n > chosen[-1][0]]

    def _quarantine(self) -> dict[int, Version]:
        rows = self.project.servers.query(
            "select id, lane, raw_offset, row from quarantine.version where stem = %s order by id",
            self.project.stem,
        )
        return {number: self.placed[lane, offset, row] for number, lane, offset, row in rows}

    def _compare(self) -> None:
        """Compare states, history, heads and claims with the model; the topics and the ledger from outside."""
        query, stem = self.project.servers.query, self.project.stem
        states = query("select lane, raw_offset, row, state from hub.record_state where stem = %s", stem)
        assert {row[:3]: row[3] for row in states} == {place: v.state for place, v in self.placed.items()}
        assert Counter(row[:3] for row in states) == Counter(list(self.placed))
        history = query("select lane, raw_offset, row from ledger.history where stem = %s order by lane, sequence", stem)  # fmt: skip
        accepted = [self.placed[place] for place in history]
        expected = [v for lane in sorted(self.model.history) for v in self.model.history[lane]]
        assert list(map(id, accepted)) == list(map(id, expected))
        heads = query(
            "select h.key, l.operation from population.head h join ledger.history l using (stem, lane, sequence) "
            "where stem = %s", stem)  # fmt: skip
        assert dict(heads) == {k: "d" if v.gone else "u" for k, v in self.model.heads.items()}
        claims = query(
            "select value, key from population.claim join hub.dataset on number = dataset where stem = %s",
            stem,
        )
        assert dict(claims) == self.model.holders
        self._compare_people()
        check(self.project)

    def _compare_people(self) -> None:
        found = self.project.servers.query(
            "select citizen_id, full_name from population.citizen where present and citizen_id = any(%s)",
            [v.key for v in self.written],
        )
        assert dict(found) == {
            key: "Lê Văn Sửa" if v.mended else NAMES[v.value or ""]
            for key, v in self.model.heads.items()
            if not v.gone
        }


def _minutes(version: Version) -> float:
    return 50 - version.marker / 60


def raw_rows(project: Project) -> dict[Place, dict[str, Any]]:
    """Read every row on raw by its place, with no code of the hub."""
    found: dict[Place, dict[str, Any]] = {}
    for message in read_topic(project.servers, f"raw.{project.stem}"):
        reader = fastavro.reader(io.BytesIO(message.value or b""))
        schema: Any = reader.writer_schema
        record: Any = next(reader)
        columns = next(f for f in schema["fields"] if f["name"] == "columns")["type"]["fields"]
        for row in range(record["rows"]):
            values = {f["column"]: record["columns"][f["name"]][row] for f in columns}
            found[message.lane, message.offset, row] = values
    return found


def restart(servers: Servers) -> None:
    """Stop and start PostgreSQL and Kafka under the same addresses."""
    hub.stop(servers.settings)
    hub.start(servers.settings, servers=("postgres", "kafka"))


def bounded(examples: int) -> settings:
    """Give settings without shrinking: each step takes seconds."""
    return settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture
def life(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> type[Life]:
    """Give lives on the servers of this session."""
    Life.servers, Life.folders = servers, tmp_path_factory
    return Life


def test_lives_with_kills_repairs_and_replays_are_the_models(life: type[Life]) -> None:
    run_state_machine_as_test(life, settings=bounded(EXAMPLES))


@settings(bounded(1), stateful_step_count=50)
@given(data=st.data())
def test_a_life_goes_on_where_the_servers_were_restarted(life: type[Life], data: st.DataObject) -> None:
    machine = life()
    try:
        for kill in ("judge.written", "share.sent"):
            machine.edit(data.draw(edits))
            assert machine.project.run(fail=kill).code in (SIGKILLED, 0)
        machine.project.close()
        restart(machine.project.servers)
        machine.project._source = machine.project.servers.superuser(machine.project.database)
        machine.pass_on()
        machine.repair_and_replay(None, True)
    finally:
        machine.teardown()
