"""The texts of a drafted connector's files, with a comment on each guess."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pophub.contracts.source_model import SqlSource
from pophub.contracts.strict_yaml import parse_document
from pophub.domain.errors import ConfigError
from pophub.drafting.fields import FieldDraft
from pophub.drafting.plan import DraftPlan
from pophub.drafting.rules import DraftRule
from pophub.scoring.declared import OPEN

GONE_AT_MOST = SqlSource.model_fields["gone_at_most"].default
_SCAN_COSTS = (
    "A scan reads the whole table in each run, and sends what is new or changed since the one before; a row that is",
    "gone is a delete. A change that was undone between two runs is never seen. Once the agency has a time of update,",
    "or a number that each change raises, with an index on it, declare that in its place, and take gone_at_most out:",
    "marker: {column: COLUMN, kind: time}, or kind: sequence.",
)
_PLAIN = re.compile(r"[A-Za-zÀ-ỹ_][\w .À-ỹ-]*\Z")


def scalar(text: str) -> str:
    """Write a text so that it stays this text: as it is, or in quotes.

    >>> scalar("ma_truong"), scalar("yes"), scalar("Mã: số"), scalar("012")
    ('ma_truong', '"yes"', '"Mã: số"', '"012"')
    """
    if _PLAIN.match(text) and text == text.strip():
        try:
            if parse_document(f"a: {text}\n", Path("x")).data == {"a": text}:
                return text
        except ConfigError:
            pass
    return quoted(text)


def quoted(text: str) -> str:
    """Write a text in double quotes, with what cannot be seen as its code."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def connector_text(plan: DraftPlan) -> str:
    """Give the connector's file."""
    asked, survey = plan.asked, plan.survey
    like = asked.like
    owner = (
        {"name": like.file.owner.name, "email": like.file.owner.email}
        if like
        else {"name": OPEN, "email": OPEN}
    )
    lines = [
        f"# Drafted from {_said(survey.table)} by `pophub connector new`: read each reason, then take it out.",
        *(f"# To decide: {_said(decision)}" for decision in plan.decisions),
        "connector: 1",
        f"agency: {scalar(asked.agency)}",
        f"dataset: {scalar(asked.dataset)}",
        f"title: {_flow({'en': _title(asked.dataset), 'vi': OPEN})}",
        f"owner: {_flow(owner)}",
        "contract: 1",
        f"lanes: {like.file.lanes if like else 2}  # can be raised only before data flows",
        "",
        *_source(plan),
        "",
        "mapping:",
        *(line for one in plan.fields for line in _mapping(one)),
        "",
        f"key: {_flow(list(plan.key))}",
    ]
    if plan.unique:
        lines.append(f"unique: {_flow(plan.unique)}  # the source keeps them unique")
    if plan.people:
        lines.append(f"people:  # {plan.why['people']}")
        lines += [f"  - {{id: {scalar(name)}}}" for name in plan.people]
    if plan.references:
        lines.append("references:  # foreign keys: a record waits until what it refers to was accepted")
        lines += [f"  - {_flow({'fields': list(r.fields), 'to': r.to})}" for r in plan.references]
    lines.append(f"personal: {_flow(plan.personal)}  # by names and values: complete it")
    if like is not None and like.file.live.promise_s is not None:
        lines.append(f"live: {{promise_s: {like.file.live.promise_s}}}  # as {like.stem}")
    return "\n".join(lines) + "\n"


def _source(plan: DraftPlan) -> Iterator[str]:
    reference = f"${{{plan.asked.variable}}}"
    kind = plan.source.kind
    logged = plan.marker.keys["kind"] == "wal"
    yield "source:"
    yield "  kind: cdc  # what the source needs for it: docs/source-cdc.md" if logged else f"  kind: {kind}"
    what = "the folder; " if kind == "files" else ""
    yield f"  url: {reference}  # {what}set in the environment, or in sources.env of the hub's home"
    if kind == "sql":
        yield f"  table: {scalar(plan.survey.table)}"
        yield f"  key: {_flow(list(plan.key_columns))}  # {_said(plan.why['key'])}"
    else:
        for name, value in plan.source.form.keys.items():
            yield f"  {name}: {_flow(value)}" + (f"  # {_said(plan.why[name])}" if name in plan.why else "")
        yield f"  # the key below: {_said(plan.why['key'])}"
    if plan.marker.keys["kind"] == "scan" and kind == "sql":
        yield from (f"  # {line}" for line in _SCAN_COSTS)
    yield f"  marker: {_flow(plan.marker.keys)}  # {_said(plan.why['marker'])}"
    if plan.marker.numbered and kind != "kafka":
        yield f"  gone_at_most: {GONE_AT_MOST}  # share of the known rows; more of them gone at once wait for a person"
    if plan.deleted is not None:
        yield f"  deleted: {{column: {scalar(plan.deleted)}, values: [true]}}  # by its name and its values"
    for name, seconds in plan.marker.windows.items():
        why = (
            "a transaction at the source commits within this time"
            if name == "late_s"
            else "a day is read when it is over"
        )
        yield f"  {name}: {seconds}  # {why}"


def _mapping(one: FieldDraft) -> Iterator[str]:
    for note in one.notes:
        yield f"  # {_said(note)}"
    yield f"  {scalar(one.name)}: {_flow({'from': one.column, **one.mapping})}"


def schema_text(plan: DraftPlan) -> str:
    """Give the schema of contract version 1."""
    fields = [_schema_field(one, one.name in plan.key) for one in plan.fields]
    name = "".join(part.capitalize() for part in plan.asked.dataset.split("_"))
    told = {"type": "record", "name": name, "namespace": f"vn.pophub.{plan.asked.agency}", "fields": fields}
    return _json(told, 2) + "\n"


def _schema_field(one: FieldDraft, key: bool) -> dict[str, Any]:
    kinds: dict[str, Any] = {
        "date": {"type": "int", "logicalType": "date"},
        "timestamp-micros": {"type": "long", "logicalType": "timestamp-micros"},
        "decimal": {
            "type": "bytes",
            "logicalType": "decimal",
            "precision": one.avro.precision,
            "scale": one.avro.scale,
        },
    }
    kind = kinds.get(one.avro.type, one.avro.type)
    doc = f"{one.column} ({one.profile.column.type})"
    return {"name": one.name, "type": kind, "doc": doc} if key else {
        "name": one.name, "type": ["null", kind], "doc": doc, "default": None
    }  # fmt: skip


def suite_text(plan: DraftPlan, rules: list[DraftRule]) -> str:
    """Give the suite, a rule a line."""
    lines = ",\n".join(f"    {_json(rule)}" for rule in rules)
    return f'{{\n  "name": "{plan.asked.stem}",\n  "expectations": [\n{lines}\n  ],\n  "meta": {{}}\n}}\n'


def sample_text(sample: Mapping[str, Any]) -> str:
    """Give a sample's file."""
    return _json(sample, 1) + "\n"


def _json(value: Any, indent: int | None = None) -> str:
    """Write JSON that a person can read, and with codes where a sign of it cannot be seen."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text if text.replace("\n", "").isprintable() else json.dumps(value, indent=indent)


def _title(dataset: str) -> str:
    return dataset.replace("_", " ").capitalize()


def _said(text: str) -> str:
    """Write words so that a comment stays on its line."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _flow(value: Any) -> str:
    """Write a list or keys on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_flow(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(inner) for inner in value) + "]"
    if isinstance(value, int):  # a yes or no too
        return json.dumps(value)
    text = str(value)
    return scalar(text) if re.fullmatch(r"[A-Za-z_]\w*", text, re.ASCII) else quoted(text)
