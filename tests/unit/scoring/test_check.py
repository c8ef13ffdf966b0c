"""connector check tells all that is wrong or open in a connector at once, with file and line, and scores it."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from answers import answering
from school_kit import FILE, SAMPLES, SCHEMA, STEM, SUITE, school_project, write
from typer.testing import CliRunner

from pophub.cli.program import app
from pophub.scoring.findings import WORTH

PROJECT = Path(__file__).parents[3]

pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return school_project(tmp_path, monkeypatch)


def check(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Run the command; give its exit code and what it told."""
    done = CliRunner().invoke(app, ["connector", "check", "--json", *arguments])
    assert done.stdout, done.exception
    return done.exit_code, json.loads(done.stdout)


def test_a_connector_that_leaves_nothing_open_scores_100(project: Path) -> None:
    exit_code, told = check(STEM)
    assert (exit_code, told["version"], told["findings"]) == (0, 1, [])
    assert told["connectors"] == [{"stem": STEM, "score": 100, "points": WORTH, "unseen": []}]


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Give what changes a text in a file."""

    def change(project: Path) -> None:
        text = (project / name).read_text(encoding="utf-8")
        assert old in text
        (project / name).write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def ran(*statements: str) -> Callable[[Path], None]:
    """Give what changes the source."""

    def change(project: Path) -> None:
        with sqlite3.connect(project / "truong.sqlite") as source:
            for statement in statements:
                source.execute(statement)

    return change


TOMORROW = f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d %H:%M:%S}"
ADVICE: list[tuple[Callable[[Path], None], str, str, str, int]] = [
    (replaced(FILE, "vi: Trường học", 'vi: "?"'), "connector.title", f"{FILE}:4", "", 95),
    (replaced(FILE, "truong@moet.example", '"?"'), "connector.owner", f"{FILE}:5", "", 90),
    (replaced(FILE, "live: {promise_s: 86400}\n", ""), "connector.promise", f"{FILE}:1", "", 90),
    (replaced(FILE, "personal: [head_email]\n", ""), "connector.personal", f"{FILE}:1", "head_email", 85),
    (replaced(FILE, "[head_email]", "[]"), "connector.personal", f"{FILE}:17", "head_email", 95),
    (replaced(SCHEMA, '"doc": "address"', '"doc": " "'), "connector.undocumented", f"{SCHEMA}:11", "head_email", 99),
    (lambda project: (project / SAMPLES / "stale.fail.live.stale.json").unlink(),
     "connector.sample_missing", SAMPLES, "live", 96),
    (lambda project: (project / SAMPLES / "plain.pass.json").unlink(), "connector.sample_missing", SAMPLES, "passes", 96),
    (ran("drop index theo_luc"), "connector.marker_unindexed", f"{FILE}:12", "begins with cap_nhat", 95),
    (ran("insert into truong values ('HN0002', 'x', null)"), "connector.marker_untrusted", f"{FILE}:12", "1 of the first 2", 95),
    (ran(f"update truong set cap_nhat = '{TOMORROW}'"), "connector.marker_untrusted", f"{FILE}:12", "future", 95),
    (lambda project: (project / "truong.sqlite").unlink(), "source.unreachable", f"{FILE}:7", "not there", 80),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code", "where", "words", "score"),
    ADVICE,
    ids=[f"{c[1]}-{c[4]}-{n}" for n, c in enumerate(ADVICE)],
)
def test_what_could_be_better_is_told_and_costs_points(
    project: Path, change: Callable[[Path], None], code: str, where: str, words: str, score: int
) -> None:
    change(project)
    exit_code, told = check(STEM)
    found = told["findings"]
    assert [(f["level"], f["code"], f["where"]) for f in found] == [("advice", code, where)]
    assert words in found[0]["what"] and found[0]["remedy"]
    assert (exit_code, told["connectors"][0]["score"]) == (0, score)


ERRORS: list[tuple[Callable[[Path], None], str, str, str]] = [
    (replaced(FILE, "personal: [head_email]", "personal: [head_mail]"), "schema.field_missing", f"{FILE}:17", "head_email"),
    (replaced(FILE, "personal: [head_email]", "people: [{id: head_email}]\npersonal: []"), "config.value", f"{FILE}:18",
     "head_email"),
    (replaced(SUITE, '"value": 6', '"value": 7'), "connector.sample_fares", f"{SAMPLES}/plain.pass.json:1",
     "correct.id.length"),
    (lambda project: write(project / SAMPLES / "odd.json", '{"raw": {"ma": "HN0001"}}'), "connector.sample_fares", f"{SAMPLES}/odd.json:1",
     "neither pass nor a code"),
    (lambda project: write(project / SAMPLES / "odd.pass.json", "[]"), "connector.sample_fares",
     f"{SAMPLES}/odd.pass.json:1", "raw"),
    (ran("alter table truong rename column thu_dien_tu to email"), "source.column_missing", f"{FILE}:7", "thu_dien_tu"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "code", "where", "words"), ERRORS)
def test_what_must_be_mended_ends_with_exit_code_2(
    project: Path, change: Callable[[Path], None], code: str, where: str, words: str
) -> None:
    change(project)
    exit_code, told = check()
    first = told["findings"][0]
    assert (first["level"], first["code"], first["where"]) == ("error", code, where)
    assert words in first["what"] and exit_code == 2


def test_an_api_is_asked_for_its_first_page(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (project / FILE).read_text()
    text = text.replace("kind: sql", "kind: http").replace(
        "  table: truong\n  key: [ma]\n", "  records: rows\n"
    )
    (project / FILE).write_text(text)
    rows = [
        {"ma": "HN0001", "thu_dien_tu": "a@b.example", "cap_nhat": moment}
        for moment in ("2024-03-20 08:00:00", None)
    ]
    for status, codes in ((200, ["connector.marker_untrusted"]), (404, ["source.table_missing"])):
        answer = json.dumps({"rows": rows}).encode()
        with answering(lambda method, path, status=status, answer=answer: (status, answer)) as url:
            monkeypatch.setenv("POPHUB_SOURCE_MOET_URL", url)
            _, told = check(STEM)
        assert [found["code"] for found in told["findings"]] == codes


def test_the_newest_file_of_a_folder_is_looked_at(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (project / FILE).read_text().replace("kind: sql", "kind: files")
    (project / FILE).write_text(text.replace("  table: truong\n  key: [ma]\n", ""))
    (project / "in").mkdir()
    monkeypatch.setenv("POPHUB_SOURCE_MOET_URL", str(project / "in"))
    head, row = "ma,thu_dien_tu,cap_nhat\n", "HN0001,a@b.example,2024-03-20 08:00:00\n"
    written = {
        head + row: [], f"{head}{row}HN0002,c@d.example,\n": [("advice", "connector.marker_untrusted")],
        f"{head}{row}HN0002,c": [("advice", "source.file_end_open")],
        "ma,cap_nhat\nHN0001,2024-03-20 08:00:00\n": [("error", "source.header_missing")],
    }  # fmt: skip
    assert check(STEM)[1]["findings"] == [], "no file has come yet"
    for at, (content, found) in enumerate(written.items()):
        path = project / f"in/{at}.csv"
        path.write_text(content)
        os.utime(path, (at, at))
        _, told = check(STEM)
        assert [(one["level"], one["code"]) for one in told["findings"]] == found, content


def test_all_findings_come_at_once_and_those_of_other_files_too(project: Path) -> None:
    replaced(FILE, "truong@moet.example", '"?"')(project)
    replaced(SUITE, '"value": 6', '"value": 7')(project)
    ran("drop index theo_luc")(project)
    write(project / "subscriptions" / "gdt.yaml", "subscription: 2\n")
    exit_code, told = check()
    codes = {f["code"] for f in told["findings"]}
    assert exit_code == 2
    assert codes >= {
        "connector.owner",
        "connector.sample_fares",
        "connector.marker_unindexed",
        "config.value",
    }
    assert not [f for f in told["findings"] if not f["remedy"]]


def test_a_connector_that_cannot_be_read_scores_0_and_hides_no_other(project: Path) -> None:
    write(project / "connectors/moet/pupils.yaml", "connector: 1\nagency: moet\ndataset: pupils\n")
    exit_code, told = check()
    assert exit_code == 2
    assert {one["stem"]: one["score"] for one in told["connectors"]} == {STEM: 100, "moet.pupils": 0}
    assert check(STEM)[0] == 0


def test_without_the_sources_their_parts_earn_nothing(project: Path) -> None:
    _, told = check("--no-sources")
    assert (told["connectors"][0]["score"], told["connectors"][0]["unseen"]) == (80, ["marker", "source"])


def test_an_unknown_connector_is_told_with_the_nearest(project: Path) -> None:
    done = CliRunner().invoke(app, ["connector", "check", "moet.school"])
    assert done.exit_code == 2 and "config.unknown_stem" in done.stderr and STEM in done.stderr


def test_a_person_sees_a_bar_for_each_part(project: Path) -> None:
    done = CliRunner().invoke(app, ["connector", "check", STEM])
    assert f"{STEM}: 100 of 100" in done.stdout and "██████████" in done.stdout
    assert done.exit_code == 0


def test_the_shipped_project_is_left_alone_by_a_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("connectors", "schemas", "expectations", "codes", "subscriptions", "bases", "tests/samples"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    monkeypatch.setenv("POPHUB_PROJECT", str(tmp_path))
    monkeypatch.setenv("POPHUB_HOME", str(tmp_path / "home"))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    exit_code, told = check("--no-sources")
    assert exit_code == 0 and min(one["score"] for one in told["connectors"]) >= 70
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before
