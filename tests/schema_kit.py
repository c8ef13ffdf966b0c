"""Tables of random schemas, drawn by hypothesis, in one SQLite file: what `connector new --all` has never seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

TYPES = (
    "text", "integer", "real", "numeric(9,2)", "numeric", "boolean", "date", "datetime", "blob", "varchar(20)", "",
)  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(["id", "Mã", "Cập nhật", "updated_at", "row_version", "order", "từ khóa", "a b", "Ngày sinh", "yes",
                     "012", "deleted", "x'y", 'x"y', "a:b", "#", "{", "hub_key", "_", "é", "raw", "hub", "null", "token",
                     "password", "Số ĐDCN", "da_xoa", "Mã tỉnh", "email", "x" * 130]),
    st.text(st.characters(min_codepoint=32, max_codepoint=0x1EF9, exclude_categories=("Cs", "Cn", "Co")), min_size=1, max_size=12),
)  # fmt: skip
VALUES = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=8), st.binary(max_size=4),
    st.sampled_from(["2026-01-31", "31/01/2026", "2026-01-31 08:00:00", "Nam", "001090000123", "1.5", "t", "01", ""]),
)  # fmt: skip
MOST_COLUMNS = 6
MOST_ROWS = 6


class RandomTable(NamedTuple):
    """Columns, their types, how many of them make the key, rows; `refers` says which table before it is referred to."""

    names: list[str]
    kinds: list[str]
    key: int
    rows: list[tuple[Any, ...]]
    refers: int


@st.composite
def tables(draw: st.DrawFn) -> RandomTable:
    """Give a table; three of four tell when a row was changed, and have enough rows to conclude something."""
    names = draw(st.lists(NAMES, min_size=1, max_size=MOST_COLUMNS, unique_by=lambda name: name.casefold()))
    kinds = [draw(st.sampled_from(TYPES)) for _ in names]
    rows = draw(st.lists(st.tuples(*[VALUES for _ in names]), max_size=MOST_ROWS))
    key = draw(st.integers(1, len(names))) if draw(st.integers(0, 4)) else 0
    if "cap_nhat_luc" not in names and draw(st.integers(0, 3)):
        rows = rows * draw(st.integers(1, 4))  # values that repeat look like codes
        names, kinds = [*names, "cap_nhat_luc"], [*kinds, "datetime not null"]
        rows = [(*row, f"2026-01-{at + 1:02d} 08:00:00") for at, row in enumerate(rows)]
    return RandomTable(names, kinds, key, rows, draw(st.integers(0, 1000)))


def drawn(count: int, number: int) -> list[RandomTable]:
    """Draw so many tables, the same ones of one number."""
    found: list[RandomTable] = []

    @seed(number)
    @settings(max_examples=count, database=None, deadline=None, phases=(Phase.generate,),
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(tables())
    def collect(table: RandomTable) -> None:
        found.append(table)

    while len(found) < count:
        collect()
    return found[:count]


def fill(path: Path, schemas: Sequence[RandomTable]) -> dict[str, int]:
    """Make the tables t0, t1 and so on; give how many rows each has.

    Every third refers to one before it with a key of one column, by a column `ref`, mostly to a row that is there.
    """
    counted: dict[str, int] = {}
    with sqlite3.connect(path) as source:
        for at, table in enumerate(schemas):
            columns = [
                f"{sql_name(name)} {kind}" for name, kind in zip(table.names, table.kinds, strict=True)
            ]
            to = _referred(schemas[:at], table) if at % 3 == 0 else None
            if to is not None:
                columns.append(f"ref text references t{to} ({sql_name(schemas[to].names[0])})")
            if table.key:
                columns.append(f"primary key ({', '.join(map(sql_name, table.names[: table.key]))})")
            source.execute(f"create table t{at} ({', '.join(columns)})")
            for row in table.rows:
                values = row if to is None else (*row, schemas[to].rows[0][0] if schemas[to].rows else "?")
                with suppress(sqlite3.IntegrityError):  # such as text in an integer primary key
                    source.execute(f"insert into t{at} values ({', '.join('?' * len(values))})", values)
            counted[f"t{at}"] = source.execute(f"select count(*) from t{at}").fetchone()[0]
    return counted


def _referred(before: Sequence[RandomTable], table: RandomTable) -> int | None:
    if "ref" in {name.casefold() for name in table.names}:
        return None
    single = [at for at, one in enumerate(before) if one.key == 1]
    return single[table.refers % len(single)] if single else None


def sql_name(name: str) -> str:
    """Write a name as SQL does."""
    return '"' + name.replace('"', '""') + '"'
