"""What a page asks for that takes the hub's own secrets is a row: asked once, taken up once, by a process of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2.errors
import pytest
from browsed import mended
from hubkit import Project
from test_pages_acts import DATE, act, pages, settings_of
from test_quarantine_commands import surroundings

from pophub.commands import attendant
from pophub.commands.attendant import take_up
from pophub.commands.requests import Done, RequestKind, ask, newest, wait_briefly
from pophub.postgres import connect

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def _nothing_is_open(project: Project) -> None:
    project.servers.query("delete from hub.request_answer")
    project.servers.query("delete from hub.request")


@contextmanager
def attending(project: Project, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the attendant while the block lasts."""
    command = [sys.executable, "-m", "pophub.commands.attendant"]
    with subprocess.Popen(command, env=surroundings(project) | environment) as process:
        try:
            yield process
        finally:
            process.kill()


def until_answered(project: Project, kind: str) -> list[tuple[Any, ...]]:
    """Wait until nothing of a kind is open; give who asked, and what came of it."""
    until = time.monotonic() + 120
    while None in {code for _, code in asked(project, kind)}:
        assert time.monotonic() < until
        time.sleep(0.2)
    return asked(project, kind)


def asked(project: Project, kind: str = "verify") -> list[tuple[Any, ...]]:
    return project.servers.query(
        "select r.asked_by, a.code from hub.request r left join hub.request_answer a using (request) "
        "where kind = %s order by request",
        kind,
    )


def test_what_two_people_ask_for_is_verified_once_for_the_first(project: Project) -> None:
    project.put(1, 60)
    project.pass_through()
    with pages(project, "auditor") as an, pages(project, "operator") as oanh:
        act(an, "/ledger", "/ledger/verify")
        told = oanh.get("/ledger").text
        assert "It is being verified, asked for at" in told and "by An." in told
        assert "/ledger/verify" not in told, "it is not asked for twice"
        with closing(connect(settings_of(project), "pophub_judge")) as judge:
            ask(judge, "verify", "", "Oanh")
        assert asked(project) == [("An", None)]
        with attending(project):
            assert until_answered(project, "verify") == [("An", "")]
        told = oanh.get("/ledger").text
        assert "rows are what was written" in told and "Asked for by An." in told and "/ledger/verify" in told


def test_pages_without_a_secret_of_the_hubs_own_offer_a_run_and_tell_what_became_of_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(name: str) -> bool:
        return "owner" in name or "airflow" in name

    secret = type(project.servers.settings).secret
    asked_for: list[str] = []
    monkeypatch.setattr(
        type(project.servers.settings),
        "secret",
        lambda self, name: asked_for.append(name) or secret(self, name),
    )
    page = f"/datasets/{project.stem}"
    with pages(project, "operator") as client:
        told = act(client, page, f"{page}/run").text
        assert "A run was asked for at" in told and "it has not been started yet" in told
        assert not list(filter(opened, asked_for)), "the pages take no secret that opens more than theirs"
        monkeypatch.setattr(attendant, "started", lambda settings, stem, by, at: Done("airflow.paused"))
        with closing(connect(project.servers.settings, "pophub_owner")) as owner:
            assert take_up(owner, project.servers.settings, "run") == Done("airflow.paused")
            assert take_up(owner, project.servers.settings, "run") is None
        told = client.get(page).text
        assert "that Oanh asked for at" in told and "airflow.paused" in told
        act(client, page, f"{page}/run")
        monkeypatch.setattr(attendant, "started", lambda settings, stem, by, at: Done(""))
        with closing(connect(project.servers.settings, "pophub_owner")) as owner:
            take_up(owner, project.servers.settings, "run")
        assert "a run was started in Airflow for Oanh." in client.get(page).text
        assert (
            client.post("/datasets/no.such/run", data={"token": "the token of each form"}).status_code == 404
        )
    with pages(project, "viewer") as client:
        assert f"{page}/run" not in client.get(page).text


def test_who_asks_and_who_answers_have_no_right_to_the_others_row(project: Project) -> None:
    for role, statement in (
        ("pophub_judge", "insert into hub.request_answer (request, code) values (1, '')"),
        ("pophub_judge", "update hub.request set asked_by = 'x'"),
        ("pophub_web", "insert into hub.request (kind, stem, asked_by) values ('verify', '', 'x')"),
        ("pophub_share", "select 1 from hub.request"),
    ):
        denied = pytest.raises(psycopg2.errors.InsufficientPrivilege)
        with closing(connect(project.servers.settings, role)) as other, other.cursor() as cursor, denied:
            cursor.execute(statement)


@pytest.mark.parametrize("point", ["request.asking", "request.answering"])
def test_a_kill_before_the_commit_leaves_what_was_open_open(
    project: Project, point: str, tmp_path: Path
) -> None:
    act_of = (
        "ask(connect(s, 'pophub_judge'), 'run', sys.argv[1], 'Oanh')" if point.endswith("asking")
        else "take_up(connect(s, 'pophub_owner'), s, 'run')"
    )  # fmt: skip
    program = (
        "import sys\nfrom pophub.commands import attendant\nfrom pophub.commands.attendant import take_up\n"
        "from pophub.commands.requests import Done, ask\nfrom pophub.postgres import connect\nfrom pophub.settings import Settings\n"
        "def started(settings, stem, by, at):\n    open(sys.argv[2], 'a').write(f'{stem} {at:%H:%M}\\n')\n    return Done('')\n"
        f"attendant.started = started\ns = Settings.load()\n{act_of}\n"
    )
    run = [sys.executable, "-c", program, project.stem, str(tmp_path / "started")]
    if point.endswith("answering"):
        with closing(connect(project.servers.settings, "pophub_judge")) as judge:
            ask(judge, "run", project.stem, "Oanh")
    before = asked(project, "run")
    killed = subprocess.run(run, env=surroundings(project) | {"POPHUB_FAIL": point}, check=False)
    assert killed.returncode == -9 and asked(project, "run") == before
    assert subprocess.run(run, env=surroundings(project), check=False).returncode == 0
    assert asked(project, "run") == [("Oanh", None if point.endswith("asking") else "")]
    if point.endswith("answering"):
        names = (tmp_path / "started").read_text().split("\n")[:-1]
        assert len(names) == 2 and len(set(names)) == 1, "the same run is asked for again"


def test_one_attendant_at_a_time_takes_up_a_kind(project: Project) -> None:
    with closing(connect(project.servers.settings, "pophub_owner")) as owner:
        assert attendant._alone(owner, "run")
        with closing(connect(project.servers.settings, "pophub_owner")) as other:
            assert not attendant._alone(other, "run") and attendant._alone(other, "verify")


def test_who_waits_for_an_answer_waits_no_longer_than_a_page_may(project: Project) -> None:
    with closing(connect(project.servers.settings, "pophub_judge")) as judge:
        number = ask(judge, "run", project.stem, "Oanh")
        begun = time.monotonic()
        wait_briefly(judge, number, 0.3)
        assert 0.3 <= time.monotonic() - begun < 3
        thread = threading.Timer(0.2, _answer, (project,))
        thread.start()
        wait_briefly(judge, number, 60)
        thread.join()
        found = newest("run", project.stem, judge)
    assert found is not None and found.code == "airflow.refused"


def _answer(project: Project) -> None:
    project.servers.query(
        "insert into hub.request_answer (request, code) select max(request), 'airflow.refused' from hub.request "
        "where stem = %s",
        project.stem,
    )


def ask_replay(project: Project, kind: RequestKind, by: str) -> int:
    chosen = {"stem": project.stem, "code": DATE[0], "field": DATE[1], "state": "quarantined"}
    with closing(connect(project.servers.settings, "pophub_judge")) as judge:
        return ask(judge, kind, project.stem, by, chosen)


def test_a_replay_over_which_its_process_was_killed_is_told_and_the_next_one_goes_on(
    project: Project,
) -> None:
    """What is cut off between its end and its answer is told as a whole by the next attendant, and not done twice."""
    mended(project)
    number = ask_replay(project, "replay", "Oanh")
    assert ask_replay(project, "replay", "Lan") == number, "it is not asked for twice"
    with attending(project, POPHUB_FAIL="judge.written"):
        assert until_answered(project, "replay") == [("Oanh", "page.broken")]
    assert project.states() == {"quarantined": 4}
    again = ask_replay(project, "replay", "Minh")
    with attending(project, POPHUB_FAIL="request.answering") as cut:
        assert cut.wait(120) == -9
    assert project.states() == {"shared": 3, "quarantined": 1}
    with attending(project):
        assert until_answered(project, "replay")[-1] == ("Minh", "")
    with pages(project, "operator") as client:
        assert "3 passed, 1 stayed" in client.get(f"/quarantine/work/{again}").text
        assert "page.broken" in client.get(f"/quarantine/work/{number}").text
    (runs,) = project.servers.query(
        "select count(*) from quarantine.replay_run where stem = %s", project.stem
    )[0]
    assert runs == 1, "the run that was cut off, gone on with"
