"""Figures that pages ask for are counted one at a time, each once, and a page never waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

import pytest

from pophub.contracts.load import load_all
from pophub.contracts.model import Connector
from pophub.domain.errors import TransientError
from pophub.figures import run
from pophub.figures.declared import load_figures
from pophub.figures.engine import FigureRows
from pophub.figures.run import FigureAsked
from pophub.ledger.checkpoint import Checkpoint
from pophub.postgres import Connection
from pophub.settings import PROJECT, Settings
from pophub.web import figures_at_work
from pophub.web.figures_at_work import MOST_OF_ONE, MOST_WAITING, FiguresAtWork, FigureStand
from pophub.web.figures_at_work import stand as as_page_takes
from tests.refused import refused

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
        self.broken: Exception | None = None

    def __call__(
        self, _settings: Settings, _connectors: Sequence[Connector], asked: Sequence[FigureAsked],
        checkpoint: Checkpoint, _at: datetime,
    ) -> list[FigureRows]:  # fmt: skip
        self.asked.append(checkpoint.id)
        self.leave.wait(20)
        if self.broken is not None:
            raise self.broken
        return [ROWS]


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counted:
    found = Counted()
    monkeypatch.setattr(run, "answer", found)
    monkeypatch.setattr(figures_at_work, "AT_ONCE_S", 0.05)
    return found


def settled(work: FiguresAtWork, number: int) -> figures_at_work.FigureCounted:
    until = time.monotonic() + 20
    while (found := work.ask(FIGURES[0], None, stand(number), CONNECTORS, "Vy")) == (None, None):
        assert time.monotonic() < until
    return found


def test_a_figure_is_counted_once_and_the_page_looks_again_meanwhile(counting: Counted) -> None:
    work = FiguresAtWork(Settings.load())
    for _ in range(2):
        assert work.ask(FIGURES[0], None, stand(1), CONNECTORS, "Vy") == (None, None)
    counting.leave.set()
    assert settled(work, 1).rows == ROWS and settled(work, 1).rows == ROWS
    assert counting.asked == [1]
    assert settled(work, 2).rows == ROWS and counting.asked == [1, 2], "another statement is another figure"


def test_who_asks_while_many_wait_is_told_to_ask_later(counting: Counted) -> None:
    work = FiguresAtWork(Settings.load())
    answers = [
        work.ask(FIGURES[0], None, stand(n), CONNECTORS, f"viewer {n}") for n in range(MOST_WAITING + 1)
    ]
    assert [one.error.code for one in answers if one.error] == ["page.busy"]
    counting.leave.set()
    assert settled(work, 0).rows == ROWS


def test_what_failed_for_want_of_a_server_is_counted_again_when_it_is_asked_again(counting: Counted) -> None:
    work = FiguresAtWork(Settings.load())
    counting.leave.set()
    counting.broken = TransientError("postgres.unreachable", "no answer", where="here")
    error = settled(work, 1).error
    assert error is not None and error.code == "postgres.unreachable"
    counting.broken = None
    assert settled(work, 1).rows == ROWS


@pytest.mark.parametrize("broken", [OSError("no such file"), TimeoutError(), KeyError("x")])
def test_what_broke_for_a_reason_of_ours_is_counted_again_when_it_is_asked_again(
    counting: Counted, broken: Exception
) -> None:
    work = FiguresAtWork(Settings.load())
    counting.leave.set()
    counting.broken = broken
    with pytest.raises(type(broken)):
        settled(work, 1)
    counting.broken = None
    assert settled(work, 1).rows == ROWS


def test_one_visitor_alone_keeps_no_other_from_counting(counting: Counted) -> None:
    work = FiguresAtWork(Settings.load())
    answers = [work.ask(FIGURES[0], None, stand(n), CONNECTORS, "Vy") for n in range(MOST_OF_ONE + 1)]
    assert [one.error.code for one in answers if one.error] == ["page.busy"]
    assert work.ask(FIGURES[0], None, stand(0), CONNECTORS, "Vy") == (None, None), "what waits goes on"
    assert work.ask(FIGURES[0], None, stand(9), CONNECTORS, "An") == (None, None)
    counting.leave.set()
    assert settled(work, 9).rows == ROWS


@pytest.mark.parametrize(
    "as_of", ["2024-12-31T10:00:01", "now", "20241231", "2024-W52-1", "#", "2024-12-31 ", "2024-13-01"]
)
def test_a_page_takes_a_day_or_a_checkpoint_and_no_second(as_of: str) -> None:
    with refused("cli.as_of"):
        as_page_takes(as_of, cast("Connection", None))
