"""What the promised view costs, in rows that PostgreSQL looks at: no more than a few for each that it gives.

A database without statistics, as a hub has them while it is filled for the first time: there a plan that
compares each stretch with each version was taken once, and a count of 100,000 rows took minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hubkit import Servers

from pophub.postgres import Cursor, statements
from pophub.prepare import prepare_database

ELSEWHERE = "plans_of_the_view"
STRETCHES, EACH = 25, 400
FILL = """
insert into ledger.history (sequence, marker, exchanged_at, recorded_at, batch, raw_offset, month, row, lane,
    contract, raw_lane, replayed, operation, stem, key, event_id, content, digest, payload)
select n, n, now(), now(), 1, n, '2026-01-01', 0, 0, 1, 0, false, 'u', 'a.b', n, int8send(n), int8send(n), int8send(n), int8send(n)
from generate_series(1, %(stretches)s * %(each)s) n;
insert into judge.lane (stem, lane, sequence) values ('a.b', 0, %(stretches)s * %(each)s);
insert into hub.dataset (stem, identity) values ('a.b', false);
insert into population.key_head (marker, sequence, known_at, dataset, lane, contract, key, content)
select n, n, now(), (select number from hub.dataset), 0, 1, n, '' from generate_series(1, %(stretches)s * %(each)s) n;
insert into ledger.stretch
select 'r', 'a.b', 0, (n - 1) * %(each)s + 1, n * %(each)s,
    case when n = 3 then int8multirange(int8range((n - 1) * %(each)s + 2, (n - 1) * %(each)s + 5)) end,
    %(each)s, 1, '2026-01-01', '2026-01-01', now(), now(), ''
from generate_series(1, %(stretches)s) n
"""


@pytest.fixture(scope="module")
def filled(servers: Servers) -> Iterator[Cursor]:
    """A prepared database with one lane of history, cut into stretches; three versions of one were not granted."""
    servers.query(f"create database {ELSEWHERE}")
    known = servers.settings
    prepare_database(
        known.model_copy(update={"endpoints": known.endpoints.model_copy(update={"database": ELSEWHERE})})
    )
    with closing(servers.superuser(ELSEWHERE)) as connection, connection.cursor() as cursor:
        cursor.execute(FILL, {"stretches": STRETCHES, "each": EACH})
        yield cursor
    servers.query(f"drop database {ELSEWHERE} with (force)")


def looked_at(cursor: Cursor, statement: str, told: dict[str, Any]) -> tuple[int, int]:
    """Give how many rows a statement gives, and how many the nodes of its plan gave or dropped, loops counted."""
    cursor.execute("explain (analyze, timing off, format json) " + statement, told)
    (([whole],),) = cursor.fetchall()
    return int(whole["Plan"]["Actual Rows"]), _work(whole["Plan"])


def _work(node: dict[str, Any]) -> int:
    rows = sum(
        node.get(name, 0) for name in node if name == "Actual Rows" or name.startswith("Rows Removed by")
    )
    return int(rows * node["Actual Loops"]) + sum(map(_work, node.get("Plans", [])))


@pytest.mark.parametrize("analyzed", [False, True], ids=["without statistics", "with statistics"])
@pytest.mark.parametrize(
    ("statement", "told", "wanted"),
    [
        ("select * from hub.share_transaction where recipient = %(r)s", {"r": "r"}, STRETCHES * EACH - 3),
        (statements("reconcile")["ledger"],
         {"recipient": "r", "stem": "a.b", "lanes": [0], "after": [0], "upto": [EACH * 10]}, EACH * 10 - 3),
        ("select * from hub.share_transaction where event_id = int8send(%(n)s)", {"n": 777}, 2),
    ],
    ids=["the view", "reconcile", "one version's transactions"],
)  # fmt: skip
def test_a_stretch_is_not_compared_with_each_version(
    filled: Cursor, statement: str, told: dict[str, Any], wanted: int, analyzed: bool
) -> None:
    if analyzed:
        filled.execute("analyze ledger.history, ledger.stretch")
    given, work = looked_at(filled, statement, told)
    assert given == wanted
    assert work < 12 * STRETCHES * EACH, f"{work:,} rows for {given:,}"


@pytest.mark.parametrize("analyzed", [False, True], ids=["without statistics", "with statistics"])
def test_a_search_for_a_number_looks_at_the_newest_versions_alone(filled: Cursor, analyzed: bool) -> None:
    if analyzed:
        filled.execute("analyze ledger.history, population.key_head, judge.lane")
    newest, wanted = 500, STRETCHES * EACH - 10
    told = {"stem": "a.b", "needle": wanted.to_bytes(8, "big"), "most": newest, "hits": 200}
    filled.execute("begin")
    filled.execute(statements("carried")["briefly"], {"ms": "10000"})
    given, work = looked_at(filled, statements("carried")["accepted_carrying"], told)
    filled.execute("rollback")
    assert given == 1
    assert work < 4 * newest, f"{work:,} rows for the newest {newest}"
