"""The expectations that a suite may use: which columns each reads, and what it may be told.

The custom ones live in `pophub.gates.expectations`; the others are Great Expectations' own that
name the rows that failed. This table imports neither, so that checking stays fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

KEY_COLUMNS = frozenset(
    {
        "hub_key",
        "hub_marker",
        "hub_operation",
        "hub_changed_at",
        "hub_exchanged_at",
        "hub_content",
        "hub_rival_content",
    }
)  # what a delete carries too


class Shape(NamedTuple):
    """Kwargs of one expectation.

    Shape: `columns` are kwargs that name a column (or a list of them); `hub` are the columns
    joined for it, with `{kwarg}` replaced; `required` and `choices` speak of kwargs.
    """

    columns: tuple[str, ...] = ("column",)
    required: tuple[str, ...] = ("column",)
    others: tuple[str, ...] = ()
    hub: tuple[str, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = {}


_ID_CHECKS = ("length", "format", "digits", "whitespace", "province", "dob_mismatch")
_TIMES = {"holds": ("date", "time")}

SHAPES: dict[str, Shape] = {
    "expect_personal_id": Shape(
        columns=("column", "birth_date", "sex"),
        required=("column", "check"),
        others=("check",),
        choices={"check": _ID_CHECKS},
    ),
    "expect_present": Shape(),
    "expect_person_known": Shape(hub=("hub_{column}_known",)),
    "expect_person_agrees": Shape(
        columns=("column", "person"),
        required=("column", "person", "on"),
        others=("on",),
        hub=("hub_{person}_{on}",),
        choices={"on": ("name", "birth_date")},
    ),
    "expect_one_person": Shape(
        columns=("column", "name", "birth_date"),
        required=("column", "name", "birth_date"),
        hub=("hub_{column}_name", "hub_{column}_birth_date"),
    ),
    "expect_no_contradiction": Shape(columns=(), required=(), hub=("hub_content", "hub_rival_content")),
    "expect_fresh": Shape(
        required=("column", "days", "holds"),
        others=("days", "holds"),
        hub=("hub_exchanged_at",),
        choices=_TIMES,
    ),
    "expect_not_future": Shape(
        required=("column", "holds"),
        others=("days", "holds"),
        hub=("hub_exchanged_at",),
        choices=_TIMES,
    ),
    "expect_unclaimed": Shape(hub=("hub_key", "hub_{column}_holder")),
    "expect_text": Shape(
        required=("column", "check"),
        others=("check",),
        choices={"check": ("control", "letters", "visible", "length", "tax_code")},
    ),
    "expect_order": Shape(columns=("first", "then"), required=("first", "then")),
    "expect_amount": Shape(columns=("column", "not_above"), others=("least", "most")),
    "expect_code": Shape(required=("column", "codes"), others=("codes",)),
    # Great Expectations' own
    "expect_column_values_to_not_be_null": Shape(),
    "expect_column_values_to_be_in_set": Shape(required=("column", "value_set"), others=("value_set",)),
    "expect_column_values_to_not_be_in_set": Shape(required=("column", "value_set"), others=("value_set",)),
    "expect_column_values_to_be_between": Shape(
        others=("min_value", "max_value", "strict_min", "strict_max")
    ),
    "expect_column_value_lengths_to_be_between": Shape(others=("min_value", "max_value")),
    "expect_column_value_lengths_to_equal": Shape(required=("column", "value"), others=("value",)),
    "expect_column_values_to_match_regex": Shape(required=("column", "regex"), others=("regex",)),
    "expect_column_pair_values_a_to_be_greater_than_b": Shape(
        columns=("column_A", "column_B"),
        required=("column_A", "column_B"),
        others=("or_equal", "ignore_row_if"),
    ),
    "expect_column_pair_values_to_be_equal": Shape(
        columns=("column_A", "column_B"),
        required=("column_A", "column_B"),
        others=("ignore_row_if",),
    ),
}


def named_columns(expectation: str, kwargs: Mapping[str, Any]) -> list[str]:
    """Give the columns that a rule's kwargs name themselves."""
    return [str(kwargs[key]) for key in SHAPES[expectation].columns if kwargs.get(key) is not None]


def joined_columns(expectation: str, kwargs: Mapping[str, Any]) -> list[str]:
    """Give the `hub_` columns that a rule reads besides."""
    return [name.format_map(dict(kwargs)) for name in SHAPES[expectation].hub]


def read_columns(expectation: str, kwargs: Mapping[str, Any]) -> list[str]:
    """Give all columns that a rule reads."""
    return named_columns(expectation, kwargs) + joined_columns(expectation, kwargs)


def judges_deletes(expectation: str, kwargs: Mapping[str, Any], key: tuple[str, ...]) -> bool:
    """Say whether a rule also judges a delete: when it reads nothing but key and marker."""
    return KEY_COLUMNS.issuperset(set(read_columns(expectation, kwargs)) - set(key))
