"""What Airflow's switches and runs mean for the datasets: which DAG is off since when, and which never ran."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime

from pophub.commands.airflow_runs import Airflow
from pophub.commands.shown import local_time
from pophub.contracts.model import Connector
from pophub.domain.errors import ConfigError, TransientError
from pophub.live.state import Seen
from pophub.postgres import connect, transaction
from pophub.settings import Settings

PATIENCE_S = 5.0
SIMULATED = "select substring(name from 17) from extract.setting where name like 'simulation.stem.%'"


def switched_off(settings: Settings, stems: Collection[str]) -> dict[str, str]:
    """Give the datasets whose DAG is switched off, each with the words for it; none where Airflow does not tell."""
    if not has_login(settings):
        return {}
    try:
        with Airflow(settings, PATIENCE_S) as airflow:
            found = airflow.switched_off(stems)
    except TransientError:
        return {}
    return {stem: in_words(since) for stem, since in found.items()}


def in_words(since: datetime | None) -> str:
    """Say that a DAG is off.

    >>> in_words(datetime(2026, 1, 31, 1, tzinfo=UTC))
    'switched off in Airflow since 2026-01-31 08:00:00+07:00'
    """
    return "switched off in Airflow" + (f" since {local_time(since)}" if since else "")


def run_first(
    settings: Settings, connectors: Mapping[str, Connector], states: Mapping[str, Seen]
) -> list[str]:
    """Start the DAG of each dataset that nobody asked yet, so that a new one need not wait for its time.

    Shape: the datasets whose run was started. Left out are those of simulated agencies, those whose
    address is not set yet, and those whose DAG is off, not read yet, or ran before.
    Errors: `airflow.unreachable`, `airflow.refused`.
    """
    unknown = [stem for stem, seen in states.items() if seen.state == "unknown"]
    new = list(_to_ask(settings, connectors, unknown)) if unknown and has_login(settings) else []
    if not new:
        return []
    with Airflow(settings, PATIENCE_S) as airflow:
        started = [stem for stem in new if airflow.never_ran(stem)]
        for stem in started:
            airflow.trigger(stem, f"first-{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    return started


def _to_ask(settings: Settings, connectors: Mapping[str, Connector], stems: Iterable[str]) -> Iterator[str]:
    simulated = _simulated(settings)
    for stem in stems:
        if stem not in simulated and _has_address(settings, connectors[stem]):
            yield stem


def _has_address(settings: Settings, connector: Connector) -> bool:
    try:
        settings.resolve(connector.file.source.url, where=connector.stem)
    except ConfigError:
        return False
    return True


def _simulated(settings: Settings) -> set[str]:
    with (
        closing(connect(settings, "pophub_read")) as connection,
        transaction(connection, "simulated datasets") as cursor,
    ):
        cursor.execute(SIMULATED)
        return {stem for (stem,) in cursor.fetchall()}


def has_login(settings: Settings) -> bool:
    """Tell whether this hub has a login at Airflow; asking for the secret would make one."""
    return settings.holds("airflow.admin")
