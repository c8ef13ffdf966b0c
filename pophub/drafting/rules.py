"""First rules in all four gates, each one that the rows seen keep, but for texts in an encoding before Unicode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pophub.drafting.fields import FieldDraft
from pophub.drafting.plan import DraftPlan

DraftRule = dict[str, Any]
_ID_CHECKS = ("length", "format", "digits", "whitespace", "province")


def draft_rules(plan: DraftPlan) -> list[DraftRule]:
    """Give the expectations of the suite, gate by gate."""
    rules = [*_correct(plan), *_sufficient(plan), *_clean(plan)]
    if plan.marker.keys["kind"] == "time":
        rules.append(
            _rule("expect_not_future", "live", "live.future", column="hub_marker", days=1, holds="time")
        )
    else:  # the source tells no time of a change: nothing of it can be stale
        rules.append(_rule("expect_not_future", "live", "live.future", column="hub_changed_at", holds="time"))
    return rules


def _rule(kind: str, gate: str, code: str, **kwargs: Any) -> DraftRule:
    return {"type": kind, "kwargs": kwargs, "meta": {"gate": gate, "code": code}}


def _correct(plan: DraftPlan) -> Iterator[DraftRule]:
    found = [rule for one in plan.fields for rule in _of_field(one)]
    yield from found
    if not found and plan.marker.keys["kind"] == "time":
        yield _rule(
            "expect_not_future", "correct", "correct.date.future", column="hub_marker", days=1, holds="time"
        )
    elif not found:
        yield _rule("expect_amount", "correct", "correct.amount.range", column="hub_marker", least=0)


def _of_field(one: FieldDraft) -> Iterator[DraftRule]:
    if one.profile.person:
        for check in _ID_CHECKS:
            yield _rule("expect_personal_id", "correct", f"correct.id.{check}", column=one.name, check=check)
    elif one.codes is not None:
        yield _rule("expect_code", "correct", "correct.code.unknown", column=one.name, codes=one.codes)
    elif one.values:
        yield _rule(
            "expect_column_values_to_be_in_set", "correct", "correct.code.unknown", column=one.name,
            value_set=list(one.values),
        )  # fmt: skip
    elif one.least is not None:
        yield _rule("expect_amount", "correct", "correct.amount.range", column=one.name, least=one.least)


def _sufficient(plan: DraftPlan) -> Iterator[DraftRule]:
    needed = [one for one in plan.fields if one.name not in plan.key and one.profile.always_there]
    for one in needed or [one for one in plan.fields if one.name in plan.key][:1]:
        yield _rule("expect_present", "sufficient", "sufficient.missing", column=one.name)
    for name in plan.people:
        yield _rule("expect_person_known", "sufficient", "sufficient.unknown_person", column=name)
    for reference in plan.references:
        yield _rule(
            "expect_reference_known", "sufficient", "sufficient.unknown_reference", column=reference.fields[0]
        )


def _clean(plan: DraftPlan) -> Iterator[DraftRule]:
    for one in plan.fields:
        if one.avro.type == "string" and not one.profile.lines:
            yield _rule("expect_text", "clean", "clean.text.control", column=one.name, check="control")
        if one.avro.type == "string" and (one.profile.names or one.profile.legacy):
            yield _rule(
                "expect_text", "clean", "clean.name.legacy_font", column=one.name, check="legacy_font"
            )
    for name in plan.unique:
        yield _rule("expect_unclaimed", "clean", "clean.key.duplicate", column=name)
    yield _rule("expect_no_contradiction", "clean", "clean.contradiction")
