"""The topics of declared datasets: made on the hub's broker, and filled as Debezium would."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

import orjson

from pophub.kafka import Administrator, AgencyLog
from pophub.settings import Settings
from pophub.simulation.declaration import Declaration
from pophub.simulation.model import Version


def reader(declaration: Declaration) -> str:
    """Name the user by which the hub reads an agency's topic, nothing more."""
    return f"source-{declaration.agency}"


def make(settings: Settings, declared: Iterable[Declaration]) -> None:
    """Make the topics, and logins that may read one each; repeating it changes nothing."""
    mine = [one for one in declared if one.source.kind == "kafka"]
    if not mine:
        return
    with closing(Administrator(settings)) as administrator:
        administrator.ensure_topics({one.source.name: 1 for one in mine})
        administrator.ensure_users(sorted({reader(one) for one in mine}))
        administrator.ensure_rules(
            (reader(one), operation, "TOPIC", one.source.name)
            for one in mine
            for operation in ("READ", "DESCRIBE")
        )


def fill(settings: Settings, declaration: Declaration, versions: list[Version]) -> None:
    """Add the messages that are not there yet: the place of each is its marker, so none comes twice."""
    if not versions:
        return
    log = AgencyLog(settings, declaration.source.name)
    there = log.size()
    log.add([message(declaration, made) for made in versions if made.marker >= there])


def message(declaration: Declaration, made: Version) -> tuple[bytes, bytes]:
    """Give key and value of a change as Debezium writes them in JSON without a schema."""
    key = {declaration.source.key: made.key}
    told = {
        "before": key if made.delete else None,
        "after": None if made.delete else made.row,
        "source": {"ts_us": made.changed},
        "op": "d" if made.delete else "u",
    }
    return orjson.dumps(key), orjson.dumps(told)


def variables(settings: Settings, declaration: Declaration, name: str) -> dict[str, str]:
    """Give address, user and secret of the broker, each under its variable."""
    user = reader(declaration)
    return {
        f"{name}_URL": f"kafka://{settings.endpoints.kafka_bootstrap}",
        f"{name}_USER": user,
        f"{name}_SECRET": settings.secret(f"kafka.{user}"),
    }
