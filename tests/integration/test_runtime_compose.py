"""The description of the cluster parses, publishes on loopback only and holds no secret; its login opens Airflow's pages."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from cryptography.fernet import Fernet

COMPOSE = Path(__file__).resolve().parents[2] / "docker-compose.yml"


def load() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


def test_it_describes_three_brokers_a_database_and_celery_workers() -> None:
    services = load()["services"]
    assert {"kafka-1", "kafka-2", "kafka-3", "postgres", "airflow-worker", "web", "registry"} <= set(services)
    brokers = [services[f"kafka-{node}"]["environment"] for node in (1, 2, 3)]
    assert [broker["NODE"] for broker in brokers] == ["1", "2", "3"]
    assert services["airflow-worker"]["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for service in load()["services"].values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_each_secret_is_a_reference_that_must_be_set() -> None:
    for service in load()["services"].values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"SECRET|PASSWORD$|FERNET|ADMIN$|CONN$", name) and name != OIDC:
                assert re.search(r"\$\{[A-Z_]+:\?\}", str(value)), name


OWN, OIDC = "POPHUB_SECRET_POSTGRES_POPHUB_WEB", "POPHUB_SECRET_WEB_OIDC"
ACTING = {
    "POPHUB_SECRET_POSTGRES_POPHUB_JUDGE",
    "POPHUB_SECRET_POSTGRES_POPHUB_FIGURES",
    "POPHUB_SECRET_KAFKA_POPHUB_SHARE",
    "POPHUB_SECRET_WEB_METRICS",
}


OF_PROVIDER = {
    OIDC,
    *(f"POPHUB_OIDC_{name}" for name in ("ISSUER", "CLIENT_ID", "ROLES", "CLAIM", "NAME", "SCOPE")),
}
"""What declares an OpenID provider: empty where none is."""


@pytest.mark.parametrize(("face", "more"), [("web", ACTING), ("registry", set())])
def test_pages_and_registry_are_apart_and_hold_no_secret_but_what_they_read_and_act_with(
    face: str, more: set[str]
) -> None:
    service = load()["services"][face]
    held = {name for name, value in service["environment"].items() if ":?}" in str(value)}
    assert held == {OWN, *more}
    left_open = {name for name, value in service["environment"].items() if ":-}" in str(value)}
    assert left_open == (OF_PROVIDER if face == "web" else set())
    assert not {"volumes", "env_file", "secrets", "configs"} & set(service), (
        "nor the home with the others' secrets"
    )
    assert service["command"] == ["python", "-m", "pophub.web", face]
    port = urlsplit(service["environment"][f"POPHUB_{face.upper()}_URL"]).port
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_what_pages_ask_for_is_taken_up_beside_them_by_who_has_the_hubs_home_and_listens_nowhere() -> None:
    service = load()["services"]["attendant"]
    assert service["command"] == ["python", "-m", "pophub.commands.attendant"]
    assert "pophub-home:/var/lib/pophub" in service["volumes"] and "ports" not in service


METADATA = {"POPHUB_SECRET_POSTGRES_AIRFLOW"}
QUEUE = {"REDIS_PASSWORD", "POPHUB_SECRET_POSTGRES_AIRFLOW"}
TOKENS = {"AIRFLOW_JWT_SECRET"}
PAGES = {OWN, *ACTING} - {"POPHUB_SECRET_WEB_METRICS"}
ADMIN = "POPHUB_SECRET_AIRFLOW_ADMIN"
SIGNED_IN = {ADMIN, "POPHUB_SECRET_HUB_PSEUDONYMS"}
BROKERS = {"POPHUB_SECRET_KAFKA_ADMIN"}
CONTROLLER = {"POPHUB_SECRET_KAFKA_CONTROLLER", "KAFKA_CLUSTER_ID"}
HOLDS = {
    **dict.fromkeys(("kafka-1", "kafka-2", "kafka-3"), BROKERS | CONTROLLER),
    "postgres": {"POPHUB_SECRET_POSTGRES_POSTGRES", *METADATA},
    "redis": {"REDIS_PASSWORD"},
    "airflow-init": METADATA,
    "airflow-dag-processor": METADATA,
    "airflow-scheduler": METADATA | TOKENS | QUEUE,
    "airflow-api": METADATA | TOKENS | PAGES | SIGNED_IN | {"AIRFLOW_FERNET_KEY", "AIRFLOW_API_SECRET"},
    "airflow-worker": QUEUE | PAGES | SIGNED_IN | BROKERS,
    "prepare": PAGES | SIGNED_IN | BROKERS | {"POPHUB_SECRET_POSTGRES_POSTGRES"},
    "attendant": SIGNED_IN | {"POPHUB_SECRET_POSTGRES_POPHUB_JUDGE"},
    "web": {OWN, *ACTING},
    "registry": {OWN},
}


def test_each_service_holds_the_secrets_that_it_needs_and_no_others() -> None:
    services = load()["services"]
    held = {
        name: {
            secret
            for value in s["environment"].values()
            for secret in re.findall(r"\$\{(\w+):\?", str(value))
        }
        for name, s in services.items()
    }
    assert held == HOLDS
    homes = {name for name, s in services.items() if "pophub-home" in str(s.get("volumes"))}
    assert homes == {"airflow-worker", "attendant", "prepare"}, (
        "the home has the secrets that are in no variable"
    )
    assert {s["environment"]["POPHUB_HOME"] for n, s in services.items() if n in homes} == {"/var/lib/pophub"}


def test_the_guide_names_each_secret() -> None:
    told = (COMPOSE.parent / "deploy/README.md").read_text()
    assert [name for name in set().union(*HOLDS.values()) if f"`{name}`" not in told] == []


def test_each_file_that_it_mounts_exists() -> None:
    for service in load()["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (COMPOSE.parent / source).is_file()


def environment_made(folder: Path) -> dict[str, str]:
    """Make `.env` beside a copy of the description as the guide says, and give what stands in it."""
    (folder / "deploy").mkdir(exist_ok=True)
    shutil.copy(COMPOSE, folder)
    shutil.copy(COMPOSE.parent / "deploy/make-env.sh", folder / "deploy")
    made = subprocess.run(
        ["bash", "deploy/make-env.sh"], cwd=folder, capture_output=True, text=True, check=True
    )
    found = dict(line.split("=", 1) for line in (folder / ".env").read_text().splitlines())
    assert not [value for value in found.values() if value in made.stdout + made.stderr], "none is shown"
    return found


def test_one_command_makes_each_secret_in_its_form_once(tmp_path: Path) -> None:
    made = environment_made(tmp_path)
    assert set(made) == set().union(*HOLDS.values())
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    Fernet(made["AIRFLOW_FERNET_KEY"])
    cluster = made["KAFKA_CLUSTER_ID"]
    assert len(cluster) == 22 and len(urlsafe_b64decode(f"{cluster}==")) == 16 and cluster[0] != "-"
    plain = {
        name: one for name, one in made.items() if name not in ("AIRFLOW_FERNET_KEY", "KAFKA_CLUSTER_ID")
    }
    assert all(re.fullmatch(r"[A-Za-z0-9]{64}", one) for one in plain.values())
    assert len(set(made.values())) == len(made)
    kept = [f"{name}={one}" for name, one in made.items() if name != "REDIS_PASSWORD"]
    (tmp_path / ".env").write_text("\n".join([*kept, ""]))
    again = environment_made(tmp_path)
    assert again.pop("REDIS_PASSWORD") != made.pop("REDIS_PASSWORD") and again == made


SIGN_IN = """
import sys
from airflow.api_fastapi.app import create_auth_manager, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.datamodels.login import LoginBody
from airflow.api_fastapi.auth.managers.simple.services.login import SimpleAuthManagerLogin
from fastapi import HTTPException

create_auth_manager()
get_auth_manager().init()
for password in sys.stdin.read().split():
    try:
        SimpleAuthManagerLogin.create_token(LoginBody(username="admin", password=password))
        print("in")
    except HTTPException as error:
        print(error.status_code)
"""


def test_the_login_of_the_guide_opens_airflows_pages_and_is_in_no_log(tmp_path: Path) -> None:
    service, made = load()["services"]["airflow-api"], environment_made(tmp_path)
    told = {
        name: re.sub(r"\$\{(\w+):\?\}", lambda found: made[found[1]], str(value))
        for name, value in service["environment"].items() if "SIMPLE_AUTH" in name or "JWT" in name or name == ADMIN
    }  # fmt: skip
    login = tmp_path / "passwords.json"
    told["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"] = str(login)
    home = {"AIRFLOW_HOME": str(tmp_path), "PYTHONWARNINGS": "ignore"}
    (*start, airflow, _server, _host, _all, _port, _8080) = service["command"]
    assert start == ["bash", "deploy/airflow-login.sh"] and airflow == "airflow"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [*start, "python", "-c", SIGN_IN], cwd=COMPOSE.parent, env={"PATH": path} | home | told,
        input=f"{made[ADMIN]} another", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split()[-2:] == ["in", "401"], done.stdout + done.stderr
    assert (
        "Password for user" not in done.stdout + done.stderr and made[ADMIN] not in done.stdout + done.stderr
    )
    assert json.loads(login.read_text()) == {"admin": made[ADMIN]} and login.stat().st_mode & 0o777 == 0o600


def test_an_image_holds_no_secret_of_this_machine_and_what_is_locked() -> None:
    installs = re.findall(r"pip install[^\n&]*", (COMPOSE.parent / "deploy/Dockerfile").read_text())
    assert installs == ["pip install --no-cache-dir uv"], "all else comes by uv.lock"
    left_out = (COMPOSE.parent / ".dockerignore").read_text().split()
    assert {".env", ".git", ".pophub", ".venv"} <= set(left_out)
