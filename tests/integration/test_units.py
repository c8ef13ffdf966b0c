"""A subscriber's rows and a figure by province count both generations of administrative units as one."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from command_kit import command
from hubkit import Project, surroundings
from outside import read_topic
from test_declared_from_outside import fill, known

from pophub.ledger.checkpoint import make
from pophub.settings import PROJECT

pytestmark = pytest.mark.timeout(240)
SAMPLE = PROJECT / "tests/samples/monre.land_parcels/owned.pass.json"
SENT = {
    "vinhphuc": ("26", "08833", "30/06/2025"),  # merged into Phú Thọ
    "hoabinh": ("17", "04954", "01/09/2025"),  # likewise, still in the old codes
    "phutho": ("25", "08812", "01/09/2025"),  # in those of today
    "yenbai": ("15", "04372", "30/06/2025"),  # 15 was Yên Bái, and is Lào Cai
    "laocai": ("10", "02758", "01/09/2025"),
    "tulien": ("01", "00097", "30/06/2025"),  # divided between two communes
    "hongha": ("01", "00097", "01/09/2025"),  # one of today, or the one of before
}


def parcels(project: Project) -> list[dict[str, Any]]:
    """Give a row for each place that is sent."""
    base = json.loads(SAMPLE.read_text())["raw"]
    person = {name: value for name, value in known(project, "15/03/1990").items() if name in base}
    at = {"cap_nhat": project.now.strftime("%Y-%m-%d %H:%M:%S"), "ngay_cap": None, "thoi_han": None}
    return [
        {**base, **person, **at, "ma_thua": key, "stt": number, "ma_tinh": province, "ma_xa": commune, "ngay_dk": day}
        for number, (key, (province, commune, day)) in enumerate(SENT.items(), start=1)
    ]  # fmt: skip


def of_phu_tho(project: Project) -> None:
    """Limit the subscriber to the parcels of Phú Thọ, as it is today."""
    path = project.folder / f"subscriptions/{project.subscriber}.yaml"
    path.write_text(path.read_text() + '    rows: {province_code: ["25"]}\n')


def by(project: Project, kind: str) -> dict[str, int]:
    """Ask the program for the figure of the project's own parcels."""
    text = (PROJECT / "figures/parcels.sql").read_text()
    (project.folder / "figures").mkdir(exist_ok=True)
    own = text.replace("from monre.land_parcels", f"from {project.agency}.land_parcels")
    (project.folder / "figures/parcels.sql").write_text(own)
    ran = command("figures", "parcels", "--by", kind, "--json", environment=surroundings(project))
    assert ran.returncode == 0, ran.stderr
    return {row["place"]: row["parcels"] for row in json.loads(ran.stdout)["rows"]}


def test_rows_and_figures_by_province_work_across_1_july_2025(bare_project: Project, tmp_path: Path) -> None:
    project = bare_project
    project.declare("mps.citizens")
    project.put(1, 60 * 24 * 30, ho_ten="Nguyễn Văn An", ngay_sinh="15/03/1990")
    project.pass_through("prepare", "extract", "judge")
    own = project.declare("monre.land_parcels", fields=["parcel_no", "province_code", "commune_code"])
    of_phu_tho(project)
    with ExitStack() as opened:
        fill(project, "monre.land_parcels", parcels(project), tmp_path, opened)
        project.pass_through("prepare", "extract", "judge", "share", stem=own)
    refused = {key: codes for key, (_, _, codes) in project.verdicts(own).items()}
    assert refused == {key: {"correct.unit.ambiguous"} for key in ("tulien", "hongha")}
    told = read_topic(project.servers, f"sub.{project.subscriber}.{own}")
    assert sorted(message.key.decode() for message in told) == ["hoabinh", "phutho", "vinhphuc"]
    make(project.servers.settings)
    assert by(project, "province") == {"15": 2, "25": 3}
    assert by(project, "commune") == {"02761": 1, "04363": 1, "04924": 1, "08812": 2}
    assert sum(by(project, "year").values()) == 5
