"""What users of brokers' clients, Avro, Great Expectations and Airflow reported, tried here.

`tests/reports.md` names the thread of each and what happened.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_rules import FakeRules, things
from memory_store import Memory, MemoryStore

from pophub import avro
from pophub.contracts.anchored import escape_of
from pophub.contracts.avro_schema import read_schema
from pophub.contracts.load import load_all, load_subscriptions
from pophub.contracts.model import Rule
from pophub.contracts.strict_yaml import Document
from pophub.domain.record import Columns
from pophub.gates.mapping import ContractMapper
from pophub.gates.rules import GreatExpectationsRules
from pophub.stages.judge import Judge, Judged
from tests.refused import refused

PROJECT = Path(__file__).parents[3]
TEXT = ["null", "string"]


def schema(entry: dict[str, Any], **top: Any) -> Document:
    """Give a schema with the key `code` and one more field."""
    fields = [{"name": "code", "type": "string"}, {"type": TEXT, "name": "note"} | entry]
    return Document(
        Path("x.avsc"),
        {"type": "record", "name": "School", "namespace": "vn.lab", "fields": fields} | top,
    )


@pytest.mark.parametrize("pattern", [r"\A01|02\Z", r"\A(?:01)|02\Z", r"\A[0-9]*\Z|\A\Z", r"\A|\Z"])
def test_a_choice_that_escapes_the_anchors_is_refused(pattern: str) -> None:
    assert "outside of brackets" in str(escape_of(pattern))


@pytest.mark.parametrize("pattern", [r"\A(?:01|02)\Z", r"\A[|]\Z", r"\A[]|]\Z", r"\Aa\|b\Z", r"\A\(\Z"])
def test_a_choice_within_brackets_is_none_of_the_whole(pattern: str) -> None:
    re.compile(pattern)
    assert escape_of(pattern) is None


@pytest.mark.parametrize("pattern", ["^[0-9]$", r"\A[0-9]+\\Z", r"\\A[0-9]+\Z", r"\A", r"\Z", ""])
def test_a_pattern_without_its_anchors_is_refused(pattern: str) -> None:
    assert escape_of(pattern) == "the pattern is not anchored"


@pytest.mark.parametrize("pattern", [r"\A\d{3}\Z", r"\A[A-Z\d]\Z"])
def test_digits_of_other_scripts_are_no_digits(pattern: str) -> None:
    assert re.search(pattern.replace("{3}", "+"), "٣")
    assert "[0-9]" in str(escape_of(pattern))
    assert escape_of(pattern.replace(r"[A-Z\d]", "[A-Z0-9]").replace(r"\d", "[0-9]")) is None


@pytest.mark.parametrize("default", ["", "null", 10, False, "2024-01-01"])
def test_a_default_that_is_no_null_is_refused(default: Any) -> None:
    with refused("schema.invalid"):
        read_schema(schema({"default": default}), ("code",))


def test_a_key_has_no_default_and_a_null_is_one() -> None:
    with refused("schema.invalid"):
        read_schema(schema({"type": "string", "default": ""}), ("code", "note"))
    assert read_schema(schema({"default": None}), ("code",))[0] == "vn.lab.School"


@pytest.mark.parametrize(
    "top", [{"name": "Trường"}, {"name": "1st"}, {"namespace": "vn..lab"}, {"namespace": 5}]
)
def test_a_record_has_a_name_that_every_reader_takes(top: dict[str, Any]) -> None:
    with refused("identifier.invalid"):
        read_schema(schema({}, **top), ("code",))


class Lane:
    """One lane of raw."""

    def __init__(self, *keys: str) -> None:
        columns: Columns = {
            "value": ["good"],
            "seq": [1],
            "person": [None],
            "number": [None],
            "gone": [False],
        }
        self.blocks = [avro.encode_block(avro.Block(1, 1, 1, 1, columns | {"key": [key]})) for key in keys]

    def end(self) -> int:
        """Give the offset after the last message."""
        return len(self.blocks)

    def read(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Give (offset, bytes)."""
        yield from list(enumerate(self.blocks))[start:end]


def test_a_lane_that_was_made_anew_is_told_and_not_passed_over() -> None:
    things_, memory = things(), Memory()
    judge = Judge(things_, ContractMapper(things_), FakeRules(set()), MemoryStore(memory, things_))
    judge.lane(Lane("a", "b", "c"), 0, judged := Judged())
    assert judged.read == 3
    for lane in (Lane(), Lane("d"), Lane("d", "e")):
        with refused("raw.rewound"):
            judge.lane(lane, 0, judged)
    judge.lane(Lane("a", "b", "c"), 0, judged)
    assert judged.read == 3
    judge.lane(Lane("a", "b", "c", "d"), 0, judged)
    assert judged.read == 4


def copied(project: Path, agency: str, dataset: str) -> None:
    """Declare the citizens' dataset once more, under another name and without authority."""
    shutil.copytree(PROJECT / "codes", project / "codes", dirs_exist_ok=True)
    for kind, name in (("connectors", "{}.yaml"), ("schemas", "{}.v1.avsc"), ("expectations", "{}.json")):
        text = (PROJECT / kind / "mps" / name.format("citizens")).read_text(encoding="utf-8")
        text = text.replace("agency: mps\n", f"agency: {agency}\n").replace(
            "dataset: citizens\n", f"dataset: {dataset}\n"
        )
        text = re.sub(r"(?m)^population:\n(  .*\n)+", "", text)
        (project / kind / agency).mkdir(parents=True, exist_ok=True)
        (project / kind / agency / name.format(dataset)).write_text(text, encoding="utf-8")


def test_names_whose_topics_the_broker_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    copied(tmp_path, "mps", "at_sea")
    copied(tmp_path, "mps_at", "sea")
    connectors, errors = load_all(tmp_path)
    assert [one.stem for one in connectors] == ["mps.at_sea"]
    assert [(error.code, Path(error.where).name) for error in errors] == [("config.topic_taken", "sea.yaml")]


def test_subscribers_whose_topics_the_broker_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    copied(tmp_path, "mps", "sea")
    copied(tmp_path, "hq_mps", "sea")
    (tmp_path / "subscriptions").mkdir()
    grant = (
        "    purpose: {en: x, vi: x}\n    legal_basis: x\n    fields: [citizen_id]\n    starts: 2022-01-01\n"
    )
    for name, stem in (("gdt", "hq_mps.sea"), ("gdt_hq", "mps.sea")):
        head = f"subscription: 1\nsubscriber: {name}\ntitle: {{en: x, vi: x}}\ngrants:\n  - dataset: {stem}\n"
        (tmp_path / f"subscriptions/{name}.yaml").write_text(head + grant)
    connectors, errors = load_all(tmp_path)
    assert (len(connectors), errors) == (2, [])
    files, errors = load_subscriptions(tmp_path, connectors)
    assert [one.subscriber for one in files] == ["gdt"]
    assert [(error.code, error.where) for error in errors] == [
        ("config.topic_taken", "subscriptions/gdt_hq.yaml")
    ]


def test_a_field_that_nobody_gave_a_value_is_not_null() -> None:
    text = read_schema(schema({"default": None}), ("code",))[2]
    assert avro.decode_record(text, avro.encode_records(text, {"code": ["a"], "note": [None]}, [0])[0]) == {
        "code": "a",
        "note": None,
    }
    for columns in ({"code": ["a"]}, {"note": [None]}, {"code": ["a"], "note": [None], "huh": ["b"]}):
        with refused("contract.avro.field"):
            avro.encode_records(text, columns, [0])


ZONES = """
import sys
from datetime import datetime
from pathlib import Path
from pophub import avro
from pophub.contracts.load import load_connector
from pophub.gates.mapping import ContractMapper
project = Path(sys.argv[1])
mapper = ContractMapper(load_connector(project / "connectors/mps/citizens.yaml", project))
print(mapper.markers_of({"cap_nhat_luc": [datetime(2024, 1, 1), datetime(2024, 7, 1, 23, 59, 59, 999999)]})[0])
"""


def test_a_time_without_a_zone_is_the_same_on_every_machine() -> None:
    told = {
        subprocess.run(
            [sys.executable, "-c", ZONES, str(PROJECT)],
            env=os.environ | {"TZ": zone}, capture_output=True, text=True, check=True,
        ).stdout
        for zone in ("UTC", "Asia/Ho_Chi_Minh", "America/New_York")
    }  # fmt: skip
    assert told == {"[1704042000000000, 1719853199999999]\n"}


def rule(expectation: str, **kwargs: Any) -> Rule:
    """Give a rule of the gate *correct*."""
    return Rule(
        expectation=expectation, kwargs=kwargs, gate="correct", code="correct.amount.range", field=None
    )


def failing(frame: Columns, *rules: Rule) -> list[list[int]]:
    """Judge a frame by Great Expectations; give the failing rows of each rule."""
    from pophub.gates import validator

    return [one.rows or [] for one in validator.validate(validator.prepare(rules), frame)]


GREAT = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own


@GREAT
@pytest.mark.parametrize("company", [[], [None], [None] * 3])
def test_a_long_number_beside_a_null_keeps_its_last_digit(company: list[None]) -> None:
    most = 2**53
    frame: Columns = {"pupils": [most + 1, most, *company], "seats": [most, most, *company]}
    assert (
        failing(
            frame,
            rule("expect_column_values_to_be_between", column="pupils", max_value=most),
            rule("expect_column_values_to_be_in_set", column="pupils", value_set=[most]),
            rule("expect_column_pair_values_to_be_equal", column_A="pupils", column_B="seats"),
            rule("expect_amount", column="pupils", most=most),
        )
        == [[0]] * 4
    )


@GREAT
def test_each_failing_row_is_named_however_many_there_are() -> None:
    frame: Columns = {"code": ["x" if row % 3 else f"{row:06}" for row in range(5_000)]}
    wanted = [row for row in range(5_000) if row % 3]
    assert (
        failing(
            frame,
            rule("expect_column_values_to_match_regex", column="code", regex=r"\A[0-9]{6}\Z"),
            rule("expect_column_value_lengths_to_equal", column="code", value=6),
            rule("expect_column_values_to_not_be_in_set", column="code", value_set=["x"]),
        )
        == [wanted] * 3
    )


@GREAT
def test_a_rule_whose_result_is_left_out_passes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    from pophub.gates import validator

    connector = load_all(PROJECT)[0][0]
    rules = (rule("expect_present", column="code"), rule("expect_amount", column="pupils", least=0))
    connector = connector.model_copy(
        update={"contract": connector.contract.model_copy(update={"rules": rules})}
    )
    whole = validator.validate
    monkeypatch.setattr(validator, "validate", lambda suite, frame: whole(suite, frame)[:1])
    with refused("gate.rows_short"):
        GreatExpectationsRules(connector).judge({"code": ["a"], "pupils": [-1]})


@pytest.mark.parametrize("kwargs", [{"mostly": 0.9}, {"mostly": 0}, {"row_condition": "pupils > 0"}])
def test_a_rule_that_would_let_some_rows_go_is_refused(tmp_path: Path, kwargs: dict[str, Any]) -> None:
    copied(tmp_path, "mps", "sea")
    path = tmp_path / "expectations/mps/sea.json"
    suite = json.loads(path.read_text())
    suite["expectations"][0]["kwargs"] |= kwargs
    path.write_text(json.dumps(suite))
    assert [error.code for error in load_all(tmp_path)[1]] == ["config.unknown_key"]
