"""The state shown is right: a pure function of heartbeats and a clock that the test sets."""

from __future__ import annotations

import pytest

from pophub.live.state import US, Beat, Outcome, Promise, Work, absence, state_of
from pophub.stages.extract import Extracted

HOUR = 3600
PROMISE = Promise(promise_s=6 * HOUR, clock_skew_s=300)


def beat(hour: float, outcome: Outcome = "reached", newest: float | None = None, rows: int = 0,
         until: float | None = None) -> Beat:  # fmt: skip
    at = int(hour * HOUR * US)
    last = at if until is None else int(until * HOUR * US)
    return Beat(at, last, outcome, None if newest is None else int(newest * HOUR * US), rows)


def seen(
    beats: list[Beat], hour: float, work: Work | None = None, promise: Promise = PROMISE
) -> tuple[str, float | None]:
    found = state_of(beats, promise, work or Work(), int(hour * HOUR * US))
    return found.state, None if found.since is None else found.since / US / HOUR


def test_no_heartbeat_is_unknown() -> None:
    assert seen([], 1) == ("unknown", None)


def test_a_source_with_fresh_changes_is_alive_since_its_first() -> None:
    assert seen([beat(1, newest=0.9, rows=5), beat(2, newest=1.9, rows=3)], 2.5) == ("alive", 1)


def test_runs_succeed_but_nothing_new_past_the_promise_is_frozen() -> None:
    beats = [beat(1, newest=1, rows=5), beat(2, newest=1, until=7.5)]
    assert seen(beats, 6.9) == ("alive", 1)
    assert seen(beats, 7.6) == ("frozen", 7)
    assert seen([*beats, beat(8, newest=7.9, rows=1)], 8.1) == ("alive", 8)


def test_without_a_promise_nothing_is_frozen_or_silent() -> None:
    assert seen([beat(1, newest=1, rows=5)], 9000, promise=Promise()) == ("alive", 1)


def test_without_a_time_of_change_new_rows_count() -> None:
    beats = [beat(1, rows=5), beat(2, until=7.5)]
    assert seen(beats, 6.5) == ("alive", 1)
    assert seen(beats, 7.6) == ("frozen", 7)


def test_changes_of_the_future_are_a_wrong_clock_until_it_is_set() -> None:
    beats = [beat(1, newest=0.9, rows=5), beat(2, newest=30, rows=1), beat(3, newest=30, until=4)]
    assert seen(beats, 4.1) == ("clock_wrong", 2)
    mended = [*beats, beat(5, newest=4.9, rows=1)]
    assert seen(mended, 5.1) == ("alive", 5)
    assert seen([*mended, beat(6, newest=4.9, until=11)], 11.5) == ("frozen", 10.9), "30 h never counts"


def test_a_wrong_clock_stays_wrong_while_nothing_new_comes() -> None:
    beats = [beat(1, newest=0.9, rows=5), beat(2, newest=30, rows=1), beat(3, newest=0.9)]
    assert seen(beats, 3.1) == ("clock_wrong", 2)


@pytest.mark.parametrize(("ahead", "newest"), [(0, 100), (4, 100), (5, 900), (10, 900)])
def test_one_row_of_the_future_is_a_defect_half_of_the_new_ones_a_wrong_clock(
    ahead: int, newest: int
) -> None:
    done = Extracted()
    changed: list[int | None] = [900] * ahead + [100] * (10 - ahead) + [None, 50]
    done.see(changed, range(10), 500)
    done.see([950], [], 500)
    assert done.newest == newest


def test_a_small_skew_is_no_wrong_clock() -> None:
    assert seen([beat(1, newest=1 + 299 / HOUR, rows=1)], 1)[0] == "alive"
    assert seen([beat(1, newest=1 + 301 / HOUR, rows=1)], 1)[0] == "clock_wrong"


def test_offline_since_the_first_failure_then_back() -> None:
    beats = [beat(1, newest=0.9, rows=5), beat(2, "unreachable"), beat(3, "unreachable", until=74)]
    assert seen(beats, 75) == ("offline", 2)
    back = [*beats, beat(76, newest=75.9, rows=9000)]
    assert seen(back, 76.1, Work(backlog=9000)) == ("catching_up", 76)
    assert seen(back, 76.5) == ("alive", 76)


def test_back_while_its_first_extract_still_runs_is_catching_up() -> None:
    beats = [beat(1, newest=0.9, rows=5), beat(2, "unreachable", until=74)]
    assert seen(beats, 75, Work(backlog=5000)) == ("catching_up", 74)


def test_an_open_hold_shows_and_offline_is_told_first() -> None:
    beats = [beat(1, newest=0.9, rows=5), beat(2, "refused")]
    assert seen(beats, 2.1, Work(held_since=2 * HOUR * US)) == ("held", 2)
    assert seen([*beats, beat(3, "unreachable")], 3.1, Work(held_since=2 * HOUR * US)) == ("offline", 3)


def test_no_extract_within_the_promise_is_silent_not_frozen() -> None:
    assert seen([beat(1, newest=0.9, rows=5)], 7.5) == ("silent", 7)


@pytest.mark.parametrize(
    ("beats", "expected"),
    [
        ([beat(1)], None),
        ([beat(1), beat(2, "unreachable", until=3)], (3, None, True)),
        ([beat(2, "unreachable"), beat(3)], (2, 3, True)),
        ([beat(2, "unreachable"), beat(3, until=4)], (2, 3, False)),
        ([beat(2, "unreachable"), beat(3), beat(4)], (2, 3, False)),
    ],
)
def test_the_last_absence_is_found(beats: list[Beat], expected: tuple[int, int | None, bool] | None) -> None:
    found = absence(beats)
    hours = expected and (expected[0] * HOUR * US, expected[1] and expected[1] * HOUR * US, expected[2])
    assert found == hours
