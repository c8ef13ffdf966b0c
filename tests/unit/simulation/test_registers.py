"""The registers' plans hold the figures of the reports, whatever seed and scale."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from pophub.simulation.declaration import declarations
from pophub.simulation.declared import DeclaredPlan
from pophub.simulation.model import Cast, Version
from pophub.simulation.plan import plan

DONE, REGULAR, RUNNING = "Hoàn thành", "Thường xuyên", "Đang thực hiện"


def at_the_end(versions: list[Version]) -> list[dict[str, Any]]:
    """Give each key's newest sound row."""
    newest: dict[str, Version] = {}
    for version in sorted(versions, key=lambda v: v.marker):
        if version.sound:
            newest[version.key] = version
    return [version.row for version in newest.values()]


def declared(stem: str, seed: str) -> list[dict[str, Any]]:
    """Give the rows of a declared register as they stand at the end."""
    (declaration,) = (one for one in declarations() if one.stem == stem)
    register = DeclaredPlan(declaration, seed, 1.0, Cast(), {})
    register.plan()
    return at_the_end(register.versions)


def tasks(seed: str) -> list[dict[str, Any]]:
    return [row for row in declared("project06.tasks", seed) if row["nam"] == "2024"]


@pytest.mark.parametrize("seed", ["1:1.0", "2:0.1", "7:0.3"])
def test_tasks_of_2024_are_as_reported(seed: str) -> None:
    found = tasks(seed)
    assert Counter(row["trang_thai"] for row in found) == {DONE: 348, REGULAR: 119, RUNNING: 184, None: 39}
    province = Counter(row["trang_thai"] for row in found if row["co_quan"] == "tuyenquang")
    assert (sum(province.values()), province[DONE] + province[REGULAR], province[RUNNING]) == (61, 34, 27)


@pytest.mark.parametrize("seed", ["1:1.0", "2:0.1", "7:0.3"])
def test_registered_databases_are_as_reported(seed: str) -> None:
    rows = declared("catalogue.databases", seed)
    counts = Counter((row["cap"] == "Quốc gia", row["ngay_dang_ky"][:4]) for row in rows)
    assert (counts[True, "2022"] + counts[True, "2023"], counts[True, "2024"]) == (6, 4)
    assert (counts[False, "2022"] + counts[False, "2023"], counts[False, "2024"]) == (2_260, 678)


def test_a_correction_comes_after_what_it_corrects_and_before_the_task_is_done() -> None:
    for version in plan(3, 0.1).versions:
        if version.stem == "project06.tasks" and version.sound:
            assigned = datetime.strptime(version.row["ngay_giao"], "%d/%m/%Y").date()
            assert datetime.fromisoformat(version.row["cap_nhat"]).date() >= assigned
