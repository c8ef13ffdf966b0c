"""The pages in a real browser: they follow the theme of the frame they stand in, and nothing of them fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from serving import served
from test_registry import RUN, settings  # noqa: F401  a fixture

from pophub.settings import Settings
from pophub.web.app import create_pages

pytestmark = pytest.mark.timeout(180)
PATHS = ("/", "/datasets/mps.citizens", "/datasets/project06.tasks", f"/runs/mps.citizens/{quote(RUN)}")
FRAMED = "<!doctype html><html class={theme}><title>frame</title><link rel=icon href=data:,><iframe src=/pophub/?lang={lang}></iframe></html>"
THEME = "document.documentElement.dataset.theme"
PAPER = "getComputedStyle(document.body).backgroundColor"
DARK, WHITE = "rgb(22, 28, 36)", "rgb(255, 255, 255)"
LANGUAGES = ("en", "vi")


@pytest.fixture(scope="module")
def hub(settings: Settings) -> Iterator[str]:  # noqa: F811
    """The pages below a page of their own origin, as Airflow shows them."""
    outer = FastAPI()

    @outer.get("/frame/{theme}/{lang}", response_class=HTMLResponse)
    def frame(theme: str, lang: str) -> str:
        return FRAMED.format(theme=theme, lang=lang)

    outer.mount("/pophub", create_pages(settings, guards=()))
    with served(outer) as address:
        yield address


@contextmanager
def opened(chromium: Any, system: str) -> Iterator[tuple[Any, list[str]]]:
    """Open a tab of a browser whose system is light or dark; give it and what went wrong in it."""
    context = chromium.new_context(color_scheme=system)
    page, wrong = context.new_page(), []
    page.on(
        "console",
        lambda said: (
            wrong.append(said.text + str(said.location)) if said.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    try:
        yield page, wrong
    finally:
        context.close()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("theme", "system"), [("dark", "light"), ("light", "dark")])
def test_a_page_follows_the_frame_it_stands_in_whatever_the_system_says(
    chromium: Any, hub: str, theme: str, system: str, lang: str
) -> None:
    paper = {"dark": DARK, "light": WHITE}
    other = {"dark": "light", "light": "dark"}[theme]
    with opened(chromium, system) as (page, wrong):
        page.goto(f"{hub}/frame/{theme}/{lang}")
        inner = page.frame(url=f"{hub}/pophub/?lang={lang}")
        assert inner.evaluate("document.documentElement.lang") == lang
        assert (inner.evaluate(THEME), inner.evaluate(PAPER)) == (theme, paper[theme])
        page.evaluate(f"document.documentElement.className = '{other}'")
        inner.wait_for_function(f"{THEME} === '{other}'")
        assert inner.evaluate(PAPER) == paper[other], "also when it is switched while the page is open"
    assert wrong == []


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("system", "paper"), [("dark", DARK), ("light", WHITE)])
def test_each_page_opens_without_a_word_on_the_console_and_by_the_systems_theme_where_it_stands_alone(
    chromium: Any, hub: str, lang: str, system: str, paper: str
) -> None:
    with opened(chromium, system) as (page, wrong):
        for path in PATHS:
            answer = page.goto(f"{hub}/pophub{path}?lang={lang}")
            assert answer.ok, path
            assert page.evaluate(PAPER) == paper and page.evaluate(f"{THEME} === undefined")
            assert page.evaluate("document.documentElement.lang") == lang
    assert wrong == []
