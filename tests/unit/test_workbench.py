"""The workbench judges what somebody pastes as the commands judge files, runs none of it, and writes nothing."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pages_kit
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from project_kit import copied, edit
from test_pages_doors import Asked

from pophub.contracts.load import load_all, load_connector
from pophub.contracts.pasted import NAMES, PastedFiles, in_force, read_pasted
from pophub.domain.errors import ConfigError
from pophub.settings import PROJECT, Settings
from pophub.web import bench_jobs
from pophub.web.app import create_pages
from pophub.web.visitors import Visitor
from tests.refused import refused

CONNECTORS = {one.stem: one for one in load_all(PROJECT)[0]}
STEM = "mps.citizens"
SOUND = in_force(PROJECT, STEM)


def flaws(files: PastedFiles, stem: str = STEM) -> list[tuple[str, str]]:
    return [(error.code, error.where) for error in read_pasted(files, stem, PROJECT).errors]


@pytest.mark.parametrize("stem", CONNECTORS)
def test_the_files_in_force_are_sound_and_mean_the_same_when_they_are_pasted(stem: str) -> None:
    found = read_pasted(in_force(PROJECT, stem), stem, PROJECT)
    assert found.errors == [] and found.connector is not None
    known = CONNECTORS[stem]
    assert found.connector.file == known.file and found.connector.tables == known.tables
    same = {"suite_path": known.contract.suite_path}
    assert found.connector.contract.model_copy(update=same) == known.contract


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("connectors/mps/citizens.yaml", "text: name", "txt: name"),
        ("connectors/mps/citizens.yaml", "codes: sex", "codes: sexes"),
        ("connectors/mps/citizens.yaml", "[old_number]", "[oldnumber]"),
        ("schemas/mps/citizens.v1.avsc", '"M or F"', '"M or F", "more": 1'),
        ("expectations/mps/citizens.json", "full_name", "fullname"),
    ],
)
def test_errors_are_those_that_the_file_itself_has_with_their_line(
    tmp_path: Path, name: str, old: str, new: str
) -> None:
    project = copied(tmp_path)
    edit(project, name, old, new)
    with pytest.raises(ConfigError) as raised:
        load_connector(project / "connectors/mps/citizens.yaml", project)
    known = [raised.value, *raised.value.others]
    found = read_pasted(in_force(project, STEM), STEM, project).errors
    assert [(e.code, e.what, e.remedy) for e in found] == [(e.code, e.what, e.remedy) for e in known]
    assert [e.where.partition(":")[2] for e in found] == [e.where.partition(":")[2] for e in known]
    assert {e.where.partition(":")[0] for e in found} <= set(NAMES)


def test_a_file_in_force_that_is_broken_can_be_mended_there(tmp_path: Path) -> None:
    project = copied(tmp_path)
    edit(project, "connectors/mps/citizens.yaml", "title:", "title: [")
    files = in_force(project, STEM)
    assert files[1:] == SOUND[1:]
    assert [e.code for e in read_pasted(files, STEM, project).errors] == ["yaml.syntax"]
    assert read_pasted(SOUND, STEM, project).errors == []


BOMB = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(9))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (BOMB, "yaml.alias"),
        ("<<: {a: b}\n", "yaml.alias"),
        ("a: !!python/object/apply:os.system ['id']\n", "yaml.tag"),
        ("a: !include /etc/passwd\n", "yaml.tag"),
        ("a: " + "[" * 5_000 + "]" * 5_000, "yaml.depth"),
        ("a: b\n---\na: c\n", "yaml.multiple"),
        ("a: b\na: c\n", "yaml.duplicate_key"),
        ("- a\n", "yaml.root"),
        ("", "yaml.root"),
        ("a: [", "yaml.syntax"),
    ],
)
@pytest.mark.parametrize("which", PastedFiles._fields)
def test_hostile_yaml_is_refused_by_a_clear_word_in_each_of_the_texts(
    which: str, text: str, code: str
) -> None:
    found = flaws(SOUND._replace(**{which: text}))
    assert (code, NAMES[PastedFiles._fields.index(which)]) in [
        (c, where.partition(":")[0]) for c, where in found
    ]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/b", "..", "a\\b", "nowhere"])
def test_no_name_in_a_text_leads_to_a_file(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    asked: list[str] = []
    for act in ("read_bytes", "read_text", "is_file", "glob", "open"):
        known = getattr(Path, act)

        def noted(path: Path, *rest: Any, _known: Any = known, **more: Any) -> Any:
            asked.append(f"{path} {rest}")
            return _known(path, *rest, **more)

        monkeypatch.setattr(Path, act, noted)
    files = SOUND._replace(
        connector=SOUND.connector.replace("dataset: citizens", f"dataset: {name}")
        .replace("codes: sex", f"codes: {name}")
        .replace("agency: mps", f"agency: {name}")
    )
    for stem in ("", STEM):
        assert flaws(files, stem), name
    assert asked or name != "nowhere"
    assert not [one for one in asked if "passwd" in one or "nowhere" in one]
    with refused("config.unknown_stem"):
        in_force(PROJECT, f"mps.{name}")


def test_a_dataset_under_the_name_of_another_is_refused() -> None:
    assert ("config.path", "connector.yaml:4") in flaws(SOUND, "mof.einvoices")


def test_what_another_connector_holds_is_told_beside_it() -> None:
    text = SOUND.connector.replace("dataset: citizens", "dataset: others")
    assert ("config.authority", "connector.yaml") in flaws(SOUND._replace(connector=text), "")


def test_the_process_that_judges_can_write_no_file(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys\nfrom pophub.scoring.bench import bounded\nbounded()\n"
        "try:\n    pathlib.Path(sys.argv[1]).write_text('x')\nexcept OSError:\n    print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x")], capture_output=True, text=True, check=False
    )
    assert done.stdout == "refused\n", done.stderr
    assert (tmp_path / "x").read_text() == ""


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FastAPI:
    monkeypatch.setenv("POPHUB_HOME", str(tmp_path))
    return create_pages(Settings.load(), visitor=pages_kit.operator)


def tried(app: FastAPI, files: PastedFiles, **more: str) -> tuple[str, str]:
    """Post three texts as the form does; give the address of the page and what it says once all is judged."""
    asked = Asked(app)
    form = {"token": pages_kit.TOKEN, "stem": STEM, "rows": "", **files._asdict(), **more}
    answer = asked.request("POST", "/workbench?lang=en", data=form)
    assert answer.status_code == 303, answer.text[-500:]
    path, until = answer.headers["location"], time.monotonic() + 120
    while "It is being judged." in (text := asked.request("GET", path).text) and time.monotonic() < until:
        time.sleep(0.5)
    return path, text


def test_the_page_starts_from_the_files_in_force_and_says_where_an_error_is(app: FastAPI) -> None:
    page = Asked(app).request("GET", f"/workbench?stem={STEM}&lang=en").text
    texts = [unescape(text) for text in re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.S)]
    assert PastedFiles(*texts[:3]) == SOUND
    _, text = tried(app, SOUND._replace(connector=SOUND.connector.replace("text: name", "txt: name")))
    assert "connector.yaml, line 31" in text and "did you mean text" in text and "config.unknown_key" in text
    assert "full_name: {from: ho_ten, txt: name}" in unescape(text)
    assert Asked(app).request("GET", "/workbench?stem=no.such").status_code == 404
    assert Asked(app).request("GET", "/workbench/99").status_code == 404


def test_samples_and_rows_are_judged_at_each_gate_and_persons_are_masked(app: FastAPI) -> None:
    changed = SOUND._replace(connector=SOUND.connector.replace("promise_s: 172800", "promise_s: 86400"))
    path, text = tried(app, changed)
    assert "plain.pass.json" not in text or "mps.citizens" in text
    assert text.count(">passed<") > 20 and ">failed<" in text and "correct.id" in text
    assert "Nguyễn Văn Hòa" not in text and "038090000123" not in text and "•••" in text
    assert "-live: {promise_s: 172800}" in text and "+live: {promise_s: 86400}" in text
    number = path.partition("?")[0]
    given = Asked(app).request("GET", f"{number}/connector")
    assert given.text == changed.connector
    assert given.headers["content-disposition"] == 'attachment; filename="citizens.yaml"'
    assert Asked(app).request("GET", f"{number}/secrets").status_code == 404
    app.dependency_overrides[pages_kit.operator] = lambda: Visitor("Other", "operator", pages_kit.TOKEN)
    for of_another in (number, f"{number}/connector"):
        assert Asked(app).request("GET", of_another).status_code == 404
    app.dependency_overrides.clear()
    row = '{"so_ddcn": "038090000123", "ho_ten": "N\\u0007", "cap_nhat_luc": "2024-03-15T08:00:00+07:00"}\n{"a": [1]}'
    _, text = tried(app, SOUND, rows=row)
    assert "clean.text.control" in text and "rows, line 2" in text and "config.type" in text


def sent(app: FastAPI, files: dict[str, tuple[str, bytes]], **fields: str) -> httpx.Response:
    """Send the form with files, as a browser does without script."""
    form = {"token": pages_kit.TOKEN, "stem": STEM, "rows": "", **SOUND._asdict(), **fields}
    return Asked(app).request("POST", "/workbench?lang=en", data=form, files=files)


def test_a_file_that_is_uploaded_stands_in_the_place_of_its_text(app: FastAPI) -> None:
    page = Asked(app).request("GET", "/workbench?lang=en").text
    assert 'enctype="multipart/form-data"' in page and page.count('type="file"') == 4
    other = SOUND.connector.replace("promise_s: 172800", "promise_s: 3600").replace("\n", "\r\n")
    none: tuple[str, bytes] = ("", b"")
    answer = sent(
        app,
        {
            "connector_file": ("citizens.yaml", b"\xef\xbb\xbf" + other.encode()),
            "schema_file": none,
            "suite_file": none,
            "rows_file": none,
        },
    )
    assert answer.status_code == 303, answer.text[-500:]
    number = answer.headers["location"].partition("?")[0]
    assert Asked(app).request("GET", f"{number}/connector").text == other.replace("\r\n", "\n")
    assert Asked(app).request("GET", f"{number}/schema").text == SOUND.schema


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"\xff\xfe", {}),
        (b"a: \0", {}),
        (b"a" * 530_000, {}),
        (b"a: b", {"token": "guessed"}),
        (b"a: b", {"rows": "x" * 530_000}),
    ],
)
def test_a_file_that_is_no_text_or_too_large_or_of_another_session_is_refused(
    app: FastAPI, content: bytes, fields: dict[str, str]
) -> None:
    answer = sent(app, {"suite_file": ("suite.json", content)}, **fields)
    assert answer.status_code == 403 and "nothing was done" in answer.text


def test_no_other_form_takes_files(app: FastAPI) -> None:
    for route in app.routes:
        if isinstance(route, APIRoute) and "POST" in route.methods and route.path != "/workbench":
            path = re.sub(r"\{[^}]*\}", "1", route.path)
            answer = Asked(app).request(
                "POST", path, data={"token": pages_kit.TOKEN}, files={"x": ("x", b"x")}
            )
            assert answer.status_code == 403, path


def test_what_takes_too_long_is_ended_and_said(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_jobs, "MOST_S", 0.2)
    _, text = tried(app, SOUND)
    assert "page.bounds" in text


@pytest.mark.parametrize("program", ["exit 3", "echo no answer", "missing"])
def test_what_breaks_for_a_reason_of_ours_is_said_and_makes_room(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str
) -> None:
    python = tmp_path / "python"
    if program != "missing":
        python.write_text(f"#!/bin/sh\n{program}\n")
        python.chmod(0o700)
    monkeypatch.setattr(bench_jobs, "MOST_WAITING", 1)
    with monkeypatch.context() as at_work:
        at_work.setattr(sys, "executable", str(python))
        for _ in range(2):
            assert "page.broken" in tried(app, SOUND)[1]
    assert "It is being judged." not in tried(app, SOUND)[1]


def test_who_comes_while_many_wait_is_told_to_come_later(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_jobs, "MOST_WAITING", 0)
    form = {"token": pages_kit.TOKEN, "stem": STEM, **SOUND._asdict()}
    answer = Asked(app).request("POST", "/workbench?lang=en", data=form)
    assert answer.status_code == 503 and "page.busy" in answer.text
