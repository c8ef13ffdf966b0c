"""Each line of the broker's log is counted once, also while it grows and after it began anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from pophub.runtime import denials

LINE = "2026-11-28T13:34:10Z INFO kafka.authorizer.logger - Principal = User:{} is Denied operation = READ from host\n"


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


def test_a_log_that_began_anew_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_text(LINE.format("subscriber-tax") * 3)
    found = denials.Denials(log)
    found.counts()
    log.rename(tmp_path / "kafka.log.1")
    log.write_text(LINE.format("subscriber-tax"))
    assert found.counts() == {"subscriber-tax": 4}


def test_a_look_reads_no_more_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denials, "MOST_BYTES", 250)
    log = tmp_path / "kafka.log"
    log.write_text(LINE.format("a") * 5)
    found = denials.Denials(log)
    seen = [found.counts().get("a", 0) for _ in range(6)]
    assert seen[0] < 5 == seen[-1] and seen == sorted(seen)
