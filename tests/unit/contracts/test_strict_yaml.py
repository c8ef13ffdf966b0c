"""YAML that guesses, repeats itself or explodes is refused with its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pophub.contracts import strict_yaml
from pophub.contracts.strict_yaml import load_document, parse_document
from pophub.domain.errors import ConfigError

BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(9)
)


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("a: 1\nid: 001234567012\n", "yaml.octal", 2),
        ("id: 0x1F\n", "yaml.octal", 1),
        ("at: 12:30:00\n", "yaml.octal", 1),
        ("a: 1\nb: NO\n", "yaml.bool", 2),
        ("b: on\n", "yaml.bool", 1),
        ("b: True\n", "yaml.bool", 1),
        ("a: 1\nb: 2\na: 3\n", "yaml.duplicate_key", 3),
        ("a: !!python/object/apply:os.system [ls]\n", "yaml.tag", 1),
        (BOMB, "yaml.alias", 1),
        ("a: 1\nb: {<<: {c: 1}}\n", "yaml.alias", 2),
        ("a: " + "[" * 1500 + "]" * 1500, "yaml.depth", 1),
        ("", "yaml.root", 1),
        ("- a\n- b\n", "yaml.root", 1),
        ("just words\n", "yaml.root", 1),
        ("a: 1\n---\nb: 2\n", "yaml.multiple", 2),
        ("a: [1, 2\nb: 3\n", "yaml.syntax", 2),
        ("a: 1\n? [x, y]\n: 2\n", "config.type", 2),
        ("1: a\n", "config.type", 1),
    ],
)
def test_what_yaml_would_guess_is_refused_with_its_line(text: str, code: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_document(text, Path("connectors/x/y.yaml"))
    assert caught.value.code == code
    assert caught.value.where == f"connectors/x/y.yaml:{line}"
    assert caught.value.remedy


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6) | st.sampled_from(["NO", "~"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4), st.sampled_from([None, 1]), st.booleans())
def test_json_is_read_by_its_short_way_as_by_the_long_one(
    data: dict[str, Any], indent: int | None, escaped: bool
) -> None:
    text = json.dumps(data, indent=indent, ensure_ascii=escaped)
    short = strict_yaml._plain_json(text)
    if short is not None:
        assert repr(short) == repr(strict_yaml._built(text, Path("x")))


def test_a_line_is_told_of_json_that_was_read_by_its_short_way() -> None:
    document = parse_document('{\n "a": {\n  "b": [1,\n 2]}}', Path("x.json"))
    assert (document.where("a", "b", 1), document.where("a", "z")) == ("x.json:4", "x.json:2")


def test_a_line_is_told_of_yaml_that_was_read_without_lines() -> None:
    document = parse_document("a:\n  b: [1,\n   2]\nc: {d: x}\n", Path("x.yaml"))
    assert document.data == {"a": {"b": [1, 2]}, "c": {"d": "x"}}
    places = (("a", "b", 1), ("a", "b", 7), ("c", "d"), ("z",), ())
    assert [document.where(*place) for place in places] == [f"x.yaml:{line}" for line in (3, 2, 4, 1, 1)]


def test_json_is_as_deep_as_yaml_may_be() -> None:
    assert parse_document('{"a": ' + "[" * 15 + "]" * 15 + "}", Path("x.json")).data
    with pytest.raises(ConfigError, match=r"yaml\.depth"):
        parse_document('{"a": ' + "[" * 16 + "]" * 16 + "}", Path("x.json"))


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": 012}', '{"<<": {"b": 1}}', '{"a": 1e5, "a": 2}'])
def test_what_the_long_way_refuses_the_short_one_leaves_to_it(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_document(text, Path("x.json"))


def test_plain_words_stay_text_and_quoted_ones_too() -> None:
    text = 'a: 2022-01-01\nb: "001234567012"\nc: "NO"\nd: 12\ne: -1.5\nf: ~\ng: true\nh: ${X}\ni: 1_000x\n'
    assert parse_document(text, Path("x")).data == {
        "a": "2022-01-01",
        "b": "001234567012",
        "c": "NO",
        "d": 12,
        "e": -1.5,
        "f": None,
        "g": True,
        "h": "${X}",
        "i": "1_000x",
    }


def test_lines_lead_to_the_nearest_thing_that_has_one() -> None:
    document = parse_document("a:\n  b:\n    - x\n    - z\n", Path("f.yaml"))
    assert document.where("a", "b", 1) == "f.yaml:4"
    assert document.where("a", "b", 7) == "f.yaml:2"
    assert document.where("nowhere") == "f.yaml:1"


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"a: \xff\xfe\n")
    with pytest.raises(ConfigError) as caught:
        load_document(path, tmp_path)
    assert (caught.value.code, caught.value.where) == ("yaml.syntax", "x.yaml")
