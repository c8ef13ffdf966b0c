"""What each custom expectation finds wrong: columns in, failing rows out; nothing of a vendor.

A null passes every check but `present` and `person_known`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pophub.contracts.code_tables import code_table
from pophub.domain.names import fold_name
from pophub.gates.frame import Frame
from pophub.gates.personal_id import contradicting, malformed

DAY_US = 86_400_000_000
LOCAL_US = 7 * 3_600_000_000  # Asia/Ho_Chi_Minh has had UTC+7 without change since 1975
MAX_TEXT_CHARS = 2_000
_HIDDEN = (
    "\\x01-\\x1f\\x7f-\\x9f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180e\\u200b-\\u200f"
    "\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffd\\ue000-\\uf8ff"
)
HIDDEN = re.compile(f"[{_HIDDEN}]")
# one class each: alternatives that overlap would backtrack without end
_BLANK = re.compile(rf"[\s{_HIDDEN}]*\Z")
_LETTERS = r"\u0300-\u036f '\u2019\u02bc.\-"
_OTHER = re.compile(rf"[^\w{_LETTERS}{_HIDDEN}]|[\d_]")
_TAX_CODE = re.compile(r"[0-9]{10}(?:-[0-9]{3})?\Z")

Take = Frame
Arguments = dict[str, Any]


def personal_id(take: Take, told: Arguments) -> list[int]:
    """Judge the form of a personal identification number, or its digits against the person."""
    numbers = take(told["column"])
    if told["check"] != "dob_mismatch":
        return malformed(numbers, told["check"])
    births = take(told["birth_date"]) if told.get("birth_date") else None
    sexes = take(told["sex"]) if told.get("sex") else None
    return contradicting(numbers, births, sexes)


def present(take: Take, told: Arguments) -> list[int]:
    """Judge that there is a value."""
    values = take(told["column"])
    if None not in values and "" not in values:
        return []
    return [row for row, value in enumerate(values) if value is None or value == ""]


def person_known(take: Take, told: Arguments) -> list[int]:
    """Judge that the person exists; fails closed where nothing was joined."""
    known = take(f"hub_{told['column']}_known")
    return [row for row, value in enumerate(known) if value is not True]


def person_agrees(take: Take, told: Arguments) -> list[int]:
    """Judge a name or birth date against the population database, where the person exists."""
    own, other = take(told["column"]), take(f"hub_{told['person']}_{told['on']}")
    if told["on"] == "name":
        folds = {name: name and fold_name(name) for name in {*own, *other}}
        own, other = [folds[name] for name in own], [folds[name] for name in other]
    return [
        row
        for row, (mine, theirs) in enumerate(zip(own, other, strict=True))
        if mine != theirs and mine is not None and theirs is not None
    ]


def one_person(take: Take, told: Arguments) -> list[int]:
    """Judge that a number is still the same person's: a new name or a new birth date, never both.

    Held against the person of that number in the population database, else against the frame's first.
    """
    person, name, birth = told["column"], told["name"], told["birth_date"]
    rows = zip(take(person), take(name), take(birth), take(f"hub_{person}_name"),
               take(f"hub_{person}_birth_date"), strict=True)  # fmt: skip
    first: dict[Any, tuple[Any, Any]] = {}
    found = []
    for row, (number, own, born, other, other_born) in enumerate(rows):
        if own is None or born is None:
            continue
        if other_born is None:
            other, other_born = first.setdefault(number, (own, born))
        if born != other_born and other is not None and fold_name(own) != fold_name(other):
            found.append(row)
    return found


def no_contradiction(take: Take, told: Arguments) -> list[int]:
    """Judge that no other content was sent before under the same key and marker."""
    pairs = zip(take("hub_content"), take("hub_rival_content"), strict=True)
    return [row for row, (own, rival) in enumerate(pairs) if rival is not None and own != rival]


def _limit(told: Arguments, stamp: int, days: int) -> int:
    """Give the stamp moved by days, in the unit of the column."""
    if told["holds"] == "date":
        return (stamp + LOCAL_US) // DAY_US + days
    return stamp + days * DAY_US


def fresh(take: Take, told: Arguments) -> list[int]:
    """Judge that a time is not older than so many days at the exchange."""
    stamps = take("hub_exchanged_at")
    limits = {stamp: _limit(told, stamp, -told["days"]) for stamp in set(stamps)}
    pairs = zip(take(told["column"]), stamps, strict=True)
    return [row for row, (at, stamp) in enumerate(pairs) if at is not None and at < limits[stamp]]


def not_future(take: Take, told: Arguments) -> list[int]:
    """Judge that a time is not later than so many days after the exchange."""
    stamps = take("hub_exchanged_at")
    limits = {stamp: _limit(told, stamp, told.get("days") or 0) for stamp in set(stamps)}
    pairs = zip(take(told["column"]), stamps, strict=True)
    return [row for row, (at, stamp) in enumerate(pairs) if at is not None and at > limits[stamp]]


def unclaimed(take: Take, told: Arguments) -> list[int]:
    """Judge that no other key holds the value."""
    holders = take(f"hub_{told['column']}_holder")
    pairs = zip(holders, take("hub_key"), strict=True)
    return [row for row, (holder, key) in enumerate(pairs) if holder is not None and holder != key]


def text(take: Take, told: Arguments) -> list[int]:
    """Judge the characters of a text."""
    values = take(told["column"])
    distinct = {value for value in values if value is not None}
    all_good = _TEXTS_AT_ONCE.get(told["check"])
    if all_good is not None and all_good(distinct):
        return []
    good = _TEXT_CHECKS[told["check"]]
    bad = {value for value in distinct if not good(value)}
    return [row for row, value in enumerate(values) if value in bad] if bad else []


_TEXT_CHECKS: dict[str, Callable[[str], bool]] = {
    "control": lambda value: HIDDEN.search(value) is None,
    "letters": lambda value: _OTHER.search(value) is None,
    "visible": lambda value: _BLANK.match(value) is None,
    "length": lambda value: len(value) <= MAX_TEXT_CHARS,
    "tax_code": lambda value: _TAX_CODE.match(value) is not None,
}

# what tells of a whole column that each value is good; where it does not, each value is looked at
_TEXTS_AT_ONCE: dict[str, Callable[[set[str]], bool]] = {
    "control": lambda values: HIDDEN.search(" ".join(values)) is None,
    "letters": lambda values: _OTHER.search(" ".join(values)) is None,
    "visible": lambda values: "" not in map(str.strip, values) and HIDDEN.search(" ".join(values)) is None,
    "length": lambda values: max(map(len, values), default=0) <= MAX_TEXT_CHARS,
}


def order(take: Take, told: Arguments) -> list[int]:
    """Judge that one date or time is not later than another."""
    pairs = zip(take(told["first"]), take(told["then"]), strict=True)
    return [
        row
        for row, (first, then) in enumerate(pairs)
        if first is not None and then is not None and first > then
    ]


def amount(take: Take, told: Arguments) -> list[int]:
    """Judge that a number lies between bounds, and not above another column's."""
    values = take(told["column"])
    least, most = told.get("least"), told.get("most")
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
    return sorted(rows)


def code(take: Take, told: Arguments) -> list[int]:
    """Judge that a value is in the contract's side of a code table."""
    known = {None, *code_table(told["codes"]).values()}
    return [row for row, value in enumerate(take(told["column"])) if value not in known]


CHECKS: dict[str, Callable[[Take, Arguments], list[int]]] = {
    "expect_personal_id": personal_id,
    "expect_present": present,
    "expect_person_known": person_known,
    "expect_person_agrees": person_agrees,
    "expect_one_person": one_person,
    "expect_no_contradiction": no_contradiction,
    "expect_fresh": fresh,
    "expect_not_future": not_future,
    "expect_unclaimed": unclaimed,
    "expect_text": text,
    "expect_order": order,
    "expect_amount": amount,
    "expect_code": code,
}
