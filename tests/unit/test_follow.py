"""From where on a log is read: what was cut away, made anew or spread otherwise is told, never passed over."""

from __future__ import annotations

import pytest
from refused import refused

from pophub.domain.places import LogEnds, LogPlaces
from pophub.stages.follow import where_to_begin

ENDS = LogEnds("a", {0: 5, 1: 0}, {0: 10, 1: 3})


def test_a_topic_is_read_from_its_first_message_and_then_from_its_places() -> None:
    begun = where_to_begin(None, ENDS, "mps.citizens")
    assert begun == LogPlaces("a", 0, {0: 5, 1: 0})
    assert where_to_begin(begun, ENDS, "mps.citizens") == begun
    read = LogPlaces("a", 0, {0: 10, 1: 3})
    assert where_to_begin(read, ENDS, "mps.citizens") is read


@pytest.mark.parametrize(
    ("known", "code"),
    [
        (LogPlaces("a", 0, {0: 4, 1: 0}), "source.gap"),
        (LogPlaces("a", 0, {0: 11, 1: 0}), "source.topic_changed"),
        (LogPlaces("b", 0, {0: 6, 1: 0}), "source.topic_changed"),
        (LogPlaces("b", 0, {0: 6}), "source.topic_changed"),
        (LogPlaces("a", 0, {0: 6}), "source.topic_changed"),
        (LogPlaces("a", 0, {0: 6}, again=True), "source.topic_changed"),
        (LogPlaces("a", 0, {0: 6, 1: 0, 2: 0}), "source.topic_changed"),
    ],
    ids=["cut away", "went back", "anew", "anew and wider", "wider", "wider still", "narrower"],
)
def test_what_is_not_the_topic_that_was_read_is_told(known: LogPlaces, code: str) -> None:
    with refused(code) as found:
        where_to_begin(known, ENDS, "mps.citizens")
    assert "position reset mps.citizens" in found.value.remedy


@pytest.mark.parametrize(
    ("known", "generation"),
    [
        (LogPlaces("a", 2, {0: 6, 1: 0}, again=True), 2),
        (LogPlaces("a", 2, {0: 4, 1: 0}, again=True), 2),
        (LogPlaces("a", 2, {0: 11, 1: 0}, again=True), 3),
        (LogPlaces("b", 2, {0: 6}, again=True), 3),
    ],
    ids=["same", "cut away", "went back", "anew"],
)
def test_once_a_person_says_so_it_is_read_anew_and_as_newer_where_its_offsets_began_anew(
    known: LogPlaces, generation: int
) -> None:
    assert where_to_begin(known, ENDS, "mps.citizens") == LogPlaces("a", generation, {0: 5, 1: 0})
