"""The key that signs the ledger is never made anew, and handed on under two signatures."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hubkit import Project
from test_ledger import fill, found, tampered

from pophub.commands.growth import Wanted, growth
from pophub.commands.ledger import replace_key as command
from pophub.domain.errors import ConfigError
from pophub.ledger.checkpoint import find, make
from pophub.ledger.export import export
from pophub.ledger.keys import replace_key
from pophub.ledger.signing import NEXT, canonical, public_key, raw
from pophub.postgres import connect
from pophub.settings import Settings

NOW = Wanted("year", "now", None, None, None, None, "text", None, 20)


@pytest.fixture
def filled(project: Project) -> Project:
    return fill(project)


@pytest.fixture
def settings(filled: Project) -> Settings:
    return filled.servers.settings


@pytest.fixture
def key(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """The file of the key; what a test does to it is undone."""
    path, kept = settings.home / "secrets/ledger.ed25519", tmp_path / "kept"
    shutil.copy2(path, kept)
    yield path
    shutil.copy2(kept, path)


def add(project: Project, person: int) -> None:
    project.put(person, 30)
    assert project.pass_through()[1]["shared"] == 1


def pack(settings: Settings, folder: Path) -> Path:
    with closing(connect(settings, "pophub_ledger")) as connection:
        export(connection, make(settings), "2026", folder)
    return folder


def check(folder: Path, *arguments: str) -> tuple[int, str]:
    script = [sys.executable, "-I", str(folder / "verify_pack.py"), *arguments]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_without_its_key_the_hub_shares_signs_nothing_and_says_so(
    filled: Project, settings: Settings, key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last, aside = make(settings), key.with_name("aside")
    key.rename(aside)
    add(filled, 41)
    with pytest.raises(ConfigError, match=r"secret\.lost"):
        make(settings)
    with pytest.raises(ConfigError, match=r"secret\.lost"):
        public_key(settings)
    growth(NOW)
    told = capsys.readouterr()
    assert "nothing is signed (secret.lost)" in told.out
    assert "secret.lost" in told.err and "bring the file back" in told.err
    growth(Wanted(**{**vars(NOW), "format": "json"}))
    document = json.loads(capsys.readouterr().out)
    assert (document["checkpoint"], document["not_signed"]) == (None, "secret.lost")
    shared = filled.servers.query("select count(*) from hub.share_transaction")[0][0]
    assert sum(row["transactions"] for row in document["rows"]) == shared
    assert not key.exists()
    aside.rename(key)
    assert make(settings).id == last.id + 1
    assert found(filled.servers) == []


def test_a_hub_whose_home_is_new_makes_no_second_key_for_a_ledger_that_was_signed(
    filled: Project, settings: Settings, key: Path, tmp_path: Path
) -> None:
    home = tmp_path / "new"
    (home / "secrets").mkdir(parents=True)
    for path in (settings.home / "secrets").glob("postgres.*"):
        shutil.copy2(path, home / "secrets")
    moved = settings.model_copy(update={"home": home})
    add(filled, 42)
    with pytest.raises(ConfigError, match=r"secret\.lost"):
        make(moved)
    assert not (home / "secrets/ledger.ed25519").exists()


def test_another_key_signs_nothing(filled: Project, settings: Settings, key: Path) -> None:
    last = make(settings)
    key.write_text("A" * 43)
    add(filled, 43)
    with pytest.raises(ConfigError, match=r"secret\.changed") as caught:
        make(settings)
    assert last.public_key.hex() in caught.value.what
    with closing(connect(settings, "pophub_read")) as connection, pytest.raises(ConfigError):
        find(connection, last.id + 1)


def test_a_key_is_replaced_by_a_checkpoint_that_both_sign(
    filled: Project, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = settings.home / "secrets/ledger.ed25519"
    before, old = make(settings), path.read_text()
    command(False, False)
    assert "add --yes" in capsys.readouterr().out
    assert public_key(settings) == before.public_key
    command(True, True)
    told = json.loads(capsys.readouterr().out)
    assert (told["id"], told["before"]) == (before.id + 1, before.public_key.hex())
    assert told["public_key"] == public_key(settings).hex() != told["before"]
    assert path.stat().st_mode & 0o777 == 0o600
    add(filled, 44)
    assert make(settings).public_key == public_key(settings)
    assert found(filled.servers) == []
    folder = pack(settings, tmp_path / "pack")
    for known in (told["before"], told["public_key"]):
        assert check(folder, "--key", known)[0] == 0
    code, text = check(folder, "--key", "00" * 32)
    assert (code, "WRONG" in text) == (1, True)
    new = path.read_text()
    path.write_text(old)
    add(filled, 45)
    with pytest.raises(ConfigError, match=r"secret\.changed"):
        make(settings)
    path.write_text(new)
    make(settings)


def test_a_crash_while_a_key_is_replaced_is_mended_by_the_next_signature(
    filled: Project, settings: Settings
) -> None:
    path = settings.home / "secrets/ledger.ed25519"
    old = path.read_text()
    made = replace_key(settings)
    path.rename(path.with_name(NEXT))  # as it was when the checkpoint had just been written
    path.write_text(old)
    add(filled, 46)
    assert make(settings).public_key == made.due == public_key(settings)
    assert not path.with_name(NEXT).exists()
    assert found(filled.servers) == []


@pytest.mark.parametrize("cosigned", [True, False])
def test_a_ledger_that_was_handed_to_a_strangers_key_is_broken(
    filled: Project, settings: Settings, cosigned: bool
) -> None:
    servers, stranger = filled.servers, Ed25519PrivateKey.generate()
    made = replace_key(settings)
    name = {"public_key": raw(stranger).hex()}
    said = canonical({**made.document, "next_key": name})
    change = {**name, "signature": stranger.sign(said).hex()} if cosigned else {
        **made.document["next_key"], "signature": "00" * 64
    }  # fmt: skip
    forged = json.dumps(change)
    statement = (
        f"update ledger.checkpoint set document = jsonb_set(document, '{{next_key}}', '{forged}') "
        f"where id = {made.id}"
    )
    with tampered(servers, statement):
        assert ("ledger.checkpoint", made.id) in [(b.table, b.sequence) for b in found(servers)]
    assert found(servers) == []


def test_a_forged_pack_with_a_key_of_its_own_is_found_by_the_key_handed_over_and_else_not_called_proved(
    filled: Project, settings: Settings, tmp_path: Path
) -> None:
    folder, forger = pack(settings, tmp_path / "pack"), Ed25519PrivateKey.generate()
    assert check(folder)[0] == 2
    lines = [json.loads(line) for line in (folder / "checkpoints.jsonl").read_text().splitlines()]
    previous = None
    for entry in lines:
        entry["document"].pop("next_key", None)
        entry["document"]["previous"] = previous
        text = canonical(entry["document"])
        entry["signature"], entry["key"] = forger.sign(text).hex(), raw(forger).hex()
        previous = hashlib.sha256(text + bytes.fromhex(entry["signature"])).hexdigest()
    (folder / "checkpoints.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    (folder / "public_key.hex").write_text(raw(forger).hex() + "\n")
    code, told = check(folder)
    assert (code, "NOT PROVED" in told, raw(forger).hex() in told) == (2, True, True)
    code, told = check(folder, "--key", public_key(settings).hex())
    assert (code, told.startswith("WRONG")) == (1, True)
