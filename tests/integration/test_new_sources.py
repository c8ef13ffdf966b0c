"""connector new over a folder of workbooks and an API never seen: each drafted, checked, tried and run without an edit."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hubkit import Project
from openpyxl import Workbook
from outside import check, read_log
from test_new import pophub

sys.path.insert(0, str(Path(__file__).parents[1]))

from api_kit import TOKEN, Agency, serving

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def stranger(bare_project: Project) -> Project:
    (bare_project.folder / "connectors").mkdir(parents=True, exist_ok=True)
    return bare_project


def flows(project: Project, dataset: str, rows: int, *wishes: str) -> None:
    """Draft from the variable of a dataset, and take all its rows to the log without an edit."""
    stem = f"{project.agency}.{dataset}"
    pophub(project, "connector", "new", stem, "--from", f"POPHUB_SOURCE_{dataset.upper()}_URL", *wishes)
    checked = pophub(project, "connector", "check", stem)
    assert [one for one in checked["findings"] if one["level"] == "error"] == []
    project.pass_through("prepare")
    assert pophub(project, "connector", "try", stem)["states"]["shared"] == rows
    project.pass_through("extract", "judge", "share", stem=stem)
    assert project.states(stem) == {"shared": rows}
    assert len(read_log(project.servers, stem)) == rows
    check(project, stem, subscriber=False)
    assert project.pass_through("extract", stem=stem)[0]["rows"] == 0, "nothing is sent twice"


def test_workbooks_below_a_title_flow(stranger: Project, tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.append(["BÁO CÁO"])
    book.active.append(["Mã hồ sơ", "Lệ phí", "Ngày nộp", "Cập nhật lúc"])
    for at in range(30):
        moment = stranger.ago(at + 1).replace(tzinfo=None) + timedelta(hours=7)
        book.active.append(
            [f"HS{at:03d}", at * 10, moment.replace(hour=0, minute=0, second=0, microsecond=0), moment]
        )
    book.save(tmp_path / "ho_so.xlsx")
    stranger.environment["POPHUB_SOURCE_DOSSIERS_URL"] = str(tmp_path)
    flows(stranger, "dossiers", 30)


def test_an_api_flows(stranger: Project) -> None:
    rows = [
        {"ma": f"TB{at:03d}", "gia": {"vnd": at}, "cap_nhat_luc": stranger.ago(at + 1).isoformat()}
        for at in range(25)
    ]
    with serving(Agency(rows)) as agency:
        stranger.environment["POPHUB_SOURCE_PLANS_URL"] = f"{agency.url}/cursor"
        stranger.environment["POPHUB_SOURCE_PLANS_TOKEN"] = TOKEN
        flows(stranger, "plans", 25)
