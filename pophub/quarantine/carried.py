"""Find the records that carry a number in a field: a citizen's, an organisation's, the key of another dataset's record.

No index knows what fields hold. So the newest versions of each dataset are looked through, so many and no more however
large the hub is, and it is told of which datasets, which fields, and how many of how many.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from pophub import avro
from pophub.contracts.model import Connector, Rule
from pophub.contracts.referred import referred
from pophub.domain.errors import PophubError
from pophub.postgres import Connection, only_row, statements, transaction
from pophub.quarantine.browse import sent
from pophub.quarantine.trace import Hit

SQL = statements("carried")
NEWEST = 50_000
"""So many accepted versions of a dataset, and so many that wait, are looked through."""
HITS = 200
"""So many that carry a text are given of a dataset, the newest."""
BRIEFLY_MS = 2_000
"""So long may one statement take, and none is begun after `WHOLE_S`; what was not looked through by then is told."""
WHOLE_S = 10.0


class Reach(NamedTuple):
    """How far a dataset was looked through. Shape: no fields where its contract names none that refer to anything.

    `accepted` of `of_accepted` versions; `waiting` is how many of the quarantine, all of them unless `more_wait`.
    `in_time`: false where nothing was, for it took too long. `more_found`: beside those given there are others.
    """

    stem: str
    fields: tuple[str, ...]
    accepted: int = 0
    of_accepted: int = 0
    waiting: int = 0
    more_wait: bool = False
    in_time: bool = True
    more_found: bool = False


def carrying(
    connection: Connection, text: str, connectors: Iterable[Connector]
) -> tuple[list[Hit], list[Reach]]:
    """Give the versions that stand, and those that wait, which carry a text as a field's whole value."""
    hits, reaches, end = list[Hit](), list[Reach](), time.monotonic() + WHOLE_S
    for connector in connectors:
        reach = Reach(connector.stem, fields_of(connector))
        if reach.fields:
            left_ms = int((end - time.monotonic()) * 1000)
            try:
                found, reach = _looked_through(connection, connector, text, reach, min(left_ms, BRIEFLY_MS))
                hits += found
            except PophubError:
                if connection.closed:
                    raise
                reach = reach._replace(in_time=False)
        reaches.append(reach)
    return hits, reaches


def fields_of(connector: Connector) -> tuple[str, ...]:
    """Give the fields that name people, organisations, other records or one thing, by the connector or by a rule.

    A key of one field is left out: it is found as a key.
    """
    names = [name for one in referred(connector.file) for name in one.fields] + [*connector.file.unique]
    names += [rule.field for rule in connector.contract.rules if rule.field and _is_of_numbers(rule)]
    return tuple(name for name in dict.fromkeys(names) if (name,) != connector.file.key)


def _is_of_numbers(rule: Rule) -> bool:
    """Tell whether a rule says that its field is a personal number or a tax code."""
    return rule.expectation == "expect_personal_id" or rule.kwargs.get("check") == "tax_code"


def _looked_through(
    connection: Connection, connector: Connector, text: str, reach: Reach, ms: int
) -> tuple[list[Hit], Reach]:
    """Look through one dataset, in one transaction that waits no longer than it may."""
    if ms <= 0:
        return [], reach._replace(in_time=False)
    asked = {
        "stem": connector.stem,
        "needle": avro.text_bytes(text),
        "most": NEWEST,
        "hits": HITS,
        "ms": str(ms),
    }
    with transaction(connection, "looking for a number in records") as cursor:
        cursor.execute(SQL["briefly"], asked)
        cursor.execute(SQL["accepted_reach"], asked)
        accepted, of_accepted = only_row(cursor)
        cursor.execute(SQL["accepted_carrying"], asked)
        stand = cursor.fetchall()
        cursor.execute(SQL["waiting_reach"], asked)
        (waiting,) = only_row(cursor)
        cursor.execute(SQL["waiting_carrying"], asked)
        wait = cursor.fetchall()
    hits = [Hit(*row[:-1]) for row in stand if _carries(connector, reach.fields, text, bytes(row[-1]))]
    hits += [Hit(*row[:-1]) for row in wait if text in (sent(bytes(row[-1])) or {}).values()]
    return hits, reach._replace(
        accepted=int(accepted), of_accepted=int(of_accepted), waiting=min(int(waiting), NEWEST),
        more_wait=waiting > NEWEST, more_found=HITS in (len(stand), len(wait)),
    )  # fmt: skip


def _carries(connector: Connector, fields: Iterable[str], text: str, payload: bytes) -> bool:
    try:
        record: dict[str, Any] = avro.decode_known(connector.contract.schemas, payload)
    except avro.BadBlock:
        return True  # the text is in its bytes, and who opens it sees what cannot be read
    return any(record.get(name) == text for name in fields)
