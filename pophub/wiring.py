"""The composition root: the one place where stages meet their adapters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from pophub.adapters import Adapters
from pophub.contracts.grants import unread
from pophub.contracts.load import load_all, load_subscriptions, stem_of
from pophub.contracts.model import Connector
from pophub.contracts.subscription_model import Grant
from pophub.contracts.suite import nearest
from pophub.domain.codes import explain
from pophub.domain.errors import ConfigError, PophubError
from pophub.domain.record import Columns
from pophub.gates.mapping import ContractMapper
from pophub.impact import settle_all, settle_contract
from pophub.live.leaks import keep_refused_reads
from pophub.live.watch import Watched
from pophub.ports import Sharable
from pophub.postgres import Connection
from pophub.prepare import prepare, prepare_dataset
from pophub.process.memory import calm
from pophub.quarantine.feedback import feed
from pophub.quarantine.selection import Selection
from pophub.runtime.denials import refused_reads
from pophub.settings import Settings
from pophub.sharing import access
from pophub.sharing.subscription import Subscription, recipients
from pophub.stages.backfill import backfill
from pophub.stages.extract import Extract, Extracted
from pophub.stages.follow import Follow
from pophub.stages.gap import Gap, pass_gap
from pophub.stages.judge import Judge, Judged
from pophub.stages.lanes import own_lane
from pophub.stages.loss import look, take_up, told_again
from pophub.stages.refused import refusal
from pophub.stages.replay import Progress, Replay
from pophub.stages.replicate import Replicate
from pophub.stages.scan import Scan
from pophub.stages.share import Shared, share
from pophub.stages.write import STATES
from pophub.stores.backfill import BackfillStore
from pophub.stores.extract import ExtractStore, own_source
from pophub.stores.history import History
from pophub.stores.judge import JudgeStore
from pophub.stores.loss import LossStore, RawLoss, undeleted_keys
from pophub.stores.places import PlaceStore
from pophub.stores.scan import ScanStore
from pophub.stores.share import LedgerStore
from pophub.stores.slot import SlotStore

StoreKind = Callable[[Connection, str, int], ExtractStore]
STAGES: dict[
    str, tuple[type[Extract], type[ExtractStore]]
] = {  # by the kind of marker, where not the usual ones
    "scan": (Scan, ScanStore),
    "wal": (Replicate, SlotStore),
    "log": (Follow, PlaceStore),
}
LedgerKind = Callable[[Connection, str, str, History], LedgerStore]


class Hub:
    """The stages of the hub, bounded: each call drains what it sees at its start."""

    _settle = staticmethod(settle_contract)

    def __init__(self, settings: Settings, adapters: Adapters | None = None) -> None:
        self.settings = settings
        self.adapters = adapters or Adapters(settings)
        connectors, self.broken = load_all(settings.project)
        self.connectors = {c.stem: c for c in connectors}
        self.subscriptions, refused = load_subscriptions(settings.project, connectors)
        self.broken += refused

    def connector(self, stem: str) -> Connector:
        """Give a connector by its stem.

        Errors: the connector's own `ConfigError` when its files are broken, else `config.unknown_stem`.
        """
        if stem in self.connectors:
            return self.connectors[stem]
        for error in self.broken:
            if stem_of(error.where) == stem:
                raise error
        raise ConfigError(
            "config.unknown_stem",
            f"there is no connector {stem}{nearest(stem, self.connectors)}",
            where="connectors/",
            remedy=f"one of {', '.join(sorted(self.connectors)) or 'none'}; see `pophub connector list`",
        )

    def prepare(self) -> None:
        """Set up database and broker for all connectors and subscriptions.

        Errors: the first subscription's whose terms are refused, or changed contract's that takes something
        from a subscriber, after all the others are set up.
        """
        refused = prepare(self.settings, list(self.connectors.values()), self.subscriptions)
        refused += settle_all(self.adapters, self.connectors.values())
        if refused:
            raise refused[0]

    @contextmanager
    def open_extract(
        self, stem: str, run: str = "by hand", *, at_once: bool = False,
        take: StoreKind | None = None, adapters: Adapters | None = None, done: Extracted | None = None,
    ) -> Iterator[tuple[Extract, Any]]:  # fmt: skip
        """Open the extract stage of a connector with its source, writer and store, which takes the dataset.

        Errors: `source.resting` for a source that stays down, unless it is to be read `at_once`.
        """
        connector, adapters = self.connector(stem), adapters or self.adapters
        stage, kind = STAGES.get(connector.file.source.marker.kind, (Extract, ExtractStore))
        take = take or partial(own_source, kind=kind)
        with adapters.connection("pophub_extract") as connection:
            store = take(connection, stem, connector.file.source.settling_s)
            if not at_once:
                adapters.refuse_resting(connection, stem)
            with adapters.writer(stem) as writer:
                source = adapters.source(connector)
                done = done or Extracted()
                yield stage(connector, ContractMapper(connector), store, writer, source, run, done), store

    @contextmanager
    def open_judge(
        self, stem: str, *, onward: Callable[[Columns], None] | None = None
    ) -> Iterator[tuple[Judge, JudgeStore]]:
        """Open the judge stage of a connector with its rules and store.

        `onward` is told the history that each micro-batch appended.
        Errors: `impact.breaks`, `impact.not_yet` of a changed contract.
        """
        connector = self.connector(stem)
        with self.adapters.connection("pophub_judge") as connection:
            self._settle(self.adapters, connection, connector)
            store = JudgeStore(connection, connector)
            rules = self.adapters.rules(connector)
            yield Judge(connector, ContractMapper(connector), rules, store, onward), store

    @contextmanager
    def open_share(
        self, sharable: Sharable, history: History, *,
        store: LedgerKind = LedgerStore, adapters: Adapters | None = None,
    ) -> Iterator[LedgerStore]:  # fmt: skip
        """Open the ledger of what is shared over the history that all of a dataset read."""
        with (adapters or self.adapters).connection("pophub_share") as connection:
            yield store(connection, sharable.recipient, sharable.stem, history)

    def extract(self, stem: str, run: str = "by hand", *, at_once: bool = False) -> dict[str, Any]:
        """Read the source after its position and write it to raw; `at_once` also where it rests.

        Errors: a `ContractBreach` after everything that could be read was read, where files or the
        table were refused; `source.resting` for one that stays down.
        """
        if why := self._paused_whole(stem):
            return {"stem": stem, "batches": 0, "rows": 0, "sent_before": 0, "paused": why}
        if not self.adapters.is_prepared(stem):
            prepare_dataset(self.settings, self.connector(stem), list(self.connectors.values()))
        seen = Extracted()
        with (
            self.adapters.heartbeat(stem, seen),  # also of a source whose address cannot be used
            self.open_extract(stem, run, at_once=at_once, done=seen) as (stage, store),
        ):
            with store.held_when_breached("declaration"):
                self.adapters.refuse_redeclared(stage.connector)
            done = stage.run()
            counts = {"stem": stem, "batches": done.batches, "rows": done.rows, "sent_before": done.filtered}
            counts |= {"told": done.told} if done.told else {}
            counts |= {"left_out": done.left_out} if done.left_out else {}
            if done.refused:
                raise refusal(done.refused, counts)
        return counts

    def judge(self, stem: str, run: str = "by hand", lanes: list[int] | None = None) -> dict[str, Any]:
        """Judge each lane up to the end seen, then what waited for what exists by now."""
        if why := self._paused_whole(stem):
            return {
                "stem": stem,
                "read": 0,
                **dict.fromkeys(STATES, 0),
                "renewed": 0,
                "replayed": 0,
                "paused": why,
            }
        judged = Judged()
        with self.open_judge(stem) as (stage, store):
            for lane in self._lanes(stem, lanes):
                with self.adapters.reader(stem, lane) as reader:
                    if self._own_judge(store, stem, lane, reader.end()):
                        stage.lane(reader, lane, judged)
            stage.waiting(judged)
        counts = {"stem": stem, "read": judged.read, **judged.states}
        return counts | {"renewed": judged.renewed, "replayed": judged.replayed}

    def _own_judge(self, store: JudgeStore, stem: str, lane: int, end: int) -> bool:
        return own_lane(
            store, lane, lambda: store.lane(lane).raw_offset >= end, f"judge of {stem}, lane {lane}"
        )

    def share(self, stem: str, run: str = "by hand", lanes: list[int] | None = None) -> dict[str, Any]:
        """Share each lane with the hub's own log and with each subscription.

        Errors: `secret.lost`, `secret.changed`, `registry.missing` of a grant that is not on record, after all was
        shared that needs neither.
        """
        connector = self.connector(stem)
        if stopped := self.adapters.stopped(connector):
            return {"stem": stem, "stopped": stopped}
        counts: dict[str, Any] = {"stem": stem}
        pauses = self.adapters.paused(stem)
        if pauses:
            counts["paused"] = pauses
        sharable, refused = self.sharable(connector)
        wanted = [s for s in sharable if not {"", s.recipient} & pauses.keys()]
        shared = {s.recipient: Shared() for s in wanted}
        for lane in self._lanes(stem, lanes):
            history = History(stem)
            for one in wanted:
                self._share_lane(one, lane, history, shared[one.recipient])
        for recipient, done in shared.items():
            counts[recipient] = done.records
        if refused is not None:
            raise refused
        return counts

    def _share_lane(self, sharable: Sharable, lane: int, history: History, shared: Shared) -> None:
        with self.open_share(sharable, history) as store:
            where, end = f"share to {sharable.topic}, lane {lane}", store.end(lane)
            if not own_lane(store, lane, lambda: store.lane(lane).sequence >= end, where):
                return
            if store.lane(lane).sequence >= store.end(lane):
                return
            with self.adapters.publisher(sharable.topic, lane) as publisher:
                share(sharable, store, publisher, lane, shared)

    def _paused_whole(self, stem: str) -> str | None:
        """Give why a person paused all of a dataset; None where it goes on."""
        self.connector(stem)
        return self.adapters.paused(stem).get("")

    def _lanes(self, stem: str, lanes: list[int] | None) -> Iterable[int]:
        return range(self.connector(stem).file.lanes) if lanes is None else lanes

    def backfill(
        self,
        stem: str,
        run: str = "by hand",
        since: int | None = None,
        upto: int | None = None,
        by: str = "",
    ) -> dict[str, Any]:
        """Read a table's past again, markers from `since` up to `upto` or the position; `by` is kept.

        Errors: `backfill.nothing`, `backfill.folder`, `backfill.scan`, `backfill.log`.
        """
        self.table(stem)
        take = partial(own_source, kind=BackfillStore)
        with self.open_extract(stem, run, at_once=True, take=take) as (stage, store):
            done = backfill(stage, store, since, upto, by)
        return {"stem": stem, "backfill": done.number, "rows": done.rows, "resumed": done.resumed}

    def table(self, stem: str) -> Connector:
        """Give a connector whose past can be read again: one of a table that has a change marker.

        Errors: `backfill.folder`, `backfill.scan`, `backfill.log`.
        """
        connector = self.connector(stem)
        source = connector.file.source
        if source.reads != "table" or source.marker.numbered:
            by_reading = {"folder": "backfill.folder", "log": "backfill.log"}
            code = by_reading.get(source.reads, "backfill.scan")
            words = explain(code)
            raise ConfigError(code, words.en.lower(), where=stem, remedy=words.remedy)
        return connector

    def pass_gaps(self, stem: str, by: str, *, dry: bool = False) -> list[Gap]:
        """Pass over what retention took from each lane of raw before it was judged; `dry` only finds it."""
        connector, gaps = self.connector(stem), []
        with self.open_judge(stem) as (_, store):
            for lane in range(connector.file.lanes):
                with self.adapters.reader(stem, lane) as reader:
                    first = reader.start()
                if gap := pass_gap(store, lane, first, None if dry else by):
                    gaps.append(gap)
        return gaps

    def take_loss(self, stem: str, by: str, why: str, *, dry: bool = False) -> tuple[RawLoss, int]:
        """Take up what raw lost in somebody's name, or only say what that is (`dry`).

        Give it, and of how many keys the lost delete cannot be told again.
        Errors: `raw.nothing_lost`.
        """
        connector, adapters = self.connector(stem), self.adapters
        with (
            adapters.connection("pophub_extract") as connection,
            adapters.raw_lanes(stem, connector.file.lanes) as raw,
        ):
            store = own_source(connection, stem, 0, LossStore)
            loss = look(connector, store, raw)
            undeleted: list[str] = []
            if connector.file.source.marker.kind in ("scan", "wal") and loss.first is not None:
                with adapters.connection("pophub_judge") as judges:
                    undeleted = undeleted_keys(judges, stem)
            again = list(told_again(connector, ContractMapper(connector), undeleted))
            if not dry:
                take_up(store, raw, loss, by, why, again)
        return loss, len(undeleted) - len(again)

    def watch(self, off: Mapping[str, str] | None = None) -> Watched:
        """Look once at every source and every promise, tell what is wrong, and keep which reads were refused.

        `off`: whose DAG is switched off.
        """
        from pophub.live.run import watch_once  # the webhook's client is slow to import

        keep_refused_reads(self.settings, partial(refused_reads, self.settings.home / "logs" / "kafka.log"))
        wanted = recipients(self.connectors, self.subscriptions)
        return watch_once(self.settings, self.connectors, wanted, off)

    def settle_access(self) -> list[tuple[str, str]]:
        """Let access on the broker begin and end with the rights; give (recipient, stem) of those that ended."""
        missing = unread(self.settings.project, self.subscriptions)
        declared = access.Declared(self.connectors, self.subscriptions, missing)
        return access.settle_due(self.settings, declared)

    def replay(
        self,
        stem: str,
        run: str = "by hand",
        selection: Selection | None = None,
        *,
        dry: bool = False,
        progress: Progress = lambda judged, total: None,
    ) -> dict[str, Any]:
        """Judge quarantined versions of a dataset again; `dry` only says what would become of them."""
        connector, rules = self.connector(stem), self.adapters.rules(self.connector(stem))
        with self.adapters.connection("pophub_judge") as connection:
            self._settle(self.adapters, connection, connector)
            replay = Replay(connection, connector, ContractMapper(connector), rules)
            chosen = selection or Selection()
            done = replay.foresee(chosen, progress) if dry else replay.run(chosen, run, progress)
        return done.as_json()

    def foresee(self, stem: str, run: str = "by hand") -> dict[str, Any]:
        """Say what a replay of all that waits in a dataset's quarantine would do."""
        return self.replay(stem, run, dry=True)

    def feedback(self, stem: str, run: str = "by hand") -> dict[str, Any]:
        """Send the agency of a dataset the rejections that it was not told yet."""
        agency = self.connector(stem).file.agency
        with self.adapters.connection("pophub_judge") as connection:
            return {"agency": agency, "messages": feed(self.settings, connection, agency)}

    def sharable(self, connector: Connector) -> tuple[list[Sharable], ConfigError | None]:
        """Give what can be shared, the hub's own log first, and why the first of the others cannot.

        A grant that is not on record yet, or needs a secret that is not here, keeps nobody else from theirs.
        """
        found: list[Sharable] = [self.adapters.log(connector)]
        refused: ConfigError | None = None
        for recipient, grant in self._grants(connector):
            try:
                found.append(self.adapters.subscription(recipient, connector, grant))
            except ConfigError as error:
                if not error.code.startswith("secret.") and error.code != "registry.missing":
                    raise
                refused = refused or error
        return found, refused

    def subscriptions_of(self, connector: Connector) -> Iterator[Subscription]:
        """Give the subscriptions to a dataset."""
        for recipient, grant in self._grants(connector):
            yield self.adapters.subscription(recipient, connector, grant)

    def _grants(self, connector: Connector) -> Iterator[tuple[str, Grant]]:
        for file in self.subscriptions:
            yield from ((file.subscriber, one) for one in file.grants if one.dataset == connector.stem)


@contextmanager
def open_hub(settings: Settings | None = None) -> Iterator[Hub]:
    """Open the hub with the settings of this process, which from here on carries records."""
    calm()
    yield Hub(settings or Settings.load())


def run_all(hub: Hub, stem: str, run: str = "by hand") -> tuple[dict[str, Any], PophubError | None]:
    """Run the three stages of one connector in this process, one after the other.

    Give their counts, and the error that ended one of them: what was read before it goes on.
    """
    counts: dict[str, Any] = {"stem": stem}
    refused: PophubError | None = None
    try:
        counts |= hub.extract(stem, run, at_once=True)  # a person asks
    except PophubError as error:
        refused = error
        counts |= getattr(error, "counts", {})
    if refused is not None and refused.exit_code != 1:
        return counts, refused
    try:
        for stage in (hub.judge, hub.share):
            counts |= stage(stem, run)
    except PophubError as error:
        return counts, refused or error
    return counts, refused
