"""What is kept outside the database: eight bytes a row, written again without harm."""

from __future__ import annotations

from pathlib import Path

from pophub.ledger.witness import Witness
from pophub.settings import Endpoints, Settings

LANE = ("history", "mps.citizens", 0)


def witness(folder: Path) -> Witness:
    return Witness(Settings(home=folder, project=folder, endpoints=Endpoints()))


def test_rows_are_kept_by_number_and_only_as_far_as_signed(tmp_path: Path) -> None:
    kept = witness(tmp_path)
    kept.keep(LANE, 1, b"a" * 8 + b"b" * 8)
    kept.keep(LANE, 3, b"c" * 8)
    kept.keep(LANE, 3, b"c" * 8)
    rows = kept.rows(LANE, 2)
    assert [rows.at(n) for n in (1, 2, 3)] == [b"a" * 8, b"b" * 8, None]
    assert kept.rows(LANE, 3).later(1, b"c" * 32)
    assert not rows.later(1, b"c" * 32)
    assert not kept.rows(LANE, 3).later(1, b"a" * 32)
    assert kept.rows(("history", "x.y", 0), 5).at(1) is None


def test_names_of_checkpoints_are_kept_and_a_torn_line_is_no_name(tmp_path: Path) -> None:
    kept = witness(tmp_path)
    assert kept.names() == {}
    kept.name(1, "ab")
    with (tmp_path / "ledger" / "checkpoints").open("a") as file:
        file.write("2")
    assert kept.names() == {1: "ab"}
    assert (tmp_path / "ledger" / "checkpoints").stat().st_mode & 0o777 == 0o600
