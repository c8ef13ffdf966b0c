"""Detection: what counts as injected, found, missed, falsely rejected and waiting."""

from __future__ import annotations

from collections import Counter

from pophub.simulation.detect import Detection, Place, Refusals, Truth, compare

HERE: Place = ("mps.citizens", "038300000001", 1)
SOUND = Truth(True, None, None, "")
BAD = Truth(False, "correct", "correct.id.length", "id of eleven digits")
CONTRADICTION = Truth(False, "clean", "clean.contradiction", "same marker")
WAITS = Truth(True, None, None, "waits: person never accepted")


def counted(truth: list[Truth], accepted: int, *refusals: tuple[str, str]) -> Detection:
    refused: Refusals = {HERE: [({gate}, {code}) for gate, code in refusals]}
    return compare({HERE: truth}, Counter({HERE: accepted}), refused)


def figures(found: Detection) -> tuple[int, int, int, int, int]:
    return found.injected, found.found, found.missed, found.false_rejections, found.waiting


def test_a_defect_refused_by_its_gate_is_found() -> None:
    assert figures(counted([BAD], 0, ("correct", "correct.id.length"))) == (1, 1, 0, 0, 0)


def test_a_defect_that_was_shared_is_missed() -> None:
    assert figures(counted([BAD], 1)) == (1, 0, 1, 0, 0)


def test_a_defect_refused_by_another_gate_alone_is_missed() -> None:
    assert figures(counted([BAD], 0, ("live", "live.stale"))) == (1, 0, 1, 0, 0)


def test_a_defect_that_was_never_judged_is_not_injected() -> None:
    assert figures(counted([BAD], 0)) == (0, 0, 0, 0, 0)


def test_a_sound_version_refused_is_a_false_rejection() -> None:
    found = counted([SOUND], 0, ("correct", "correct.code.unknown"))
    assert figures(found) == (0, 0, 0, 1, 0)
    assert found.refused_versions[0].codes == ("correct.code.unknown",)


def test_a_sound_version_without_its_person_waits() -> None:
    unknown = ("sufficient", "sufficient.unknown_person")
    assert figures(counted([WAITS], 0, unknown)) == (0, 0, 0, 0, 1)
    assert figures(counted([WAITS], 0, ("live", "live.stale"))) == (0, 0, 0, 1, 0)
    assert figures(counted([SOUND], 0, unknown)) == (0, 0, 0, 1, 0)


def test_a_version_accepted_by_a_replay_no_longer_waits() -> None:
    assert figures(counted([WAITS], 1, ("sufficient", "sufficient.unknown_person"))) == (0, 0, 0, 0, 0)


def test_of_a_contradiction_one_side_stands() -> None:
    refusal = ("clean", "clean.contradiction")
    assert figures(counted([SOUND, CONTRADICTION], 1, refusal)) == (1, 1, 0, 0, 0)
    assert figures(counted([SOUND, CONTRADICTION], 2)) == (1, 0, 1, 0, 0)
    assert figures(counted([SOUND, CONTRADICTION], 1)) == (0, 0, 0, 0, 0)


def test_duplicates_and_superseded_never_count() -> None:
    duplicate = Truth(True, None, None, "duplicate")
    assert figures(counted([BAD, duplicate], 0, ("correct", "correct.id.length"))) == (1, 1, 0, 0, 0)
