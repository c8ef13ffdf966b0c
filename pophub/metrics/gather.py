"""Gathers all figures at one moment: from PostgreSQL, from the broker, from the disk; none of them longer than a scrape."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from typing import TypeVar

from pophub.contracts.load import load_all, load_subscriptions
from pophub.contracts.model import Connector
from pophub.contracts.subscription_model import SubscriptionFile
from pophub.domain.errors import PophubError
from pophub.kafka import BrokerHealth, broker_health, lane_ends
from pophub.metrics.families import Sample
from pophub.metrics.of_database import of_database
from pophub.postgres import connect
from pophub.runtime.denials import Denials
from pophub.runtime.lag import LaneEnds
from pophub.settings import Settings
from pophub.sharing.hub_log import OWN
from pophub.sharing.subscription import recipients

ROLE = "pophub_web"
ANSWER_S = 4.0
"""How long each server may take: Prometheus gives a scrape up after ten seconds by default."""
Answer = TypeVar("Answer")


class Gatherer:
    """Asks the servers, each in a thread of its own, so that one that hangs holds up neither the others nor a scrape."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._denials = Denials(settings.home / "logs" / "kafka.log")
        self._open: dict[str, Future[object]] = {}

    def samples(self) -> list[Sample]:
        """Give all samples of now. Of a server that does not answer in time there is `pophub_up` at 0, and nothing else."""
        connectors = load_all(self._settings.project)[0]
        subscriptions = load_subscriptions(self._settings.project, connectors)[0]
        broker = self._begin("kafka", partial(_of_broker, self._settings, connectors, subscriptions))
        told = self._told(broker)
        ends, health = told if told is not None else (None, None)
        store = self._begin("postgres", partial(_of_store, self._settings, connectors, subscriptions, ends))
        rows = self._told(store)
        return [
            Sample("pophub_up", ("kafka",), health is not None),
            Sample("pophub_up", ("postgres",), rows is not None),
            *(rows or ()),
            *(_of_health(health, connectors, subscriptions) if health is not None else ()),
            *_of_disk(self._settings),
            *(
                Sample("pophub_denied_accesses", (who,), times)
                for who, times in self._denials.counts().items()
            ),
        ]

    def _begin(self, server: str, question: Callable[[], Answer]) -> Future[Answer] | None:
        """Ask, unless the server still owes the answer to an earlier scrape."""
        before = self._open.get(server)
        if before is not None and not before.done():
            return None
        asked: Future[Answer] = Future()
        threading.Thread(
            target=_answer, args=(asked, question), name=f"metrics of {server}", daemon=True
        ).start()
        self._open[server] = asked  # type: ignore[assignment]
        return asked

    @staticmethod
    def _told(asked: Future[Answer] | None) -> Answer | None:
        if asked is None:
            return None
        try:
            return asked.result(ANSWER_S)
        except (PophubError, TimeoutError):
            return None


def _answer(asked: Future[Answer], question: Callable[[], Answer]) -> None:
    """Answer in a thread that nobody waits for at the end of the process."""
    try:
        asked.set_result(question())
    except BaseException as error:
        asked.set_exception(error)


def _of_broker(
    settings: Settings, connectors: list[Connector], subscriptions: list[SubscriptionFile]
) -> tuple[LaneEnds | None, BrokerHealth]:
    lanes = [(c.stem, lane) for c in connectors for lane in range(c.file.lanes)]
    topics = {topic: f"{name}." for topic, (_, name) in _topics(connectors, subscriptions).items()}
    health = broker_health(settings, topics)
    return lane_ends(settings, lanes) if settings.has_secret("kafka.pophub-judge") else None, health


def _topics(connectors: list[Connector], subscriptions: list[SubscriptionFile]) -> dict[str, tuple[str, str]]:
    """Give the topic of each subscription with its dataset and recipient."""
    pairs = recipients([c.stem for c in connectors], subscriptions)
    return {f"sub.{name}.{stem}": (stem, name) for stem, name in pairs if name != OWN}


def _of_store(
    settings: Settings,
    connectors: list[Connector],
    subscriptions: list[SubscriptionFile],
    ends: LaneEnds | None,
) -> list[Sample]:
    with closing(connect(settings, ROLE)) as connection:
        return [*of_database(connection, {c.stem: c for c in connectors}, subscriptions, ends)]


def _of_health(
    health: BrokerHealth, connectors: list[Connector], subscriptions: list[SubscriptionFile]
) -> Iterator[Sample]:
    topics = _topics(connectors, subscriptions)
    yield Sample("pophub_partitions_under_min_isr", (), health.under_min_isr)
    yield Sample("pophub_oldest_transaction_seconds", (), health.oldest_transaction_s)
    for reader in health.readers:
        place = (*topics[reader.topic], reader.group)
        yield Sample("pophub_reader_unread_messages", place, reader.messages)
        if reader.used is not None and reader.to_loss_s is not None:
            yield Sample("pophub_reader_retention_used_ratio", place, reader.used)
            yield Sample("pophub_reader_seconds_to_loss", place, reader.to_loss_s)


def _of_disk(settings: Settings) -> Iterator[Sample]:
    if settings.home.exists():
        disk = shutil.disk_usage(settings.home)
        yield Sample("pophub_disk_free_bytes", ("home",), disk.free)
        yield Sample("pophub_disk_bytes", ("home",), disk.total)
