"""What each custom expectation finds wrong: columns in, failing rows out; nothing of a vendor.

A null passes every check but `present` and `known`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pophub.domain.dates import DAY_US, ZONE_US, date_of
from pophub.domain.names import fold_name
from pophub.gates.frame import Frame, distinct, known_values, whole_numbers
from pophub.gates.personal_id import Digits, contradicting, digits_of, flaws
from pophub.gates.texts import bad_rows

_ABSENT = frozenset({None, ""})

Take = Frame
Arguments = dict[str, Any]


def personal_id(take: Take, told: Arguments) -> list[int]:
    """Judge the form of a personal identification number, or its digits against the person."""
    column = told["column"]
    if told["check"] != "dob_mismatch":
        flawed = take.found(_flaws, column)
        return [row for row, check in flawed.items() if check == told["check"]] if flawed else []
    births = take(told["birth_date"]) if told.get("birth_date") else None
    sexes = take(told["sex"]) if told.get("sex") else None
    days = take.found(whole_numbers, told["birth_date"]) if births else None
    return contradicting(take(column), births, sexes, take.found(_digits, column), days)


def _digits(take: Take, column: str) -> Digits:
    return digits_of(take(column))


def _flaws(take: Take, column: str) -> dict[int, str]:
    return flaws(take(column), take.found(_digits, column))


def present(take: Take, told: Arguments) -> list[int]:
    """Judge that there is a value."""
    if take.found(whole_numbers, told["column"]) is not None:
        return []
    if not take.found(distinct, told["column"]) & _ABSENT:
        return []
    return [row for row, value in enumerate(take(told["column"])) if value is None or value == ""]


def known(take: Take, told: Arguments) -> list[int]:
    """Judge that the person, or the row referred to, exists; fails closed where nothing was joined."""
    found = take(f"hub_{told['column']}_known")
    return [row for row, value in enumerate(found) if value is not True]


def basis_in_force(take: Take, told: Arguments) -> list[int]:
    """Judge that a cited basis is in force; fails closed where nothing was joined."""
    found = take(f"hub_{told['column']}_in_force")
    return [row for row, value in enumerate(found) if value is not True]


def person_agrees(take: Take, told: Arguments) -> list[int]:
    """Judge a name or birth date against the population database, where the person exists."""
    return _disagreeing(take, told, told["person"])


def organisation_agrees(take: Take, told: Arguments) -> list[int]:
    """Judge a name or representative against the register of organisations, where it tells one."""
    return _disagreeing(take, told, told["organisation"])


def _disagreeing(take: Take, told: Arguments, who: str) -> list[int]:
    own, other = take(told["column"]), take(f"hub_{who}_{told['on']}")
    if own == other:
        return []
    differs = _other_name if told["on"] == "name" else _other
    return [
        row
        for row, (mine, theirs) in enumerate(zip(own, other, strict=True))
        if mine is not None and theirs is not None and differs(mine, theirs)
    ]


def _other(mine: Any, theirs: Any) -> bool:
    return bool(mine != theirs)


def _other_name(mine: str, theirs: str) -> bool:
    return mine != theirs and fold_name(mine) != fold_name(theirs)


def birth_year_agrees(take: Take, told: Arguments) -> list[int]:
    """Judge a year of birth against the birth date in the population database, where the person exists."""
    pairs = zip(take(told["column"]), take(f"hub_{told['person']}_birth_date"), strict=True)
    return [
        row
        for row, (year, born) in enumerate(pairs)
        if year is not None and born is not None and date_of(born).year != year
    ]


def one_person(take: Take, told: Arguments) -> list[int]:
    """Judge that a number is still the same person's: a new name or a new birth date, never both.

    Held against the person of that number in the population database, else against the frame's first.
    """
    person, name, birth = told["column"], told["name"], told["birth_date"]
    births, other_births = take(birth), take(f"hub_{person}_birth_date")
    once = len(take.found(distinct, person)) == len(births)
    if births == other_births or (once and other_births.count(None) == len(births)):
        return []
    rows = zip(take(person), take(name), births, take(f"hub_{person}_name"), other_births, strict=True)
    first: dict[Any, tuple[Any, Any]] = {}
    found = []
    for row, (number, own, born, other, other_born) in enumerate(rows):
        if born == other_born or own is None or born is None:
            continue
        if other_born is None:
            other, other_born = first.setdefault(number, (own, born))
        if born != other_born and other is not None and _other_name(own, other):
            found.append(row)
    return found


def organisation_active(take: Take, told: Arguments) -> list[int]:
    """Judge that an organisation has not stopped its business, where the register tells so."""
    return [row for row, active in enumerate(take(f"hub_{told['column']}_active")) if active is False]


def no_contradiction(take: Take, told: Arguments) -> list[int]:
    """Judge that no other content was sent before under the same key and marker."""
    contents, rivals = take("hub_content"), take("hub_rival_content")
    if contents == rivals:
        return []
    pairs = zip(contents, rivals, strict=True)
    return [row for row, (own, rival) in enumerate(pairs) if rival is not None and own != rival]


def _limits(take: Take, told: Arguments, days: int) -> dict[int, int]:
    """Give each stamp of an exchange moved by days, in the unit of the column."""
    stamps = take.found(distinct, "hub_exchanged_at")
    if told["holds"] == "date":
        return {stamp: (stamp + ZONE_US) // DAY_US + days for stamp in stamps}
    return {stamp: stamp + days * DAY_US for stamp in stamps}


def _bounds(take: Take, column: str) -> tuple[Any, Any] | None:
    """Give the least and the greatest value of a column; None where it has none."""
    numbers = take.found(whole_numbers, column)
    if numbers is not None:
        return int(numbers.min()), int(numbers.max())
    known = take.found(known_values, column)
    return (min(known), max(known)) if known else None


def fresh(take: Take, told: Arguments) -> list[int]:
    """Judge that a time is not older than so many days at the exchange."""
    limits = _limits(take, told, -told["days"])
    known = take.found(_bounds, told["column"])
    if known is None or known[0] >= max(limits.values()):
        return []
    pairs = zip(take(told["column"]), take("hub_exchanged_at"), strict=True)
    return [row for row, (at, stamp) in enumerate(pairs) if at is not None and at < limits[stamp]]


def not_future(take: Take, told: Arguments) -> list[int]:
    """Judge that a time is not later than so many days after the exchange."""
    limits = _limits(take, told, told.get("days") or 0)
    known = take.found(_bounds, told["column"])
    if known is None or known[1] <= min(limits.values()):
        return []
    pairs = zip(take(told["column"]), take("hub_exchanged_at"), strict=True)
    return [row for row, (at, stamp) in enumerate(pairs) if at is not None and at > limits[stamp]]


def unclaimed(take: Take, told: Arguments) -> list[int]:
    """Judge that no other key holds the value."""
    holders = take(f"hub_{told['column']}_holder")
    if holders.count(None) == len(holders):
        return []
    pairs = zip(holders, take("hub_key"), strict=True)
    return [row for row, (holder, key) in enumerate(pairs) if holder is not None and holder != key]


def text(take: Take, told: Arguments) -> list[int]:
    """Judge the characters of a text."""
    return bad_rows(take, told["column"], told["check"])


def order(take: Take, told: Arguments) -> list[int]:
    """Judge that one date or time is not later than another."""
    pairs = zip(take(told["first"]), take(told["then"]), strict=True)
    return [
        row
        for row, (first, then) in enumerate(pairs)
        if first is not None and then is not None and first > then
    ]


def same(take: Take, told: Arguments) -> list[int]:
    """Judge that a value is that of another column."""
    own, other = take(told["column"]), take(told["other"])
    if own == other:
        return []
    rows = _where(take, told)
    return [
        row
        for row, (mine, theirs) in enumerate(zip(own, other, strict=True))
        if mine is not None and theirs is not None and mine != theirs and (rows is None or row in rows)
    ]


def _where(take: Take, told: Arguments) -> set[int] | None:
    """Give the rows that a rule is about, None for all: where `only_if` is true, where `unless` is false."""
    rows: set[int] | None = None
    for name, wanted in (("only_if", True), ("unless", False)):
        if told.get(name):
            found = {row for row, value in enumerate(take(told[name])) if value is wanted}
            rows = found if rows is None else rows & found
    return rows


def amount(take: Take, told: Arguments) -> list[int]:
    """Judge that a number lies between bounds, and not above another column's, in the rows that it is about."""
    rows, about = _out_of_bounds(take, told), _where(take, told)
    return sorted(rows if about is None else rows & about)


def _out_of_bounds(take: Take, told: Arguments) -> set[int]:
    values = take(told["column"])
    least, most = told.get("least"), told.get("most")
    fractions = isinstance(least, float) or isinstance(most, float)
    if fractions and any(
        type(value) is Decimal for value in values
    ):  # 0.1 of a suite means 0.1, not the float beside it
        least, most = (Decimal(str(bound)) if isinstance(bound, float) else bound for bound in (least, most))
    rows = {
        row
        for row, value in enumerate(values)
        if value is not None
        and ((least is not None and value < least) or (most is not None and value > most))
    }
    if told.get("not_above"):
        pairs = zip(values, take(told["not_above"]), strict=True)
        rows.update(
            row
            for row, (value, top) in enumerate(pairs)
            if value is not None and top is not None and value > top
        )
    return rows


def code(take: Take, told: Arguments) -> list[int]:
    """Judge that a value is in the contract's side of a code table."""
    strange = take.found(distinct, told["column"]) - {None, *told["listed"]}
    return [row for row, value in enumerate(take(told["column"])) if value in strange] if strange else []


CHECKS: dict[str, Callable[[Take, Arguments], list[int]]] = {
    "expect_personal_id": personal_id,
    "expect_present": present,
    "expect_person_known": known,
    "expect_organisation_known": known,
    "expect_organisation_agrees": organisation_agrees,
    "expect_organisation_active": organisation_active,
    "expect_reference_known": known,
    "expect_basis_in_force": basis_in_force,
    "expect_person_agrees": person_agrees,
    "expect_birth_year_agrees": birth_year_agrees,
    "expect_one_person": one_person,
    "expect_no_contradiction": no_contradiction,
    "expect_fresh": fresh,
    "expect_not_future": not_future,
    "expect_unclaimed": unclaimed,
    "expect_text": text,
    "expect_order": order,
    "expect_same": same,
    "expect_amount": amount,
    "expect_code": code,
}
