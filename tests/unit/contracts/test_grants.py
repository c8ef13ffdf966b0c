"""What a subscription file may not say is refused, with its code and its line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from pophub.contracts.editor_schema import subscription_schema_text
from pophub.contracts.load import load_all, load_subscriptions
from pophub.contracts.model import AvroField, Text
from pophub.contracts.row_terms import allowed
from pophub.contracts.subscription_model import Grant
from pophub.domain.errors import ConfigError
from pophub.settings import PROJECT

Refused = Callable[..., list[ConfigError]]
HEAD = "subscription: 1\nsubscriber: {name}\ntitle: {{en: x, vi: x}}\ngrants:\n"
GRANT = (
    "  - dataset: mps.citizens\n    purpose: {en: x, vi: x}\n    legal_basis: x\n"
    "    fields: [citizen_id]\n    starts: 2022-01-01\n"
)


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Give the errors of one subscription file in a project with the repository's connectors."""
    for folder in ("connectors", "schemas", "expectations", "codes"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    connectors, _ = load_all(tmp_path)

    def check(name: str = "reader", more: str = "") -> list[ConfigError]:
        path = tmp_path / "subscriptions" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD.format(name=name) + GRANT + more)
        try:
            return load_subscriptions(tmp_path, connectors)[1]
        finally:
            path.unlink()

    return check


def test_a_plain_grant_is_sound(refused: Refused) -> None:
    assert refused() == []


@pytest.mark.parametrize(
    "name", ["admin", "population", "shared", "controller", "raw", "pophub", "pophub_share", "alerts"]
)
def test_names_of_the_hub_itself_are_refused(refused: Refused, name: str) -> None:
    (error,) = refused(name)
    assert (error.code, name in error.what) == ("config.reserved", True)
    assert error.where.endswith(f"{name}.yaml:2"), error.where


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        ("{province_code: ['999']}", "the code list province has no '999'"),
        ("{province_code: ['01', '1']}", "the code list province has no '1'"),
        ("{province_code: []}", "no value"),
        ("{birth_date: ['31/01/1990']}", "a date such as"),
        ("{sex: [male]}", "the code list sex has no 'male'"),
    ],
)
def test_rows_that_no_record_can_have_are_refused_at_their_line(
    refused: Refused, rows: str, word: str
) -> None:
    (error,) = refused(more=f"    rows: {rows}\n")
    assert (error.code, word in error.what) == ("config.value", True), error.what
    assert error.where.endswith(".yaml:10"), error.where


@pytest.mark.parametrize(
    "rows", ["{province_code: ['01', '38']}", "{birth_date: ['1990-01-31']}", "{sex: [F]}"]
)
def test_rows_that_records_can_have_are_sound(refused: Refused, rows: str) -> None:
    assert refused(more=f"    rows: {rows}\n") == []


def test_an_ending_before_the_beginning_is_refused(refused: Refused) -> None:
    (error,) = refused(more="    ends: 2021-12-31\n")
    assert error.code == "config.range"


def test_the_published_json_schema_of_subscriptions_is_fresh() -> None:
    assert (PROJECT / "docs" / "subscription.schema.json").read_text() == subscription_schema_text()


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("boolean", "true", True),
        ("long", "-64", -64),
        ("date", "1970-01-11", 10),
        ("string", "Ha\u0300", "Hà"),
    ],
)
def test_granted_values_are_those_that_records_hold(kind: str, text: str, value: object) -> None:
    grant = Grant(
        dataset="x.y", purpose=Text(en="x", vi="x"), legal_basis="x", fields=("f",), rows={"f": (text,)},
        starts=date(2022, 1, 1),
    )  # fmt: skip
    field = AvroField.model_validate({"name": "f", "type": kind, "nullable": True})
    assert allowed(grant, {"f": field}) == {"f": frozenset([value])}
