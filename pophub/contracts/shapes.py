"""The expectations that a suite may use: which columns each reads, and what it may be told.

The custom ones are checks of `pophub.gates.checks`, and `pophub.gates.expectations` makes their
classes from this table; the others are Great Expectations' own that name the rows that failed.
This table imports neither, so that checking stays fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pophub.contracts.arguments import Argument, Held, Shape

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


_ORDERED: tuple[Held, ...] = ("number", "decimal", "date", "time")


def _column(
    meaning: str = "what is judged", *held: Held, name: str = "column", needed: bool = True, like: str = ""
) -> Argument:
    return Argument(name, "column", meaning, needed, held=held, like=like)


_HOLDS = Argument("holds", "choice", "what the column holds: days, or times", choices=("date", "time"))
_PASSES = "passes"
_ID_CODES = (
    "correct.id.length",
    "correct.id.format",
    "correct.id.digits",
    "correct.id.whitespace",
    "correct.id.province",
    "correct.id.dob_mismatch",
)
_TEXT_CODES = (
    "clean.text.control",
    "clean.text.length",
    "clean.name.empty",
    "clean.name.letters",
    "clean.name.legacy_font",
    "correct.taxcode.format",
    "correct.taxcode.digit",
)

_ONLY_IF = _column(
    "a yes or no: the rule is about rows where it is yes", "boolean", name="only_if", needed=False
)
_UNLESS = _column(
    "a yes or no: the rule is about rows where it is no", "boolean", name="unless", needed=False
)

OWN: dict[str, Shape] = {
    "expect_personal_id": Shape(
        "Expect a personal identification number to pass one check of Decree 137/2015.",
        (
            _column("the number", "text"),
            Argument(
                "check",
                "choice",
                "the one thing that is judged",
                choices=("length", "format", "digits", "whitespace", "province", "dob_mismatch"),
            ),
            _column("for `dob_mismatch`: the birth date", "date", name="birth_date", needed=False),
            _column("for `dob_mismatch`: the sex", "text", name="sex", needed=False),
        ),
        "passes; a birth date or sex that is null contradicts nothing",
        _ID_CODES,
        {"column": "citizen_id", "check": "length"},
    ),
    "expect_present": Shape(
        "Expect a value.",
        (_column(),),
        "fails, and so does an empty text",
        ("sufficient.missing",),
        {"column": "full_name"},
    ),
    "expect_person_known": Shape(
        "Expect the person to exist in the population database at the record's time.",
        (_column("the person's number, an `id` of `people`", "text"),),
        "passes: a record that names nobody waits for nobody",
        ("sufficient.unknown_person",),
        {"column": "citizen_id"},
        hub=("hub_{column}_known",),
    ),
    "expect_organisation_known": Shape(
        "Expect the organisation to be registered, and there at the record's time.",
        (_column("the organisation's tax code, an `id` of `organisations`", "text"),),
        "passes: a record that names nobody waits for nobody",
        ("sufficient.unknown_organisation",),
        {"column": "tax_code"},
        hub=("hub_{column}_known",),
    ),
    "expect_organisation_agrees": Shape(
        "Expect a name or a representative to agree with the register of organisations at the record's time.",
        (
            _column("the name, or the representative's number", "text"),
            _column("the organisation's tax code, an `id` of `organisations`", "text", name="organisation"),
            Argument("on", "choice", "what must agree", choices=("name", "representative")),
        ),
        "passes, and so does what the register does not tell",
        ("correct.agreement.organisation",),
        {"column": "employer_name", "organisation": "tax_code", "on": "name"},
        hub=("hub_{organisation}_{on}",),
    ),
    "expect_organisation_active": Shape(
        "Expect the organisation not to have stopped its business by the record's time.",
        (_column("the organisation's tax code, an `id` of `organisations`", "text"),),
        "passes, and so does what the register does not tell",
        ("correct.organisation.inactive",),
        {"column": "tax_code"},
        hub=("hub_{column}_active",),
    ),
    "expect_reference_known": Shape(
        "Expect the row that is referred to to be accepted in its dataset, and there at the record's time.",
        (_column("the first of the `fields` of an entry of `references`"),),
        "passes, and so does a record in which one of its fields is null: it waits for nothing",
        ("sufficient.unknown_reference",),
        {"column": "work_unit"},
        hub=("hub_{column}_known",),
    ),
    "expect_basis_in_force": Shape(
        "Expect the legal basis that the record cites to be one of `bases/`, in force on the record's day.",
        (_column("the basis as it is written, a `field` of `cites`", "text"),),
        "passes: a record that cites nothing stands on nothing",
        ("correct.basis",),
        {"column": "appointed_by"},
        hub=("hub_{column}_in_force",),
    ),
    "expect_person_agrees": Shape(
        "Expect a name or birth date to agree with the population database.",
        (
            _column("the name or birth date", like="hub_{person}_{on}"),
            _column("the person's number, an `id` of `people`", "text", name="person"),
            Argument("on", "choice", "what must agree", choices=("name", "birth_date")),
        ),
        "passes, and so does a person who is not known",
        ("correct.agreement.name", "correct.agreement.birth_date"),
        {"column": "full_name", "person": "citizen_id", "on": "name"},
        hub=("hub_{person}_{on}",),
    ),
    "expect_birth_year_agrees": Shape(
        "Expect a year of birth to agree with the birth date in the population database.",
        (
            _column("the year, of a field with `precision: year`", "number"),
            _column("the person's number, an `id` of `people`", "text", name="person"),
        ),
        "passes, and so does a person who is not known",
        ("correct.agreement.birth_date",),
        {"column": "birth_year", "person": "citizen_id"},
        hub=("hub_{person}_birth_date",),
    ),
    "expect_one_person": Shape(
        "Expect a number not to pass to another person: name and birth date never change together.",
        (
            _column("the number, an `id` of `people`", "text"),
            _column("the name", "text", name="name"),
            _column("the birth date", "date", name="birth_date"),
        ),
        _PASSES,
        ("correct.id.conflict",),
        {"column": "citizen_id", "name": "full_name", "birth_date": "birth_date"},
        hub=("hub_{column}_name", "hub_{column}_birth_date"),
    ),
    "expect_no_contradiction": Shape(
        "Expect no other content under the same key and marker.",
        (),
        "plays no part: no field is read",
        ("clean.contradiction",),
        {},
        hub=("hub_content", "hub_rival_content"),
    ),
    "expect_fresh": Shape(
        "Expect a time not older than `days` at the batch's stamp.",
        (_column("the time", "date", "time"), Argument("days", "days", "how old it may be"), _HOLDS),
        _PASSES,
        ("live.stale",),
        {"column": "hub_marker", "days": 45, "holds": "time"},
        hub=("hub_exchanged_at",),
    ),
    "expect_not_future": Shape(
        "Expect a time not later than `days` after the batch's stamp.",
        (
            _column("the time", "date", "time"),
            Argument("days", "days", "how far ahead it may lie", needed=False, default=0),
            _HOLDS,
        ),
        _PASSES,
        ("live.future", "correct.date.future", "correct.dob.future"),
        {"column": "hub_marker", "days": 1, "holds": "time"},
        hub=("hub_exchanged_at",),
    ),
    "expect_unclaimed": Shape(
        "Expect that no other key holds the value.",
        (_column("a field that is `unique`"),),
        _PASSES,
        ("clean.key.duplicate",),
        {"column": "work_email"},
        hub=("hub_key", "hub_{column}_holder"),
    ),
    "expect_text": Shape(
        "Expect a text to pass one check of its characters.",
        (
            _column("the text", "text"),
            Argument(
                "check",
                "choice",
                "the one thing that is judged",
                choices=(
                    "control",
                    "letters",
                    "legacy_font",
                    "visible",
                    "length",
                    "tax_code",
                    "tax_code_digit",
                ),
            ),
        ),
        _PASSES,
        _TEXT_CODES,
        {"column": "full_name", "check": "control"},
    ),
    "expect_order": Shape(
        "Expect one date or time not later than another.",
        (
            _column("the earlier one", *_ORDERED, name="first"),
            _column("the later one", *_ORDERED, name="then", like="{first}"),
        ),
        "passes, whichever of the two it is",
        ("correct.dates.order",),
        {"first": "appointed_on", "then": "left_on"},
    ),
    "expect_same": Shape(
        "Expect a value to be that of another column, such as one that was looked up.",
        (
            _column("what is judged"),
            _column("what it must be", name="other", like="{column}"),
            _ONLY_IF,
            _UNLESS,
        ),
        "passes, in whichever of the two it is; one in `only_if` or `unless` leaves the row out",
        ("correct.agreement.reference",),
        {"column": "full_name", "other": "name_on_card"},
    ),
    "expect_amount": Shape(
        "Expect a number between `least` and `most`, and not above the column `not_above`.",
        (
            _column("the number", "number", "decimal"),
            Argument("least", "number", "lower bound, itself allowed", needed=False),
            Argument("most", "number", "upper bound, itself allowed", needed=False),
            _column(
                "a number that is never smaller",
                "number",
                "decimal",
                name="not_above",
                needed=False,
                like="{column}",
            ),
            _ONLY_IF,
            _UNLESS,
        ),
        "passes; a null in `not_above` bounds nothing, and one in `only_if` or `unless` leaves the row out",
        ("correct.amount.range",),
        {"column": "salary_vnd", "least": 0, "not_above": "salary_cap_vnd"},
    ),
    "expect_code": Shape(
        "Expect a value of a code table.",
        (_column("the code", "text"), Argument("codes", "codes", "the table whose contract side is allowed")),
        _PASSES,
        ("correct.code.unknown",),
        {"column": "province_code", "codes": "province"},
    ),
}

_IGNORE = Argument(
    "ignore_row_if",
    "choice",
    "rows left out",
    needed=False,
    choices=("both_values_are_missing", "either_value_is_missing", "neither"),
    default="both_values_are_missing",
)
_PAIR_NULL = "fails where one is null, passes where both are; `ignore_row_if` says otherwise"

GREAT_EXPECTATIONS: dict[str, Shape] = {
    "expect_column_values_to_not_be_null": Shape(
        "Expect a value.",
        (_column(),),
        "fails",
        ("sufficient.missing",),
        {"column": "grade"},
    ),
    "expect_column_values_to_be_in_set": Shape(
        "Expect one of a few values.",
        (_column(), Argument("value_set", "values", "the values that are allowed")),
        _PASSES,
        ("correct.code.unknown",),
        {"column": "grade", "value_set": ["A1", "A2", "B"]},
    ),
    "expect_column_values_to_not_be_in_set": Shape(
        "Expect none of a few values.",
        (_column(), Argument("value_set", "values", "the values that are refused")),
        _PASSES,
        ("correct.code.unknown",),
        {"column": "grade", "value_set": ["?", "-"]},
    ),
    "expect_column_values_to_be_between": Shape(
        "Expect a value between two bounds.",
        (
            _column("what is judged", *_ORDERED),
            Argument("min_value", "value", "lower bound", needed=False),
            Argument("max_value", "value", "upper bound", needed=False),
            Argument("strict_min", "flag", "the lower bound itself fails", needed=False, default=False),
            Argument("strict_max", "flag", "the upper bound itself fails", needed=False, default=False),
        ),
        _PASSES,
        ("correct.amount.range",),
        {"column": "salary_vnd", "min_value": 0, "strict_min": True},
    ),
    "expect_column_value_lengths_to_be_between": Shape(
        "Expect a text of so many characters.",
        (
            _column("the text", "text"),
            Argument("min_value", "length", "characters at least", needed=False),
            Argument("max_value", "length", "characters at most", needed=False),
        ),
        _PASSES,
        ("clean.text.length",),
        {"column": "full_name", "max_value": 100},
    ),
    "expect_column_value_lengths_to_equal": Shape(
        "Expect a text of exactly so many characters.",
        (_column("the text", "text"), Argument("value", "length", "characters")),
        _PASSES,
        ("correct.id.length",),
        {"column": "citizen_id", "value": 12},
    ),
    "expect_column_values_to_match_regex": Shape(
        "Expect a text of a form.",
        (
            _column("the text", "text"),
            Argument(
                "regex",
                "pattern",
                r"begins with `\A` and ends with `\Z`; choices stand in brackets, digits are `[0-9]`",
            ),
        ),
        _PASSES,
        ("correct.taxcode.format",),
        {"column": "tax_code", "regex": r"\A[0-9]{10}(-[0-9]{3})?\Z"},
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": Shape(
        "Expect one value greater than another.",
        (
            _column("the greater one", *_ORDERED, name="column_A"),
            _column("the smaller one", *_ORDERED, name="column_B", like="{column_A}"),
            Argument("or_equal", "flag", "equal values pass", needed=False, default=False),
            _IGNORE,
        ),
        _PAIR_NULL,
        ("correct.dates.order",),
        {"column_A": "left_on", "column_B": "appointed_on", "or_equal": True},
    ),
    "expect_column_pair_values_to_be_equal": Shape(
        "Expect two values to be equal.",
        (
            _column("the one", name="column_A"),
            _column("the other", name="column_B", like="{column_A}"),
            _IGNORE,
        ),
        _PAIR_NULL,
        ("correct.agreement.name",),
        {"column_A": "full_name", "column_B": "name_on_card"},
    ),
}

SHAPES: dict[str, Shape] = OWN | GREAT_EXPECTATIONS


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
