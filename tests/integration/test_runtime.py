"""The embedded servers start, stop, survive crashes and keep strangers out. All servers are real."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from pophub.domain.errors import ConfigError
from pophub.kafka.admin import Administrator
from pophub.runtime import broker, hub, ports, postgres, processes, supervise
from pophub.runtime.home import data_folder
from pophub.settings import Endpoints, Settings

PROJECT = Path(__file__).resolve().parents[2]
SERVERS = ("postgres", "kafka")


def make_settings(home: Path) -> Settings:
    return Settings(home=home, project=PROJECT, endpoints=Endpoints.model_validate({}))


def wait_until(condition: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.1)


def tear_down(settings: Settings) -> None:
    hub.stop(settings)
    hub.erase(settings)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = make_settings(tmp_path_factory.mktemp("hub") / "home")
    try:
        yield hub.start(settings, servers=SERVERS)
    finally:
        tear_down(settings)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Settings]:
    settings = make_settings(tmp_path / "home")
    try:
        yield settings
    finally:
        tear_down(settings)


@pytest.fixture
def passable(tmp_path: Path) -> Iterator[Settings]:
    """A home that other users of the machine may come to, as a clone below /srv or /opt has it."""
    folder = Path(tempfile.mkdtemp(prefix="pophub-open-"))
    folder.chmod(0o755)
    settings = make_settings(folder / "home")
    try:
        yield settings
    finally:
        tear_down(settings)
        shutil.rmtree(folder)


def shell(settings: Settings, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command as a user would after `eval "$(pophub env)"`."""
    variables = os.environ | hub.environment(settings)
    expanded = [part.format(**variables) for part in command]
    return subprocess.run(expanded, env=variables, input=stdin, capture_output=True, text=True, check=False)


def pids(settings: Settings) -> dict[str, int | None]:
    return {entry.name: entry.pid for entry in hub.state(settings) if entry.running}


def test_a_second_start_changes_nothing_and_is_quick(running: Settings) -> None:
    before, begun = pids(running), time.monotonic()
    steps: list[str] = []
    again = hub.start(running, servers=SERVERS, report=lambda name, _: steps.append(name))
    assert time.monotonic() - begun < 2
    assert steps == []
    assert again.endpoints == running.endpoints
    assert pids(running) == before
    assert set(before) == set(SERVERS)


def test_a_second_start_leaves_postgresqls_user_the_way_to_its_data(passable: Settings) -> None:
    """As root PostgreSQL runs as a user of its own: a home closed to it is a PANIC at the next checkpoint."""
    settings = hub.start(passable, servers=["postgres"])
    mode = stat.S_IMODE(passable.home.stat().st_mode)
    first = pids(settings)["postgres"]
    for _ in range(2):
        hub.start(passable, servers=["postgres"])
        assert stat.S_IMODE(passable.home.stat().st_mode) == mode
        done = postgres.psql(settings, "CREATE TABLE more(); CHECKPOINT; DROP TABLE more; CHECKPOINT")
        assert (done.returncode, done.stderr) == (0, "")
    assert pids(settings)["postgres"] == first
    assert "PANIC" not in (settings.home / "logs" / "postgres.log").read_text()


def test_a_closed_folder_above_is_told_and_never_answered_by_an_empty_database(passable: Settings) -> None:
    settings = hub.start(passable, servers=["postgres"])
    place = data_folder(passable)
    passable.home.chmod(0o700)
    told = [(f.level, f.remedy) for f in hub.diagnose(passable) if f.subject == "home"]
    another_user = os.geteuid() == 0  # PostgreSQL runs as us otherwise, and passes
    assert told == ([("fail", f"chmod o+x {passable.home}")] if another_user else [])
    hub.start(passable, servers=["postgres"])
    assert not [finding for finding in hub.diagnose(passable) if finding.subject == "home"]
    assert postgres.psql(settings, "CHECKPOINT").returncode == 0
    passable.home.parent.chmod(0o700)
    assert data_folder(passable) == place


def test_only_loopback_listens(running: Settings) -> None:
    mine = {process.pid for process in processes.belonging(running.home)}
    addresses = {
        str(connection.laddr[0]).removeprefix("::ffff:")
        for connection in psutil.net_connections("tcp")
        if connection.pid in mine and connection.laddr and connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_no_secret_is_in_arguments_and_files_of_secrets_are_closed(running: Settings) -> None:
    hub.environment(running)
    folder = running.home / "secrets"
    values = [path.read_text().strip() for path in folder.iterdir()]
    for process in processes.belonging(running.home):
        assert not any(value in " ".join(process.cmdline()) for value in values)
    private = [*folder.iterdir(), *(running.home / "kafka").glob("*.properties")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_psql_and_kafkas_own_tools_work_with_the_exports(running: Settings) -> None:
    told = shell(running, "psql", "-Atc", "SELECT current_user, current_database()")
    assert (told.stdout, told.stderr) == ("postgres|pophub\n", "")
    tool = ("{JAVA}", "-cp", "{KAFKA_CLASSPATH}")
    login = (
        *("--bootstrap-server", "{KAFKA_BOOTSTRAP_SERVERS}"),
        *("--command-config", "{KAFKA_CLIENT_CONFIG}", "--topic", "tools"),
    )
    made = shell(running, *tool, "org.apache.kafka.tools.TopicCommand", *login, "--create")
    assert made.returncode == 0, made.stdout + made.stderr
    sent = shell(running, *tool, "org.apache.kafka.tools.ConsoleProducer", *login, stdin="a\nb\n")
    assert sent.returncode == 0, sent.stdout + sent.stderr
    consumer = "org.apache.kafka.tools.consumer.ConsoleConsumer"
    bounds = ("--from-beginning", "--max-messages", "2", "--isolation-level", "read_committed")
    assert shell(running, *tool, consumer, *login, *bounds).stdout == "a\nb\n"


def test_a_wrong_password_is_refused(running: Settings) -> None:
    variables = {"PGHOST": "127.0.0.1", "PGPORT": str(running.endpoints.postgres_port)}
    command = [str(postgres.install_root() / "bin" / "psql"), "-U", "postgres", "-c", "SELECT 1"]
    done = subprocess.run(
        command,
        env=os.environ | variables | {"PGPASSWORD": "wrong"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "password authentication failed" in done.stderr


def test_the_brokers_log_names_who_was_denied_and_holds_no_secret_of_the_request(running: Settings) -> None:
    administrator = Administrator(running)
    administrator.ensure_users(["reader"])
    administrator.close()
    reader = AdminClient({
        "bootstrap.servers": running.endpoints.kafka_bootstrap,
        "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "reader", "sasl.password": running.secret("kafka.reader"),
    })  # fmt: skip
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192)
    wanted = UserScramCredentialUpsertion("reader", credential, b"a password", b"a salt of sixteen")
    (answer,) = reader.alter_user_scram_credentials([wanted]).values()
    with pytest.raises(KafkaException, match="CLUSTER_AUTHORIZATION_FAILED"):
        answer.result(30)
    log = running.home / "logs" / "kafka.log"
    wait_until(lambda: "for request = AlterUserScramCredentials" in log.read_text(), 20)
    text = log.read_text()
    assert "Principal = User:reader is Denied operation = ALTER" in text
    for part in ("saltedPassword", "salt=", "upsertions", str(list(b"a salt of sixteen"))[1:20]):
        assert part not in text


def test_a_killed_server_comes_back_with_its_data(running: Settings) -> None:
    postgres.psql(running, "CREATE TABLE kept AS SELECT 7 AS value", "pophub")
    for name, ready in (("postgres", postgres.ready), ("kafka", broker.ready)):
        pid = pids(running)[name]
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda name=name, pid=pid: pids(running).get(name) not in (None, pid))  # type: ignore[misc]
        wait_until(lambda ready=ready: ready(running))  # type: ignore[misc]
    assert postgres.psql(running, "SELECT value FROM kept", "pophub").stdout == "7\n"
    again = {entry.name: entry for entry in hub.state(running) if entry.running}
    assert {name: entry.restarts for name, entry in again.items()} == {"postgres": 1, "kafka": 1}
    assert all(entry.uptime_s is not None and entry.uptime_s < 120 for entry in again.values())


def told(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `pophub` for a home."""
    command = [str(Path(sys.executable).with_name("pophub")), *arguments]
    variables = os.environ | {"POPHUB_HOME": str(settings.home)}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("silence", "speak", "how", "next_step"),
    [("stopProcess", "startProcess", "is stopped", "`pophub up` starts it"),
     (signal.SIGSTOP, signal.SIGCONT, "runs and does not answer", "`pophub down` and `pophub up`")],
)  # fmt: skip
def test_status_tells_what_it_knows_while_postgresql_is_silent(
    running: Settings, silence: str | signal.Signals, speak: str | signal.Signals, how: str, next_step: str
) -> None:
    pid = pids(running)["postgres"]
    assert pid is not None

    def have(what: str | signal.Signals) -> None:
        if isinstance(what, signal.Signals):
            os.kill(pid, what)
        else:
            supervise.call(running, what, "postgres", True)

    have(silence)
    try:
        shown, document = told(running, "status"), told(running, "status", "--json")
    finally:
        have(speak)
        wait_until(lambda: postgres.ready(running))
    assert (shown.returncode, document.returncode) == (3, 3)
    assert f"postgres {how}" in shown.stdout and next_step in shown.stdout
    assert "logs/postgres.log" in shown.stdout and "pophub status" not in shown.stdout
    found = json.loads(document.stdout)
    assert found["unknown"]["code"] == "postgres.unreachable"
    servers = {one["name"]: one for one in found["servers"]}
    assert servers["kafka"]["state"] == "running" and servers["kafka"]["uptime_s"] > 0
    assert isinstance(servers["kafka"]["restarts"], int)


def test_status_of_a_hub_that_was_never_started_says_how_to_start_it(fresh: Settings) -> None:
    shown = told(fresh, "status")
    assert shown.returncode == 0
    assert "postgres is stopped" in shown.stdout and "`pophub up` starts it" in shown.stdout


def test_doctor_finds_a_healthy_hub_healthy_and_an_open_secret(running: Settings) -> None:
    levels = {finding.subject: finding.level for finding in hub.diagnose(running)}
    assert (levels["postgres"], levels["kafka"], levels["secrets"]) == ("ok", "ok", "ok")
    secret = running.home / "secrets" / "kafka.admin"
    secret.chmod(0o644)
    try:
        bad = [finding for finding in hub.diagnose(running) if finding.level == "fail"]
    finally:
        secret.chmod(0o600)
    assert [finding.subject for finding in bad] == ["secrets"]
    assert bad[0].remedy == f"chmod 600 {secret}"


def test_stop_ends_all_and_a_new_start_finds_the_data(fresh: Settings) -> None:
    hub.stop(fresh)  # nothing to stop is no error
    settings = hub.start(fresh, servers=SERVERS)
    postgres.psql(settings, "CREATE TABLE kept AS SELECT 7 AS value", "pophub")
    hub.stop(fresh)
    hub.stop(fresh)
    assert processes.belonging(fresh.home) == []
    again = hub.start(fresh, servers=SERVERS)
    assert again.endpoints == settings.endpoints
    assert postgres.psql(again, "SELECT value FROM kept", "pophub").stdout == "7\n"


@pytest.mark.parametrize("then", ["stop", "start"])
def test_a_killed_supervisor_leaves_nothing_behind(fresh: Settings, then: str) -> None:
    hub.start(fresh, servers=["postgres"])
    supervisor = supervise.process(fresh)
    assert supervisor is not None
    orphans = processes.belonging(fresh.home)
    supervisor.kill()
    wait_until(lambda: supervise.process(fresh) is None)
    assert [finding.subject for finding in hub.diagnose(fresh) if "left" in finding.subject]
    if then == "stop":
        hub.stop(fresh)
        assert processes.belonging(fresh.home) == []
    else:
        assert postgres.ready(hub.start(fresh, servers=["postgres"]))
    assert not any(processes.alive(orphan) for orphan in orphans)


def test_old_pid_files_that_name_strangers_harm_nobody(fresh: Settings) -> None:
    settings = hub.start(fresh, servers=["postgres"])
    hub.stop(fresh)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (fresh.home / "supervisor" / "supervisord.pid").write_text(f"{stranger.pid}\n")
        postmaster = data_folder(fresh) / "postmaster.pid"
        postmaster.write_text(f"{stranger.pid}\n{postmaster.parent}\n")
        assert postgres.ready(hub.start(settings, servers=["postgres"]))
        hub.stop(fresh)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_taken_port_is_named_with_the_way_to_choose_another(
    fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ports.settle(fresh)
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", settings.endpoints.postgres_port))
        stranger.listen()
        with pytest.raises(ConfigError) as caught:
            hub.start(fresh, servers=["postgres"])
        assert caught.value.code == "port.taken"
        assert str(settings.endpoints.postgres_port) in caught.value.what
        assert "POPHUB_POSTGRES_PORT" in caught.value.remedy
        other = ports.choose_free(settings)
        monkeypatch.setenv("POPHUB_POSTGRES_PORT", str(other))
        moved = hub.start(fresh, servers=["postgres"])
    assert moved.endpoints.postgres_port == other


def test_a_server_that_cannot_start_shows_the_end_of_its_log(
    fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "CONFIGURATION", "no_such_setting = 1\nport = {port}\n")
    with pytest.raises(Exception, match="unrecognized configuration parameter") as caught:
        hub.start(fresh, servers=["postgres"])
    assert getattr(caught.value, "code", "") == "runtime.not_ready"
