"""What tests in a browser look at: a project with something on each page, the address of each page, and what must hold on it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from fastapi import FastAPI
from hubkit import GRANTED, Project, Servers
from test_quarantine_commands import BAD_NAME

from pophub.ledger.checkpoint import make
from pophub.runtime.task_logs import FOLDER
from pophub.settings import Settings

LANGUAGES = ("en", "vi")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OVERFLOW = "Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - innerWidth"
LEFT = "net::ERR_ABORTED"
"""What becomes of an icon when the next page is asked for before it came, and of an answer that is a download."""
STATUS = "Failed to load resource: the server responded with a status of"
"""What Chromium itself says of a page whose status is none of success."""
ENGLISH = frozenset(
    [
        "the",
        "and",
        "was",
        "were",
        "which",
        "with",
        "not",
        "are",
        "of",
        "records",
        "is",
        "by",
        "from",
        "this",
        "has",
        "have",
        "its",
        "for",
        "until",
    ]
)
SAID = (
    "(() => { const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); let all = '';"
    "while (walk.nextNode()) { const up = walk.currentNode.parentElement;"
    "if (!up.closest('code,[lang=en],bdi,textarea')) all += ' ' + walk.currentNode.textContent; } return all; })()"
)
SEE = """(() => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), seen = [];
  const box = node => { const range = document.createRange(); range.selectNodeContents(node); return range.getBoundingClientRect(); };
  while (walk.nextNode()) {
    const node = walk.currentNode, up = node.parentElement;
    if (node.textContent.trim() && up.checkVisibility() && box(node).width > 0 && !up.closest('table.stack thead, .skip, svg, option, datalist')) seen.push(node);
  }
  window.seenAtFullSize = {seen, box};
})()"""
GONE = """(() => {
  const {seen, box} = window.seenAtFullSize, gone = [];
  for (const node of seen) {
    const at = box(node), scrolls = node.parentElement.closest('.scroll, pre, textarea');
    const shown = node.parentElement.checkVisibility() && at.width > 0 && at.height > 0;
    if (!shown || (!scrolls && (at.left < -1 || at.right > innerWidth + 1))) gone.push(node.textContent.trim());
  }
  for (const cell of document.querySelectorAll('table.stack tbody td:not(:first-child):not([data-name])'))
    if (cell.textContent.trim() && !cell.querySelector('form') && !cell.hasAttribute('colspan')) gone.push('no name beside ' + cell.textContent.trim());
  return gone;
})()"""


def with_each_outcome(project: Project) -> None:
    """Let some of its people be shared, some fail by two rules, one come twice."""
    for person in (1, 2, 3):
        project.put(person, 60)
    for person in (4, 5):
        project.put(person, 60, ho_ten=BAD_NAME)
    project.put(6, 60, ngay_sinh="1990-03-15")
    project.pass_through()
    project.update(4, 30, ho_ten=BAD_NAME + BAD_NAME)
    project.pass_through()


def mended(project: Project) -> None:
    """Let four people fail for their dates, one of them for the name too; then have the connector read these dates."""
    for person in (1, 2, 3):
        project.put(person, 60, ngay_sinh="1990-03-15")
    project.put(4, 60, ngay_sinh="1990-03-15", ho_ten=BAD_NAME)
    project.pass_through()
    path = project.folder / f"connectors/{project.agency}/citizens.yaml"
    path.write_text(path.read_text().replace('format: "%d/%m/%Y"', 'format: "%Y-%m-%d"'))


def browsed_project(servers: Servers, folder: Path) -> Project:
    """Make a dataset with what was shared, what failed and what came again."""
    found = Project(servers, folder)
    found.declare("mps.citizens", fields=GRANTED)
    found.figure("sharing")
    found.pass_through("prepare")
    with_each_outcome(found)
    make(servers.settings)
    return found


@contextmanager
def failed_task_logged(project: Project, logs: Path) -> Iterator[None]:
    """Leave the log that a failed task of the first run leaves in Airflow, and read logs there."""
    (run,) = project.servers.query("select min(run) from extract.batch where stem = %s", project.stem)[0]
    folder = logs / f"dag_id={project.stem}" / f"run_id={run}" / "task_id=judge"
    folder.mkdir(parents=True)
    told = f"kafka.unreachable: the broker gave {project.number_of(1)}. Next: see `pophub status`"
    entry = {"timestamp": "2026-01-31T01:00:00Z", "level": "error", "logger": "task", "event": f"failed: {told}",
             "error_detail": [{"exc_type": "TransientError", "exc_value": told}]}  # fmt: skip
    (folder / "attempt=2.log").write_text(json.dumps(entry) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(logs))
        yield


def settings_of(project: Project, **endpoints: Any) -> Settings:
    """Give the settings of a project's pages, with other endpoints where a test wants them."""
    known = project.servers.settings
    changed = known.endpoints.model_copy(update=endpoints)
    return Settings(home=known.home, project=project.folder, endpoints=changed)


def group_of(project: Project) -> str:
    """Give the question that names the group of what failed for its name."""
    return urlencode({"stem": project.stem, "code": "clean.text.control", "field": "full_name"})


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
    group = group_of(project)
    return {
        "/": ("now", "/"),
        "/datasets": ("datasets", "/datasets"),
        "/datasets/{stem}": ("dataset", f"/datasets/{stem}"),
        "/datasets/{stem}/records": ("records", f"/datasets/{stem}/records?state=quarantined"),
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
        "/ledger/batches/{stem}": ("batches", f"/ledger/batches/{stem}"),
        "/ledger/batches/{stem}/{day}": ("batches-of-day", f"/ledger/batches/{stem}/{day}"),
        "/ledger/transactions": ("transactions", f"/ledger/transactions?stem={stem}"),
        "/ledger/unsettled": ("unsettled", "/ledger/unsettled"),
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
    page.on("requestfailed", lambda request: wrong.append(request.url) if request.failure != LEFT else None)
    page.on("dialog", lambda dialog: wrong.append(f"dialog {dialog.message}"))
    context.on("page", lambda other: wrong.append(f"a window of its own {other.url}"))
    try:
        yield page, wrong
    finally:
        context.close()


def both_below(outer: FastAPI, operators: FastAPI, auditors: FastAPI) -> None:
    """Mount the pages where `address` expects them: as an operator sees them, and as an auditor does."""
    outer.mount("/pophub", operators)
    outer.mount("/audit", auditors)


def address(hub: str, template: str, path: str, lang: str) -> str:
    """Give where a page stands, for one who may see it."""
    below = "/audit" if template == "/audit" else "/pophub"
    return f"{hub}{below}{path}{'&' if '?' in path else '?'}lang={lang}"


def broken_rules(page: Any) -> list[str]:
    """Give the rules of access that a page breaks, each with a place."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}}).response
    return [f"{page.url}: {v['id']} {v['nodes'][0]['html'][:200]}" for v in found["violations"]]


def gone_when_doubled(page: Any) -> list[str]:
    """Give the texts that a page of 1,280 pixels does not show any more at 200 %, where it has 640."""
    page.evaluate(SEE)
    page.set_viewport_size({"width": 640, "height": 450})
    gone = page.evaluate(GONE)
    over = page.evaluate(OVERFLOW)
    page.set_viewport_size({"width": 1280, "height": 900})
    return [f"{page.url}: {text}" for text in gone] + ([f"{page.url}: {over} too wide"] if over > 0 else [])


def english_on(page: Any) -> set[str]:
    """Give the words that only an English sentence has, of what a page says in nobody's own words."""
    said = re.sub(r"\b\w+\.\w+\b", "", page.evaluate(SAID))  # a dataset of another test is named t65.the
    return ENGLISH & set(re.findall(r"[a-z]+", said.lower()))


def besides_status(wrong: list[str]) -> list[str]:
    """Give what went wrong besides what the browser itself says of a page that is missing or out of order."""
    return [one for one in wrong if not one.startswith(STATUS)]


def figure(text: str) -> int:
    """Read the first count in a text."""
    return int(re.sub(r"\D", "", re.findall(r"\d[\d.,]*", text)[0]))
