"""Expectations about people: their numbers, their existence, agreement with the population."""

from __future__ import annotations

from typing import ClassVar, Literal

from pophub.gates.expectations.rows import RowsExpectation


class ExpectPersonalId(RowsExpectation):
    """Expect a personal identification number to pass one check of Decree 137/2015."""

    column: str
    check: Literal["length", "format", "digits", "whitespace", "province", "dob_mismatch"]
    birth_date: str | None = None
    sex: str | None = None
    told: ClassVar[tuple[str, ...]] = ("column", "check", "birth_date", "sex")


class ExpectOnePerson(RowsExpectation):
    """Expect a number not to pass to another person: name and birth date never change together."""

    column: str
    name: str
    birth_date: str
    told: ClassVar[tuple[str, ...]] = ("column", "name", "birth_date")


class ExpectPersonKnown(RowsExpectation):
    """Expect the person to exist in the population database at the record's time."""

    column: str
    told: ClassVar[tuple[str, ...]] = ("column",)


class ExpectPersonAgrees(RowsExpectation):
    """Expect a name or birth date to agree with the population database."""

    column: str
    person: str
    on: Literal["name", "birth_date"]
    told: ClassVar[tuple[str, ...]] = ("column", "person", "on")
