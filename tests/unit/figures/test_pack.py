"""A pack's page and its changes, without a server."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pophub.figures.declared import load_figures, load_words
from pophub.figures.pack import Pack, PackTable, month_end
from pophub.figures.pack_chart import bars
from pophub.figures.pack_page import page
from pophub.ledger.checkpoint import Checkpoint
from pophub.settings import PROJECT
from tests.refused import refused

FIGURES = {figure.name: figure for figure in load_figures(PROJECT)[0]}
CHECKPOINT = Checkpoint(7, {"at": 0, "heads": [], "tally": []}, b"", b"")
COLUMNS = ("place", "tasks", "done_percent")


def table(now: list[tuple[object, ...]], before: list[tuple[object, ...]]) -> PackTable:
    return PackTable(FIGURES["tasks"], "agency", COLUMNS, now, before)


def test_what_differs_is_told_with_what_came_and_what_is_gone() -> None:
    now = [("laocai", 5, Decimal("50.0")), ("mps", 1, None)]
    before = [("laocai", 4, Decimal("50.0")), ("moj", 2, None)]
    changes = [tuple(one) for one in table(now, before).changes()]
    assert changes == [("laocai", "tasks", 4, 5), ("mps", "tasks", None, 1), ("moj", "tasks", 2, None)]


def test_the_page_says_names_as_they_are_and_lets_none_of_them_into_its_markup() -> None:
    name = "<b>Sở & ban</b>"
    html = page(
        Pack("2025-01", "", CHECKPOINT, [table([(name, 5, None)], [(name, 2, None)])]), load_words(PROJECT)
    )
    assert "<b>" not in html and "&lt;b&gt;Sở &amp; ban" in html
    assert "+3" in html and "báo cáo tháng 01/2025" in html and "monthly pack 2025-01" in html


def test_the_page_of_a_month_without_anything_says_so() -> None:
    html = page(Pack("2025-01", "laocai", CHECKPOINT, [table([], [])]), load_words(PROJECT))
    assert "Chưa có số liệu." in html and "Không có thay đổi." in html and "<svg" not in html


@pytest.mark.parametrize("rows", [[("a", None)], [("a", -3), ("b", 0)], [(f"n{n}", n) for n in range(90)]])
def test_a_chart_is_drawn_of_whatever_a_figure_holds(rows: list[tuple[str, object]]) -> None:
    svg = ElementTree.fromstring(bars("one", 'a "title" & more', "<summary>", rows))
    assert [svg[0].text, svg[1].text] == ['a "title" & more', "<summary>"]
    assert len(svg.findall("rect")) == min(len(rows), 40)


def test_a_month_has_to_end_before_its_pack_is_made() -> None:
    now = datetime(2025, 1, 31, 16, 59, 59, 999999, UTC)  # one microsecond before February in Vietnam
    with refused("pack.month"):
        month_end("2025-01", now)
    assert month_end("2025-01", now.replace(hour=17, minute=0)).month == 1
    for odd in ("2024", "2024-Q1", "January"):
        with refused("cli.period"):
            month_end(odd, now)
