"""A source that stays down is asked ever less often, never not at all; status says since when."""

from __future__ import annotations

import doctest
import itertools

from pophub.commands import switches
from pophub.commands.held_up import of_batches, of_lags, of_sources, switched
from pophub.live.circuit import FAILURES, FIRST_S, MOST_S, Outage
from pophub.live.conditions import Condition, with_switches
from pophub.live.state import US, Seen
from pophub.live.store import Counted, Lag

BEGUN = 1_700_000_000 * US


def test_what_waits_for_a_run_says_that_its_dag_is_off() -> None:
    due = [Condition("alert.silent", "a.b", "source", "asked by nobody"), Condition("alert.held", "a.b", "hold 1", "held"),
           Condition("alert.lag", "a.c", "recipient x", "7 versions are not shared")]  # fmt: skip
    told = [c.what for c in with_switches(due, {"a.b": switches.in_words(None)})]
    assert told == [
        "asked by nobody; its DAG is switched off in Airflow",
        "held",
        "7 versions are not shared",
    ]
    assert doctest.testmod(switches).failed == 0


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
    (still,) = switched({}, [behind])
    assert still["next"] == "the next run shares them"
    waits, dag = switched({"a.down": "switched off in Airflow since yesterday"}, [behind])
    assert waits["next"] == "nothing by itself: its DAG is switched off in Airflow since yesterday"
    assert (dag["stem"], dag["what"]) == ("a.down", "its DAG is switched off in Airflow since yesterday")
    (unread,) = of_batches([Counted("a.down", 3, 10, 4, BEGUN)])
    assert unread["what"] == "6 of 10 rows of batch 3 are not judged"
