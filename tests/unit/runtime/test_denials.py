"""Each line of the broker's log is counted once, also while it grows and after it began anew."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pophub.runtime import denials

LINE = "2026-11-28T13:34:10Z INFO kafka.authorizer.logger - Principal = User:{} is Denied operation = READ from host\n"


READ = (
    "2026-11-{}.123Z [data-plane-kafka-request-handler-0] INFO kafka.authorizer.logger - Principal = User:{} is Denied "
    "operation = {} from host = 127.0.0.1 on resource = {}:LITERAL:{} for request = Fetch with resourceRefCount = 1 "
    "based on rule DefaultDeny\n"
)


def test_refused_reads_are_counted_by_hour_login_and_topic_also_where_the_log_was_rotated(
    tmp_path: Path,
) -> None:
    topic = "shared.mps.citizens"
    (tmp_path / "kafka.log.1").write_text(
        READ.format("28T23:59:59", "subscriber-tax", "DESCRIBE", "Topic", topic)
    )
    (tmp_path / "kafka.log").write_text(
        READ.format("29T00:00:00", "subscriber-tax", "READ", "Topic", topic) * 2
        + READ.format("29T00:59:59", "subscriber-tax", "READ", "Topic", topic).replace("59.123Z", "59.123+07")
        + READ.format("29T00:01:00", "subscriber-tax", "WRITE", "Topic", topic)  # no read
        + READ.format("29T00:01:00", "subscriber-tax", "READ", "Group", "somebody")
        + LINE.format("subscriber-tax")
    )
    hours = [datetime(2026, 11, *at, tzinfo=UTC) for at in ((28, 17), (28, 23), (29, 0))]
    counted, file, at = denials.refused_reads(tmp_path / "kafka.log", 0, 0)
    assert counted == {
        (hour, "subscriber-tax", topic): times for hour, times in zip(hours, (1, 1, 2), strict=True)
    }
    assert denials.refused_reads(tmp_path / "kafka.log", file, at) == ({}, file, at)
    (tmp_path / "kafka.log.1").rename(tmp_path / "kafka.log.2")
    (tmp_path / "kafka.log").rename(tmp_path / "kafka.log.1")  # rotated: what is new is added, nothing twice
    (tmp_path / "kafka.log").write_text(READ.format("29T00:30:00", "subscriber-tax", "READ", "Topic", topic))
    again, *_ = denials.refused_reads(tmp_path / "kafka.log", file, at)
    assert again == {(hours[2], "subscriber-tax", topic): 1}
    assert denials.refused_reads(tmp_path / "none", 0, 0) == ({}, 0, 0)


def test_each_denial_is_counted_once_while_the_log_grows(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    found = denials.Denials(log)
    assert found.counts() == {}
    log.write_text(
        LINE.format("subscriber-tax") * 2 + "something else\n" + LINE.format("agency-mps") + LINE[:60]
    )
    assert found.counts() == {"agency-mps": 1, "subscriber-tax": 2}
    assert found.counts() == {"agency-mps": 1, "subscriber-tax": 2}
    with log.open("a") as more:
        more.write("\n" + LINE.format("subscriber-tax"))
    assert found.counts() == {"agency-mps": 1, "subscriber-tax": 3}


def rotate(log: Path) -> None:
    """Do as the supervisor does, which keeps two."""
    for old, new in (("kafka.log.1", "kafka.log.2"), ("kafka.log", "kafka.log.1")):
        if (path := log.with_name(old)).exists():
            path.rename(log.with_name(new))


def test_a_log_that_began_anew_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_text(LINE.format("subscriber-tax") * 3)
    found = denials.Denials(log)
    found.counts()
    rotate(log)
    log.write_text(LINE.format("subscriber-tax"))
    assert found.counts() == {"subscriber-tax": 4}
    log.write_text("")
    assert found.counts() == {"subscriber-tax": 4}
    log.write_text(LINE.format("subscriber-tax"))
    assert found.counts() == {"subscriber-tax": 5}, "cut to nothing, under the same name"


def test_no_denial_is_told_again_or_lost_by_rotations_and_restarts_of_who_counts(tmp_path: Path) -> None:
    log, told = tmp_path / "kafka.log", 0
    for look in range(12):
        with log.open("a") as more:
            more.write(LINE.format("subscriber-tax") * 2)
        if look % 2:
            rotate(log)  # what was written since the last look is under another name now
            log.write_text(LINE.format("subscriber-tax"))
        counted = denials.Denials(log).counts()["subscriber-tax"]
        assert counted - told == 2 + look % 2, "the counter only climbs, by what is new"
        told = counted


def test_what_was_kept_and_cannot_be_read_is_counted_anew(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_text(LINE.format("a"))
    for text in ("", "[]", '{"at": "x"}', '{"at": 1, "file": 1, "found": []}', "\0"):
        (tmp_path / "kafka.log.denials").write_text(text)
        assert denials.Denials(log).counts() == {"a": 1}
    assert (tmp_path / "kafka.log.denials").stat().st_mode & 0o077 == 0


def test_the_first_look_reads_the_log_to_its_end_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A counter that climbed over many looks would let old denials ring as new after each restart."""
    monkeypatch.setattr(denials, "MOST_BYTES", 250)
    log = tmp_path / "kafka.log"
    log.write_text(LINE.format("a") * 50 + LINE[:60])
    found = denials.Denials(log)
    assert found.counts() == {"a": 50} and found.counts() == {"a": 50}
    with log.open("a") as more:
        more.write(LINE.format("b")[60:])
    assert found.counts() == {"a": 50, "b": 1}
    assert denials.Denials(log).counts() == {"a": 50, "b": 1}


def test_a_line_longer_than_a_piece_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denials, "MOST_BYTES", 250)
    log = tmp_path / "kafka.log"
    log.write_text(LINE.format("a") + "x" * 1_000)
    found = denials.Denials(log)
    assert found.counts() == {"a": 1}
    with log.open("a") as more:
        more.write("x" * 1_000 + "\n" + LINE.format("b"))
    assert found.counts() == {"a": 1, "b": 1}
