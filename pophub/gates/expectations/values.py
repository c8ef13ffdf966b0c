"""Expectations about single values: presence, text, amounts, codes."""

from __future__ import annotations

from typing import ClassVar, Literal

from pophub.gates.expectations.rows import RowsExpectation


class ExpectPresent(RowsExpectation):
    """Expect a value."""

    column: str
    told: ClassVar[tuple[str, ...]] = ("column",)


class ExpectText(RowsExpectation):
    """Expect a text to pass one check of its characters."""

    column: str
    check: Literal["control", "letters", "visible", "length", "tax_code"]
    told: ClassVar[tuple[str, ...]] = ("column", "check")


class ExpectAmount(RowsExpectation):
    """Expect a number between `least` and `most`, and not above the column `not_above`."""

    column: str
    least: float | None = None
    most: float | None = None
    not_above: str | None = None
    told: ClassVar[tuple[str, ...]] = ("column", "least", "most", "not_above")


class ExpectCode(RowsExpectation):
    """Expect a value of a code table."""

    column: str
    codes: str
    told: ClassVar[tuple[str, ...]] = ("column", "codes")
