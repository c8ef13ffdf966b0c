"""Figures that pages ask for are counted one at a time, each once, and a page never waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from pophub.contracts.load import load_all
from pophub.contracts.model import Connector
from pophub.domain.errors import TransientError
from pophub.figures import run
from pophub.figures.declared import load_figures
from pophub.figures.engine import FigureRows
from pophub.figures.run import FigureAsked
from pophub.ledger.checkpoint import Checkpoint
from pophub.settings import PROJECT, Settings
from pophub.web import figures_at_work
from pophub.web.figures_at_work import MOST_WAITING, FiguresAtWork, FigureStand

FIGURES = load_figures(PROJECT)[0]
CONNECTORS = load_all(PROJECT)[0]
AT = datetime(2024, 12, 31, tzinfo=UTC)
ROWS = FigureRows(("place", "tasks"), [("2024", 690)])


def stand(number: int) -> FigureStand:
    return FigureStand(Checkpoint(number, {"id": number, "at": 1_735_600_000_000_000}, b"", b""), AT)


class Counted:
    """Stands for the counting: tells what it was asked, and waits for leave."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.leave = threading.Event()
        self.broken = False

    def __call__(
        self, _settings: Settings, _connectors: Sequence[Connector], asked: Sequence[FigureAsked],
        checkpoint: Checkpoint, _at: datetime,
    ) -> list[FigureRows]:  # fmt: skip
        self.asked.append(checkpoint.id)
        self.leave.wait(20)
        if self.broken:
            raise TransientError("postgres.unreachable", "no answer", where="here")
        return [ROWS]


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counted:
    found = Counted()
    monkeypatch.setattr(run, "answer", found)
    monkeypatch.setattr(figures_at_work, "AT_ONCE_S", 0.05)
    return found


def settled(work: FiguresAtWork, number: int) -> figures_at_work.FigureCounted:
    until = time.monotonic() + 20
    while (found := work.ask(FIGURES[0], None, stand(number), CONNECTORS)) == (None, None):
        assert time.monotonic() < until
    return found


def test_a_figure_is_counted_once_and_the_page_looks_again_meanwhile(counting: Counted) -> None:
    work = FiguresAtWork(Settings.load())
    for _ in range(2):
        assert work.ask(FIGURES[0], None, stand(1), CONNECTORS) == (None, None)
    counting.leave.set()
    assert settled(work, 1).rows == ROWS and settled(work, 1).rows == ROWS
    assert counting.asked == [1]
    assert settled(work, 2).rows == ROWS and counting.asked == [1, 2], "another statement is another figure"


def test_who_asks_while_many_wait_is_told_to_ask_later(counting: Counted) -> None:
    work = FiguresAtWork(Settings.load())
    answers = [work.ask(FIGURES[0], None, stand(n), CONNECTORS) for n in range(MOST_WAITING + 1)]
    assert [one.error.code for one in answers if one.error] == ["page.busy"]
    counting.leave.set()
    assert settled(work, 0).rows == ROWS


def test_what_failed_for_want_of_a_server_is_counted_again_when_it_is_asked_again(counting: Counted) -> None:
    work = FiguresAtWork(Settings.load())
    counting.leave.set()
    counting.broken = True
    error = settled(work, 1).error
    assert error is not None and error.code == "postgres.unreachable"
    counting.broken = False
    assert settled(work, 1).rows == ROWS
