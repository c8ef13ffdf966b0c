"""The composition root: the one place where stages meet their adapters."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Protocol

from pophub import prepare as preparation
from pophub.contracts.load import load_all, load_subscriptions
from pophub.contracts.model import Connector, FilesSource, Grant
from pophub.domain.codes import explain
from pophub.domain.errors import ConfigError, PophubError, TransientError
from pophub.gates.mapping import ContractMapper
from pophub.gates.rules import GreatExpectationsRules
from pophub.kafka import Publisher, RawReader, RawWriter
from pophub.live.circuit import refuse_resting
from pophub.live.heartbeat import heartbeat
from pophub.live.watch import Watched, stops_sharing
from pophub.postgres import connect
from pophub.process.memory import calm
from pophub.quarantine.feedback import feed, prepare_feedback
from pophub.quarantine.holds import paused
from pophub.quarantine.selection import Selection
from pophub.settings import Settings
from pophub.sharing.subscription import (
    OWN,
    Form,
    Subscription,
    recipients,
    subscription_schemas,
    subscription_secret,
)
from pophub.sources import open_source
from pophub.stages.backfill import backfill
from pophub.stages.extract import Extract
from pophub.stages.judge import Judge, Judged
from pophub.stages.replay import Progress, Replay
from pophub.stages.share import Shared, share
from pophub.stages.write import STATES
from pophub.stores.backfill import BackfillStore
from pophub.stores.extract import ExtractStore, own_source
from pophub.stores.history import History
from pophub.stores.judge import JudgeStore
from pophub.stores.share import LedgerStore

LANE_WAIT_S = 120


class Hub:
    """The stages of the hub, bounded: each call drains what it sees at its start."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        connectors, self.broken = load_all(settings.project)
        self.connectors = {c.stem: c for c in connectors}
        self.subscriptions, refused = load_subscriptions(settings.project, connectors)
        self.broken += refused
        self._rules: dict[str, GreatExpectationsRules] = {}

    def connector(self, stem: str) -> Connector:
        """Give a connector by its stem.

        Errors: the connector's own `ConfigError` when its files are broken, else `config.unknown_stem`.
        """
        if stem in self.connectors:
            return self.connectors[stem]
        path = "/".join(["connectors", *stem.split(".", 1)])
        for error in self.broken:
            if path in error.where:
                raise error
        raise ConfigError(
            "config.unknown_stem",
            f"there is no connector {stem}",
            where="connectors/",
            remedy=f"one of {', '.join(sorted(self.connectors)) or 'none'}; see `pophub connector list`",
        )

    def prepare(self) -> None:
        """Set up database and broker for all connectors and subscriptions."""
        preparation.prepare(self.settings, list(self.connectors.values()), self.subscriptions)
        prepare_feedback(self.settings, self.connectors.values())

    def extract(self, stem: str, run: str = "by hand", *, at_once: bool = False) -> dict[str, Any]:
        """Read the source after its position and write it to raw; `at_once` also where it rests.

        Errors: a `ContractBreach` after everything that could be read was read, where files or the
        table were refused; `source.resting` for one that stays down.
        """
        connector = self.connector(stem)
        if why := paused(self.settings, stem).get(""):
            return {"stem": stem, "batches": 0, "rows": 0, "sent_before": 0, "paused": why}
        with ExitStack() as stack:
            connection = stack.enter_context(closing(connect(self.settings, "pophub_extract")))
            store = own_source(connection, stem, getattr(connector.file.source, "settle_s", 0), ExtractStore)
            if not at_once:
                refuse_resting(connection, stem)
            writer = stack.enter_context(closing(RawWriter(self.settings, f"raw.{stem}")))
            stage = Extract(connector, ContractMapper(connector), store, writer, run)
            source: Any = open_source(connector, self.settings)
            folder = isinstance(connector.file.source, FilesSource)
            stack.enter_context(heartbeat(self.settings, stem, stage.done))
            done = stage.folder(source) if folder else stage.table(source)
            if done.refused:
                raise done.refused[0]
        return {"stem": stem, "batches": done.batches, "rows": done.rows, "sent_before": done.filtered}

    def judge(self, stem: str, run: str = "by hand", lanes: list[int] | None = None) -> dict[str, Any]:
        """Judge each lane up to the end seen, then what waited for people who exist by now."""
        connector = self.connector(stem)
        if why := paused(self.settings, stem).get(""):
            return {"stem": stem, "read": 0, **dict.fromkeys(STATES, 0), "replayed": 0, "paused": why}
        rules = self._rules.setdefault(stem, GreatExpectationsRules(connector))
        judged = Judged()
        with closing(connect(self.settings, "pophub_judge")) as connection:
            store = JudgeStore(connection, connector)
            stage = Judge(connector, ContractMapper(connector), rules, store)
            for lane in lanes if lanes is not None else range(connector.file.lanes):
                self._judge_lane(stage, store, lane, judged)
            stage.waiting(judged)
        return {"stem": stem, "read": judged.read, **judged.states, "replayed": judged.replayed}

    def backfill(
        self, stem: str, run: str = "by hand", since: int | None = None, upto: int | None = None
    ) -> dict[str, Any]:
        """Read a table's past again, markers from `since` up to `upto` or the position.

        Errors: `backfill.nothing`, `backfill.folder`.
        """
        connector = self.connector(stem)
        if isinstance(connector.file.source, FilesSource):
            words = explain("backfill.folder")
            raise ConfigError("backfill.folder", words.en.lower(), where=stem, remedy=words.remedy)
        with ExitStack() as stack:
            connection = stack.enter_context(closing(connect(self.settings, "pophub_extract")))
            store = own_source(connection, stem, connector.file.source.settle_s, BackfillStore)
            writer = stack.enter_context(closing(RawWriter(self.settings, f"raw.{stem}")))
            stage = Extract(connector, ContractMapper(connector), store, writer, run)
            source: Any = open_source(connector, self.settings)
            done = backfill(stage, store, source, since, upto)
        return {"stem": stem, "backfill": done.number, "rows": done.rows, "resumed": done.resumed}

    def _judge_lane(self, stage: Judge, store: JudgeStore, lane: int, judged: Judged) -> None:
        stem = stage.connector.stem
        with closing(RawReader(self.settings, f"raw.{stem}", lane)) as reader:
            where, end = f"judge of {stem}, lane {lane}", reader.end()
            if own_lane(store, lane, lambda: store.lane(lane).raw_offset >= end, where):
                stage.lane(reader, lane, judged)

    def share(self, stem: str, run: str = "by hand", lanes: list[int] | None = None) -> dict[str, Any]:
        """Share each lane with each subscription, the hub's own first."""
        connector = self.connector(stem)
        if stopped := stops_sharing(self.settings, connector):
            return {"stem": stem, "stopped": stopped}
        counts: dict[str, Any] = {"stem": stem}
        pauses = paused(self.settings, stem)
        if pauses:
            counts["paused"] = pauses
        wanted = [s for s in self.subscriptions_of(connector) if not {"", s.recipient} & pauses.keys()]
        shared = {s.recipient: Shared() for s in wanted}
        for lane in lanes if lanes is not None else range(connector.file.lanes):
            history = History(stem)
            for subscription in wanted:
                self._share_lane(subscription, lane, history, shared[subscription.recipient])
        for recipient, done in shared.items():
            counts[recipient] = done.messages
        return counts

    def watch(self) -> Watched:
        """Look once at every source and every promise, and tell what is wrong."""
        from pophub.live.run import watch_once  # the webhook's client is slow to import

        return watch_once(self.settings, self.connectors, recipients(self.connectors, self.subscriptions))

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
        connector = self.connector(stem)
        rules = self._rules.setdefault(stem, GreatExpectationsRules(connector))
        with closing(connect(self.settings, "pophub_judge")) as connection:
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
        with closing(connect(self.settings, "pophub_judge")) as connection:
            return {"agency": agency, "messages": feed(self.settings, connection, agency)}

    def _share_lane(self, subscription: Subscription, lane: int, history: History, shared: Shared) -> None:
        with closing(connect(self.settings, "pophub_share")) as connection:
            store = LedgerStore(connection, subscription.recipient, subscription.stem, history)
            where, end = f"share to {subscription.topic}, lane {lane}", store.end(lane)
            if not own_lane(store, lane, lambda: store.lane(lane).sequence >= end, where):
                return
            if store.lane(lane).sequence >= store.end(lane):
                return
            with closing(Publisher(self.settings, subscription.topic, lane)) as publisher:
                share(subscription, store, publisher, lane, shared)

    def subscriptions_of(self, connector: Connector) -> Iterator[Subscription]:
        """Give the subscriptions to a dataset, the hub's own first."""
        yield self._subscription(OWN, connector, None)
        for file in self.subscriptions:
            for grant in file.grants:
                if grant.dataset == connector.stem:
                    yield self._subscription(file.subscriber, connector, grant)

    def _subscription(self, recipient: str, connector: Connector, grant: Grant | None) -> Subscription:
        schemas = subscription_schemas(connector, recipient, grant)
        topic = f"shared.{connector.stem}" if grant is None else f"sub.{recipient}.{connector.stem}"
        with closing(connect(self.settings, "pophub_share")) as connection:
            forms = tuple(
                Form(schema, preparation.schema_id(connection, f"{topic}-value", schema))
                for schema in schemas
            )
        secret = subscription_secret(self.settings.secret("hub.pseudonyms"), topic)
        return Subscription(recipient, connector, grant, forms, secret)


class Locked(Protocol):
    """A store whose lanes have one worker each."""

    def worker_lock(self, lane: int) -> str | None:
        """Take the lane's lock, or name who holds it."""
        ...


def own_lane(store: Locked, lane: int, passed: Callable[[], bool], where: str) -> bool:
    """Become the lane's one worker; false when another worker has passed the end that was seen.

    Errors: `lane.busy`, naming the holder, when neither comes true in time.
    """
    until = time.monotonic() + LANE_WAIT_S
    while holder := store.worker_lock(lane):
        if passed():
            return False
        if time.monotonic() > until:
            raise TransientError(
                "lane.busy",
                f"the lane is held by {holder}",
                where=where,
                remedy="wait for it, or end it; a retry follows",
            )
        time.sleep(0.2)
    return True


@contextmanager
def open_hub(settings: Settings | None = None) -> Iterator[Hub]:
    """Open the hub with the settings of this process, which from here on carries records."""
    calm()
    yield Hub(settings or Settings.load())


def run_all(hub: Hub, stem: str, run: str = "by hand") -> list[dict[str, Any]]:
    """Run the three stages of one connector in this process, one after the other."""
    found: list[dict[str, Any]] = []
    refused: PophubError | None = None
    try:
        found.append(hub.extract(stem, run, at_once=True))  # a person asks
    except PophubError as error:
        refused = error
    if refused is None or refused.exit_code == 1:
        found += [hub.judge(stem, run), hub.share(stem, run)]
    if refused is not None:
        raise refused
    return found
