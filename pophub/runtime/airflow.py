"""Airflow as separate programs: their settings, and when they are ready."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from pophub.domain.errors import TransientError
from pophub.runtime import places, ports, postgres
from pophub.settings import PROJECT, Settings

ARGUMENTS = {
    "airflow-api-server": ("api-server",),
    "airflow-scheduler": (
        "scheduler",
        "-s",
    ),  # -s: no log server, which would listen on 0.0.0.0
    "airflow-dag-processor": ("dag-processor",),
}
"""No triggerer: no task of ours is deferred."""

LOGIN = "admin"
PLUGINS = PROJECT / "pophub" / "airflow_plugin"
LOOK_S = 3
"""How often the DAG processor looks for DAG files and declarations that changed."""

MIGRATED_SQL = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'airflow'"

PRELOAD = '''\
"""Written by pophub. Loads heavy modules once in the scheduler and the dag-processor: what they fork inherits them."""

import importlib
import logging
import sys

heavy = {
    "scheduler": ("pandas", "great_expectations", "pophub.gates.validator", "pophub.wiring"),
    "dag-processor": ("airflow.sdk", "pophub.contracts.load"),
}
logging.getLogger("great_expectations").setLevel(logging.WARNING)
for name in heavy.get(sys.argv[1] if len(sys.argv) > 1 else "", ()):
    try:
        importlib.import_module(name)
    except Exception as error:  # a broken module shows in the DAGs, not in a dead scheduler
        logging.getLogger("pophub").warning("%s was not preloaded: %s", name, error)
'''


def _folder(settings: Settings) -> Path:
    return settings.home / "airflow"


def _connection(settings: Settings, driver: str) -> str:
    dsn = settings.dsn("airflow", "airflow")
    password = quote(str(dsn["password"]), safe="")
    place = f"{dsn['host']}:{dsn['port']}/{dsn['dbname']}"
    return f"postgresql+{driver}://{dsn['user']}:{password}@{place}"


def _derived_key(settings: Settings, name: str) -> str:
    """Give 64 characters that depend on a secret of this name."""
    return hashlib.sha256(settings.secret(name).encode()).hexdigest()


def airflow_environment(settings: Settings) -> dict[str, str]:
    """Give all settings of Airflow, to be exported before anything imports it."""
    url = settings.endpoints.airflow_url
    folder = _folder(settings)
    fernet = hashlib.sha256(settings.secret("airflow.fernet").encode()).digest()
    bundle = {
        "name": "pophub",
        "classpath": "pophub_bundle.PophubBundle",  # in the folder of plug-ins
        "kwargs": {"project": str(settings.project), "refresh_interval": LOOK_S},
    }
    options = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "8",
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_FOLDER": str(settings.project / "dags"),
        "CORE__PLUGINS_FOLDER": str(PLUGINS),
        "CORE__FERNET_KEY": base64.urlsafe_b64encode(fernet).decode(),
        "CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{LOGIN}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
        "DATABASE__SQL_ALCHEMY_CONN": _connection(settings, "psycopg2"),
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": _connection(settings, "asyncpg"),
        "DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        "DAG_PROCESSOR__REFRESH_INTERVAL": str(LOOK_S),
        "DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": str(LOOK_S),
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",  # what changes is read at once: pophub_bundle
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(ports.port_of(settings.endpoints, "airflow")),
        "API__BASE_URL": url,
        "API__SECRET_KEY": _derived_key(settings, "airflow.api"),
        "API__EXPOSE_CONFIG": "False",
        "API_AUTH__JWT_SECRET": _derived_key(settings, "airflow.jwt"),
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
        "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
        "LOGGING__LOGGING_LEVEL": "WARNING",
        "LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING kafka=WARNING",
        "LOGGING__BASE_LOG_FOLDER": str(folder / "logs"),
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        "TRACES__OTEL_ON": "False",
    }
    return {f"AIRFLOW__{name}": value for name, value in options.items()} | {
        "AIRFLOW_HOME": str(folder),
        "GX_ANALYTICS_ENABLED": "false",
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONWARNINGS": "ignore",
        "NO_COLOR": "1",
    }


def program_environment(settings: Settings, program: str) -> dict[str, str]:
    """Give the settings of one program: what tasks say is kept, servers only warn.

    Tasks run in children of the scheduler and take its level.
    """
    level = "INFO" if program == "airflow-scheduler" else "WARNING"
    return airflow_environment(settings) | {"AIRFLOW__LOGGING__LOGGING_LEVEL": level}


def command(program: str) -> list[str]:
    """Give the command line of one of Airflow's programs."""
    return [sys.executable, "-m", "airflow", *ARGUMENTS[program]]


def configure(settings: Settings) -> None:
    """Write the login's password file and the preloading of heavy modules."""
    folder = places.make_private(_folder(settings))
    password = settings.secret("airflow.admin")
    places.write_private(folder / "passwords.json", json.dumps({LOGIN: password}))
    (folder / "config").mkdir(exist_ok=True)
    places.write_private(folder / "config" / "airflow_local_settings.py", PRELOAD)


def migrate(settings: Settings) -> None:
    """Bring Airflow's metadata to this version; nothing to do where that is done already."""
    wanted = f"airflow {version('apache-airflow')}"
    if postgres.psql(settings, MIGRATED_SQL).stdout.strip() == wanted:
        return
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=settings.project,
        env=os.environ | airflow_environment(settings),
        check=False,
    )
    if done.returncode:
        report = places.write_private(settings.home / "logs" / "airflow-migrate.log", done.stderr)
        raise TransientError(
            "airflow.migrate_failed",
            f"`airflow db migrate` ended with {done.returncode}:\n{places.tail(report)}\n",
            where=str(report),
            remedy="run `pophub doctor`",
        )
    postgres.psql(settings, f"COMMENT ON DATABASE airflow IS '{wanted}'")


def _get(settings: Settings, path: str, timeout_s: float) -> bytes:
    port = ports.port_of(settings.endpoints, "airflow")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def healthy(settings: Settings) -> bool:
    """Tell whether all three programs call themselves healthy."""
    try:
        report = json.loads(_get(settings, "/api/v2/monitor/health", 5))
    except (OSError, http.client.HTTPException, ValueError):
        return False
    parts = ("metadatabase", "scheduler", "dag_processor")
    return all((report.get(part) or {}).get("status") == "healthy" for part in parts)


def warm_up(settings: Settings) -> None:
    """Have the API server build what it builds at the first task, which would wait for it."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        _get(settings, "/execution/health", 30)
