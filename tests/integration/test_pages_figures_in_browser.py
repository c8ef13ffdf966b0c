"""Each count on Now, on a dataset's page, in the quarantine and in the ledger opens exactly what it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urljoin

import pages_kit
import pytest
from browsed import figure, group_of, opened, settings_of
from hubkit import GRANTED, Project, Servers
from serving import served
from test_quarantine_commands import BAD_NAME

from pophub.ledger.checkpoint import make
from pophub.web.app import create_pages

pytestmark = pytest.mark.timeout(300)
MOST = 100
DAY = re.compile(r"\d\d/\d\d/\d\d")
IDS = ("Batch", "Version")
"""Columns that hold a number which counts nothing."""
COUNTED = """
[...document.querySelectorAll('main td, main dd, main p.lead, main p.lead a')].flatMap(e => {
  const link = e.matches('a') ? e : e.querySelector(':scope > a'), text = (e.matches('a') ? e : e.childElementCount ? link : e)?.innerText.trim() ?? '';
  const cell = e.closest('td'), row = e.closest('tr');
  const head = cell && [...row.closest('table').querySelectorAll('thead tr:first-child th')][[...row.children].indexOf(cell)]?.innerText.trim();
  const lead = e.matches('p.lead a');
  if (!(lead ? /[0-9]/ : /^[0-9][0-9.,]*$/).test(text) || e.closest('tfoot') || /^0$/.test(text)) return [];
  return [{text, href: link ? link.getAttribute('href') : '', head: head || '', row: row ? row.children[0].innerText.trim() : ''}];
})
"""
LISTED = """
(() => { const tables = [...document.querySelectorAll('main table')].filter(t => t.querySelector('tbody tr')).map(t => ({
    heads: [...t.querySelectorAll('thead th')].map(h => h.innerText.trim()),
    rows: [...t.querySelectorAll('tbody tr')].map(r => [...r.children].map(c => c.innerText.trim())),
    sums: [...t.querySelectorAll('tfoot td')].map(c => c.innerText.trim())}));
  return {title: document.querySelector('h1')?.innerText ?? document.body.innerText, tables}; })()
"""
ADDED = {"read from the source": "sent", "on the raw topic": "sent", "judged by the four gates": "read"}
"""Which column of the batches a place of the way counts, by its row."""


class Count(NamedTuple):
    """A count on a page: what it says, where it leads, under which head and in which row it stands."""

    text: str
    href: str
    head: str
    row: str

    @property
    def column(self) -> str:
        """The column that adds up to it where the rows are not its own."""
        if (self.head.lower() == "wait" and self.row in ADDED) or "not judged" in self.text:
            return "not judged"
        if "/ledger/transactions" in self.href:
            return "share transactions"
        return ADDED.get(self.row, "read" if DAY.fullmatch(self.head) else self.head)


@pytest.fixture(scope="module")
def project(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A dataset that is late, with records shared, failed, void, waiting for their recipients and for the gates."""
    found = Project(servers, tmp_path_factory.mktemp("figures"))
    found.declare("mps.citizens", ("promise_s: 172800", "promise_s: 60"), fields=GRANTED)
    found.pass_through("prepare")
    for person in range(1, 8):
        found.put(person, 60, **({"ho_ten": BAD_NAME} if person > 4 else {}))
    found.pass_through()
    found.update(5, 50, ho_ten="Nguyễn Văn An")
    found.update(1, 50, ho_ten="Nguyễn Văn Bình")
    found.pass_through()
    found.put(8, 40)
    found.pass_through("extract", "judge")
    found.put(9, 30)
    found.pass_through("extract")
    make(servers.settings)
    yield found
    found.close()


@pytest.fixture(scope="module")
def hub(project: Project) -> Iterator[str]:
    with served(create_pages(settings_of(project), visitor=pages_kit.operator)) as at:
        yield at


def opens(page: Any, count: Count) -> str:
    """Tell what is wrong with what a count opens: as many rows, or a column that adds up to it; nothing where it is right."""
    wanted, found = figure(count.text), page.evaluate(LISTED)
    tables, column = found["tables"], count.column.lower()
    for table in tables:
        table["heads"] = [head.lower() for head in table["heads"]]
    with_column = [table for table in tables if column in table["heads"]]
    if with_column:
        table = with_column[-1]
        at = table["heads"].index(column)
        if table["sums"]:
            told = figure(table["sums"][at])
            added = sum(figure(row[at]) for row in table["rows"])
            return (
                "" if told == wanted and (added == told or len(table["rows"]) == MOST) else f"{told}, {added}"
            )
        return "" if sum(figure(row[at]) for row in table["rows"]) == wanted else f"column {column}"
    rows = len(tables[-1]["rows"]) if tables else 0
    titled = figure(found["title"]) if found["title"][0].isdigit() else rows
    return (
        ""
        if (rows, titled) == (min(wanted, MOST), wanted) or rows == wanted
        else f"{rows} rows, {found['title']}"
    )


@pytest.mark.parametrize(
    "path", ["/", "/datasets/{stem}", "/quarantine", "/quarantine/group?{group}", "/ledger"]
)
def test_each_count_opens_as_many_rows_or_rows_that_add_up_to_it(
    chromium: Any, hub: str, project: Project, path: str
) -> None:
    start = hub + path.format(stem=project.stem, group=group_of(project))
    start += f"{'&' if '?' in start else '?'}lang=en"
    wrong_counts: list[str] = []
    with opened(chromium) as (page, wrong):
        page.goto(start)
        counts = [Count(**one) for one in page.evaluate(COUNTED)]
        mine = [one for one in counts if project.stem in one.row or path != "/ledger" or not one.href]
        for count in dict.fromkeys(mine):
            if count.head in IDS:
                continue
            if not count.href:
                wrong_counts.append(f"{count} leads nowhere")
                continue
            answer = page.goto(urljoin(start, count.href))
            if said := opens(page, count) if answer.ok else f"{answer.status}":
                wrong_counts.append(f"{count}: {said}")
    assert not wrong_counts and wrong == [], "\n".join(wrong_counts)
    assert len([one for one in mine if one.href]) >= {"/": 3, "/quarantine/group?{group}": 1}.get(path, 2)


def test_each_count_of_a_run_opens_its_records_of_that_run_alone(
    chromium: Any, hub: str, project: Project
) -> None:
    runs = [
        run
        for (run,) in project.servers.query(
            "select distinct run from extract.batch where stem = %s", project.stem
        )
    ]
    opened_counts, flaws = set[str](), list[str]()
    with opened(chromium) as (page, wrong):
        for run in runs:
            start = f"{hub}/runs/{project.stem}/{quote(run, safe='')}?lang=en"
            page.goto(start)
            now = page.locator("tbody tr", has=page.locator("th", has_text="now")).locator("td a")
            counts = [(one.inner_text(), one.get_attribute("href")) for one in now.all()]
            for text, href in counts:
                page.goto(urljoin(start, href))
                rows = page.locator("table").last.locator("tbody tr").count()
                listed = figure(page.locator("h1").inner_text()) if not href.startswith("#") else rows
                if not href.startswith("#") and {figure(text)} != {rows, listed}:
                    flaws.append(f"{run} {href}: {text}, but {rows} rows under {listed}")
                if not href.startswith("#"):
                    record = page.locator("table").last.locator("tbody tr a").first.get_attribute("href")
                    known = page.goto(urljoin(start, record))
                    if not known.ok or project.stem not in page.locator("main").inner_text():
                        flaws.append(f"{record}: {known.status}")
                opened_counts.add(re.sub(r".*(state=\w+|accepted=\w+|#batches).*", r"\1", href))
    assert not flaws and wrong == [], "\n".join(flaws)
    assert {"accepted=all", "state=quarantined", "#batches"} <= opened_counts


def test_datasets_that_are_late_are_counted_and_listed(chromium: Any, hub: str, project: Project) -> None:
    with opened(chromium) as (page, wrong):
        page.goto(f"{hub}/?lang=en")
        late = page.locator("p.lead a", has_text="late")
        assert late.inner_text().startswith("1 of 1 ")
        late.click()
        assert page.locator("tbody tr td:first-child").all_inner_texts() == [project.stem]
    assert wrong == []
