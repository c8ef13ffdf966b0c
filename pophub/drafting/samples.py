"""Samples of a drafted connector: rows that are made up, none of them of the source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pophub.contracts.personal import folded
from pophub.drafting.fields import FieldDraft
from pophub.drafting.plan import DraftPlan
from pophub.drafting.rules import DraftRule

PERSON = "001090000123"
_THEN = datetime(2024, 3, 20, 8)  # a few days before the moment at which samples are exchanged
_LATER = datetime(2024, 6, 1, 8)
MOST_ALIKE = 2  # samples of one code show how it fails
_ISO = "%Y-%m-%d %H:%M:%S"


def draft_samples(plan: DraftPlan, rules: list[DraftRule]) -> dict[str, dict[str, Any]]:
    """Give samples by file name without its end: one that passes, one that fails at each gate where it can."""
    base = {one.column: sound_value(one) for one in plan.fields}
    if not plan.marker.numbered:
        base[plan.marker.column] = _moment(plan, _THEN)
    if plan.deleted is not None:
        base.setdefault(plan.deleted, _not_deleted(plan))
    hub = {f"hub_{name}_known": True for name in (*plan.people, *(r.fields[0] for r in plan.references))}
    found = {"plain.pass": _sample(base, hub)}
    key = plan.key_columns[0]
    found["no_key.fail.contract.key.unmappable"] = _sample({**base, key: None}, hub)
    columns = {one.name: one.column for one in plan.fields}
    for rule in rules:
        code, name = rule["meta"]["code"], str(rule["kwargs"].get("column", ""))
        label = f"{name or 'record'}.fail.{code}"
        wrong = _wrong(plan, rule, columns.get(name), hub)
        alike = sum(one.endswith(f".fail.{code}") for one in found)
        if wrong is not None and alike < MOST_ALIKE:
            changed, known = wrong
            found[label] = _sample({**base, **changed}, known)
    return found


def _sample(raw: Mapping[str, Any], hub: Mapping[str, Any]) -> dict[str, Any]:
    return {"raw": dict(raw), "hub": dict(hub)}


def _moment(plan: DraftPlan, at: datetime) -> Any:
    if plan.marker.keys["kind"] != "time":
        return 1 if at == _THEN else -1
    column = plan.marker.column
    days = any(one.name == column and one.kind == "date" for one in plan.survey.columns)
    return at.strftime(plan.marker.keys.get("format", "%Y-%m-%d" if days else _ISO))


def _not_deleted(plan: DraftPlan) -> Any:
    kinds = {column.name: column.kind for column in plan.survey.columns}
    return False if kinds[str(plan.deleted)] == "boolean" else 0


def sound_value(one: FieldDraft) -> Any:
    """Make up a value that a field takes and its first rules pass."""
    if one.profile.person:
        return PERSON
    if one.codes is not None:
        return next(value for value in one.profile.tables[one.codes].values if value)
    if one.values:
        return one.values[0]
    form = one.mapping.get("format")
    made: dict[str, Any] = {
        "date": datetime(2020, 1, 15).strftime(form or "%Y-%m-%d"),
        "timestamp-micros": datetime(2020, 1, 15, 8).strftime(form or _ISO),
        "long": 1,
        "double": 1.5,
        "decimal": "0",
        "boolean": True,
        "bytes": "\\x00",
        "string": "Nguyễn Văn An" if "ten" in folded(one.name).split("_") else "A1",
    }
    return made[one.avro.type]


def _wrong(
    plan: DraftPlan, rule: DraftRule, column: str | None, hub: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Give what to change of a sound row and of what the hub knows, so that it fails by a rule."""
    kind, name = rule["type"], str(rule["kwargs"].get("column", ""))
    marker = plan.marker.column
    if kind == "expect_not_future" or name == "hub_marker":
        return ({marker: _moment(plan, _LATER)}, hub) if name == "hub_marker" else None
    if kind == "expect_no_contradiction":
        return {}, {**hub, "hub_rival_content": "01"}
    if kind == "expect_unclaimed":
        return {}, {**hub, f"hub_{name}_holder": "another key"}
    if kind in ("expect_person_known", "expect_reference_known"):
        return {}, {**hub, f"hub_{name}_known": False}
    if column is None or (kind == "expect_personal_id" and rule["kwargs"]["check"] != "length"):
        return None
    changed = {
        "expect_personal_id": "123",
        "expect_code": "?",
        "expect_column_values_to_be_in_set": -1 if plan_type(plan, name) == "long" else "?",
        "expect_amount": -1,
        "expect_present": None,
        "expect_text": "TrÇn ThÞ Hång" if rule["kwargs"].get("check") == "legacy_font" else "A\x07",
    }
    return {column: changed[kind]}, hub


def plan_type(plan: DraftPlan, name: str) -> str:
    """Give the type of a field."""
    return next(one.avro.type for one in plan.fields if one.name == name)
