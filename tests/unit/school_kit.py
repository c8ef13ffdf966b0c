"""A project with one connector, of schools, that leaves nothing open; its source is an SQLite file."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

STEM = "moet.schools"
FILE = "connectors/moet/schools.yaml"
SCHEMA = "schemas/moet/schools.v1.avsc"
SUITE = "expectations/moet/schools.json"
SAMPLES = "tests/samples/moet.schools"
CONNECTOR = """\
connector: 1
agency: moet
dataset: schools
title: {en: Schools, vi: Trường học}
owner: {name: Register of schools, email: truong@moet.example}
contract: 1
source:
  kind: sql
  url: ${POPHUB_SOURCE_MOET_URL}
  table: truong
  key: [ma]
  marker: {column: cap_nhat, kind: time}
mapping:
  code: {from: ma}
  head_email: {from: thu_dien_tu}
key: [code]
personal: [head_email]
live: {promise_s: 86400}
"""
RULES = [
    ("expect_column_value_lengths_to_equal", {"column": "code", "value": 6}, "correct", "correct.id.length"),
    ("expect_present", {"column": "head_email"}, "sufficient", "sufficient.missing"),
    ("expect_text", {"column": "head_email", "check": "control"}, "clean", "clean.text.control"),
    ("expect_fresh", {"column": "hub_marker", "days": 45, "holds": "time"}, "live", "live.stale"),
]
SOUND = {"ma": "HN0001", "thu_dien_tu": "a@b.example", "cap_nhat": "2024-03-20 08:00:00"}
CASES = {
    "plain.pass": {},
    "no_key.fail.contract.key.unmappable": {"ma": None},
    "short.fail.correct.id.length": {"ma": "HN1"},
    "none.fail.sufficient.missing": {"thu_dien_tu": None},
    "bell.fail.clean.text.control": {"thu_dien_tu": "a\x07"},
    "stale.fail.live.stale": {"cap_nhat": "2024-01-01 08:00:00"},
}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def school_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one connector that leaves nothing open, over a table with an index on its marker."""
    fields: list[dict[str, Any]] = [{"name": "code", "type": "string", "doc": "code of the school"}]
    fields.append({"name": "head_email", "type": ["null", "string"], "doc": "address", "default": None})
    schema = {"type": "record", "name": "School", "namespace": "vn.pophub.moet", "fields": fields}
    rules = [{"type": k, "kwargs": a, "meta": {"gate": g, "code": c}} for k, a, g, c in RULES]
    write(tmp_path / FILE, CONNECTOR)
    write(tmp_path / SCHEMA, json.dumps(schema, indent=1))
    write(tmp_path / SUITE, json.dumps({"name": STEM, "expectations": rules, "meta": {}}, indent=1))
    for name, change in CASES.items():
        write(tmp_path / SAMPLES / f"{name}.json", json.dumps({"raw": {**SOUND, **change}}))
    source = sqlite3.connect(tmp_path / "truong.sqlite")
    source.execute("create table truong (ma text primary key, thu_dien_tu text, cap_nhat text)")
    source.execute("create index theo_luc on truong (cap_nhat, ma)")
    source.execute("insert into truong values ('HN0001', 'a@b.example', '2024-03-20 08:00:00')")
    source.commit()
    monkeypatch.setenv("POPHUB_PROJECT", str(tmp_path))
    monkeypatch.setenv("POPHUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POPHUB_SOURCE_MOET_URL", f"sqlite:///{tmp_path}/truong.sqlite")
    return tmp_path
