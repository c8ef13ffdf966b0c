"""connector new over thirty tables of three agencies' kinds, hardly one with a change marker: no file is edited."""

from __future__ import annotations

from pathlib import Path

import pytest
from hubkit import Project
from outside import check, read_log
from test_new import pophub

pytestmark = pytest.mark.timeout(300)

DATABASE = Path(__file__).with_name("stranger.sql")
TABLES = 30
WITHOUT_KEY = {"cua_hang.nhật ký", "Trường.Góp ý", "dat.Biến động"}
MARKED = {"Trường.Thu học phí": "time"}
TRIED = ("hang_hoa", "hoc_sinh", "null")
RUN: dict[str, tuple[int, int, set[str]]] = {  # shared, set aside, why
    "hang_hoa": (39, 1, {"clean.text.control"}),
    # one order has no time that can be read, so one sound line waits for it
    "dong_don": (59, 61, {"contract.number.nonfinite", "sufficient.unknown_reference"}),
    "hoc_sinh": (69, 1, {"contract.date.format"}),
    "thua_dat": (50, 0, set()),
    "null": (5, 0, set()),
}
ORDER = (  # what a row refers to comes before it
    "nhom_hang", "hang_hoa", "user", "don_hang", "dong_don", "nam_hoc", "lop", "hoc_sinh", "don_vi_hanh_chinh",
    "thua_dat", "null",
)  # fmt: skip


@pytest.fixture
def stranger(bare_project: Project) -> Project:
    bare_project.sql("drop schema dancu cascade")
    bare_project.sql(DATABASE.read_text())
    (bare_project.folder / "connectors").mkdir(parents=True, exist_ok=True)
    return bare_project


def test_thirty_tables_flow_or_name_the_decision(stranger: Project) -> None:
    told = pophub(stranger, "connector", "new", stranger.agency, "--from", "POPHUB_SOURCE_MPS_URL", "--all")
    assert {one["where"]: one["code"] for one in told["passed_over"]} == dict.fromkeys(
        WITHOUT_KEY, "connector.no_key"
    )
    tables = {one["source"]: one for one in told["drafted"]}
    assert len(tables) + len(WITHOUT_KEY) == TABLES
    checked = pophub(stranger, "connector", "check")
    assert [one for one in checked["findings"] if one["level"] == "error"] == []
    kinds = {table: MARKED.get(table, "scan") for table in tables}
    assert {table: marker_of(stranger, one["stem"]) for table, one in tables.items()} == kinds
    stranger.pass_through("prepare")
    source = {one["stem"].partition(".")[2]: (table, one["stem"]) for table, one in tables.items()}
    found = {}
    for dataset in ORDER:
        table, stem = source[dataset]
        if dataset in RUN:
            found[dataset] = flows(stranger, table, stem)
        else:
            stranger.pass_through(
                "extract", "judge", "judge", stem=stem
            )  # a row may refer to one of its own table
    assert found == RUN


def marker_of(project: Project, stem: str) -> str:
    """Give the kind of a drafted marker, as it stands in the file."""
    agency, _, dataset = stem.partition(".")
    text = (project.folder / f"connectors/{agency}/{dataset}.yaml").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("  marker: ")]
    return line.partition("kind: ")[2].partition("}")[0]


def flows(project: Project, table: str, stem: str) -> tuple[int, int, set[str]]:
    """Run a dataset: each row of the table is shared, or set aside with a reason; give how many, and the reasons."""
    rows = rows_of(project, table)
    tried = pophub(project, "connector", "try", stem) if stem.endswith(TRIED) else None
    project.pass_through("extract", "judge", "share", stem=stem)
    states = project.states(stem)
    if tried is not None:
        assert tried["rows"] == rows
        assert {state: n for state, n in tried["states"].items() if n} == states
    assert sum(states.values()) == rows
    verdicts = project.servers.query("select state, failures from quarantine.version where stem = %s", stem)
    assert len(verdicts) == states.get("quarantined", 0)
    assert all(failures for _, failures in verdicts), "set aside without a reason"
    assert len(read_log(project.servers, stem)) == states["shared"]
    check(project, stem, subscriber=False)
    assert project.pass_through("extract", stem=stem)[0]["rows"] == 0, "nothing is sent twice"
    codes = {failure["code"] for _, failures in verdicts for failure in failures}
    return states["shared"], states.get("quarantined", 0), codes


def rows_of(project: Project, table: str) -> int:
    """Count the rows of a table, in the source's own words."""
    name = ".".join(f'"{part}"' for part in table.split("."))
    return int(project.sql(f"select count(*) from {name}")[0][0])
