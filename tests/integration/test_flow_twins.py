"""One behavioural suite for the simulation's database and PostgreSQL, under the stores of extract, share and replay."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pophub import avro
from pophub.contracts.model import Connector
from pophub.domain.errors import ContractBreach, TransientError
from pophub.domain.record import Stretch, Versions
from pophub.domain.rows import Rows
from pophub.gates.mapping import ContractMapper
from pophub.ports import DropFile
from pophub.postgres import connect, transaction
from pophub.quarantine.selection import Selection
from pophub.stages.judge import Judge
from pophub.stages.read_block import add_block
from pophub.stages.replay import Replay
from pophub.stores.extract import ExtractStore
from pophub.stores.history import History
from pophub.stores.judge import JudgeStore
from pophub.stores.scan import ScanStore
from pophub.stores.share import LedgerStore
from pophub.stores.slot import SlotStore

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))  # the rules lie with the unit tests
sys.path.insert(0, str(Path(__file__).parents[1]))  # the simulation is a package beside

from fake_rules import FakeRules, things
from simulation.database import Database
from simulation.scheduler import Mood, Simulation
from simulation.wires import statements_answered

from tests.refused import refused

pytestmark = pytest.mark.timeout(240)
START, S = 1_700_000_000_000_000, 1_000_000
_datasets = count(1)


@dataclass
class Server:
    """A database server of either kind, and one dataset of its own."""

    connector: Connector
    stack: ExitStack
    memory: Database | None = None
    settings: Any = None
    query: Any = None

    @property
    def stem(self) -> str:
        return self.connector.stem

    def session(self, role: str) -> Any:
        """Open a session that ends with the test."""
        return self.stack.enter_context(self.brief(role))

    @contextmanager
    def brief(self, role: str) -> Iterator[Any]:
        """Open a session for a while."""
        opened = self.memory.connect() if self.memory else connect(self.settings, role)
        with closing(opened) as session:
            yield session

    def rows(self, table: str, *names: str) -> list[tuple[Any, ...]]:
        """Give columns of this dataset's rows, in order."""
        if self.memory:
            found = [r for r in self.memory.rows(table) if r["stem"] == self.stem]
            return sorted(tuple(r[name] for name in names) for r in found)
        rows = self.query(f"select {', '.join(names)} from {table} where stem = %s", self.stem)
        return sorted(tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in rows)

    def judge(self, *rows: tuple[str, int, str], offset: int = 0) -> list[str]:
        """Judge rows (key, marker, value) as the stretch of lane 0 at an offset."""
        with self.brief("pophub_judge") as session:
            judge = Judge(self.connector, ContractMapper(self.connector), FakeRules(set()), JudgeStore(session, self.connector))  # fmt: skip
            keys, markers, values = (list(column) for column in zip(*rows, strict=True))
            none = [None] * len(rows)
            columns = {"key": keys, "seq": markers, "value": values, "person": none, "number": none, "gone": [False] * len(rows)}  # fmt: skip
            versions = Versions({})
            block = avro.decode_block(avro.encode_block(avro.Block(1, START, 1, len(rows), columns)))
            add_block(versions, self.connector, judge.mapper, offset, block, judge.kept)
            return list(judge._commit(versions, Stretch(0, offset, offset + 1)).first)


@pytest.fixture(params=["simulated", "postgres"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of either kind with an empty dataset."""
    connector = things()
    file = connector.file.model_copy(update={"dataset": f"flows{next(_datasets)}", "lanes": 1})
    connector = connector.model_copy(update={"file": file})
    with ExitStack() as stack:
        if request.param == "simulated":
            stack.enter_context(statements_answered())
            yield Server(connector, stack, memory=Database(Simulation(0, Mood())))
        else:
            project = request.getfixturevalue("project")
            with (
                closing(connect(project.servers.settings, "pophub_owner")) as session,
                transaction(session, "terms of someone") as owner,
            ):  # other tests verify the whole ledger of these servers
                owner.execute(
                    "insert into hub.subscription (recipient, stem, version, starts_at, terms) "
                    "values ('someone', %s, 1, now(), '{}')",
                    (connector.stem,),
                )
            yield Server(connector, stack, settings=project.servers.settings, query=project.servers.query)


def rows_of(*markers: int | None, batch: int) -> Rows:
    """Give rows on their way, each with a digest of its own."""
    count_ = len(markers)
    rows = Rows({"x": [0] * count_}, ["k"] * count_, list(markers), list(markers), _digests=[f"{m}".encode() for m in markers])  # fmt: skip
    rows.batch = batch
    return rows


def test_what_a_scan_keeps_is_what_was_sent(server: Server) -> None:
    with server.brief("pophub_extract") as session:
        store = ScanStore(session, server.stem, settle_s=0)
        assert store.claim("run") == 1
        assert store.unknown(["a", "b", "b"], [b"1", b"2", b"2"]) == [0, 1, 2]
        store.named({"a": '["a"]', "b": None})
        store.kept()
        assert store.unknown(["c", "a"], [b"3", b"9"]) == [0, 1]
        store.named({"c": '["c"]', "a": '["A"]'})  # cut off here
    with server.brief("pophub_extract") as session:
        store = ScanStore(session, server.stem, settle_s=0)
        assert store.claim("run") == 2
        assert store.unknown(["a", "b"], [b"9", b"2"]) == [0], "named and not kept: it is sent again"
        assert store.gone() == (1, 3)
        assert store.let_go() == 0
        assert store.gone_after("", 9) == [("c", '["c"]')]
        assert store.gone_after("c", 9) == []
        store.gone_named(["c"])
        store.gone_kept(["c"])
        older, store.scan = store.scan, store.claim("run")
        assert (older, store.scan) == (2, 3)
        store.unknown(["a"], [b"9"])
        assert store.gone() == (1, 2)
        store.scan = older
        for step in (store.kept, lambda: store.named({"a": None}), lambda: store.ended("whole", 1, 1, 0)):
            with refused("lane.overtaken"):
                step()
        store.scan = 3
        store.ended("held", 1, 0, 1)
    assert server.rows("extract.scan", "scan", "state") == [(1, "torn"), (2, "torn"), (3, "held")]
    assert server.rows("extract.scan_row", "key", "digest", "scan") == [("a", b"", 1), ("b", b"2", 1)]


def test_what_a_slot_keeps_moves_with_its_position(server: Server) -> None:
    with server.brief("pophub_extract") as session:
        store = SlotStore(session, server.stem, settle_s=0)
        assert store.followed() is None
        assert (store.begun("run", "s", "o", 100), store.base) == (100, 0)
        store.told(120)
        store.unknown(["a", "b"], [b"1", b"2"])
        store.named({"a": '["a"]', "b": '["b"]'})
        store.kept()
        store.ended("whole", 2, 2, 0)
        followed = store.followed()
        assert followed == ("s", "o", 0, "following", False, 120)
        store.claimed(followed)
        assert store.followed() == ("s", "o", 0, "following", True, 120)
        store.about_to({"a": (130, '["a"]'), "b": (131, '["b"]'), "c": (132, '["c"]')})
        assert store.unknown(["a"], [b"1"]) == [0], "named and not kept: a snapshot sends it again"
        rows = rows_of(130, 131, 132, batch=store.opened("run", 1, START, 3))
        store.took(rows, 140, ["x"], {"a": b"9", "b": None, "c": b"3"})
        assert server.rows("extract.batch", "state") == [("sent",)]
        assert server.rows("extract.scan_row", "key", "digest", "scan") == [
            ("a", b"9", 130),
            ("c", b"3", 132),
        ]
        store.emptied()
        store.seen(["c"])
        assert store.gone() == (1, 2) and store.gone_after("", 9) == [("a", '["a"]')]
        store.rested(150)
        store.kept_there(7)
        assert store.followed() == ("s", "o", 0, "following", False, 150)
        store.lost()
        again = store.begun("run", "s", "of another server", 20)
        assert (again, store.base) == (151, 131), "no marker is below one that was there"
        claim, store._claim = store._claim, 1
        for step in (
            lambda: store.about_to({}),
            lambda: store.took(None, 1, (), {}),
            lambda: store.rested(1),
        ):
            with refused("lane.overtaken"):
                step()
        store._claim = claim
        store.ended("held", 0, 0, 0)
        assert store.followed() == ("s", "of another server", 131, "snapshot", True, 150)


def test_the_position_moves_with_what_was_sent_in_its_window(server: Server) -> None:
    with server.brief("pophub_extract") as session:
        store = ExtractStore(session, server.stem, settle_s=5)
        start = store.start()
        assert (start.marker, start.exchanged_us, start.sent) == (None, 0, set())
        assert start.now_us - start.settled_us == 5 * S
        first = store.opened("run", 1, START, 3)
        assert store.opened("run", 1, START, 1) > first
        store.moved(rows_of(START, START + S, None, batch=first), START + S, S, ("x",))
        assert store.start() is start
    with server.brief("pophub_extract") as session:
        store = ExtractStore(session, server.stem, settle_s=5)
        start = store.start()
        assert start.marker == START + S
        assert start.sent == {b"%d" % START, b"%d" % (START + S), b"None"}
        assert start.exchanged_us > START
        again = store.opened("run", 1, START, 2)
        store.moved(rows_of(START + S, START + 3 * S, batch=again), START + 3 * S, S, ("x",))
        closed = store.opened("run", 1, START, 1)
        store.closed(rows_of(1, batch=closed))
    assert server.rows("extract.sent_row", "digest") == [(b"%d" % (START + 3 * S),), (b"None",)]
    states = server.rows("extract.batch", "rows", "state")
    assert states == [(1, "open"), (1, "sent"), (2, "sent"), (3, "sent")]


def test_one_extract_of_a_dataset_runs_at_a_time(server: Server) -> None:
    with server.brief("pophub_extract") as session:
        ExtractStore(session, server.stem, 0)
        with server.brief("pophub_extract") as other, pytest.raises(TransientError) as busy:
            ExtractStore(other, server.stem, 0)
        assert busy.value.code == "lane.busy"
    ExtractStore(server.session("pophub_extract"), server.stem, 0)


def test_files_are_taken_once_and_holds_are_released_by_what_is_sound(server: Server) -> None:
    store = ExtractStore(server.session("pophub_extract"), server.stem, 0)
    store.taken("a.csv", "d1", 3)
    store.taken("b.csv", "d1", 3)
    store.found(DropFile("b.csv", "d2", "a semicolon between values"))
    store.taken("b.csv", "d2", 1)
    assert sorted(store.files_taken()) == ["d1", "d2"]
    for _ in range(2):
        with pytest.raises(ContractBreach), store.held_when_breached("table"):
            raise ContractBreach("source.column_missing", "x", remedy="y")
    open_holds = [r for r in server.rows("extract.hold", "code", "subject")]
    assert open_holds == [("source.column_missing", "table")]
    with store.held_when_breached("table"):
        pass
    with pytest.raises(ContractBreach), store.held_when_breached("other"):
        raise ContractBreach("source.column_missing", "x", remedy="y")
    assert len(server.rows("extract.hold", "subject")) == 2


def test_the_ledger_is_completed_once_up_to_the_position(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pophub.stores.share.CHUNK", 2)
    server.judge(*((key, 2, "good") for key in "abcde"))
    store = LedgerStore(server.session("pophub_share"), "someone", server.stem, History(server.stem))
    assert (store.end(0), store.end(7)) == (5, 0)
    assert store.lane(0)[:2] == (0, 0)
    history = store.history(0, 1, 4)
    assert [(r.sequence, r.key, r.operation) for r in history] == [
        (2, "b", "u"),
        (3, "c", "u"),
        (4, "d", "u"),
    ]
    assert store.digest_at(0, 3) == history[1].digest.hex()
    assert store.digest_at(0, 6) is None
    odd = lambda rows: [r for r in rows if r.sequence % 2]  # noqa: E731
    assert store.complete(0, 4, odd, 1, START + S) == 2
    assert store.complete(0, 3, odd, 1, START + S) == 0
    assert store.complete(0, 5, odd, 1, 0) == 1
    assert store.lane(0)[:2] == (5, 3)
    names = ("first", "last", "omitted", "granted", "subscription", "digest")
    told = server.rows("ledger.stretch", *names)
    # the first two ended their transaction at sequences 2 and 4
    assert [r[:5] for r in told] == [(1, 1, None, 1, 1), (3, 3, None, 1, 1), (5, 5, None, 1, 1)]
    assert told[-1][5] == store.lane(0).chain


def test_a_stretch_tells_what_of_it_was_not_granted(server: Server) -> None:
    server.judge(*((key, 2, "good") for key in "abcdefg"))
    store = LedgerStore(server.session("pophub_share"), "someone", server.stem, History(server.stem))
    assert store.lane(0)[:2] == (0, 0)
    some = lambda rows: [r for r in rows if r.sequence in (2, 4, 5, 7)]  # noqa: E731
    assert store.complete(0, 7, some, 1, 0) == 4
    assert store.lane(0)[:2] == (7, 4)
    names = ("first", "last", "omitted", "granted", "subscription")
    assert server.rows("ledger.stretch", *names) == [(2, 7, "{[3,4),[6,7)}", 4, 1)]


def test_a_hole_in_history_is_not_taken_for_what_was_not_granted(server: Server) -> None:
    server.judge(*((key, 2, "good") for key in "abc"))
    store = LedgerStore(server.session("pophub_share"), "someone", server.stem, History(server.stem))
    assert store.lane(0)[:2] == (0, 0)
    with refused("share.diverged"):
        store.complete(0, 4, list, 1, 0)
    assert store.lane(0)[:2] == (0, 0)


def test_versions_with_wide_payloads_are_read_a_few_at_a_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.judge(*((key, 2, "good") for key in "abcdef"))
    history = History(server.stem)
    store = LedgerStore(server.session("pophub_share"), "someone", server.stem, history)
    assert store.lane(0)[:2] == (0, 0)
    size = len(store.history(0, 0, 1)[0].payload or b"")
    monkeypatch.setattr("pophub.stores.history.MOST_BYTES", 2 * size)
    reads = [(0, 6, 2), (1, 6, 1), (2, 6, 2), (3, 4, 1), (4, 6, 2), (5, 6, 1)]
    for after, upto, count_ in reads:
        found = store.history(0, after, upto)
        assert [row.sequence for row in found] == list(range(after + 1, after + 1 + count_))
    assert store.complete(0, 6, list, 1, 0) == 6
    with refused("share.diverged"):
        store.complete(0, 7, list, 1, 0)
    assert store.lane(0)[:2] == (6, 6)


def test_terms_that_fail_leave_the_ledger_as_it_was(server: Server) -> None:
    server.judge(("a", 2, "good"))
    store = LedgerStore(server.session("pophub_share"), "someone", server.stem, History(server.stem))
    before = store.lane(0)

    def broken(rows: Any) -> Any:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.complete(0, 1, broken, 1, 0)
    assert store.lane(0) == before
    assert store.complete(0, 1, None, 1, 0) == 0
    assert (store.lane(0)[:2], server.rows("ledger.stretch", "first")) == ((1, 0), [])


def test_a_lane_has_one_worker_until_its_session_ends(server: Server) -> None:
    with server.brief("pophub_share") as session:
        assert LedgerStore(session, "someone", server.stem, History(server.stem)).worker_lock(0) is None
        other = LedgerStore(server.session("pophub_share"), "someone", server.stem, History(server.stem))
        assert other.worker_lock(0) is not None
        assert other.worker_lock(1) is None
    until = time.monotonic() + 20  # a session that was closed ends in a moment of its own
    while (holder := other.worker_lock(0)) is not None and time.monotonic() < until:
        time.sleep(0.05)
    assert holder is None


def test_a_replay_that_was_cut_off_is_gone_on_with_and_counts_each_version_once(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPHUB_REPLAY_ROWS", "1")
    server.judge(("a", 2, "bad:clean"), ("b", 2, "bad:live"), ("c", 2, "bad:clean"))
    rules = FakeRules({"clean"})

    def cut(judged: int, total: int) -> None:
        raise KeyboardInterrupt

    def replay(session: Any, progress: Any) -> Any:
        made = Replay(session, server.connector, ContractMapper(server.connector), rules)
        return made.run(Selection(), "someone", progress)

    with server.brief("pophub_judge") as session, pytest.raises(KeyboardInterrupt):
        replay(session, cut)
    with server.brief("pophub_judge") as session:
        run = replay(session, lambda judged, total: None)
    assert (run.resumed, run.total) == (True, 3)
    assert {name: run.counts[name] for name in ("shared", "quarantined", "unreadable")} == {
        "shared": 2, "quarantined": 1, "unreadable": 0,
    }  # fmt: skip
    with server.brief("pophub_judge") as session:
        run = replay(session, lambda judged, total: None)
    assert (run.resumed, run.total, run.counts["quarantined"]) == (False, 1, 1)
    assert [r[:2] for r in server.rows("quarantine.version", "key", "state")] == [
        ("a", "shared"), ("b", "quarantined"), ("c", "shared"),
    ]  # fmt: skip
