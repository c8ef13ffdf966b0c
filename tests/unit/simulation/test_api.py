"""The API of simulated agencies, read by the connectors that the repository declares for it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from pophub.contracts.load import load_all
from pophub.contracts.source_model import HttpSource
from pophub.domain.dates import time_parser
from pophub.domain.record import Columns
from pophub.runtime import ports
from pophub.settings import PROJECT, Endpoints, Settings
from pophub.simulation import api, journals
from pophub.simulation.declaration import Declaration, declarations
from pophub.simulation.model import Version
from pophub.simulation.plan import plan
from pophub.sources.http import HttpApi
from pophub.sources.http_client import Access
from tests.refused import refused

SERVED = [one for one in declarations() if one.source.kind == "api"]
CONNECTORS = {one.stem: one for one in load_all(PROJECT)[0]}
VERSIONS = plan(1, 0.1).versions
MANY = 1_000_000


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Give a home whose agencies' APIs answer as long as the test lasts."""
    settings = Settings(home=tmp_path, project=PROJECT, endpoints=Endpoints())
    for one in SERVED:
        journals.make(settings, one)
        journals.fill_sqlite(settings, one, of(one))
    with api.server(settings, 0) as server:
        settings.agencies_port_file.write_text(f"{server.server_port}\n")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield settings
        server.shutdown()
        thread.join()


def of(declaration: Declaration) -> list[Version]:
    return [version for version in VERSIONS if version.stem == declaration.stem]


def reads(
    settings: Settings, declaration: Declaration, since: int | None = None, token: str | None = None
) -> list[Columns]:
    """Read an API as its connector declares."""
    source = CONNECTORS[declaration.stem].file.source
    assert isinstance(source, HttpSource) and source.pages is not None
    pages = source.pages.model_copy(update={"size": 20})  # so that there are several
    source = source.model_copy(update={"pages": pages})
    told = api.variables(settings, declaration, "X")
    access = Access(token=token or told["X_TOKEN"])
    columns = CONNECTORS[declaration.stem].file.columns
    with closing(HttpApi(source, told["X_URL"], access, columns=columns, where="a test")) as found:
        chunks = list(found.read(since, MANY))
        assert found.ordered, "the pages came in another order than the connector promises"
    return chunks


@pytest.mark.parametrize("declaration", SERVED, ids=lambda one: one.stem)
def test_an_api_gives_each_row_once_and_since_a_time_what_changed_then(
    settings: Settings, declaration: Declaration
) -> None:
    source, rows = declaration.source, sorted(of(declaration), key=lambda one: one.row["stt"])
    found = [value for chunk in reads(settings, declaration) for value in chunk[source.key]]
    assert found == [one.row[source.key] for one in rows]
    assert len(rows) > 60
    changed = [time_parser(None, "UTC")(one.row[source.changed]) for one in rows]
    later = reads(settings, declaration, changed[-5])
    assert [value for chunk in later for value in chunk[source.key]] == [
        one.row[source.key] for one, at in zip(rows, changed, strict=True) if at >= changed[-5]
    ]


def test_who_shows_no_token_or_asks_for_what_is_not_there_gets_nothing(settings: Settings) -> None:
    (declaration,) = (one for one in SERVED if one.stem == "portal.dossiers")
    with refused("source.password"):
        reads(settings, declaration, token="another")
    told = api.variables(settings, declaration, "X")
    headers = {"Authorization": f"Bearer {told['X_TOKEN']}"}
    at = f"?tu_luc={datetime.now(UTC):%d/%m/%Y}"
    assert httpx.get(told["X_URL"] + "s", headers=headers).status_code == 404
    assert httpx.get(told["X_URL"] + at, headers=headers).status_code == 400
    assert httpx.get(told["X_URL"]).json() == {"loi": "chưa đăng nhập"}


def test_a_port_once_chosen_stays_until_somebody_else_has_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, project=PROJECT, endpoints=Endpoints())
    settings.agencies_port_file.touch()  # of a process that was killed
    assert settings.agencies_port is None and api.variables(settings, SERVED[0], "X") == {}
    ports.settle_agencies(settings)
    kept = settings.agencies_port
    ports.settle_agencies(settings)
    assert settings.agencies_port == kept is not None
    variables = tmp_path / "sources.env"
    variables.write_text(f"A=http://127.0.0.1:{kept}/a/b\nB=http://127.0.0.1:{kept}1/c\n")
    with socket.create_server(("127.0.0.1", kept)):
        ports.settle_agencies(settings)
    port = settings.agencies_port
    assert port not in (None, kept)
    assert variables.read_text() == f"A=http://127.0.0.1:{port}/a/b\nB=http://127.0.0.1:{kept}1/c\n"
    assert settings.agencies_port_file.stat().st_mode & 0o077 == 0
