"""One look of the watcher with the sinks that the environment sets up: for the DAG and the command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing

from pophub.contracts.model import Connector
from pophub.kafka import Publisher
from pophub.live.alerts import AlertStore, Sink
from pophub.live.sinks import TOPIC, FileSink, TopicSink
from pophub.live.store import ROLE, LiveStore
from pophub.live.watch import Sinks, Watched, watch
from pophub.live.webhook import ADDRESS, PRIVATE, WebhookSink
from pophub.postgres import connect
from pophub.settings import Settings


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
    settings: Settings, connectors: Mapping[str, Connector], recipients: list[tuple[str, str]]
) -> Watched:
    """Look at every source once; `recipients` are (stem, recipient) of every subscription."""
    with closing(connect(settings, ROLE)) as connection:
        return watch(
            LiveStore(connection), AlertStore(connection, connectors), connectors, recipients, sinks(settings)
        )


def close_alert(settings: Settings, connectors: Mapping[str, Connector], alert: int, by: str) -> bool:
    """Close an alert by hand and tell it; False where it was closed before."""
    with closing(connect(settings, ROLE)) as connection:
        alerts = AlertStore(connection, connectors)
        alerts.take_lock(wait=True)
        closed = alerts.close(alert, by)
        to = sinks(settings)
        alerts.tell(to.used, to.silent)
    return closed
