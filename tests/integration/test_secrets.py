"""A secret that was in use is never made anew; what does not need it goes on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hubkit import Project
from outside import read_log, read_topic

from pophub.domain.errors import ConfigError
from pophub.runtime import hub
from pophub.settings import Settings
from pophub.streaming.lanes import LaneWorker
from pophub.wiring import Hub


@pytest.fixture
def pseudonyms(project: Project, tmp_path: Path) -> Iterator[Path]:
    """The file of the secret; what a test does to it is undone."""
    path, kept = project.servers.settings.home / "secrets/hub.pseudonyms", tmp_path / "kept"
    shutil.copy2(path, kept)
    yield path
    shutil.copy2(kept, path)


def told(project: Project) -> tuple[int, int]:
    """Count the versions that the hub's own log and the subscriber's topic carry."""
    sub = f"sub.{project.subscriber}.{project.stem}"
    return len(read_log(project.servers, project.stem)), len(read_topic(project.servers, sub))


@pytest.mark.parametrize(("text", "code"), [(None, "secret.lost"), ("another one", "secret.changed")])
def test_without_the_secret_of_pseudonyms_only_what_needs_it_waits(
    project: Project, pseudonyms: Path, text: str | None, code: str
) -> None:
    project.put(1, 400)
    project.pass_through()
    kept = pseudonyms.read_text()
    pseudonyms.unlink() if text is None else pseudonyms.write_text(text)
    project.put(2, 300)
    assert project.run("prepare").error is None
    assert project.run("extract", "judge", "share").error == code
    assert told(project) == (2, 1)
    assert pseudonyms.exists() == (text is not None)
    pseudonyms.write_text(kept)
    project.pass_through()
    assert told(project) == (2, 2)


def test_a_stream_goes_on_with_what_needs_no_pseudonyms(
    project: Project, pseudonyms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.put(1, 400)
    project.pass_through("extract", "judge")
    pseudonyms.rename(pseudonyms.with_name("aside"))
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    running = Hub(project.servers.settings.model_copy(update={"project": project.folder}))
    for lane in range(running.connector(project.stem).file.lanes):
        worker = LaneWorker(running, project.stem, lane, stages=["share"])
        with closing(worker), pytest.raises(ConfigError, match=r"secret\.lost"):
            worker.share()
    assert told(project) == (1, 0)
    assert not pseudonyms.exists()
    pseudonyms.with_name("aside").rename(pseudonyms)
    project.pass_through("share")
    assert told(project) == (1, 1)


def test_a_secret_is_made_once_and_its_loss_is_told(tmp_path: Path, project: Project) -> None:
    known = project.servers.settings
    new = Settings(home=tmp_path / "home", project=known.project, endpoints=known.endpoints)
    first = new.secret("kafka.reader")
    assert new.secret("kafka.reader") == first
    (new.home / "secrets/kafka.reader").unlink()
    with pytest.raises(ConfigError, match=r"secret\.lost") as caught:
        new.secret("kafka.reader")
    assert "POPHUB_SECRET_KAFKA_READER" in caught.value.remedy
    assert not (new.home / "secrets/kafka.reader").exists()
    (found,) = [f for f in hub.diagnose(new) if f.subject == "secrets" and f.level == "fail"]
    assert "kafka.reader was in use and is not here" in found.what
    assert (new.home / "secrets.made").stat().st_mode & 0o777 == 0o600


def test_secrets_of_an_older_home_are_noted_at_its_next_start(tmp_path: Path, project: Project) -> None:
    known = project.servers.settings
    old = Settings(home=tmp_path / "home", project=known.project, endpoints=known.endpoints)
    (old.home / "secrets").mkdir(parents=True)
    (old.home / "secrets/hub.pseudonyms").write_text("x" * 43)
    (old.home / "secrets/pgpass").write_text("")
    old.note_secrets()
    assert old.made_secrets == {"hub.pseudonyms"}
    assert known.made_secrets >= {"hub.pseudonyms", "postgres.postgres", "kafka.admin"}
