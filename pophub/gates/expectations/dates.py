"""Expectations about times: fresh, not in the future, in the right order."""

from __future__ import annotations

from typing import ClassVar, Literal

from pophub.gates.expectations.rows import RowsExpectation


class ExpectFresh(RowsExpectation):
    """Expect a time not older than `days` at the batch's stamp."""

    column: str
    days: int
    holds: Literal["date", "time"]
    told: ClassVar[tuple[str, ...]] = ("column", "days", "holds")


class ExpectNotFuture(RowsExpectation):
    """Expect a time not later than `days` after the batch's stamp."""

    column: str
    days: int = 0
    holds: Literal["date", "time"]
    told: ClassVar[tuple[str, ...]] = ("column", "days", "holds")


class ExpectOrder(RowsExpectation):
    """Expect one date or time not later than another."""

    first: str
    then: str
    told: ClassVar[tuple[str, ...]] = ("first", "then")
