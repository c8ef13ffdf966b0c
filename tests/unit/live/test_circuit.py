"""A source that stays down is asked ever less often, never not at all; status says since when."""

from __future__ import annotations

import itertools

from pophub.commands.held_up import of_batches, of_lags, of_sources
from pophub.live.circuit import FAILURES, FIRST_S, MOST_S, Outage
from pophub.live.state import US, Seen
from pophub.live.store import Counted, Lag

BEGUN = 1_700_000_000 * US


def rest_s(failures: int) -> float:
    outage = Outage(failures, BEGUN, BEGUN + 9 * US)
    return (outage.asked_again_at - outage.last) / US


def test_a_few_failures_let_the_source_be_asked_at_once() -> None:
    assert [rest_s(failures) for failures in range(1, FAILURES)] == [0] * (FAILURES - 1)


def test_each_further_failure_doubles_the_rest_up_to_an_hour() -> None:
    rests = [rest_s(failures) for failures in range(FAILURES, FAILURES + 40)]
    assert rests[0] == FIRST_S and rests[-1] == MOST_S
    assert all(later in (2 * rest, MOST_S) for rest, later in itertools.pairwise(rests))


def test_status_tells_what_is_held_up_since_when_and_what_comes() -> None:
    last = BEGUN + 60 * US
    states = {
        "a.down": Seen("offline", BEGUN, None, last),
        "a.well": Seen("alive", BEGUN, None, last),
        "a.still": Seen("frozen", last, None, last),
    }
    found = list(of_sources(states, {"a.down": Outage(FAILURES, BEGUN, last)}, last + US))
    assert [(row["stem"], row["since"].timestamp()) for row in found] == [
        ("a.down", BEGUN / US), ("a.still", last / US),
    ]  # fmt: skip
    assert found[0]["what"] == "the source failed 5 times in a row"
    assert found[0]["next"] == "asked by the next run from 2023-11-14 22:15:20 UTC"
    (behind,) = of_lags([Lag("a.down", "portal", 1, 7, BEGUN)])
    assert behind["what"] == "7 versions of lane 1 are not shared with portal"
    (unread,) = of_batches([Counted("a.down", 3, 10, 4, BEGUN)])
    assert unread["what"] == "6 of 10 rows of batch 3 are not judged"
