"""A ministry's API flows through all stages: kills, defects and near misses, counted from outside."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request, Response
from hubkit import GRANTED, SIGKILLED, Project
from outside import check

sys.path.insert(0, str(Path(__file__).parents[1]))

from api_kit import TOKEN, Agency, serving

pytestmark = pytest.mark.timeout(240)
SOURCE = """source:
  kind: http
  url: ${POPHUB_SOURCE_API_URL}
  login: {secret: "${POPHUB_SOURCE_API_TOKEN}"}
  records: du_lieu.ds
  pages: {kind: cursor, next: meta.tiep, parameter: con_tro, size_parameter: limit, size: 3}
  since: {parameter: tu_luc}
  ordered: true
  marker: {column: cap_nhat_luc, kind: time}
  deleted: {column: trang_thai.da_xoa, values: [true]}
  late_s: 3600

"""
PERSON = "001090{:03d}{:03d}"


@pytest.fixture
def agency(bare_project: Project) -> Iterator[Agency]:
    with serving(Agency()) as agency:
        bare_project.declare(
            "mps.citizens", (r"(?ms)^source:.*?\n\n(?=live)", SOURCE.replace("\\", r"\\")), fields=GRANTED
        )
        bare_project.environment["POPHUB_SOURCE_API_URL"] = f"{agency.url}/cursor"
        bare_project.environment["POPHUB_SOURCE_API_TOKEN"] = TOKEN
        bare_project.pass_through("prepare")
        yield agency


def person(project: Project, number: int, minutes_ago: float, **changed: Any) -> dict[str, Any]:
    """Give a sound citizen as the API writes one."""
    return {
        "so_ddcn": project.number_of(number), "ho_ten": "Nguyễn Văn An", "ngay_sinh": "15/03/1990", "gioi_tinh": "Nam",
        "ma_tinh": "01", "ma_ho": f"H{number}", "so_cmnd": None, "trang_thai": {"da_xoa": False},
        "cap_nhat_luc": project.ago(minutes_ago).isoformat(), **changed,
    }  # fmt: skip


def test_records_flow_once_changes_follow_and_defects_stay_back(
    bare_project: Project, agency: Agency
) -> None:
    project = bare_project
    agency.rows += [person(project, i, 100 - i) for i in range(8)]
    agency.rows.append(
        person(project, 8, 50, so_ddcn=int(project.number_of(8).lstrip("0")))
    )  # lost its zeros
    lacks = person(project, 9, 49)
    del lacks["ho_ten"]
    agency.rows.append(lacks)
    agency.rows.append(
        person(project, 10, 48, ho_ten="Nguyê\u0303n Văn \u0110ức")
    )  # sound: tone marks of their own
    project.pass_through()
    assert project.states() == {"shared": 9, "quarantined": 2}
    codes = sorted(code for _, _, found in project.verdicts().values() for code in found)
    assert codes == ["contract.field.missing", "correct.id.length", "correct.id.type"]
    agency.rows[0] |= {"ma_tinh": "79", "cap_nhat_luc": project.ago(20).isoformat()}
    agency.rows[1] |= {"trang_thai": {"da_xoa": True}, "cap_nhat_luc": project.ago(19).isoformat()}
    agency.asked.clear()
    project.pass_through()
    assert project.states() == {"shared": 11, "quarantined": 2}
    assert agency.asked[0].keys() == {"tu_luc", "limit"}
    check(project)


@pytest.mark.parametrize("place", ["extract.opened", "extract.acknowledged", "extract.moved"])
def test_a_kill_between_two_pages_loses_and_doubles_nothing(
    bare_project: Project, agency: Agency, place: str
) -> None:
    project = bare_project
    agency.rows += [person(project, i, 100 - i) for i in range(10)]
    assert project.run("extract", fail=f"{place}:2").code == SIGKILLED
    agency.rows[0]["cap_nhat_luc"] = project.ago(5).isoformat()  # and the world goes on meanwhile
    project.pass_through()
    assert project.states()["shared"] >= 10
    check(project)
    heads = project.servers.query(
        "select count(distinct key) from ledger.history where stem = %s", project.stem
    )
    assert heads == [(10,)]


def test_a_server_that_breaks_off_is_gone_on_with_and_one_that_refuses_is_told(
    bare_project: Project, agency: Agency
) -> None:
    project = bare_project
    agency.rows += [person(project, i, 100 - i) for i in range(9)]
    agency.odd = lambda number, request: Response(status_code=401) if number > 2 else None
    ran = project.run("extract")
    assert (ran.error, TOKEN in ran.text) == ("source.password", False)
    agency.odd = None
    agency.asked.clear()
    project.pass_through()
    assert "tu_luc" in agency.asked[0]  # what was read of ordered pages is not asked for again
    assert project.states() == {"shared": 9}
    late = project.now - timedelta(minutes=110)
    agency.rows.append(person(project, 20, 0, cap_nhat_luc=late.isoformat()))  # late, within the window
    project.pass_through()
    assert project.states() == {"shared": 10}
    check(project)


def test_a_member_that_is_renamed_holds_the_source(bare_project: Project, agency: Agency) -> None:
    project = bare_project
    agency.rows += [person(project, i, 100 - i) for i in range(4)]
    project.pass_through()

    def renamed(number: int, request: Request) -> Response | None:
        for row in agency.rows:
            if "ho_ten" in row:
                row["ten_day_du"] = row.pop("ho_ten")
        return None

    agency.odd = renamed
    for row in agency.rows:
        row["cap_nhat_luc"] = project.ago(1).isoformat()
    assert project.run("extract").error == "source.column_missing"
    assert project.states() == {"shared": 4}
