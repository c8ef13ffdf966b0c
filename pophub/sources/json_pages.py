"""A page of JSON as columns, each value as the page writes it: nothing rounded, no member twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import simplejson

from pophub.domain.errors import ContractBreach
from pophub.domain.record import FLAWS, RESERVED, Columns

MOST_DIGITS = 400  # a number beyond is a text: to write it out would fill memory
MISSING = "contract.field.missing"

Member = dict[str, Any]


def no_page(what: str, where: str) -> ContractBreach:
    """Make the refusal of an answer that is not what the connector declares; it holds nothing of it."""
    return ContractBreach(
        "source.answer",
        what,
        where=where,
        remedy="ask the agency what changed; see `records`, `pages` and `login` under `source`",
    )


def parsed(data: bytes, where: str) -> Any:
    """Read an answer; a byte that is not UTF-8 stays with its text, and fails that record alone.

    Errors: `source.answer` where it is no JSON, or an object has a member twice.
    """
    try:
        return loaded(data)
    except Twice:
        raise no_page("an object of the answer has a member twice", where) from None
    except (ValueError, RecursionError):  # its words would hold what stands there
        raise no_page("the answer is no JSON", where) from None


def loaded(data: bytes) -> Any:
    """Read JSON with every digit of its numbers; a byte that is not UTF-8 stays with its text.

    Errors: `Twice`, ValueError, RecursionError.
    """
    text = data.decode("utf-8-sig", "surrogateescape")
    return simplejson.loads(text, parse_float=_number, parse_constant=_no_constant, object_pairs_hook=_object)


def member(answer: Any, path: str | None) -> Any:
    """Give what stands at a path of names with dots between; None where nothing does.

    >>> member({"data": {"items": [1]}}, "data.items")
    [1]
    """
    for name in path.split(".") if path else ():
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer


def records_of(answer: Any, path: str | None, where: str) -> list[Member]:
    """Give the records of a page, each flat: a member of an inner object is named by both names, with a dot between.

    Errors: `source.answer`.
    """
    found = member(answer, path)
    if not isinstance(found, list):
        raise no_page(f"the answer has no list {'at ' + path if path else 'of records'}", where)
    if not all(isinstance(one, dict) for one in found):
        raise no_page("the list holds something that is no record", where)
    try:
        return [dict(flat(one)) for one in found]
    except Twice:
        raise no_page("two members of a record have one name", where) from None


def as_columns(records: Sequence[Member], declared: Sequence[str], absent: str, where: str) -> Columns:
    """Turn records into columns, with `_flaws` where a declared member is missing and that is refused.

    A declared member that none of several records has is no column at all: the source changed.
    """
    there = dict.fromkeys(name for record in records for name in record)
    if taken := sorted(RESERVED & there.keys()):
        raise no_page(f"a record has a member named {', '.join(taken)}, which pophub needs itself", where)
    refused = absent == "refuse"
    names = [name for name in declared if name in there or not (refused and len(records) > 1)]
    names += sorted(
        there.keys() - set(declared)
    )  # so that a record is the same row on whatever page it comes
    flaws = [_missing(record, declared) if refused else None for record in records]
    return {name: [record.get(name) for record in records] for name in names} | {FLAWS: flaws}


def in_chunks(columns: Columns, rows: int) -> Iterator[Columns]:
    """Cut a page into chunks of so many rows at most."""
    count = len(columns[FLAWS])
    for at in range(0, count, rows):
        yield {name: values[at : at + rows] for name, values in columns.items()}


def _missing(record: Mapping[str, Any], declared: Sequence[str]) -> str | None:
    gone = {name: MISSING for name in declared if name not in record}
    return simplejson.dumps(gone, ensure_ascii=False) if gone else None


def flat(record: Member, before: str = "") -> Iterator[tuple[str, Any]]:
    """Give the members of a record by name; that of an inner one is named by both names, with a dot between.

    Errors: `Twice` where two have one name.
    """
    taken = set[str]()
    for name, value in record.items():
        pairs = (
            flat(value, f"{before}{name}.") if isinstance(value, dict) else [(before + name, plain(value))]
        )
        for pair in pairs:
            if pair[0] in taken:
                raise Twice
            taken.add(pair[0])
            yield pair


def plain(value: Any) -> Any:
    """Give a value as columns hold it: a list as JSON, a text that is no Unicode as its bytes."""
    if isinstance(value, list):
        value = simplejson.dumps(value, ensure_ascii=False, use_decimal=True, separators=(",", ":"))
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "surrogatepass")
    return value


class Twice(Exception):
    """A member stands twice in an object, or two members would have one name."""


def _object(pairs: list[tuple[str, Any]]) -> Member:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Twice
    return found


def _number(text: str) -> Decimal | str:
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds
        return text
    return number if abs(number.adjusted()) < MOST_DIGITS else text


def _no_constant(name: str) -> Any:
    raise ValueError(name)
