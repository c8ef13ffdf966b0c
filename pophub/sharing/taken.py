"""What a contract promises to a subscriber of a dataset, and what a changed one takes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from pophub.contracts.model import AvroField, Connector
from pophub.contracts.row_terms import allowed
from pophub.contracts.subscription_model import Grant
from pophub.domain.record import Versions

NAMED = 5  # values of a code that are told by name


class Loss(NamedTuple):
    """One thing that a subscriber had and would lose; of the whole record where no field is named."""

    recipient: str
    field: str
    what: str

    def as_json(self) -> dict[str, str]:
        """Give it as it is kept and told."""
        return self._asdict()


class Effect(NamedTuple):
    """What of the rows looked at a subscriber would get no longer, or with other values."""

    recipient: str
    rows: int
    gone: int
    changed: int


def taken_fields(before: Connector, after: Connector, recipient: str, grant: Grant) -> Iterator[Loss]:
    """Find granted fields that are gone, have another type, may be empty now, or have fewer values."""
    old, new = _fields(before), _fields(after)
    for name in dict.fromkeys([*grant.fields, *grant.rows]):
        if name not in old:
            continue
        if name not in new:
            yield Loss(recipient, name, "the field is gone")
            continue
        if _type(new[name]) != _type(old[name]):
            what = f"{_type(old[name])} becomes {_type(new[name])}"
            yield Loss(recipient, name, what)
        if new[name].nullable and not old[name].nullable:
            yield Loss(recipient, name, "it may be empty now")
        lost = _lost(values_of(before, name), values_of(after, name))
        if lost is not None:
            yield Loss(recipient, name, lost)


def values_of(connector: Connector, name: str) -> frozenset[Any] | None:
    """Give the values that the rules let a field have; None where they do not list any."""
    found: frozenset[Any] | None = None
    for rule in connector.contract.rules:
        if rule.kwargs.get("column") != name:
            continue
        listed = rule.listed
        if rule.expectation == "expect_column_values_to_be_in_set":
            listed = frozenset(rule.kwargs["value_set"])
        if listed is not None:
            found = listed if found is None else found & listed
    return found


def effect(
    before: Connector, recipient: str, grant: Grant, old: Versions, new: Versions,
    failing: Sequence[int], sound: Sequence[int],
) -> Effect:  # fmt: skip
    """Count what a subscriber would miss of accepted rows, and what it would get with other values."""
    fields = _fields(before)
    limits = allowed(grant, fields)

    def got(row: int) -> bool:
        return all(old.columns[name][row] in values for name, values in limits.items())

    def differs(row: int) -> bool:
        return any(
            name in new.columns and name in old.columns and old.columns[name][row] != new.columns[name][row]
            for name in grant.fields
        )

    mine = [row for row in sound if got(row)]
    gone = sum(map(got, failing))
    return Effect(recipient, len(mine) + gone, gone, sum(map(differs, mine)))


def _lost(before: frozenset[Any] | None, after: frozenset[Any] | None) -> str | None:
    if after is None or before == after:
        return None
    if before is None:
        return f"only {len(after)} listed values come now"
    lost = sorted(map(str, before - after))
    if not lost:
        return None
    told = ", ".join(lost[:NAMED])
    return f"no longer comes: {told}{f' and {len(lost) - NAMED} more' if len(lost) > NAMED else ''}"


def _fields(connector: Connector) -> dict[str, AvroField]:
    return {field.name: field for field in connector.contract.fields}


def _type(field: AvroField) -> str:
    exact = field.type == "decimal"
    return f"decimal({field.precision}, {field.scale})" if exact else str(field.type)
