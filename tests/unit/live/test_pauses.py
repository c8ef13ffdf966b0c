"""What a pause excuses, and from when on it does not any more."""

from __future__ import annotations

import pytest

from pophub.live.pauses import Pause, Pauses
from pophub.live.state import US

PROMISE_S = 100


def at(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * US


@pytest.mark.parametrize(
    ("resumed", "beat", "now", "judged"),
    [
        (None, 40, 900, 50),  # still paused
        (None, None, 900, 50),
        (500, 40, 599, 50),  # resumed, its first extract is not due yet
        (500, 40, 601, 601),  # and was missed
        (500, 510, 520, 520),  # resumed and asked since
    ],
)
def test_a_source_is_judged_as_of_its_pause_until_it_is_asked_again(
    resumed: int | None, beat: int | None, now: int, judged: int
) -> None:
    pauses = Pauses([Pause("a.b", "", 50 * US, at(resumed))])
    assert pauses.source_at("a.b", at(beat), PROMISE_S, now * US) == judged * US


def test_without_a_pause_the_clock_is_the_hubs() -> None:
    assert Pauses().source_at("a.b", None, PROMISE_S, 7) == 7
    assert Pauses().waits_since("a.b", "reader", 7) == 7


def test_a_paused_subscription_excuses_that_recipient_alone() -> None:
    pauses = Pauses([Pause("a.b", "reader", 50, None), Pause("a.b", "other", 20, 60)])
    assert pauses.waits_since("a.b", "reader", 40) is None
    assert pauses.waits_since("a.b", "other", 40) == 60
    assert pauses.waits_since("a.b", "other", 70) == 70
    assert pauses.waits_since("a.b", "shared", 40) == 40
    assert Pauses([Pause("a.b", "", 50, None)]).waits_since("a.b", "shared", 40) is None
