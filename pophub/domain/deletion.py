"""Whether a row is deleted at its source, by the value of one column: yes, no, or not known."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

WrittenForm = tuple[str, Any]

_TRUTH = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
_WORDS = {"true": True, "false": False}
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}\Z")


class Deletion:
    """What the values of a soft-delete column mean.

    `gone` mean deleted and `living` not. Of a yes or no, and of 1 or 0, the opposite of a declared value
    needs no declaration; a missing or blank value always means living. Text counts without the white space
    around it, as a column of fixed width pads it.
    """

    def __init__(self, gone: Sequence[bool | int | str], living: Sequence[bool | int | str] = ()) -> None:
        self._gone = {form for value in gone for form in _declared(value)}
        self._living = {form for value in living for form in _declared(value)}
        self._living |= {_opposite(form) for form in self._gone if _is_yes_or_no(form)} - self._gone

    def of(self, value: Any) -> bool | None:
        """Tell whether a value means deleted; None where nobody declared what it means."""
        if value is None or (isinstance(value, str) and not value.strip()):
            return False
        forms = _forms(value)
        if forms & self._gone:
            return True
        return False if forms & self._living else None

    def all_of(self, values: Sequence[Any]) -> list[bool | None]:
        """Tell it of a column, once for each value that occurs."""
        known: dict[tuple[type, Any], bool | None] = {}
        found = []
        for value in values:
            if not isinstance(value, (str, int, float, type(None))):
                found.append(self.of(value))
                continue
            place = (type(value), value)
            if place not in known:
                known[place] = self.of(value)
            found.append(known[place])
        return found


def never_matches(value: bool | int | str) -> bool:
    """Tell whether no row can have a declared value: a blank one means living."""
    return isinstance(value, str) and not value.strip()


def both(gone: Sequence[bool | int | str], living: Sequence[bool | int | str]) -> list[str]:
    """Give the values that are declared to mean living, and deleted, too."""
    marks = {form for value in gone for form in _declared(value)}
    return [str(value) for value in living if marks & _declared(value)]


def _declared(value: bool | int | str) -> set[WrittenForm]:
    """Give what a declared value is compared with."""
    if isinstance(value, bool):
        return {("yes or no", value)}
    if isinstance(value, int):
        return {("number", value)}
    text = _plain(value)
    forms: set[WrittenForm] = {("text", text)}
    if text.casefold() in _WORDS:
        forms.add(("yes or no", _WORDS[text.casefold()]))
    if _INTEGER.match(text):
        forms.add(("number", int(text)))
    return forms


def _forms(value: Any) -> set[WrittenForm]:
    """Give what a row's value can be compared as."""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return set()
    if isinstance(value, bool):
        return {("yes or no", value), ("number", int(value))}
    if isinstance(value, (int, float, Decimal)):
        if not math.isfinite(value) or value != int(value):
            return set()
        number = int(value)
        forms: set[WrittenForm] = {("number", number), ("text", str(number))}
        return forms | ({("yes or no", bool(number))} if number in (0, 1) else set())
    if not isinstance(value, str):
        return set()
    text = _plain(value)
    forms = {("text", text)}
    if text.casefold() in _TRUTH:
        forms.add(("yes or no", _TRUTH[text.casefold()]))
    if _INTEGER.match(text):
        forms.add(("number", int(text)))
    return forms


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text.strip())


def _is_yes_or_no(form: WrittenForm) -> bool:
    return form[0] == "yes or no" or form in (("number", 0), ("number", 1))


def _opposite(form: WrittenForm) -> WrittenForm:
    kind, value = form
    return kind, (not value if kind == "yes or no" else 1 - value)
