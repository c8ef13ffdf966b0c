"""A hub that another version filled is refused by each of its processes, before it reads or writes anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from hubkit import Servers

from pophub.postgres import connect
from pophub.prepare import STAGE_ROLES, prepare_database
from pophub.settings import Settings
from tests.refused import refused

OTHER = "layout_of_another"
TABLES = "select count(*) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"


@pytest.fixture
def elsewhere(servers: Servers) -> Iterator[Settings]:
    """A hub in a database of its own on the session's server, not prepared."""
    servers.query(f"create database {OTHER}")
    known = servers.settings
    yield known.model_copy(update={"endpoints": known.endpoints.model_copy(update={"database": OTHER})})
    servers.query(f"drop database {OTHER} with (force)")


def changed(servers: Servers, statement: str) -> int:
    """Change the other hub as its superuser; count its tables."""
    with closing(servers.superuser(OTHER)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        cursor.execute(TABLES)
        (count,) = cursor.fetchone()
    return int(count)


def test_a_hub_that_was_never_prepared_is_prepared_and_opened_again(elsewhere: Settings) -> None:
    connect(elsewhere, elsewhere.endpoints.postgres_superuser).close()
    for _ in range(2):
        prepare_database(elsewhere)
        for role in STAGE_ROLES:
            connect(elsewhere, role).close()


@pytest.mark.parametrize(
    "left",
    [
        "update hub.layout set layout = layout + 1",
        "delete from hub.layout",
        "drop table hub.layout",
        "drop schema hub cascade",
        "revoke usage on schema hub from public; drop table hub.layout; revoke all on schema hub from pophub_live",
    ],
)
def test_a_hub_of_another_layout_is_refused_whole(servers: Servers, elsewhere: Settings, left: str) -> None:
    prepare_database(elsewhere)
    before = changed(servers, left)
    for role in (*STAGE_ROLES, "pophub_owner", elsewhere.endpoints.postgres_superuser):
        with refused("hub.layout") as caught:
            connect(elsewhere, role)
        assert "pophub up --fresh" in caught.value.remedy
    with refused("hub.layout"):
        prepare_database(elsewhere)
    assert changed(servers, "select 1") == before
