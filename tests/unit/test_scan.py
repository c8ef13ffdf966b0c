"""A scan reads a table chunk by chunk: what is in memory does not grow with the table."""

from __future__ import annotations

import sqlite3
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from fake_rules import things

from pophub.contracts.source_model import SqlSource
from pophub.domain.raw_values import packed, unpacked
from pophub.domain.rows import Rows
from pophub.gates.mapping import ContractMapper
from pophub.ports import Start
from pophub.sources.sql import SqlTable
from pophub.stages.scan import Scan, identified

SCANNED = {"kind": "sql", "url": "${X}", "table": "t", "key": ["key"], "marker": {"kind": "scan"}}


class Counting:
    """A store to which every third row is new, and every tenth known one is gone; it keeps counts alone."""

    def __init__(self, gone: int) -> None:
        self._gone = gone
        self.most = self.seen = self.deleted = 0
        self.state = ""

    def start(self) -> Start:
        return Start(None, 0, set(), [], 0, 0)

    def stamp(self, tick_us: int | None) -> int:
        return 0

    def opened(self, run: str, contract: int, stamp_us: int, rows: int) -> int:
        return 1

    def moved(self, rows: Rows, marker: int | None, window: int | None, columns: Sequence[str]) -> None:
        pass

    @contextmanager
    def held_when_breached(self, subject: str) -> Iterator[None]:
        yield

    def claim(self, run: str) -> int:
        return 7

    def unknown(self, keys: Sequence[str], digests: Sequence[bytes]) -> list[int]:
        self.seen += len(keys)
        self.most = max(self.most, len(keys))
        return list(range(0, len(keys), 3))

    def named(self, as_sent: Mapping[str, str | None]) -> None:
        self.most = max(self.most, len(as_sent))

    def kept(self) -> None:
        pass

    def gone(self) -> tuple[int, int]:
        return self._gone, 1 << 40

    def let_go(self) -> int:
        return 0

    def gone_after(self, key: str, most: int) -> list[tuple[str, str | None]]:
        first = int(key or 0) + 1
        numbers = range(first, min(first + most, self._gone + 1))
        return [(f"{number:09d}", packed([f"{number:09d}"])) for number in numbers]

    def gone_named(self, keys: Sequence[str]) -> None:
        self.most = max(self.most, len(keys))

    def gone_kept(self, keys: Sequence[str]) -> None:
        self.deleted += len(keys)

    def ended(self, state: str, rows: int, sent: int, gone: int) -> None:
        self.state = state


class Nowhere:
    """A writer that only looks at each block."""

    def send(self, blocks: Any) -> bool:
        for _ in blocks:
            pass
        return False

    def close(self) -> None:
        pass


def peak(folder: Path, rows: int) -> tuple[int, Counting]:
    """Scan a table of so many rows, a third of them new and a tenth gone; give the most memory that it took."""
    path = folder / f"{rows}.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("create table t (key text primary key, value text, person text, number text)")
        database.executemany(
            "insert into t values (?, ?, null, null)", ((f"{n:09d}", f"value {n}") for n in range(rows))
        )
    connector, store = things(SCANNED), Counting(rows // 10)
    table = SqlTable(cast(SqlSource, connector.file.source), f"sqlite:///{path}")
    stage = Scan(connector, ContractMapper(connector), cast(Any, store), Nowhere(), table, "test")
    tracemalloc.start()
    stage.run()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most, store


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    peak(tmp_path, 500)  # what is made once
    small, _ = peak(tmp_path, 20_000)
    large, store = peak(tmp_path, 120_000)
    assert (store.seen, store.deleted, store.state) == (120_000, 12_000, "whole")
    assert store.most <= 5_001, "a chunk, and the row that was held back"
    assert large < 1.2 * small, (small, large)


@pytest.mark.parametrize(
    "value",
    ["A|1", 7, 2.5, True, None, Decimal("1.50"), date(2024, 5, 1), datetime(2024, 5, 1, 7, 30, tzinfo=UTC), b"\x00\xff"],
)  # fmt: skip
def test_a_key_comes_back_with_its_type(value: Any) -> None:
    (found,) = unpacked(packed([value]))
    assert (type(found), found) == (type(value), value)


def test_rows_of_one_key_have_one_digest_in_whatever_order() -> None:
    columns = {"key": ["a", "b", "a"], "value": ["1", "1", "2"], "person": [None] * 3, "number": [None] * 3}
    keys, contents = identified(things(SCANNED), columns, ["a", "b", "a"])
    turned = {name: values[::-1] for name, values in columns.items()}
    assert contents[0] == contents[2] != contents[1]
    assert identified(things(SCANNED), turned, ["a", "b", "a"]) == (keys, contents[::-1])
    assert identified(things(SCANNED), columns, [None, "b", "c"])[0][0] != "a"
