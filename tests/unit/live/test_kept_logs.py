"""A source that keeps its log for the hub is told before its disk is full."""

from __future__ import annotations

from fake_rules import things

from pophub.live.conditions import UNREAD_S, of_kept_logs
from pophub.live.state import US

SOURCE = {"kind": "cdc", "url": "${X}", "table": "t", "key": ["key"], "keep_wal_mb": 100}
NOW = 1_700_000_000 * US


def told(size: int | None, ago_s: int, source: dict[str, object] = SOURCE) -> list[tuple[str, str]]:
    stems = {"mem.things": things(source)}
    found = of_kept_logs([("mem.things", size, NOW - ago_s * US)], stems, NOW)
    return [(one.code, one.what) for one in found]


def test_more_than_the_declared_bound_and_a_log_that_nobody_reads_are_alerts() -> None:
    assert told(100 << 20, 60) == told(None, 60) == []
    assert told(101 << 20, 60) == [
        ("alert.slot_kept", "the source keeps 101 MB of its log, more than keep_wal_mb")
    ]
    assert told(5 << 20, UNREAD_S + 3600) == [
        ("alert.slot_kept", "the source keeps all of its log since 25 hours: no run read it")
    ]


def test_a_source_that_is_read_otherwise_by_now_is_not_told() -> None:
    sql = {"kind": "sql", "url": "${X}", "table": "t", "key": ["key"], "marker": {"kind": "scan"}}
    assert told(101 << 20, UNREAD_S + 3600, sql) == []
