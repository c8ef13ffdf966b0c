"""The pages in a real browser: in both languages, light, dark, narrow, without script and by keyboard alone.

Pictures of each page are written to `build/pages/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pages_kit
import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from hubkit import GRANTED, PROJECT, Project, Servers
from serving import served
from test_quarantine_commands import BAD_NAME

from pophub.ledger.checkpoint import make
from pophub.runtime.task_logs import FOLDER
from pophub.settings import Settings
from pophub.web.app import create_pages

pytestmark = pytest.mark.timeout(400)
FRAMED = "<!doctype html><html class={theme}><title>frame</title><link rel=icon href=data:,><iframe src=/pophub/?lang={lang}></iframe></html>"
THEME = "document.documentElement.dataset.theme"
PAPER = "getComputedStyle(document.body).backgroundColor"
DARK, WHITE = "rgb(22, 28, 36)", "rgb(255, 255, 255)"
LANGUAGES = ("en", "vi")
PICTURES = PROJECT / "build" / "pages"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OVERFLOW = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - innerWidth"


@pytest.fixture(scope="module")
def project(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A dataset with what was shared, what failed and what came again."""
    found = Project(servers, tmp_path_factory.mktemp("project"))
    found.declare("mps.citizens", fields=GRANTED)
    found.figure("sharing")
    found.pass_through("prepare")
    for person in (1, 2, 3):
        found.put(person, 60)
    for person in (4, 5):
        found.put(person, 60, ho_ten=BAD_NAME)
    found.put(6, 60, ngay_sinh="1990-03-15")
    found.pass_through()
    found.update(4, 30, ho_ten=BAD_NAME + BAD_NAME)
    found.pass_through()
    make(servers.settings)
    logs = tmp_path_factory.mktemp("logs")
    log_a_failed_task(found, logs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(logs))
        yield found
    found.close()


def log_a_failed_task(project: Project, logs: Path) -> None:
    """Leave the log that a failed task of the first run leaves in Airflow."""
    (run,) = project.servers.query("select min(run) from extract.batch where stem = %s", project.stem)[0]
    folder = logs / f"dag_id={project.stem}" / f"run_id={run}" / "task_id=judge"
    folder.mkdir(parents=True)
    told = f"kafka.unreachable: the broker gave {project.number_of(1)}. Next: see `pophub status`"
    entry = {"timestamp": "2026-01-31T01:00:00Z", "level": "error", "logger": "task", "event": f"failed: {told}",
             "error_detail": [{"exc_type": "TransientError", "exc_value": told}]}  # fmt: skip
    (folder / "attempt=2.log").write_text(json.dumps(entry) + "\n")


@pytest.fixture(scope="module")
def settings(project: Project) -> Settings:
    known = project.servers.settings
    return Settings(home=known.home, project=project.folder, endpoints=known.endpoints)


@pytest.fixture(scope="module")
def hub(settings: Settings) -> Iterator[str]:
    """The pages below a page of their own origin, as Airflow shows them."""
    outer = FastAPI()

    @outer.get("/frame/{theme}/{lang}", response_class=HTMLResponse)
    def frame(theme: str, lang: str) -> str:
        return FRAMED.format(theme=theme, lang=lang)

    outer.mount("/pophub", create_pages(settings, visitor=pages_kit.operator))
    outer.mount("/audit", create_pages(settings, visitor=pages_kit.auditor))
    with served(outer) as address:
        yield address


def pages_of(project: Project) -> dict[str, tuple[str, str]]:
    """Give the address of each page that can be looked at: template of the route -> name, address."""
    stem = project.stem
    (run,) = project.servers.query("select min(run) from extract.batch where stem = %s", stem)[0]
    version, event = project.servers.query(
        "select id, encode(event_id, 'hex') from quarantine.version where stem = %s order by id limit 1", stem
    )[0]
    lane, sequence = project.servers.query(
        "select lane, sequence from ledger.history where stem = %s order by 1, 2 limit 1", stem
    )[0]
    (day,) = project.servers.query(
        "select max(day)::text from hub.reconciliation_by_day where stem = %s", stem
    )[0]
    group = urlencode({"stem": stem, "code": "clean.text.control", "field": "full_name"})
    return {
        "/": ("now", "/"),
        "/datasets": ("datasets", "/datasets"),
        "/datasets/{stem}": ("dataset", f"/datasets/{stem}"),
        "/runs/{dag_id}/{run_id:path}": ("run", f"/runs/{stem}/{quote(run, safe='')}"),
        "/quarantine": ("quarantine", "/quarantine"),
        "/quarantine/versions": ("versions", f"/quarantine/versions?{group}"),
        "/quarantine/group": ("group", f"/quarantine/group?{group}"),
        "/quarantine/proposals": ("proposals", "/quarantine/proposals"),
        "/quarantine/work/{number}": ("work-missing", "/quarantine/work/77"),
        "/record": ("search", "/record"),
        "/record/event/{event_id}": ("event", f"/record/event/{event}"),
        "/record/version/{version}": ("record", f"/record/version/{version}"),
        "/record/accepted/{stem}/{lane}/{sequence}": (
            "accepted",
            f"/record/accepted/{stem}/{lane}/{sequence}",
        ),
        "/ledger": ("ledger", "/ledger"),
        "/ledger/batches/{stem}/{day}": ("batches", f"/ledger/batches/{stem}/{day}"),
        "/audit": ("audit", "/audit"),
        "/catalogue": ("catalogue", "/catalogue"),
        "/catalogue/{stem}": ("catalogue-entry", f"/catalogue/{stem}"),
        "/figures": ("figures", "/figures"),
        "/figures/{name}": ("figure", "/figures/sharing?by=dataset"),
        "/workbench": ("workbench", f"/workbench?stem={stem}"),
        "/workbench/{number}": ("tried-missing", "/workbench/77"),
        "/workbench/{number}/{which}": ("download-missing", "/workbench/77/suite"),
        "/subscriptions": ("subscriptions", "/subscriptions"),
        "/subscriptions/{recipient}/{stem}": ("subscription", f"/subscriptions/{project.subscriber}/{stem}"),
    }


@contextmanager
def opened(chromium: Any, system: str = "light", **more: Any) -> Iterator[tuple[Any, list[str]]]:
    """Open a tab of a browser whose system is light or dark; give it and what went wrong in it."""
    context = chromium.new_context(color_scheme=system, **more)
    page, wrong = context.new_page(), []
    page.on("console", lambda said: wrong.append(said.text + str(said.location)))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.on("dialog", lambda dialog: wrong.append(f"dialog {dialog.message}"))
    try:
        yield page, wrong
    finally:
        context.close()


def address(hub: str, template: str, path: str, lang: str) -> str:
    """Give where a page stands, for one who may see it."""
    below = "/audit" if template == "/audit" else "/pophub"
    return f"{hub}{below}{path}{'&' if '?' in path else '?'}lang={lang}"


def test_no_page_is_left_out_of_these_tests(settings: Settings, project: Project) -> None:
    routes = create_pages(settings, visitor=pages_kit.operator).routes
    looked_at = {r.path for r in routes if isinstance(r, APIRoute) and "GET" in r.methods}
    assert looked_at == {*pages_of(project), "/static/{name}"}


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
    from axe_playwright_python.sync_playwright import Axe

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
                found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}}).response
                flaws += [f"{name}: {v['id']} {v['nodes'][0]['html'][:200]}" for v in found["violations"]]
                for width in (1280, 640, 400):  # 640: 1,280 pixels at 200 %
                    page.set_viewport_size({"width": width, "height": 900})
                    if (over := page.evaluate(OVERFLOW)) > 0:
                        flaws.append(f"{name} is {over} wider than {width}")
                    if width != 640 and (lang, system) in (("en", "light"), ("vi", "dark")):
                        page.screenshot(path=PICTURES / f"{name}-{lang}-{system}-{width}.png", full_page=True)
                page.set_viewport_size({"width": 1280, "height": 900})
                if answer.status == 404:
                    wrong.clear()  # the browser itself says that the page is not there
            assert wrong == []
            assert {url for url in asked if not url.startswith((hub, "data:"))} == set()
    assert flaws == []


def test_no_page_shows_or_names_a_person_and_each_is_small(hub: str, project: Project, chromium: Any) -> None:
    numbers = {project.number_of(person) for person in range(1, 7)}
    with opened(chromium) as (page, _):
        for template, (_, path) in pages_of(project).items():
            answer = page.goto(address(hub, template, path, "en"))
            text = answer.text() + page.url
            assert not [number for number in numbers if number in text], path
            assert len(answer.body()) < 150_000, path


def test_in_vietnamese_no_page_has_a_sentence_in_english(chromium: Any, hub: str, project: Project) -> None:
    text = (
        "(() => { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); let all = '';"
        "while (walk.nextNode()) { const up = walk.currentNode.parentElement;"
        "if (!up.closest('code,[lang=en],bdi')) all += ' ' + walk.currentNode.textContent; } return all; })()"
    )
    with opened(chromium) as (page, _):
        for template, (_, path) in pages_of(project).items():
            page.goto(address(hub, template, path, "vi"))
            shown = page.evaluate(text)
            said = re.sub(r"\b\w+\.\w+\b", "", shown)  # a dataset of another test is named t65.the
            words = set(re.findall(r"[a-z]+", said.lower()))
            english = words & {"the", "and", "was", "which", "with", "not", "are", "of", "records"}
            assert not english, (path, shown)


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


def judged(page: Any) -> None:
    """Look again until what was pasted is judged."""
    for _ in range(400):
        if not page.get_by_role("link", name="Look again").count():
            return
        page.wait_for_timeout(500)
        page.get_by_role("link", name="Look again").click()


@pytest.mark.parametrize("script", [True, False])
def test_a_connector_is_tried_on_the_workbench_with_or_without_script(
    chromium: Any, hub: str, project: Project, script: bool
) -> None:
    from axe_playwright_python.sync_playwright import Axe

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
        page.get_by_role("button", name="Check and judge").click()
        judged(page)
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
            found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}}).response
            assert [v["id"] for v in found["violations"]] == []
            for width in (1280, 640, 400):
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate(OVERFLOW) <= 0, width
                page.screenshot(path=PICTURES / f"tried-en-light-{width}.png", full_page=True)
    assert wrong == []


def rows_of(page: Any) -> int:
    """Count the rows of the tables of a page, without heads and sums."""
    return int(page.locator("tbody tr").count())


def figure(text: str) -> int:
    """Read the count in a text."""
    return int(re.sub(r"\D", "", text))


def test_each_figure_of_the_quarantine_opens_that_many_rows(
    chromium: Any, hub: str, project: Project
) -> None:
    with opened(chromium) as (page, wrong):
        page.goto(f"{hub}/pophub/quarantine?lang=en")
        row = page.locator("tbody tr", has_text=project.stem)
        links = row.locator("td[data-name=Records] a")
        told = [(figure(link.inner_text()), link.get_attribute("href")) for link in links.all()]
        assert len(told) >= 2 and sum(count for count, _ in told) >= 4
        for count, href in told:
            page.goto(hub + href)
            assert (rows_of(page), figure(page.locator("h1").inner_text())) == (count, count), href
        for start, pick in (
            ("/pophub/quarantine", "p.lead a"),
            ("/pophub/", "p.lead a >> nth=0"),
        ):
            page.goto(f"{hub}{start}?lang=en")
            link = page.locator(pick).first
            count = figure(link.inner_text())
            link.click()
            assert rows_of(page) == min(count, 100) and figure(page.locator("h1").inner_text()) == count
    assert wrong == []


def test_each_figure_of_the_ledger_opens_the_batches_that_it_counts(
    chromium: Any, hub: str, project: Project
) -> None:
    columns = {"batches": None, "read": 4}  # how many rows a link opens, or which column of them it adds up
    with opened(chromium) as (page, wrong):
        page.goto(f"{hub}/pophub/ledger?lang=en")
        matrix, days = (page.locator("table").nth(number) for number in (0, 1))
        mine = {"read": matrix, "batches": days}
        told = [
            (columns[kind], figure(link.inner_text()), link.get_attribute("href"))
            for kind, table in mine.items()
            for link in table.locator("tbody tr", has_text=project.stem).locator("a[href*='/batches/']").all()
        ]
        assert len(told) >= 2
        for column, count, href in told:
            page.goto(hub + href)
            cells = page.locator(f"tbody td:nth-child({(column or 0) + 1})").all_inner_texts()
            assert count == (len(cells) if column is None else sum(map(figure, cells))), href
    assert wrong == []


def test_by_keyboard_alone_a_person_comes_from_the_first_page_to_a_preview_and_sees_where_they_are(
    chromium: Any, hub: str, project: Project
) -> None:
    def press_until(page: Any, wanted: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            at = page.evaluate(
                "(() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();"
                "return [e.textContent.trim(), s.outlineStyle, b.width * b.height]; })()"
            )
            assert at[1] != "none" and at[2] > 0, f"the focus cannot be seen on {at}"
            if wanted in at[0]:
                with page.expect_navigation():
                    page.keyboard.press("Enter")
                return
        raise AssertionError(f"{wanted} cannot be reached")

    with opened(chromium) as (page, wrong):
        page.goto(f"{hub}/pophub/?lang=en")
        press_until(page, "Quarantine")
        page.goto(
            f"{hub}/pophub/quarantine/group?lang=en&{urlencode({'stem': project.stem, 'code': 'clean.text.control', 'field': 'full_name'})}"
        )
        press_until(page, "Preview a replay")
        assert page.locator("h1").inner_text() == "Preview of a replay"
    assert wrong == []
