"""One look of the watcher with the sinks that the environment sets up: for the DAG and the command."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

from pophub.contracts.bases import end_of, read_bases
from pophub.contracts.load import load_subscriptions
from pophub.contracts.model import Connector
from pophub.contracts.subscription_model import SubscriptionFile
from pophub.domain.dates import today
from pophub.domain.errors import PophubError
from pophub.kafka import Publisher, slow_readers
from pophub.live.alerts import AlertStore, Sink
from pophub.live.conditions import Condition, of_bases
from pophub.live.sinks import TOPIC, FileSink, TopicSink
from pophub.live.store import ROLE, LiveStore
from pophub.live.watch import Sinks, Watched, watch
from pophub.live.webhook import ADDRESS, PRIVATE, WebhookSink
from pophub.postgres import connect
from pophub.settings import Settings
from pophub.sharing.hub_log import OWN


def sinks(settings: Settings) -> Sinks:
    """Set up file and topic, and the webhook where its address is given."""
    used: list[Sink] = [
        FileSink(settings.home / "alerts.jsonl"),
        TopicSink(lambda: Publisher(settings, TOPIC, 0)),
    ]
    url = os.environ.get(ADDRESS)
    if not url:
        return Sinks(used, silent=(WebhookSink.name,))
    return Sinks([*used, WebhookSink(url, private=os.environ.get(PRIVATE) == "allow")])


def watch_once(
    settings: Settings,
    connectors: Mapping[str, Connector],
    recipients: list[tuple[str, str]],
    off: Mapping[str, str] | None = None,
) -> Watched:
    """Look at every source once; `recipients` are (stem, recipient) of every subscription, `off` as in `watch`."""
    slow: list[Condition] = []
    unknown: list[PophubError] = []
    try:
        slow = late_readers(settings, recipients)
    except PophubError as error:  # the broker is away: the rest of the look goes on
        unknown.append(error)
    files = load_subscriptions(settings.project, list(connectors.values()))[0]
    ending = [*of_bases(ending_rights(settings.project, files), today())]
    with closing(connect(settings, ROLE)) as connection:
        watched = watch(
            LiveStore(connection), AlertStore(connection, connectors, settings.endpoints.pages), connectors, recipients,
            sinks(settings), more=[*slow, *ending], off=off,
        )  # fmt: skip
    watched.failed += unknown
    return watched


def ending_rights(project: Path, files: Iterable[SubscriptionFile]) -> list[tuple[str, str, date]]:
    """Give the rights whose legal basis has an end: dataset, subscriber, last day."""
    bases = read_bases(project)[0]
    ends = [
        (grant.dataset, file.subscriber, end_of(grant, bases, today()))
        for file in files
        for grant in file.grants
    ]
    return [(stem, subscriber, last) for stem, subscriber, last in ends if last is not None]


def late_readers(settings: Settings, recipients: Iterable[tuple[str, str]]) -> list[Condition]:
    """Give the subscribers from whom retention will take records that they did not read."""
    stems = {f"sub.{name}.{stem}": (stem, name) for stem, name in recipients if name != OWN}
    found = slow_readers(settings, {topic: f"{name}." for topic, (_, name) in stems.items()})
    return [
        Condition(
            "alert.reader_slow", stems[slow.topic][0], f"group {slow.group}",
            f"{slow.messages:,} records are unread, the oldest for more than half of the topic's retention",
        )
        for slow in found
    ]  # fmt: skip


def closing_of(settings: Settings, alert: int) -> tuple[datetime | None, str | None]:
    """Give when an alert was closed and by whom.

    Errors: `alert.unknown`.
    """
    with closing(connect(settings, ROLE)) as connection:
        return AlertStore(connection, {}).closing_of(alert)


def close_alert(settings: Settings, connectors: Mapping[str, Connector], alert: int, by: str) -> bool:
    """Close an alert by hand and tell it; False where it was closed before."""
    with closing(connect(settings, ROLE)) as connection:
        alerts = AlertStore(connection, connectors, settings.endpoints.pages)
        alerts.take_lock(wait=True)
        closed = alerts.close(alert, by)
        to = sinks(settings)
        alerts.tell(to.used, to.silent)
    return closed
