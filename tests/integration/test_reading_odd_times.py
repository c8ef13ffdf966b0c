"""Whatever a source sent, no command that reads fails on it, and no page does."""

from __future__ import annotations

import json
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import typer
from hubkit import Project, Servers
from pages_kit import operator
from serving import served
from typer.testing import CliRunner

from pophub.cli.program import app
from pophub.gates.rules import preload
from pophub.settings import Settings
from pophub.web.app import create_pages

pytestmark = pytest.mark.timeout(480)
ODD_MARKERS = [
    "infinity", "-infinity", "9999-12-31 20:00:00+00", "9999-12-31 23:59:59.999999+00", "10000-01-01 00:00+00",
    "0001-01-01 00:00:00+00", "0001-12-31 23:00:00+00", "0044-03-15 00:00+00 BC", "294276-12-31 23:59+00",
    "1899-12-31 00:00+00", None,
]  # fmt: skip
ODD_TEXTS = [
    "\u202eNguyễn",
    "[bold]Văn[/] An",
    "{{7*7}}",
    "<b>An",
    "%s %d \\",
    "\x1b[31mAn",
    "a" * 5000,
]
CHANGING = {  # commands that write, or need a server that this hub has not
    "alert close", "alert watch", "backfill", "connector check", "connector list", "connector new", "demo", "docs", "doctor", "down",
    "explain", "env", "hold release", "ledger checkpoint", "ledger export", "pause", "population rebuild",
    "position pass-gap", "quarantine approve", "quarantine expire", "quarantine feedback", "quarantine policy",
    "quarantine repair", "quarantine replay", "resume", "run", "simulate", "stream", "up", "ledger replace-key",
    "position reset", "position take-loss", "figures", "user add", "user remove", "pack", "obstacle file", "obstacle answer",
}  # fmt: skip


def names(command: Any = None, words: tuple[str, ...] = ()) -> Iterator[str]:
    """Give the words of each command."""
    below = getattr(command or typer.main.get_command(app), "commands", {})
    for name, sub in below.items():
        if getattr(sub, "commands", None):
            yield from names(sub, (*words, name))
        else:
            yield " ".join((*words, name))


@pytest.fixture(scope="module")
def odd(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A hub that has read a source full of odd markers and texts, one of each, in three runs."""
    with warnings.catch_warnings():  # Great Expectations imports what a later Python does not have
        warnings.simplefilter("ignore", DeprecationWarning)
        preload()
    project = Project(servers, tmp_path_factory.mktemp("odd"))
    project.declare("mps.citizens", fields=("citizen_id", "full_name", "birth_date"))
    project.pass_through("prepare")
    project.put(1, 30)
    project.pass_through()
    for person, marker in enumerate(ODD_MARKERS, start=10):
        project.put(person, 0, cap_nhat_luc=marker)
    project.pass_through()
    for person, text in enumerate(ODD_TEXTS, start=50):
        project.put(person, 20, ho_ten=text)
    project.put(80, 10, ngay_sinh="31/12/9999")
    project.put(81, 10, ngay_sinh="01/01/0001")
    project.pass_through()
    yield project
    project.close()


def failures(project: Project, *words: str) -> Iterator[str]:
    """Run a command in this process, with and without --json; say what of it did not go well."""
    environment = {**project.environment, "POPHUB_HOME": str(project.servers.settings.home)}
    for given in (words, (*words, "--json")):
        ran = CliRunner().invoke(app, list(given), env=environment)
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            yield "".join(traceback.format_exception(ran.exception))
        elif ran.exit_code not in (0, 1):
            yield f"{given}: {ran.output}"
        elif given[-1] == "--json":
            json.loads(ran.stdout)


def arguments(project: Project, out: Path) -> dict[str, tuple[str, ...]]:
    """Give what each reading command is asked with."""
    number = project.servers.query(
        "select min(id), max(id) from quarantine.version where stem = %s", project.stem
    )[0]
    shows = ("quarantine show " + str(one) for one in number)
    return {
        "population as-of": ("9999-12-31", project.number_of(1), "--stem", project.stem),
        "quarantine digest": (project.agency,),
        "quarantine export": (project.stem, "--out", str(out / "x.csv")),
        "quarantine list": (project.stem,),
        "reconcile": (project.stem,),
        "growth": (),
        "usage": (project.number_of(1), "--stem", project.stem),
        "connector try": (project.stem,),
        "connector impact": (project.stem,),
        "position show": (project.stem,),
        **{show: () for show in shows},
    }  # fmt: skip


def test_no_reading_command_fails_on_what_a_source_sent(odd: Project, tmp_path: Path) -> None:
    given = arguments(odd, tmp_path)
    found = [*(name for name in names() if name not in CHANGING | {"quarantine show"}), *given]
    bad = [one for name in dict.fromkeys(found) for one in failures(odd, *name.split(), *given.get(name, ()))]
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize("language", ["en", "vi"])
def test_no_page_fails_on_what_a_source_sent(odd: Project, language: str) -> None:
    run = odd.servers.query("select run from extract.batch where stem = %s order by batch desc", odd.stem)[0][
        0
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POPHUB_HOME", str(odd.servers.settings.home))
        patch.setenv("POPHUB_PROJECT", str(odd.folder))
        with served(create_pages(Settings.load(), visitor=operator)) as address:
            for path in (
                "/",
                "/datasets",
                "/ledger",
                f"/datasets/{odd.stem}",
                f"/runs/{odd.stem}/{quote(str(run))}",
            ):
                answer = httpx.get(f"{address}{path}", params={"lang": language})
                assert answer.status_code == 200, (path, answer.text[-500:])
                assert "<b>An" not in answer.text
