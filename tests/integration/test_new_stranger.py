"""connector new over thirty tables of three agencies' kinds, and over random ones: they run without an edited file."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from hubkit import Project
from outside import check, read_log
from test_new import pophub

sys.path.insert(0, str(Path(__file__).parents[1]))

from schema_kit import drawn, fill

pytestmark = pytest.mark.timeout(600)

DATABASE = Path(__file__).with_name("stranger.sql")
TABLES = 30
WITHOUT_KEY = {"cua_hang.nhật ký", "Trường.Góp ý", "dat.Biến động"}
MARKED = {"Trường.Thu học phí": "time"}
ASIDE = {  # by dataset: how many rows are set aside at first, and why
    "hang_hoa": (1, {"clean.text.control"}),
    # one order has no time that can be read, so one sound line waits for it
    "dong_don": (61, {"contract.number.nonfinite", "sufficient.unknown_reference"}),
    "hoc_sinh": (1, {"contract.date.format"}),
    "thua_dat": (0, set()),
    "null": (0, set()),
}  # fmt: skip
ASKS_HUB = {
    "sufficient.unknown_reference",
    "sufficient.unknown_person",
}  # what a record refers to may come by this very run
RANDOM_RUN = 200  # of the schemas that test_random_schemas.py draws as well: those that run
SEED = random.SystemRandom().randrange(1 << 32)  # others in each run; a failure names it


@pytest.fixture
def stranger(bare_project: Project) -> Project:
    bare_project.sql("drop schema dancu cascade")
    bare_project.sql(DATABASE.read_text())
    return running(bare_project)


def running(project: Project) -> Project:
    """Give a project without connectors in a hub that runs before anybody comes with a database."""
    (project.folder / "connectors").mkdir(parents=True, exist_ok=True)
    project.pass_through("prepare")
    return project


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
    rows = {one["stem"]: rows_of(stranger, table) for table, one in tables.items()}
    names = {stem: stem.partition(".")[2] for stem in rows}
    found = run(stranger, rows, [stem for stem, name in names.items() if name in ASIDE])
    assert {name: found[stem] for stem, name in names.items() if name in ASIDE} == ASIDE
    for stem, name in names.items():
        if name in ASIDE:
            check(stranger, stem, subscriber=False)
    again = pophub(stranger, "run")["runs"]
    assert {one["stem"]: one["read"] for one in again if one["read"]} == {}, "nothing is sent twice"


@pytest.mark.parametrize("number", [SEED], ids=["seed"])
def test_random_schemas_flow_or_name_the_decision(bare_project: Project, tmp_path: Path, number: int) -> None:
    project = running(bare_project)
    counted = fill(tmp_path / "any.sqlite", drawn(RANDOM_RUN, number))
    project.environment["POPHUB_SOURCE_ANY_URL"] = f"sqlite:///{tmp_path / 'any.sqlite'}"
    told = pophub(project, "connector", "new", project.agency, "--from", "POPHUB_SOURCE_ANY_URL", "--all")
    assert {one["code"] for one in told["passed_over"]} <= {"connector.no_key"}, number
    checked = pophub(project, "connector", "check")
    assert [one for one in checked["findings"] if one["level"] == "error"] == [], number
    rows = {one["stem"]: counted[one["source"]] for one in told["drafted"]}
    run(project, rows, list(rows))


def run(project: Project, rows: dict[str, int], trials: list[str]) -> dict[str, tuple[int, set[str]]]:
    """Run all datasets: each row is shared, or set aside with a reason; give how many by dataset, and why.

    `trials` are those that are tried before, and must tell the same.
    """
    tried = {stem: pophub(project, "connector", "try", stem) for stem in trials}
    assert {stem: one["rows"] for stem, one in tried.items()} == {stem: rows[stem] for stem in trials}
    assert {one["stem"] for one in pophub(project, "run")["runs"]} == rows.keys()
    pophub(project, "run")  # a row may refer to one of its own table, which the same batch brings
    found: dict[str, tuple[int, set[str]]] = {}
    for stem, count in rows.items():
        states = project.states(stem)
        assert sum(states.values()) == count, stem
        verdicts = project.servers.query(
            "select failures from quarantine.version where stem = %s and state = 'quarantined'", stem
        )
        assert len(verdicts) == states.get("quarantined", 0), stem
        assert all(failures for (failures,) in verdicts), "set aside without a reason"
        assert len(read_log(project.servers, stem)) == states.get("shared", 0), stem
        codes = {failure["code"] for (failures,) in verdicts for failure in failures}
        told = {rule["code"] for rule in tried[stem]["rules"]} if stem in tried else ASKS_HUB
        if not ASKS_HUB & (codes | told):
            assert {state: n for state, n in tried[stem]["states"].items() if n} == states, stem
        found[stem] = len(verdicts), codes
    return found


def marker_of(project: Project, stem: str) -> str:
    """Give the kind of a drafted marker, as it stands in the file."""
    agency, _, dataset = stem.partition(".")
    text = (project.folder / f"connectors/{agency}/{dataset}.yaml").read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("  marker: ")]
    return line.partition("kind: ")[2].partition("}")[0]


def rows_of(project: Project, table: str) -> int:
    """Count the rows of a table, in the source's own words."""
    name = ".".join(f'"{part}"' for part in table.split("."))
    return int(project.sql(f"select count(*) from {name}")[0][0])
