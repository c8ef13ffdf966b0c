"""The pages where nothing was read yet and where a server does not answer, in a real browser: whole in both languages."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pages_kit
import pytest
from browsed import (
    LANGUAGES,
    address,
    besides_status,
    both_below,
    broken_rules,
    english_on,
    gone_when_doubled,
    opened,
    pages_of,
    settings_of,
)
from fastapi import FastAPI
from hubkit import PROJECT, Project, Servers
from serving import Tunnel, served

from pophub.prepare import prepare_database
from pophub.settings import Settings
from pophub.web.app import create_pages

pytestmark = pytest.mark.timeout(400)
NOTHING_LISTENS = "127.0.0.1:9"
STEM = "mps.citizens"
EMPTY = (
    "/", "/datasets", f"/datasets/{STEM}", f"/datasets/{STEM}/records", "/quarantine", "/quarantine/versions",
    f"/quarantine/group?stem={STEM}&code=clean.text.control", "/quarantine/proposals", "/record", "/ledger",
    "/ledger/transactions", "/ledger/unsettled", "/audit", "/catalogue", f"/catalogue/{STEM}", "/figures",
    "/figures/digitised?by=month", "/workbench", f"/workbench?stem={STEM}", "/subscriptions",
)  # fmt: skip
MISSING = (
    f"/runs/{STEM}/none",
    f"/ledger/batches/{STEM}",
    f"/subscriptions/nobody/{STEM}",
    "/record/version/1",
)
SIZE = {"width": 1280, "height": 900}


@contextmanager
def shown(settings: Settings) -> Iterator[str]:
    """Serve the pages to an operator and to an auditor."""
    outer = FastAPI()
    operators, auditors = (
        create_pages(settings, visitor=who) for who in (pages_kit.operator, pages_kit.auditor)
    )
    both_below(outer, operators, auditors)
    with served(outer) as at:
        yield at


@pytest.fixture(scope="module")
def fresh(servers: Servers) -> Iterator[Settings]:
    """A hub of the repository's project, whose database holds nothing."""
    known = servers.settings
    servers.query("create database pophub_fresh")
    endpoints = known.endpoints.model_copy(update={"database": "pophub_fresh"})
    found = Settings(home=known.home, project=PROJECT, endpoints=endpoints)
    prepare_database(found)
    yield found
    servers.query("drop database pophub_fresh with (force)")


def looked_through(page: Any, wrong: list[str], at: str, lang: str) -> list[str]:
    """Give what is wrong with the page that was opened, beside its status."""
    said = [f"{at}: {one}" for one in besides_status(wrong)]
    if page.evaluate("document.documentElement.lang") != lang:
        said.append(f"{at} is not in {lang}")
    if lang == "vi":
        return said + [f"{at}: {word} is English" for word in english_on(page)] + gone_when_doubled(page)
    return said + broken_rules(page)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_page_of_a_hub_that_has_read_nothing_is_whole(chromium: Any, fresh: Settings, lang: str) -> None:
    flaws: list[str] = []
    with shown(fresh) as hub, opened(chromium, viewport=SIZE) as (page, wrong):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        for path in (*EMPTY, *MISSING):
            answer = page.goto(address(hub, path, path, lang))
            if answer.status != (404 if path in MISSING else 200) or len(answer.body()) > 150_000:
                flaws.append(f"{path}: {answer.status}, {len(answer.body())} bytes")
            flaws += looked_through(page, wrong, path, lang)
            wrong.clear()
    assert not flaws, "\n".join(flaws)
    assert {url for url in asked if not url.startswith((hub, "data:"))} == set()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_to_sign_in_is_whole(chromium: Any, fresh: Settings, lang: str) -> None:
    with served(create_pages(fresh)) as hub, opened(chromium, viewport=SIZE) as (page, wrong):
        assert page.goto(f"{hub}/quarantine?lang={lang}").status == 401
        assert page.locator("input[name=password]").count() == 1
        flaws = broken_rules(page) + looked_through(page, wrong, "/sign-in", lang)
    assert not flaws, "\n".join(flaws)


def test_each_declared_dataset_and_figure_has_pages_that_are_small(chromium: Any, fresh: Settings) -> None:
    with shown(fresh) as hub, opened(chromium) as (page, _):
        page.goto(f"{hub}/pophub/catalogue?lang=vi")
        entries = [link.get_attribute("href") for link in page.locator("td.wide:first-child a").all()]
        assert len(entries) > 20
        page.goto(f"{hub}/pophub/figures?lang=vi")
        figures = [link.get_attribute("href") for link in page.locator("td.wide:first-child a").all()]
        assert len(figures) > 3
        stems = [href.partition("?")[0].rpartition("/")[2] for href in entries]
        more = [f"/pophub/workbench?stem={stem}" for stem in stems[::4]]
        more += [f"/pophub/datasets/{stem}?lang=vi" for stem in stems]
        for href in (*entries, *figures, *more):
            answer = page.request.get(hub + href)
            assert answer.status == 200 and len(answer.body()) < 150_000, (href, len(answer.body()))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_without_kafka_and_then_without_postgresql_each_page_names_the_server_and_the_age_of_its_figures(
    chromium: Any, browsed: Project, lang: str
) -> None:
    tunnel = Tunnel(browsed.servers.settings.endpoints.postgres_port)
    settings = settings_of(browsed, postgres_port=tunnel.port, kafka_bootstrap=NOTHING_LISTENS)
    silent = {"en": "{} does not answer", "vi": "{} không phản hồi"}[lang]
    last, age = {"en": ("These are the last good figures, of", "old."), "vi": ("Đây là số liệu tốt gần nhất, lúc", "cách đây")}[lang]  # fmt: skip
    at = {"en": "Figures of ", "vi": "Số liệu lúc "}[lang]
    flaws: list[str] = []
    with shown(settings) as hub, opened(chromium, viewport=SIZE) as (page, wrong):
        known = {template: path for template, (_, path) in pages_of(browsed).items()}
        good: dict[str, str] = {}
        for template, path in known.items():
            answer = page.goto(address(hub, template, path, lang))
            good[template] = page.locator("footer").inner_text() if answer.status == 200 else ""
            if template in ("/", "/subscriptions/{recipient}/{stem}"):
                assert silent.format("Kafka") in page.inner_text("main") and at in good[template], template
            assert not besides_status(wrong)
        tunnel.close()
        for template, path in known.items():
            answer = page.goto(address(hub, template, path, lang))
            said = page.inner_text("main")
            if at in good[template] and not (
                answer.status == 200 and silent.format("PostgreSQL") in said and last in said and age in said
            ):
                flaws.append(f"{path}: {answer.status} {said[:200]}")
            elif answer.status == 503 and silent.format("PostgreSQL") not in said:
                flaws.append(f"{path}: {said[:200]}")
            flaws += looked_through(page, wrong, path, lang)
            wrong.clear()
    assert not flaws, "\n".join(flaws)


@pytest.mark.parametrize("typed", ["Nguyễn", "nguyen", unicodedata.normalize("NFD", "Nguyễn"), "NGUYỄN"])
def test_nguyen_is_found_however_it_is_typed(chromium: Any, bare_project: Project, typed: str) -> None:
    bare_project.pass_through("prepare")
    bare_project.declare("mps.citizens", ("name: C06", "name: Phòng của bà Nguyễn Lan"))
    bare_project.declare("mof.einvoices", ("name: Department of Taxation", "name: Phòng của ông Lê"))
    with shown(settings_of(bare_project)) as hub, opened(chromium) as (page, wrong):
        page.goto(f"{hub}/pophub/catalogue?lang=vi")
        assert page.locator("tbody tr").count() == 2
        page.locator("input[name=find]").fill(typed)
        page.locator("input[name=find]").press("Enter")
        page.wait_for_url("**find=**")
        assert page.locator("tbody tr").count() == 1 and "Nguyễn Lan" in page.inner_text("tbody")
    assert wrong == []
