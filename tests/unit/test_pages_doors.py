"""Nobody unknown sees a page, and nobody does what the role does not allow: asked of every route that there is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pages_kit
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from pophub.settings import Settings
from pophub.web import app as web
from pophub.web.visitors import RIGHTS, Visitor, guard


class Asked:
    """Asks an application in this process, without a server."""

    def __init__(self, app: FastAPI) -> None:
        self._transport = httpx.ASGITransport(app)

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Give the answer; a redirect is not followed."""

        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, **more)

        # apart, since the tests in a browser keep a loop of their own at work in this process
        with ThreadPoolExecutor(1) as apart:
            return apart.submit(lambda: asyncio.run(ask())).result()


OPEN = {"/health", "/metrics", "/sign-in", "/sign-in/oidc", "/sign-in/oidc/back", "/static/{name}"}
"""A monitor's questions where the pages have a port of their own (the second one under a token, see
`tests/integration/test_metrics.py`), the ways in (`tests/integration/test_oidc.py`), and style and script."""


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.setenv("POPHUB_HOME", str(tmp_path))
    found = Settings.load()
    endpoints = found.endpoints.model_copy(update={"postgres_port": 1})
    return found.model_copy(update={"endpoints": endpoints})


def routes(app: FastAPI) -> Iterator[tuple[str, str, Any]]:
    """Give method, address and endpoint of each route, with something in place of each parameter."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            path = re.sub(r"\{[^}]*\}", "1", route.path)
            yield from ((method, path, route) for method in route.methods)


def test_every_route_that_is_not_open_is_refused_to_somebody_unknown(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPHUB_OIDC_ISSUER", "https://login.example")
    app = web.create_pages(settings)
    asked = Asked(app)
    found = list(routes(app))
    assert {route.path for _, _, route in found} > OPEN
    for method, path, route in found:
        if route.path in OPEN:
            continue
        for headers in ({}, {"cookie": "pophub_session=guessed"}, {"authorization": "Basic YWRtaW46eA=="}):
            answer = asked.request(method, path, headers=headers)
            assert answer.status_code == 401, (method, path)
            assert 'name="password"' in answer.text and "mps" not in answer.text


def test_inside_airflow_nothing_is_open_but_style_and_script(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POPHUB_OIDC_ISSUER", "https://login.example")
    app = web.create_pages(settings, visitor=pages_kit.operator)
    paths = {route.path for _, _, route in routes(app)}
    assert paths & ({*OPEN, "/sign-out"} - {"/static/{name}"}) == set()
    assert [path for _, path, route in routes(app) if not hasattr(route.endpoint, "right")] == ["/static/1"]


@pytest.mark.parametrize("role", list(RIGHTS))
def test_every_route_asks_for_its_right_and_every_form_for_its_token(settings: Settings, role: str) -> None:
    app = web.create_pages(settings, visitor=getattr(pages_kit, role))
    asked = Asked(app)
    acts = 0
    for method, path, route in routes(app):
        right = getattr(route.endpoint, "right", None)
        if right is None:
            continue
        if right not in RIGHTS[role]:
            answer = asked.request(
                method, path, data={"token": pages_kit.TOKEN} if method == "POST" else None
            )
            assert answer.status_code == 403 and "role" in answer.text, (method, path)
        elif method == "POST":
            acts += 1
            for data, headers in (
                ({}, {}),
                ({"token": "guessed"}, {}),
                ({"token": pages_kit.TOKEN}, {"origin": "http://evil.example"}),
                ({"token": pages_kit.TOKEN}, {"origin": "null"}),
                ({"token": pages_kit.TOKEN, "x": "a" * 70_000}, {}),
                ({"token": pages_kit.TOKEN, "x": "\0"}, {}),
            ):
                answer = asked.request("POST", path, data=data, headers=headers)
                assert answer.status_code == 403 and "nothing was done" in answer.text, (path, data)
    assert acts == {"viewer": 0, "auditor": 2}.get(role, acts) and (role != "operator" or acts > 9)


def test_a_route_that_names_no_right_is_refused_to_everybody(settings: Settings) -> None:
    app, forgotten = web.create_pages(settings, visitor=pages_kit.operator), APIRouter()

    @forgotten.get("/forgotten")
    def page() -> str:
        return "secret"

    app.include_router(forgotten, dependencies=[Depends(guard(pages_kit.operator))])
    answer = Asked(app).request("GET", "/forgotten")
    assert (answer.status_code, "secret" in answer.text) == (403, False)


def test_without_the_forms_cookie_nobody_signs_in(settings: Settings) -> None:
    asked = Asked(web.create_pages(settings))
    for token in ("", "x"):
        answer = asked.request("POST", "/sign-in", data={"name": "admin", "password": "x", "token": token})
        assert answer.status_code == 403 and "not of this session" in answer.text


@pytest.mark.parametrize(
    "path", ["/nope", "/quarantine/group", "/record/version/x", "/quarantine/versions?page=x"]
)
def test_an_address_that_is_none_of_these_pages_says_so(settings: Settings, path: str) -> None:
    answer = Asked(web.create_pages(settings, visitor=pages_kit.operator)).request("GET", path)
    assert answer.status_code == 404 and "There is no such page" in answer.text


def test_an_address_that_only_forms_are_sent_to_is_no_page(settings: Settings) -> None:
    answer = Asked(web.create_pages(settings, visitor=pages_kit.operator)).request("GET", "/steps")
    assert answer.status_code == 404 and "There is no such page" in answer.text


def test_trying_again_asks_what_was_asked(settings: Settings) -> None:
    path = "/quarantine/group?stem=mps.citizens&code=clean.text.control"
    answer = Asked(web.create_pages(settings, visitor=pages_kit.operator)).request("GET", path)
    assert answer.status_code == 503 and "PostgreSQL" in answer.text
    assert "/quarantine/group?stem=mps.citizens&amp;code=clean.text.control&amp;lang=en" in answer.text


def test_a_step_that_gives_records_back_is_not_taken_by_word_alone(settings: Settings) -> None:
    form = {"token": pages_kit.TOKEN, "act": "returned", "stem": "mps.citizens"}
    answer = Asked(web.create_pages(settings, visitor=pages_kit.operator)).request(
        "POST", "/steps", data=form
    )
    assert answer.status_code == 422 and "cli.choice" in answer.text


def test_roles_have_what_they_need_and_no_more() -> None:
    assert set(RIGHTS) == {"viewer", "operator", "auditor"}
    assert not Visitor("Vy", "viewer", "t").may("act") and not Visitor("Vy", "auditor", "t").may("act")
