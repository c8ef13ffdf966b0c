"""The pages in a real browser: in both languages, light, dark, narrow, without script and by keyboard alone.

Pictures of each page are written to `build/pages/`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pages_kit
import pytest
from browsed import (
    LANGUAGES,
    OVERFLOW,
    address,
    besides_status,
    both_below,
    broken_rules,
    english_on,
    failed_task_logged,
    gone_when_doubled,
    opened,
    pages_of,
    settings_of,
)
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from hubkit import PROJECT, Project
from serving import served

from pophub.settings import Settings
from pophub.web.app import create_pages

pytestmark = pytest.mark.timeout(400)
FRAMED = "<!doctype html><html class={theme}><title>frame</title><link rel=icon href=data:,><iframe src=/pophub/?lang={lang}></iframe></html>"
THEME = "document.documentElement.dataset.theme"
PAPER = "getComputedStyle(document.body).backgroundColor"
DARK, WHITE = "rgb(22, 28, 36)", "rgb(255, 255, 255)"
PICTURES = PROJECT / "build" / "pages"


@pytest.fixture(scope="module")
def project(browsed: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with failed_task_logged(browsed, tmp_path_factory.mktemp("logs")):
        yield browsed


@pytest.fixture(scope="module")
def settings(project: Project) -> Settings:
    return settings_of(project)


@pytest.fixture(scope="module")
def hub(settings: Settings) -> Iterator[str]:
    """The pages below a page of their own origin, as Airflow shows them."""
    outer = FastAPI()

    @outer.get("/frame/{theme}/{lang}", response_class=HTMLResponse)
    def frame(theme: str, lang: str) -> str:
        return FRAMED.format(theme=theme, lang=lang)

    both_below(
        outer,
        create_pages(settings, visitor=pages_kit.operator),
        create_pages(settings, visitor=pages_kit.auditor),
    )
    with served(outer) as address:
        yield address


def test_no_page_is_left_out_of_these_tests(settings: Settings, project: Project) -> None:
    routes = create_pages(settings, visitor=pages_kit.operator).routes
    looked_at = {r.path for r in routes if isinstance(r, APIRoute) and "GET" in r.methods}
    led_on = {
        f"/record/version/{{version}}/{act}" for act in ("propose", "approve")
    }  # a reload of a refused form
    assert looked_at == {*pages_of(project), *led_on, "/static/{name}"}


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
def test_each_page_is_whole_in_light_and_dark_wide_and_narrow_and_breaks_no_rule_of_access(
    chromium: Any, hub: str, project: Project, lang: str
) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    flaws: list[str] = []
    for system, paper in (("light", WHITE), ("dark", DARK)):
        with opened(chromium, system, viewport={"width": 1280, "height": 900}) as (page, wrong):
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))  # noqa: B023
            for template, (name, path) in pages_of(project).items():
                answer = page.goto(address(hub, template, path, lang))
                if answer.status != 200:
                    assert name.endswith("-missing") and answer.status == 404, (path, answer.status)
                assert page.evaluate(PAPER) == paper and page.evaluate(f"{THEME} === undefined")
                assert page.evaluate("document.documentElement.lang") == lang
                flaws += broken_rules(page) + gone_when_doubled(page)
                if lang == "vi":
                    flaws += [f"{path}: {word} is English" for word in english_on(page)]
                for width in (1280, 400):
                    page.set_viewport_size({"width": width, "height": 900})
                    if (over := page.evaluate(OVERFLOW)) > 0:
                        flaws.append(f"{name} is {over} wider than {width}")
                    if (lang, system) in (("en", "light"), ("vi", "dark")):
                        page.screenshot(path=PICTURES / f"{name}-{lang}-{system}-{width}.png", full_page=True)
                page.set_viewport_size({"width": 1280, "height": 900})
            assert besides_status(wrong) == []
            assert {url for url in asked if not url.startswith((hub, "data:"))} == set()
    assert not flaws, "\n".join(flaws)


def test_no_page_shows_or_names_a_person_and_each_is_small(hub: str, project: Project, chromium: Any) -> None:
    numbers = {project.number_of(person) for person in range(1, 7)}
    with opened(chromium) as (page, _):
        for template, (_, path) in pages_of(project).items():
            answer = page.goto(address(hub, template, path, "en"))
            text = answer.text() + page.url
            assert not [number for number in numbers if number in text], path
            assert len(answer.body()) < 150_000, path


@pytest.mark.parametrize("script", [True, False])
def test_something_late_is_acknowledged_and_taken_back_with_or_without_script(
    chromium: Any, hub: str, project: Project, script: bool
) -> None:
    with opened(chromium, java_script_enabled=script) as (page, wrong):
        page.goto(f"{hub}/pophub/?lang=en")
        row = page.locator("tr", has_text=project.stem).filter(has_text="held")
        row.locator("input[name=reason]").fill("letter 12")
        row.get_by_role("button", name="Acknowledge").click()
        assert page.get_by_role("status").inner_text() == "Acknowledged."
        assert "seen by Oanh" in row.inner_text() and "letter 12" in row.inner_text()
        row.get_by_role("button", name="undo").click()
        assert page.get_by_role("status").inner_text() == "Taken back."
        assert "Oanh" not in row.inner_text()
    assert wrong == []
    kept = project.servers.query(
        "select done_by, undone_by, reason from quarantine.step where stem = %s order by step", project.stem
    )
    assert kept[-1] == ("Oanh", "Oanh", "letter 12")


def judged(page: Any, script: bool) -> None:
    """Look again until what was pasted is judged; with script the page does."""
    if script:
        page.wait_for_selector("[data-again]", state="detached", timeout=180_000)
    for _ in range(400):
        if not page.get_by_role("link", name="Look again").count():
            return
        page.wait_for_timeout(500)
        with page.expect_navigation():
            page.get_by_role("link", name="Look again").click()


@pytest.mark.parametrize("script", [True, False])
def test_a_connector_is_tried_on_the_workbench_with_or_without_script(
    chromium: Any, hub: str, project: Project, script: bool
) -> None:
    size = {"width": 1280, "height": 900}
    with opened(chromium, java_script_enabled=script, viewport=size) as (page, wrong):
        page.goto(f"{hub}/pophub/workbench?lang=en&stem={project.stem}")
        text = page.locator("textarea[name=connector]")
        text.fill(text.input_value().replace("promise_s: 172800", "promise_s: 86400"))
        row = {
            "so_ddcn": project.number_of(1),
            "ho_ten": "N\u0007",
            "ma_tinh": "38",
            "cap_nhat_luc": "2024-03-15T08:00:00+07:00",
        }
        page.locator("textarea[name=rows]").fill(json.dumps(row))
        with page.expect_navigation(url="**/workbench/*"):
            page.get_by_role("button", name="Check and judge").click()
        judged(page, script)
        said = page.locator("main").inner_text()
        assert "clean.text.control" in said and "+live: {promise_s: 86400}" in said
        assert page.locator("tbody tr").count() == 1 and "•••" in page.locator("tbody tr").inner_text()
        assert wrong == []
        with page.expect_download() as got:
            page.get_by_role("link", name="Connector (YAML)").click()
        wrong.clear()  # a browser calls it a failed request when an answer becomes a download
        assert got.value.suggested_filename == "citizens.yaml"
        assert "promise_s: 86400" in got.value.path().read_text()
        if script:
            assert broken_rules(page) + gone_when_doubled(page) == []
            for width in (1280, 400):
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate(OVERFLOW) <= 0, width
                page.screenshot(path=PICTURES / f"tried-en-light-{width}.png", full_page=True)
    assert wrong == []
