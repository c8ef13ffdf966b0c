"""Values of the quarantine room: cells, ages, names, repairs, causes; no server."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pophub.avro import Block
from pophub.contracts.load import load_all
from pophub.contracts.model import AvroField, Connector
from pophub.domain.codes import CODES
from pophub.domain.errors import ConfigError
from pophub.domain.record import Failure, Versions
from pophub.quarantine import export, reasons, retention, selection
from pophub.quarantine.browse import Cause
from pophub.quarantine.repair import apply_repairs, parse_fields, stored
from pophub.stages.remap import merged

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def citizens(monkeypatch: pytest.MonkeyPatch) -> Connector:
    """The citizens' connector of the repository."""
    found, _ = load_all(Path(__file__).parents[3])
    return next(c for c in found if c.stem == "mps.citizens")


@pytest.mark.parametrize("module", [export, reasons, selection])
def test_the_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@given(st.text())
def test_no_cell_starts_as_a_formula_does(text: str) -> None:
    cell = export.harmless(text)
    assert not cell.lstrip().startswith(export.STARTS) and cell.endswith(text)


@pytest.mark.parametrize("age", ["3", "d", "-3d", "3 d", "3y", ""])
def test_an_age_that_is_none_is_refused(age: str) -> None:
    with pytest.raises(ConfigError):
        selection.seconds_of(age)


def test_spans_of_more_than_a_hundred_years_are_refused_with_their_unit() -> None:
    with pytest.raises(ConfigError, match=r"config\.range: an age is at most 36500d"):
        selection.seconds_of("999999w")
    for policy in (retention.Policy(0, "a.b", 99_999_999_999), retention.Policy(0, "a.b", 5, 36_501)):
        with pytest.raises(ConfigError, match=r"config\.range: --\w+-days takes at most 36,500 days"):
            retention.set_policy(None, policy._replace(set_by="Lan"))  # type: ignore[arg-type]  # never reached


@pytest.mark.parametrize(
    ("pair", "code"),
    [
        ("citizen_id=001090000001", "repair.key"),
        ("nothing=1", "repair.field"),
        ("full_name", "repair.field"),
        ("birth_date=15/03/1990", "repair.value"),
    ],
)
def test_a_repair_that_cannot_be_is_refused_without_its_value(
    citizens: Connector, pair: str, code: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_fields(citizens, [pair])
    assert caught.value.code == code
    value = pair.partition("=")[2]
    assert not value or value not in str(caught.value)


def test_repaired_values_have_the_contracts_types(citizens: Connector) -> None:
    found = parse_fields(citizens, ["birth_date=1970-01-11", "full_name=An = Bình", "old_number="])
    assert found == {"birth_date": 10, "full_name": "An = Bình", "old_number": None}


def with_exact_fields(connector: Connector) -> Connector:
    """Give the connector with a field of bytes and one of exact numbers."""
    fields = (
        AvroField(name="photo", type="bytes", nullable=True),
        AvroField(name="paid", type="decimal", nullable=True, precision=5, scale=2),
    )
    contract = connector.contract
    return connector.model_copy(
        update={"contract": contract.model_copy(update={"fields": (*contract.fields, *fields)})}
    )


def test_bytes_and_exact_numbers_are_kept_as_text_until_they_are_applied(citizens: Connector) -> None:
    connector = with_exact_fields(citizens)
    found = parse_fields(connector, ["photo=\\x00FF", "paid=-1.5", "sex=F"])
    assert found == {"photo": "\\x00ff", "paid": "-1.50", "sex": "F"}
    assert stored(connector, {7: found, 8: {"photo": None}}) == {
        7: {"photo": b"\x00\xff", "paid": Decimal("-1.50"), "sex": "F"},
        8: {"photo": None},
    }


@pytest.mark.parametrize(
    "pair", ["photo=00ff", "photo=\\x0", "paid=1.005", "paid=1000", "paid=NaN", "paid=Infinity", "paid=x"]
)
def test_a_repair_of_other_bytes_or_digits_is_refused(citizens: Connector, pair: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_fields(with_exact_fields(citizens), [pair])
    assert caught.value.code == "repair.value"


def test_a_repair_voids_what_mapping_said_of_that_field_alone() -> None:
    failures = [Failure(0, "contract", "contract.date.format", name, "x") for name in ("a", "b")]
    versions = Versions(
        {"a": [None, 1], "b": [None, 2]}, deleted=[False, False], ids=[7, 8], failures={0: failures}
    )
    apply_repairs(versions, {7: {"a": 5}, 9: {"a": 6}})
    assert versions.columns == {"a": [5, 1], "b": [None, 2]}
    assert [f.field for f in versions.failures[0]] == ["b"]
    apply_repairs(versions, {7: {"b": 5}})
    assert versions.failures == {}


def test_blocks_are_joined_only_with_neighbours_of_the_same_columns_and_contract() -> None:
    columns: list[dict[str, list[int | None]]] = [{"a": [1]}, {"a": [2]}, {"a": [3], "b": [None]}, {"a": [4]}]
    found = list(merged([Block(n, 0, 1, 1, c) for n, c in enumerate(columns)]))
    assert [(b.rows, b.columns) for b in found] == [
        (2, {"a": [1, 2]}),
        (1, {"a": [3], "b": [None]}),
        (1, {"a": [4]}),
    ]
    assert [b.contract for b in merged([Block(1, 0, n, 1, {"a": [n]}) for n in (1, 1, 2)])] == [1, 2]
    assert list(merged([])) == []


def test_a_cause_reads_as_a_sentence() -> None:
    seen = NOW - timedelta(days=3, hours=1)
    cause = Cause("mps.citizens", "correct", "correct.code.unknown", "province_code", 412, seen, seen)
    assert cause.in_words(NOW, CODES).startswith("412 records: ")
    assert cause.in_words(NOW, CODES).endswith(", field province_code, first seen 3 days ago")
    assert "412 bản ghi" in cause.in_words(NOW, CODES, "vi")
