"""connector try shows what a run would make of the rows that are there, and leaves no trace of it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from school_kit import FILE, SUITE, school_project
from typer.testing import CliRunner

from pophub.cli.program import app
from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.record import Versions
from pophub.stages.trial import ReadOnlyStore, nothing_known
from tests.refused import refused

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own

NOW = datetime.now(HO_CHI_MINH)


def at(days_ago: float) -> str:
    return f"{NOW - timedelta(days=days_ago):%Y-%m-%d %H:%M:%S}"


ROWS = [
    ("HN0001", "an@b.example", at(2)),
    ("HN0002", "binh@b.example", at(1)),
    ("HN3", "chi@b.example", at(1)),
    ("HN0004", None, at(1)),
    ("HN0005", "bell\x07@b.example", at(1)),
    ("HN0006", "em@b.example", at(90)),
    (None, "giang@b.example", at(1)),
    ("HN0008", "hoa@b.example", None),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = school_project(tmp_path, monkeypatch)
    with sqlite3.connect(folder / "truong.sqlite") as source:
        source.execute("drop table truong")
        source.execute(
            "create table truong (ma text, thu_dien_tu text, cap_nhat text, ghi_chu text default 'secret note')"
        )
        source.executemany("insert into truong (ma, thu_dien_tu, cap_nhat) values (?, ?, ?)", ROWS)
    return folder


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["connector", "try", "moet.schools", *arguments])
    assert done.exit_code == 0, (done.stderr, done.exception)
    return done.output


def tried(*arguments: str) -> dict[str, Any]:
    """Give what the command told as JSON."""
    done = CliRunner().invoke(app, ["connector", "try", "moet.schools", "--json", *arguments])
    assert done.exit_code == 0, (done.stderr, done.exception)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_a_trial_tells_states_and_each_rule_that_would_fail(project: Path) -> None:
    told = tried()
    assert (told["version"], told["rows"]) == (1, 8)
    assert told["states"] == {"shared": 2, "quarantined": 6, "duplicate": 0, "superseded": 0}
    assert {(r["gate"], r["code"], r["field"]): r["rows"] for r in told["rules"]} == {
        ("correct", "correct.id.length", "code"): 1,
        ("sufficient", "sufficient.missing", "head_email"): 1,
        ("clean", "clean.text.control", "head_email"): 1,
        ("live", "live.stale", None): 1,
        ("contract", "contract.key.unmappable", None): 1,
        ("contract", "contract.marker.unmappable", None): 1,
    }
    assert (told["source_rows"], told["compared_with_hub"], told["not_judged"]) == (8, False, [])
    assert told["full_run_seconds"] >= 0


def test_values_of_a_personal_field_and_of_what_no_field_takes_are_hidden_unless_asked_for(
    project: Path,
) -> None:
    for output in (run(), json.dumps(tried())):
        assert "b.example" not in output and "secret note" not in output and "HN3" in output
    shown = run("--show-values")
    assert "an@b.example" in shown and "secret note" in shown


def test_where_nothing_is_classified_every_text_is_hidden(project: Path) -> None:
    path = project / FILE
    path.write_text(path.read_text().replace("personal: [head_email]\n", ""))
    assert "HN3" not in run() and "b.example" not in run()


def test_a_trial_reads_no_more_than_asked_and_from_a_time_on(project: Path) -> None:
    assert tried("--rows", "3")["rows"] == 3
    told = tried("--since", at(30)[:10])
    assert (told["rows"], "live.stale" in {r["code"] for r in told["rules"]}) == (7, False)


def test_two_versions_of_a_row_meet_as_they_would_in_a_run(project: Path) -> None:
    with sqlite3.connect(project / "truong.sqlite") as source:
        source.execute("delete from truong")
        source.executemany(
            "insert into truong (ma, thu_dien_tu, cap_nhat) values (?, ?, ?)",
            [
                ("HN0001", "an@b.example", at(2)),
                ("HN0001", "an@b.example", at(2)),
                ("HN0001", "bo@b.example", at(1)),
            ],
        )
    assert tried()["states"] == {"shared": 2, "quarantined": 0, "duplicate": 1, "superseded": 0}


def test_rows_that_have_not_settled_are_told_apart(project: Path) -> None:
    path = project / FILE
    path.write_text(path.read_text().replace("  key: [ma]", "  key: [ma]\n  settle_s: 129600"))
    assert tried()["waiting"] == 5


def test_without_a_hub_rules_about_people_are_not_judged_and_named(project: Path) -> None:
    path = project / FILE
    path.write_text(path.read_text().replace("personal:", "people: [{id: head_email}]\npersonal:"))
    suite = json.loads((project / SUITE).read_text())
    suite["expectations"].append(
        {
            "type": "expect_person_known",
            "kwargs": {"column": "head_email"},
            "meta": {"gate": "sufficient", "code": "sufficient.unknown_person"},
        }
    )
    (project / SUITE).write_text(json.dumps(suite))
    told = tried()
    assert told["not_judged"] == ["sufficient.unknown_person of head_email"]
    assert told["states"]["shared"] == 2
    assert "sufficient.unknown_person of head_email" in run()


def test_a_folder_is_tried_file_by_file(project: Path) -> None:
    (project / "in").mkdir()
    (project / "in" / "a.csv").write_text(
        f"ma,thu_dien_tu,cap_nhat\nHN0001,an@b.example,{at(1)}\nHN2,bo@b.example,{at(1)}\n"
    )
    (project / "in" / "b.csv").write_text("ma,cap_nhat\n")
    path, text = project / FILE, (project / FILE).read_text()
    text = text.replace("kind: sql", "kind: files").replace(
        "  table: truong\n  key: [ma]\n", "  quiet_s: 0\n"
    )
    path.write_text(text.replace("POPHUB_SOURCE_MOET_URL", "POPHUB_FOLDER"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POPHUB_FOLDER", str(project / "in"))
        told = tried()
        assert "source.header_missing" in run()
        assert [(one["code"], one["where"]) for one in told["held"]] == [
            ("source.header_missing", "moet.schools: b.csv")
        ]
        assert told["held"][0]["remedy"]
    assert (told["rows"], told["states"]["shared"], told["full_run_seconds"]) == (2, 1, None)
    assert told["rules"][0]["examples"][0]["row"]["_place"] == "a.csv:3"


def test_nothing_of_project_or_source_changes(project: Path) -> None:
    def digests() -> dict[Path, str]:
        files = [path for path in project.rglob("*") if path.is_file()]
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = digests()
    run()
    assert digests() == before


def test_a_trial_that_asks_for_more_than_to_read_is_stopped() -> None:
    store = ReadOnlyStore(nothing_known)
    assert store.accepted(Versions({})).heads == {}
    for asked in (
        store.transaction,
        lambda: store.lane(0),
        lambda: store.waiting(0, 1),
        lambda: store.repairs([1]),
    ):
        with refused("trial.writes"):
            asked()
