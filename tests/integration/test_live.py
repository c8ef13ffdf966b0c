"""Each source's state is shown right, sharing obeys the policy, alerts are told once: on real servers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from command_kit import command
from hubkit import SIGKILLED, Project, Servers, surroundings
from outside import check, read_topic
from test_quarantine_commands import user

from pophub.commands.live import sources
from pophub.contracts.load import load_all
from pophub.live.run import watch_once
from pophub.live.watch import Watched
from pophub.postgres import connect
from pophub.quarantine.holds import pause, resume
from pophub.settings import PROJECT, Settings

pytestmark = pytest.mark.timeout(300)
GRANTED = ("citizen_id", "full_name", "birth_date", "province_code")
NOWHERE = "postgresql+psycopg2://nobody:x@127.0.0.1:9/nothing"


class Source:
    """A project whose connector has this `live:` or `alerts:` block, with what the watcher says of it."""

    def __init__(self, project: Project, block: str = "") -> None:
        self.project, self.stem = project, project.stem
        place = "(?m)^live: .*$" if block.startswith("live:") else "(?m)^(?=key: )"
        edits = [(place, f"{block}\n")] if block else []
        project.declare("mps.citizens", *edits, fields=GRANTED)
        project.pass_through("prepare")

    @property
    def settings(self) -> Settings:
        return self.project.servers.settings.model_copy(update={"project": self.project.folder})

    def state(self) -> str:
        """Give the state that `pophub live` shows."""
        (found,) = sources(self.settings)
        return str(found["state"])

    def watch(self) -> Watched:
        """Look once, as the DAG does."""
        connectors = {c.stem: c for c in load_all(self.project.folder)[0]}
        recipients = [(self.stem, "shared"), (self.stem, self.project.subscriber)]
        watched = watch_once(self.settings, connectors, recipients)
        assert all(error.code.startswith("alert.webhook") for error in watched.failed), watched.failed
        return watched

    def alerts(self) -> list[tuple[str, str, bool]]:
        """Give (code, subject, is it open) of this source's alerts, in their order."""
        return self.project.servers.query(
            "select code, subject, closed_at is null from live.alert where stem = %s order by alert",
            self.stem,
        )

    def told(self) -> list[tuple[str, str]]:
        """Give (code, event) of this source's lines in the file."""
        path = self.settings.home / "alerts.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [(line["code"], line["event"]) for line in lines if line["stem"] == self.stem]

    def published(self) -> list[tuple[str, str]]:
        """Give the same of the topic, read by another client than the hub's."""
        found = [json.loads(m.value) for m in read_topic(self.project.servers, "alerts") if m.value]
        return [(line["code"], line["event"]) for line in found if line["stem"] == self.stem]

    def beats(self) -> list[tuple[Any, ...]]:
        return self.project.servers.query(
            "select outcome, code, rows, times from live.heartbeat where stem = %s order by beat", self.stem
        )

    def shift_beats(self, hours: int) -> None:
        """Let the heartbeats so far be so much older."""
        self.project.servers.query(
            "update live.heartbeat set first_at = first_at - %s * interval '1 hour', at = at - %s * interval '1 hour' where stem = %s",
            hours, hours, self.stem,
        )  # fmt: skip


@pytest.fixture
def second_project(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = Project(servers, tmp_path_factory.mktemp("second"))
    yield project
    project.close()


def test_each_extract_leaves_a_heartbeat_also_when_its_source_is_unreachable(bare_project: Project) -> None:
    source = Source(bare_project)
    assert source.state() == "unknown"
    bare_project.put(1, 30)
    bare_project.pass_through("extract")
    for _ in range(2):
        assert bare_project.run("extract", POPHUB_SOURCE_MPS_URL=NOWHERE).error == "source.unreachable"
    bare_project.sql("alter table dancu.cong_dan rename column ho_ten to ten")
    assert bare_project.run("extract").error == "source.column_missing"
    assert source.beats() == [
        ("reached", "", 1, 1),
        ("unreachable", "source.unreachable", 0, 2),
        ("refused", "source.column_missing", 0, 1),
    ]
    assert source.state() == "held"
    (newest,) = bare_project.servers.query(
        "select newest from live.heartbeat where stem = %s and rows = 1", source.stem
    )
    assert newest[0] == int(bare_project.ago(30).timestamp()) * 1_000_000


def test_a_province_offline_for_three_days_comes_back_with_everything_and_no_other_is_affected(
    bare_project: Project, second_project: Project
) -> None:
    source, other = Source(bare_project), Source(second_project)
    bare_project.put(1, 90)
    bare_project.pass_through()
    bare_project.run("extract", POPHUB_SOURCE_MPS_URL=NOWHERE)
    source.shift_beats(72)
    bare_project.run("extract", POPHUB_SOURCE_MPS_URL=NOWHERE)
    (shown,) = sources(source.settings)
    assert shown["state"] == "offline"
    assert 71.9 < (time.time() - shown["since"].timestamp()) / 3600 < 72.2
    assert [source.watch().opened for _ in range(3)] == [1, 0, 0]
    second_project.put(1, 5)
    second_project.pass_through()
    assert (other.state(), other.watch().opened) == ("alive", 0)
    for person in range(2, 40):
        bare_project.put(person, 80 - person)
    bare_project.update(1, 20, ho_ten="Trần Văn Về")
    bare_project.pass_through("extract")
    assert source.state() == "catching_up"
    bare_project.pass_through("judge")
    assert source.state() == "catching_up", "not shared yet"
    bare_project.pass_through("share")
    assert source.state() == "alive"
    assert [source.watch().closed for _ in range(2)] == [1, 0]
    once = [("alert.offline", "opened"), ("alert.offline", "closed")]
    assert (source.told(), source.published()) == (once, once)
    assert (other.alerts(), other.told()) == ([], [])
    check(bare_project)
    assert bare_project.states() == {"shared": 40}


@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_sharing_of_a_frozen_source_stops_or_continues_as_declared(
    bare_project: Project, policy: str
) -> None:
    source = Source(bare_project, f"live: {{promise_s: 3600, when_frozen: {policy}}}")
    bare_project.put(1, 90)
    *_, shared = bare_project.pass_through()
    assert source.state() == "frozen"
    topic = f"sub.{bare_project.subscriber}.{source.stem}"
    assert shared.get("stopped") == ("alert.frozen" if policy == "stop" else None)
    assert len(list(read_topic(bare_project.servers, topic))) == (0 if policy == "stop" else 1)
    bare_project.pass_through("extract")
    source.watch(), source.watch()
    bare_project.put(2, 1)
    bare_project.pass_through()
    assert source.state() == "alive"
    source.watch()
    assert source.alerts() == [("alert.frozen", "source", False)]
    assert len(list(read_topic(bare_project.servers, topic))) == 2
    check(bare_project)


@pytest.mark.parametrize("policy", ["stop", "continue"])
def test_sharing_under_a_wrong_clock_stops_or_continues_as_declared(
    bare_project: Project, policy: str
) -> None:
    source = Source(bare_project, f"live: {{when_clock_wrong: {policy}}}")
    bare_project.put(1, 10)
    bare_project.put(2, -600)
    *_, shared = bare_project.pass_through()
    assert source.state() == "clock_wrong"
    assert shared.get("stopped") == ("alert.clock_wrong" if policy == "stop" else None)
    source.watch()
    bare_project.update(2, 1)
    bare_project.pass_through()
    assert source.state() == "alive"
    source.watch()
    assert source.alerts() == [("alert.clock_wrong", "source", False)]
    assert len(list(read_topic(bare_project.servers, f"sub.{bare_project.subscriber}.{source.stem}"))) == 2


@pytest.mark.parametrize("hold", [True, False])
def test_a_high_share_of_failures_alerts_and_holds_only_where_declared(
    bare_project: Project, hold: bool
) -> None:
    source = Source(bare_project, f"alerts: {{failed_share: 0.5, min_rows: 4, hold: {str(hold).lower()}}}")
    for person in range(1, 5):
        bare_project.put(person, 30, gioi_tinh="khác")
    bare_project.put(5, 30)
    *_, shared = bare_project.pass_through()
    assert shared.get("stopped") == ("alert.failed_share" if hold else None)
    source.watch(), source.watch()
    assert sorted({code for code, _, _ in source.alerts()}) == (
        ["alert.failed_share", "alert.held"] if hold else ["alert.failed_share"]
    )
    assert source.state() == ("held" if hold else "alive")
    bare_project.servers.query(
        "update extract.hold set released_at = now() where stem = %s and released_at is null", source.stem
    )
    assert "stopped" not in bare_project.pass_through("share")[0], "released once, not held again"
    for person in range(1, 5):
        bare_project.update(person, 1, gioi_tinh="Nam")
    bare_project.pass_through()
    source.watch()
    assert not [alert for alert in source.alerts() if alert[2]], "closed when the records came back"
    check(bare_project)


def test_lag_overdue_and_unbalanced_are_told_once_and_closed_when_mended(bare_project: Project) -> None:
    source = Source(bare_project, "live: {lag_s: 1, overdue_s: 1}")
    bare_project.put(1, 30)
    bare_project.put(2, 30, gioi_tinh="khác")
    bare_project.pass_through("extract", "judge")
    bare_project.servers.query("update extract.batch set rows = rows + 1 where stem = %s", source.stem)
    time.sleep(1.1)  # the promises of this connector are one second
    source.watch(), source.watch()
    batch = bare_project.servers.query("select batch from extract.batch where stem = %s", source.stem)[0][0]
    wrong = [
        ("alert.lag", f"recipient {bare_project.subscriber}"), ("alert.lag", "recipient shared"),
        ("alert.overdue", "quarantine"), ("alert.unbalanced", f"batch {batch}"),
    ]  # fmt: skip
    assert sorted(source.alerts()) == sorted((*w, True) for w in wrong)
    bare_project.servers.query("update extract.batch set rows = rows - 1 where stem = %s", source.stem)
    bare_project.update(2, 1, gioi_tinh="Nam")
    bare_project.pass_through()
    source.watch()
    assert sorted(source.alerts()) == sorted((*w, False) for w in wrong)
    assert sorted(source.told()) == sorted((code, e) for code, _ in wrong for e in ("opened", "closed"))


def test_rejections_that_their_agency_was_not_told_are_an_alert_until_it_was(bare_project: Project) -> None:
    source = Source(bare_project)
    bare_project.put(1, 30)
    bare_project.put(2, 30, gioi_tinh="khác")
    bare_project.pass_through()
    source.watch()
    assert source.alerts() == [], "the DAG has its hours"
    bare_project.servers.query(
        "update quarantine.version set first_judged_at = first_judged_at - interval '4 hours' where stem = %s",
        source.stem,
    )
    assert bare_project.run("feedback", fail="feedback.read").code == SIGKILLED
    source.watch(), source.watch()
    assert source.alerts() == [("alert.untold", "feedback", True)], "numbered is not told"
    bare_project.pass_through("feedback")
    source.watch()
    assert source.alerts() == [("alert.untold", "feedback", False)]


def test_what_is_paused_is_neither_silent_nor_late_until_its_promise_after_resume(
    bare_project: Project,
) -> None:
    source, servers = Source(bare_project, "live: {promise_s: 7200, lag_s: 5}"), bare_project.servers
    bare_project.put(1, 630)
    bare_project.pass_through("extract", "judge")
    with closing(connect(source.settings, "pophub_judge")) as connection:
        pause(connection, source.stem, "", "Lan", "the source moves")
        servers.query(
            "update quarantine.pause set paused_at = paused_at - interval '9 hours' where stem = %s",
            source.stem,
        )
        source.shift_beats(10)  # long silent, if nobody had paused it; a version waits longer than lag_s
        time.sleep(5.1)
        source.watch()
        assert source.alerts() == []
        resume(connection, source.stem, "", "Lan")
        source.watch()
        assert source.alerts() == [], "its first extract has the promise, what waits has lag_s, from now on"
        servers.query(
            "update quarantine.pause set resumed_at = resumed_at - interval '3 hours' where stem = %s",
            source.stem,
        )
        source.watch()
        assert {code for code, _, _ in source.alerts()} == {"alert.silent", "alert.lag"}
        pause(connection, source.stem, bare_project.subscriber, "Lan", "their servers are down")
        source.watch()
    late = {subject: is_open for code, subject, is_open in source.alerts() if code == "alert.lag"}
    assert late == {"recipient shared": True, f"recipient {bare_project.subscriber}": False}


def test_a_watcher_killed_after_telling_tells_nothing_twice(bare_project: Project) -> None:
    source = Source(bare_project)
    bare_project.run("extract", POPHUB_SOURCE_MPS_URL=NOWHERE)
    script = (
        "from pophub.contracts.load import load_all; from pophub.live.run import watch_once;"
        "from pophub.settings import Settings; s = Settings.load();"
        "watch_once(s, {c.stem: c for c in load_all(s.project)[0]}, [])"
    )
    environment = {**os.environ, **bare_project.environment, "POPHUB_HOME": str(source.settings.home)}
    for point in ("live.settling", "live.told", "live.told:2"):
        killed = subprocess.run(
            [sys.executable, "-c", script], env={**environment, "POPHUB_FAIL": point}, cwd=PROJECT, timeout=100
        )  # fmt: skip
        assert killed.returncode == SIGKILLED, point
    assert source.watch().failed == []
    assert source.told() == source.published() == [("alert.offline", "opened")]
    assert source.project.servers.query("select told_at is not null from live.alert where stem = %s", source.stem) == [(True,)]  # fmt: skip


def test_two_watchers_at_once_do_the_work_once(bare_project: Project) -> None:
    source = Source(bare_project)
    bare_project.run("extract", POPHUB_SOURCE_MPS_URL=NOWHERE)
    other = bare_project.servers.superuser()
    with other.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(hashtext('live'), hashtext('watch'))")
        assert source.watch().busy
    other.close()
    assert source.watch().opened == 1


def test_a_webhook_that_is_down_holds_up_no_other_sink_and_is_told_later(
    bare_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Source(bare_project)
    source.watch()
    bare_project.run("extract", POPHUB_SOURCE_MPS_URL=NOWHERE)
    monkeypatch.setenv("POPHUB_ALERT_WEBHOOK", "http://127.0.0.1:9/?token=SECRET")
    assert [error.code for error in source.watch().failed] == ["alert.webhook_refused"]
    assert source.told() == source.published() == [("alert.offline", "opened")]
    posted: list[dict[str, Any]] = []
    monkeypatch.setattr("pophub.live.webhook.WebhookSink._post", lambda *a: posted.append(a[4]) or True)
    assert source.watch().failed == source.watch().failed == []
    (document,) = [d for d in posted if d["stem"] == source.stem]
    assert (document["code"], document["event"], document["owner"]) == ("alert.offline", "opened", "C06")
    assert document["page"] == f"{source.settings.endpoints.web_url}/datasets/{source.stem}"


def test_an_alert_closed_by_hand_opens_again_only_after_its_cause_was_gone(bare_project: Project) -> None:
    from pophub.live.run import close_alert

    source = Source(bare_project)
    bare_project.run("extract", POPHUB_SOURCE_MPS_URL=NOWHERE)
    source.watch()
    connectors = {c.stem: c for c in load_all(bare_project.folder)[0]}
    ((number,),) = bare_project.servers.query("select alert from live.alert where stem = %s", source.stem)
    assert close_alert(source.settings, connectors, number, "Lan")
    assert not close_alert(source.settings, connectors, number, "Lan")
    bare_project.run("extract", POPHUB_SOURCE_MPS_URL=NOWHERE)
    assert source.watch().opened == 0
    bare_project.pass_through("extract")
    source.watch()
    bare_project.run("extract", POPHUB_SOURCE_MPS_URL=NOWHERE)
    assert source.watch().opened == 1
    assert [event for _, event in source.told()] == ["opened", "closed", "opened"]


def alert_close(project: Project, lan: tuple[str, str], *arguments: str) -> tuple[int, str]:
    name, password = lan
    environment = surroundings(project) | {"POPHUB_PERSON_PASSWORD": password}
    done = command("alert", "close", *arguments, "--by", name, environment=environment)
    return done.returncode, done.stdout + done.stderr


def test_closing_says_of_an_alert_that_is_not_there_or_closed_what_is_so(bare_project: Project) -> None:
    source = Source(bare_project)
    bare_project.run("extract", POPHUB_SOURCE_MPS_URL=NOWHERE)
    source.watch()
    ((number,),) = bare_project.servers.query("select alert from live.alert where stem = %s", source.stem)
    lan = user(bare_project, "Lan")
    for yes in ((), ("--yes",)):
        code, said = alert_close(bare_project, lan, "999999999", *yes)
        assert (code, "alert.unknown" in said, "would" in said) == (2, True, False), said
    assert "would close" in alert_close(bare_project, lan, str(number))[1]
    assert "user.login" in alert_close(bare_project, (lan[0], "guessed"), str(number), "--yes")[1]
    assert f"closed by {lan[0]}" in alert_close(bare_project, lan, str(number), "--yes")[1]
    for yes in ((), ("--yes",)):
        code, said = alert_close(bare_project, lan, str(number), *yes)
        assert (code, f"unchanged, it was closed by {lan[0]} at 20" in said) == (0, True), said


RUNBOOK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def test_the_commands_of_the_runbook_run(bare_project: Project) -> None:
    source = Source(bare_project, "alerts: {failed_share: 0.1, min_rows: 1, hold: true}")
    bare_project.put(1, 30, gioi_tinh="khác")
    bare_project.pass_through()
    source.watch()
    text = Path(PROJECT / "docs/live.md").read_text()
    lan, password = user(bare_project, "Lan")
    environment = {**surroundings(bare_project), "POPHUB_PERSON_PASSWORD": password,
                   "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}  # fmt: skip
    ((hold,),) = bare_project.servers.query("select hold from extract.hold where stem = %s", source.stem)
    alert = bare_project.servers.query("select max(alert) from live.alert where stem = %s", source.stem)[0][0]
    lines = [
        line[2:] for block in RUNBOOK.findall(text) for line in block.splitlines() if line.startswith("$ ")
    ]
    codes = {code for (code,) in bare_project.servers.query("select distinct code from live.alert")}
    assert all(f"`{code}`" in text for code in codes)
    ran = {}
    for line in dict.fromkeys(lines):
        words = (
            line.replace("mps.citizens", source.stem).replace("HOLD", str(hold)).replace("ALERT", str(alert))
        ).replace("--by Lan", f"--by {lan}")
        done = subprocess.run(["bash", "-c", words], env=environment, cwd=bare_project.folder, timeout=120,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)  # fmt: skip
        ran[words] = done
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    assert len(ran) >= 8
    assert source.stem in ran["pophub live"].stdout
