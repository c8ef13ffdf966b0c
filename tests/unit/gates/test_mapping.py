"""Mapping gives each raw value its one contract value, or a failure; it never raises."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pophub.contracts.load import load_connector
from pophub.contracts.model import AvroField, Connector, FieldMapping
from pophub.gates.mapping import Column, ContractMapper
from pophub.gates.parsing import clean_text, clean_texts

PROJECT = Path(__file__).parents[3]
CITIZEN: dict[str, Any] = {
    "so_ddcn": "038090000123",
    "ho_ten": "Nguyễn Văn Hòa",
    "ngay_sinh": "12/05/1990",
    "gioi_tinh": "Nam",
    "ma_tinh": "38",
    "ma_ho": "H1",
    "so_cmnd": None,
    "da_xoa": False,
    "cap_nhat_luc": datetime(2024, 3, 15, 8, tzinfo=timezone(timedelta(hours=7))),
}
INVOICE: dict[str, Any] = {
    "so_hd": "C24TAA-1",
    "mst_ban": "0102030405",
    "ten_ban": "A",
    "so_ddcn_ban": None,
    "tong_tien": 1,
    "tien_thue": 0,
    "ban_le": True,
    "ngay_lap": datetime(2024, 3, 15, tzinfo=UTC),
    "trang_thai": "1",
    "cap_nhat": datetime(2024, 3, 15, tzinfo=UTC),
}


def connector(stem: str) -> Connector:
    agency, dataset = stem.split(".")
    return load_connector(PROJECT / "connectors" / agency / f"{dataset}.yaml", PROJECT)


CITIZENS = ContractMapper(connector("mps.citizens"))
EINVOICES = ContractMapper(connector("mof.einvoices"))


def columns(*rows: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def mapped_one(mapper: ContractMapper, row: dict[str, Any], **change: Any) -> tuple[dict[str, Any], set[str]]:
    mapped = mapper.map(columns({**row, **change}))
    codes = {failure.code for failure in mapped.failures}
    return {name: values[0] for name, values in mapped.columns.items()}, codes


def test_a_sound_row_is_mapped_to_the_contract() -> None:
    mapped = CITIZENS.map(columns(CITIZEN))
    assert mapped.failures == []
    assert {name: values[0] for name, values in mapped.columns.items()} == {
        "citizen_id": "038090000123",
        "full_name": "Nguyễn Văn Hòa",
        "birth_date": (date(1990, 5, 12) - date(1970, 1, 1)).days,
        "sex": "M",
        "province_code": "38",
        "household_code": "H1",
        "old_number": None,
    }
    assert mapped.keys == ["038090000123"]
    assert mapped.markers == mapped.changed_at == [1_710_464_400_000_000]
    assert mapped.deleted == [False]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("  Nguyễn \u00a0 Văn  Hòa\n", "Nguyễn Văn Hòa"),
        ("Nguye\u0302\u0303n Va\u0306n Ho\u0300a", "Nguyễn Văn Hòa"),
        ("Nguyễn\u200b", "Nguyễn\u200b"),
        ("Nguyễn\nVăn", "Nguyễn\nVăn"),
        ("   ", None),
        ("", None),
        (b"Nguy\xe1\xbb\x85n", "Nguyễn"),
    ],
)
def test_names_are_normalised_and_nothing_hidden_is_lost(raw: Any, text: str | None) -> None:
    for others in ([], [CITIZEN]):  # alone, and beside a row that takes the fast path
        rows = [{**CITIZEN, "ho_ten": raw}, *others]
        assert CITIZENS.map(columns(*rows)).columns["full_name"][0] == text


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [
        ("ngay_sinh", "30/02/1990", "contract.dob.invalid"),
        ("ngay_sinh", "1990-05-12", "contract.date.format"),
        ("ngay_sinh", "1/2/1990", "contract.date.format"),
        ("ngay_sinh", "12/05/1990\n1", "contract.date.format"),
        ("ngay_sinh", "١٢/05/1990", "contract.date.format"),
        ("ngay_sinh", 19900512, "contract.type"),
        ("ho_ten", "a\0b", "contract.text.nul"),
        ("ho_ten", "a\ud800", "contract.text.encoding"),
        ("ho_ten", b"\xff\xfe", "contract.text.encoding"),
        ("ho_ten", 1.5, "contract.type"),
        ("ho_ten", True, "contract.type"),
        ("ho_ten", ["a"], "contract.type"),
        ("ho_ten", Decimal("sNaN"), "contract.type"),
        ("so_ddcn", None, "contract.key.unmappable"),
        ("so_ddcn", "", "contract.key.unmappable"),
        ("so_ddcn", "a\0", "contract.key.unmappable"),
        ("so_ddcn", "1" * 2000, "contract.key.unmappable"),
        ("cap_nhat_luc", None, "contract.marker.unmappable"),
        ("cap_nhat_luc", "yesterday", "contract.marker.unmappable"),
        ("cap_nhat_luc", 5, "contract.marker.unmappable"),
    ],
)
def test_what_does_not_fit_the_contract_fails_with_its_code(column: str, value: Any, code: str) -> None:
    for others in ([], [CITIZEN]):
        mapped = CITIZENS.map(columns({**CITIZEN, column: value}, *others))
        assert code in {failure.code for failure in mapped.failures}
        assert {failure.row for failure in mapped.failures} == {0}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("0001-01-01 00:00:00", "contract.date.range"),
        (datetime(1, 1, 1), "contract.date.range"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-7))), "contract.date.range"),
        ("9999-12-31T23:59:59-07:00", "contract.date.range"),
        ("10000-01-01 00:00:00+00", "contract.date.range"),
        ("0044-03-15 00:00:00+00 BC", "contract.date.range"),
        ("0000-01-01 00:00:00", "contract.date.range"),
        ("infinity", "contract.date.infinite"),
        ("-infinity", "contract.date.infinite"),
        ("0001-01-01 08:00:00", None),
        ("9999-12-31T23:59:59.999999Z", None),
        (datetime.max.replace(tzinfo=UTC), None),
    ],
)
def test_a_time_is_one_that_every_reader_can_hold(value: Any, code: str | None) -> None:
    for others in ([], [INVOICE]):  # alone, and in a column of times
        mapped = EINVOICES.map(columns({**INVOICE, "ngay_lap": value}, *others))
        assert {(failure.row, failure.code) for failure in mapped.failures} == (
            {(0, code)} if code else set()
        )
        at = mapped.columns["issued_at"][0]
        assert at is None if code else datetime(1970, 1, 1) + timedelta(microseconds=at)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("infinity", "contract.date.infinite"),
        ("10000-01-01", "contract.date.range"),
        ("0044-03-15 BC", "contract.date.range"),
        (datetime.max.replace(tzinfo=UTC), "contract.date.range"),
        (date.max, None),
        (date.min, None),
    ],
)
def test_a_day_is_one_that_every_reader_can_hold(value: Any, code: str | None) -> None:
    _, codes = mapped_one(CITIZENS, CITIZEN, ngay_sinh=value)
    assert codes == ({code} if code else set())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2024, 2, 29), "2024-02-29"),
        (datetime(2024, 2, 29, 23, 59, 59, 500_000), "2024-02-29 23:59:59.5"),
        (datetime(2024, 2, 29, tzinfo=UTC), "2024-02-29 00:00:00+00"),
        (datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=5, minutes=30))), "2024-02-29 00:00:00+05:30"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E-10"), "0.0000000001"),
    ],
)
def test_a_database_s_time_or_number_in_a_text_is_what_its_client_prints(value: Any, text: str) -> None:
    assert mapped_one(CITIZENS, CITIZEN, ma_ho=value) == (
        {**mapped_one(CITIZENS, CITIZEN)[0], "household_code": text}, set()
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "number", "code"),
    [
        ("110000", 110000, None),
        (" -5 ", -5, None),
        (Decimal("110000"), 110000, None),
        (110000.0, 110000, None),
        (2**63 - 1, 2**63 - 1, None),
        (None, None, None),
        ("", None, None),
        (2**63, None, "contract.number.range"),
        ("9" * 19, None, "contract.number.range"),
        (1.9, None, "contract.number.format"),
        ("1.000", None, "contract.number.format"),
        ("1e3", None, "contract.number.format"),
        ("٣", None, "contract.number.format"),
        ("NaN", None, "contract.number.nonfinite"),
        ("-Infinity", None, "contract.number.nonfinite"),
        (math.nan, None, "contract.number.nonfinite"),
        (Decimal("NaN"), None, "contract.number.nonfinite"),
        (math.inf, None, "contract.number.nonfinite"),
        (True, None, "contract.type"),
    ],
)
def test_numbers_are_whole_and_in_range(value: Any, number: int | None, code: str | None) -> None:
    found, codes = mapped_one(EINVOICES, INVOICE, tong_tien=value)
    assert found["total_vnd"] == number
    assert codes == ({code} if code else set())


def test_equal_values_of_other_types_are_not_confused() -> None:
    rows = [{**INVOICE, "tong_tien": value} for value in (1, True, 1.0, Decimal(1), "1")]
    mapped = EINVOICES.map(columns(*rows))
    assert mapped.columns["total_vnd"] == [1, None, 1, 1, 1]
    assert [(failure.row, failure.code) for failure in mapped.failures] == [(1, "contract.type")]


def test_an_integer_for_an_identification_number_is_kept_as_text_and_fails() -> None:
    found, codes = mapped_one(CITIZENS, CITIZEN, so_ddcn=38090000123)
    assert (found["citizen_id"], codes) == ("38090000123", {"correct.id.type"})


def test_both_generations_of_province_codes_become_the_new_one() -> None:
    rows = [{**CITIZEN, "ma_tinh": code} for code in ("24", "27", "62", "51", "77", "99")]
    assert CITIZENS.map(columns(*rows)).columns["province_code"] == ["24", "24", "51", "51", "79", "99"]


def test_a_missing_column_fails_every_row_and_passes_none() -> None:
    raw = columns(CITIZEN, CITIZEN)
    del raw["ho_ten"]
    mapped = CITIZENS.map(raw)
    assert [(f.row, f.code, f.field) for f in mapped.failures] == [
        (0, "contract.field.missing", "full_name"),
        (1, "contract.field.missing", "full_name"),
    ]


@pytest.mark.parametrize(
    ("column", "code"),
    [
        ("so_ddcn", "contract.key.unmappable"),
        ("cap_nhat_luc", "contract.marker.unmappable"),
        ("da_xoa", "contract.field.missing"),
    ],
)
def test_a_missing_key_marker_or_delete_column_fails_closed(column: str, code: str) -> None:
    raw = columns(CITIZEN)
    del raw[column]
    assert code in {failure.code for failure in CITIZENS.map(raw).failures}


def test_a_delete_carries_key_and_marker_only() -> None:
    found, codes = mapped_one(CITIZENS, CITIZEN, da_xoa=True, ngay_sinh="nonsense", ho_ten="a\0")
    assert codes == set()
    assert found.pop("citizen_id") == "038090000123"
    assert set(found.values()) == {None}


def test_keys_and_markers_alone_are_those_of_the_whole_mapping() -> None:
    raw = columns(CITIZEN, {**CITIZEN, "so_ddcn": 7, "cap_nhat_luc": None}, {**CITIZEN, "so_ddcn": None})
    mapped = CITIZENS.map(raw)
    assert CITIZENS.key_of(raw) == mapped.keys == ["038090000123", "7", None]
    assert CITIZENS.markers_of(raw) == (mapped.markers, mapped.changed_at)


@given(
    texts=st.lists(st.text(st.sampled_from("aễe\u0302 \u00a0\t\n\u200b\0\ud800"), max_size=6)),
    step=st.sampled_from(["as_is", "trim", "name"]),
)
def test_a_column_cleaned_at_once_is_as_each_text_cleaned_alone(texts: list[str], step: str) -> None:
    at_once = clean_texts([*texts], step)
    assert at_once is None or at_once == [clean_text(text, step) for text in texts]


def test_keys_of_several_fields_are_never_confused() -> None:
    base = connector("mps.citizens")
    mapper = ContractMapper(
        base.model_copy(update={"file": base.file.model_copy(update={"key": ("citizen_id", "old_number")})})
    )
    rows = [
        {**CITIZEN, "so_ddcn": a, "so_cmnd": b}
        for a, b in (("a|b", "c"), ("a", "b|c"), ("a\\", "b"), ("a", None))
    ]
    assert mapper.key_of(columns(*rows)) == ["a\\|b|c", "a|b\\|c", "a\\\\|b", None]


def test_a_sequence_marker_takes_its_time_from_the_other_column() -> None:
    mapper = ContractMapper(connector("moit.ecommerce_sales"))
    raw = {
        name: ["x", "x"]
        for name in ("ma_bc", "so_ddcn", "mst", "ten_nguoi_ban", "san", "ky", "doanh_thu", "so_don")
    }
    markers = mapper.markers_of({**raw, "rev": [7, 8], "cap_nhat": ["2000-01-01 07:00:01", "broken"]})
    assert markers == ([7, 8], [946_684_801_000_000, None])
    mapped = mapper.map({**raw, "rev": [7, 8], "cap_nhat": ["2000-01-01 07:00:01", "broken"]})
    assert (1, "contract.marker.unmappable") in {(f.row, f.code) for f in mapped.failures}


def test_a_date_as_marker_is_the_time_at_which_it_begins() -> None:
    mapped = CITIZENS.map(columns({**CITIZEN, "cap_nhat_luc": date(2024, 3, 15)}))
    assert mapped.failures == []
    assert mapped.markers == [1_710_435_600_000_000]  # midnight in Hà Nội


@pytest.mark.parametrize(
    "text",
    [
        "1938",
        "--/--/1938",
        "00/00/1938",
        "0/0/1938",
        "1938-00-00",
        "1938/--/--",
        "xx/xx/1938",
        "??-??-1938",
        "//1938",
        1938,
    ],
)
def test_a_birth_date_of_which_only_the_year_is_known_has_one_code(text: Any) -> None:
    _, codes = mapped_one(CITIZENS, CITIZEN, ngay_sinh=text)
    assert codes == {"contract.dob.year_only"}


YEAR = Column(
    FieldMapping.model_validate({"from": "x", "parse": "date", "precision": "year", "format": "%d/%m/%Y"}),
    AvroField(name="birth_year", type="int", nullable=True),
    personal_id=False,
)


@pytest.mark.parametrize(
    ("value", "year", "code"),
    [
        ("--/--/1938", 1938, None),
        ("1938", 1938, None),
        (" 1938 ", 1938, None),
        (1938, 1938, None),
        (1938.0, 1938, None),
        ("12/05/1938", 1938, None),
        (date(1938, 5, 12), 1938, None),
        ("31/02/1938", None, "contract.dob.invalid"),
        ("38", None, "contract.date.format"),
        ("0938", None, "contract.date.format"),
        (None, None, None),
        ("", None, None),
    ],
)
def test_a_contract_may_take_the_year_alone(value: Any, year: int | None, code: str | None) -> None:
    assert YEAR.read([value]) == ([year], [(0, code)] if code else [])
