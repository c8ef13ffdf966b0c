"""Files of which each is a whole inventory: what is new, changed or gone in the newest comes through."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from hubkit import SIGKILLED, Project, hub_of
from outside import check

from pophub.commands import reconcile as commands
from pophub.postgres import connect
from pophub.quarantine import holds

pytestmark = pytest.mark.timeout(300)
HEADER = (
    "Mã hồ sơ,Mã thủ tục,Số định danh,Họ và tên,Ngày sinh,Ngày nộp,Ngày trả,Kênh,Đã số hóa,Lệ phí,Trạng thái"
)


class Drops:
    """A drop folder of inventories, and the dataset that is read from it."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project, self.folder = project, folder
        folder.mkdir()
        project.environment["POPHUB_SOURCE_THANHHOA_URL"] = str(folder)
        marker = "  quiet_s: 0\n  marker: {kind: scan}\n  gone_at_most: 0.4\n\nlive:"
        self.stem = project.declare(
            "thanhhoa.procedures",
            (r"(?s)  marker:.*?\n\nlive:", marker),
            (r"(?m)^key:", "limits: {batch_rows: 3}\nkey:"),
        )
        suite = project.folder / f"expectations/{project.agency}/procedures.json"
        suite.write_text(suite.read_text().replace("hub_marker", "hub_changed_at"))
        self.day = project.ago(3 * 1440).strftime("%d/%m/%Y")
        project.put(1, 30)
        project.pass_through("prepare")
        project.pass_through("extract", "judge")

    def line(self, number: int, status: str = "Đang xử lý") -> str:
        person = self.project.number_of(1)
        return f"H{number},1.004222,{person},Nguyễn Văn An,15/03/1990,{self.day},,Trực tuyến,x,15000,{status}"

    def drop(self, name: str, *lines: str, end: str = "\n") -> None:
        (self.folder / name).write_text("\n".join([HEADER, *lines]) + end)

    def inventory(self, name: str, *numbers: int, **status: str) -> None:
        self.drop(name, *(self.line(n, status.get(f"h{n}", "Đang xử lý")) for n in numbers))

    def run(self, *steps: str) -> int:
        """Run the stages; give how many rows were sent."""
        return int(
            self.project.pass_through(*(steps or ("extract", "judge", "share")), stem=self.stem)[0]["rows"]
        )

    def refused(self) -> str | None:
        """Run extract, which must be refused, then judge; give the code."""
        ran = self.project.run("extract", stem=self.stem)
        self.project.pass_through("judge", "share", stem=self.stem)
        return ran.error

    def present(self) -> set[str]:
        found = self.project.servers.query("select key from population.head where stem = %s", self.stem)
        gone = self.project.servers.query(
            "select distinct on (key) key, operation from ledger.history where stem = %s "
            "order by key, month desc, sequence desc",
            self.stem,
        )
        return {key for (key,) in found} - {key for key, operation in gone if operation == "d"}

    def scans(self) -> list[tuple[str, int, int, int]]:
        return self.project.servers.query(
            "select state, rows, sent, gone from extract.scan where stem = %s order by scan", self.stem
        )

    def holds(self) -> set[tuple[str, str]]:
        return set(self.project.servers.query(
            "select code, subject from extract.hold where stem = %s and released_at is null", self.stem
        ))  # fmt: skip


@pytest.fixture
def drops(bare_project: Project, tmp_path: Path) -> Drops:
    bare_project.declare("mps.citizens")
    return Drops(bare_project, tmp_path / "drop")


def names(*numbers: int) -> set[str]:
    return {f"H{number}" for number in numbers}


def test_each_inventory_brings_what_is_new_changed_or_gone_since_the_one_before(
    drops: Drops, monkeypatch: pytest.MonkeyPatch
) -> None:
    drops.inventory("ho_so_1.csv", 1, 2, 3, 4, 5, 6, 7)
    assert drops.run() == 7
    assert drops.run() == 0, "a taken file is not read again"
    drops.inventory("ho_so_2.csv", 7, 1, 2, 4, 5, 8, h2="Đã trả")  # in another order
    assert drops.run() == 4
    assert drops.present() == names(1, 2, 4, 5, 7, 8)
    drops.inventory("ho_so_3.csv", 1, 2, 3, 4, 5, 6, 7)  # bytes that were taken before, as a newer state
    assert drops.run() == 4
    assert drops.present() == names(1, 2, 3, 4, 5, 6, 7)
    assert drops.scans() == [("whole", 7, 7, 0), ("whole", 6, 4, 2), ("whole", 7, 4, 1)]
    assert commands.examine(hub_of(drops.project, monkeypatch), drops.stem, deep=True).findings == []
    check(drops.project, drops.stem, subscriber=False)


def test_a_file_that_is_written_over_is_the_next_inventory_also_where_it_says_again_what_it_said(
    drops: Drops,
) -> None:
    for numbers, sent in (((1, 2, 3), 3), ((1, 2, 3, 4), 1), ((1, 2, 3), 1), ((1, 2, 3, 4), 1)):
        drops.inventory("ho_so_.csv", *numbers)
        assert drops.run() == sent
        assert drops.present() == names(*numbers)
        assert drops.run() == 0


def test_several_new_inventories_are_taken_in_the_order_of_their_names(drops: Drops) -> None:
    drops.inventory("ho_so_2.csv", 1, 2, 4)
    drops.inventory("ho_so_1.csv", 1, 2, 3)
    drops.inventory("ho_so_3.csv", 1, 2, 3, 4, h1="Đã trả")
    assert drops.run() == 3 + 2 + 2
    assert drops.present() == names(1, 2, 3, 4)
    assert drops.scans() == [("whole", 3, 3, 0), ("whole", 3, 2, 1), ("whole", 4, 2, 0)]


def test_an_inventory_that_comes_late_is_held_and_takes_nothing_back(drops: Drops) -> None:
    drops.inventory("ho_so_2.csv", 1, 2, 3)
    drops.run()
    drops.inventory("ho_so_1.csv", 1, 9)
    assert drops.refused() == "source.file_late"
    assert (drops.present(), drops.holds()) == (names(1, 2, 3), {("source.file_late", "ho_so_1.csv")})
    drops.inventory("ho_so_3.csv", 1, 2, 3, 4)  # the late one stops no newer one
    assert drops.refused() == "source.file_late"
    assert drops.present() == names(1, 2, 3, 4)
    (drops.folder / "ho_so_1.csv").unlink()
    assert drops.run() == 0
    assert drops.holds() == set()


def test_too_many_gone_at_once_are_held_until_the_next_inventory_has_them_or_a_person_lets_them_go(
    drops: Drops,
) -> None:
    drops.inventory("ho_so_1.csv", 1, 2, 3, 4)
    drops.run()
    drops.inventory("ho_so_2.csv", 1, 5)  # three of five are gone
    assert drops.refused() == "source.rows_gone"
    assert drops.present() == names(1, 2, 3, 4, 5), "what is new came; nothing was deleted"
    drops.inventory("ho_so_3.csv", 1, 2, 3, 4, 5)
    drops.refused()  # the second one is late by now
    assert (drops.present(), drops.scans()[-1]) == (names(1, 2, 3, 4, 5), ("whole", 5, 0, 0))
    (drops.folder / "ho_so_2.csv").unlink()
    drops.inventory("ho_so_4.csv", 1, 2)
    assert drops.refused() == "source.rows_gone"
    release(drops.project, drops.stem)
    drops.run()
    assert (drops.present(), drops.holds()) == (names(1, 2), set())
    check(drops.project, drops.stem, subscriber=False)


def release(project: Project, stem: str) -> None:
    """Let what is held go, as a person does."""
    settings = project.servers.settings
    with closing(connect(settings, "pophub_extract")) as connection:
        for hold in holds.holds(connection, stem):
            holds.release(connection, hold["hold"], "Lan", "asked")


def test_a_cut_off_inventory_is_held_and_deletes_nothing(drops: Drops) -> None:
    drops.inventory("ho_so_1.csv", 1, 2, 3)
    drops.run()
    drops.drop("ho_so_2.csv", drops.line(1), drops.line(2)[:30], end="")
    assert (drops.refused() or "").startswith("source.file_")
    assert drops.present() == names(1, 2, 3)
    drops.drop("ho_so_2.csv", drops.line(1), drops.line(2), end="\n")
    drops.run()
    assert (drops.present(), drops.holds()) == (names(1, 2), set())


@pytest.mark.parametrize("passage", ["claimed", "named", "kept", "ended"])
def test_an_inventory_whose_reading_is_killed_is_read_again_and_proves_nothing_before(
    drops: Drops, passage: str
) -> None:
    drops.inventory("ho_so_1.csv", 1, 2, 3)
    drops.run()
    drops.inventory("ho_so_2.csv", 2, 3, 4)
    assert drops.project.run("extract", stem=drops.stem, fail=f"scan.{passage}").code == SIGKILLED
    drops.project.pass_through("judge", stem=drops.stem)
    if passage in ("claimed", "named"):
        assert "H1" in drops.present()
    drops.run()
    assert drops.present() == names(2, 3, 4)
    assert drops.run() == 0
    assert [state for state, *_ in drops.scans()][-1] == "whole"
    check(drops.project, drops.stem, subscriber=False)


def test_a_key_that_stands_twice_costs_its_second_line_alone(drops: Drops) -> None:
    lines = [drops.line(1), drops.line(2), *(drops.line(n) for n in range(3, 9)), drops.line(1, "Đã trả")]
    drops.drop("ho_so_1.csv", *lines)
    drops.run()
    assert drops.project.states(drops.stem) == {"shared": 8, "quarantined": 1}
    assert {codes for *_, codes in map(tuple, _verdicts(drops))} == {frozenset({"clean.contradiction"})}


def _verdicts(drops: Drops) -> list[tuple[str, frozenset[str]]]:
    return [(key, frozenset(codes)) for key, (_, _, codes) in drops.project.verdicts(drops.stem).items()]


def test_a_line_that_could_not_be_read_and_is_mended_comes_again(drops: Drops) -> None:
    drops.drop("ho_so_1.csv", drops.line(1), drops.line(2) + ",one too many")
    drops.run()
    assert drops.project.states(drops.stem) == {"shared": 1, "quarantined": 1}
    drops.inventory("ho_so_2.csv", 1, 2)
    assert drops.run() == 1
    assert drops.present() == names(1, 2)
