"""The values that a grant limits its rows to: read by the field's type, and found in its code lists."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date

from pophub.contracts.model import AvroField, Connector
from pophub.contracts.subscription_model import Grant
from pophub.contracts.suite import nearest
from pophub.contracts.units import codes_of
from pophub.domain.dates import EPOCH_DAY

BOOLEANS = {"true": True, "false": False}
FORMS = {
    "int": "a whole number such as 640", "long": "a whole number such as 640",
    "boolean": "true or false", "date": "a date such as 2026-01-31",
}  # fmt: skip


def allowed(grant: Grant, fields: Mapping[str, AvroField]) -> dict[str, frozenset[object]]:
    """Give the values that a record may have in each field, as the contract's records hold them.

    Errors: `ValueError` for a value that is none of the field's type.
    """
    return {
        name: frozenset(_value(fields[name].type, text) for text in texts)
        for name, texts in grant.rows.items()
    }


def unfit(grant: Grant, connector: Connector) -> Iterator[tuple[str, str]]:
    """Give (field, why) where a record can never have the value that a grant limits its rows to."""
    fields = {field.name: field for field in connector.contract.fields}
    for name, texts in grant.rows.items():
        kind = fields[name].type
        if kind not in ("string", *FORMS):
            yield name, f"rows cannot be limited by {name}, which is a {kind}"
        elif not texts:
            yield name, f"no value of {name} is granted, so no row would be"
        elif kind != "string":
            if not all(_fits(kind, text) for text in texts):
                yield name, f"{name} wants {FORMS[kind]}"
        else:
            yield from _unlisted(name, texts, connector)


def _unlisted(name: str, texts: tuple[str, ...], connector: Connector) -> Iterator[tuple[str, str]]:
    rules = connector.contract.rules
    tables = {
        r.kwargs["codes"] for r in rules if r.expectation == "expect_code" and r.kwargs["column"] == name
    }
    mapping = connector.file.mapping.get(name)
    if mapping and mapping.unit:
        for text in texts:
            if text not in codes_of(mapping.unit.to):
                yield name, f"there is no {mapping.unit.to} {text!r} since 1 July 2025"
    for table in sorted(tables | ({mapping.codes} if mapping and mapping.codes else set())):
        known = set(connector.tables[table].values.values())
        for text in texts:
            if text not in known:
                yield name, f"the code list {table} has no {text!r}{nearest(text, sorted(known))}"


def _fits(kind: str, text: str) -> bool:
    try:
        _value(kind, text)
    except ValueError:
        return False
    return True


def _value(kind: str, text: str) -> object:
    if kind in ("int", "long"):
        if not re.fullmatch(r"0|-?[1-9][0-9]*", text):
            raise ValueError("no whole number")
        return int(text)
    if kind == "boolean":
        if text not in BOOLEANS:
            raise ValueError("neither true nor false")
        return BOOLEANS[text]
    if kind == "date":
        return date.fromisoformat(text).toordinal() - EPOCH_DAY
    return unicodedata.normalize("NFC", text)
