"""Where the hub's servers, files and secrets are: environment first, then `<home>/endpoints.json`."""

from __future__ import annotations

import json
import os
import re
import secrets as token_source
from functools import cached_property
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pophub.domain.errors import ConfigError

PROJECT = Path(__file__).resolve().parent.parent
MADE, DERIVED = "secrets.made", {"pgpass"}
_REFERENCE = re.compile(r"\A\$\{([A-Z][A-Z0-9_]*)\}\Z")
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)\Z", re.DOTALL)
_PIECE = re.compile(
    r"""([^\s'"\\$`&;|<>()]+)|'([^']*)'|"((?:[^"\\$`]|\\.)*)"|\\(.)""", re.DOTALL
)  # plain, in single or in double quotes, behind a backslash
_BROKER = r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
_BROKERS = rf"\A{_BROKER}(?:, *{_BROKER})*\z"
_TAIL = re.compile(r"\s*(?:(?<=\s)#.*)?\Z", re.DOTALL)


def secret_variable(name: str) -> str:
    """Give the environment variable that may hold a secret.

    >>> secret_variable("ledger.ed25519")
    'POPHUB_SECRET_LEDGER_ED25519'
    """
    return "POPHUB_SECRET_" + re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def secret_lost(name: str) -> ConfigError:
    """Make the error that says that a secret was in use and is gone."""
    return ConfigError(
        "secret.lost",
        f"the secret {name} was in use and is not here; none is made in its place",
        where=f"secrets/{name}",
        remedy=f"bring the file back from where it is kept, or set {secret_variable(name)}",
    )


class Endpoints(BaseModel):
    """Addresses of the servers; `pophub up` writes them, clusters set POPHUB_* variables instead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    postgres_host: str = Field("127.0.0.1", description="host of PostgreSQL")
    postgres_port: int = Field(5432, ge=1, le=65535, description="port of PostgreSQL")
    postgres_superuser: str = Field("postgres", description="role that owns the embedded server")
    database: str = Field("pophub", description="the hub's database")
    kafka_bootstrap: str = Field(
        "127.0.0.1:9092", pattern=_BROKERS, description="host:port of the brokers, comma separated"
    )
    kafka_replicas: int = Field(1, description="replication factor of new topics")
    airflow_url: str = Field("http://127.0.0.1:8080", description="Airflow's API server")
    web_url: str = Field("http://127.0.0.1:8081", description="pophub's own pages")
    registry_url: str = Field("http://127.0.0.1:8082", description="the schema registry")
    pages_url: str = Field(
        "", description="where people open the pages: what stands before them, where something does"
    )

    @property
    def pages(self) -> str:
        """The address under which people open the pages, without a slash at its end."""
        return (self.pages_url or self.web_url).rstrip("/")


class Settings(BaseModel):
    """Everything a stage needs to find its servers. Immutable; made once a process."""

    model_config = ConfigDict(frozen=True, ignored_types=(cached_property,))

    home: Path
    project: Path
    endpoints: Endpoints

    @classmethod
    def load(cls) -> Self:
        """Read POPHUB_HOME, POPHUB_PROJECT, then POPHUB_<ENDPOINT> over `<home>/endpoints.json`."""
        project = Path(os.environ.get("POPHUB_PROJECT", PROJECT)).resolve()
        home = Path(os.environ.get("POPHUB_HOME", project / ".pophub")).resolve()
        known: dict[str, object] = {}
        written = home / "endpoints.json"
        if written.exists():
            known = _written(written)
        for name in Endpoints.model_fields:
            value = os.environ.get(f"POPHUB_{name.upper()}")
            if value:
                known[name] = value
        return cls(home=home, project=project, endpoints=_endpoints(known))

    def folder(self, *names: str) -> Path:
        """Give a folder of the home, made on first use for its owner alone, like the home itself.

        A folder that exists keeps its rights: `pophub up` opens the home to whom must pass.
        """
        path = self.home
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in names:
            path /= name
            path.mkdir(mode=0o700, exist_ok=True)
        return path

    def holds(self, name: str) -> bool:
        """Tell whether a secret is at hand; to ask for it would make one."""
        return secret_variable(name) in os.environ or (self.home / "secrets" / name).exists()

    def secret(self, name: str) -> str:
        """Give the secret `name` (such as `kafka.admin`), made on first use and never anew.

        Environment POPHUB_SECRET_<NAME> (dots and dashes as underscores) comes first, then the
        0600 file `<home>/secrets/<name>`.
        Errors: `secret.lost` where one was made and its file is gone.
        """
        if value := os.environ.get(secret_variable(name)):
            return value
        path = self.home / "secrets" / name
        if not path.exists():
            if name in self.made_secrets:
                raise secret_lost(name)
            folder = self.folder("secrets")
            draft = folder / f".{name}.{os.getpid()}"
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(token_source.token_urlsafe(32))
            try:
                os.link(draft, path)  # the first of two racing processes wins
            except FileExistsError:
                pass
            finally:
                draft.unlink()
            self.note_secrets()
        return path.read_text().strip()

    def has_secret(self, name: str) -> bool:
        """Tell whether the secret is here; make nothing."""
        return bool(os.environ.get(secret_variable(name))) or (self.home / "secrets" / name).exists()

    @property
    def made_secrets(self) -> set[str]:
        """Names of the secrets that were ever made in this home: `<home>/secrets.made`, one a line."""
        path = self.home / MADE
        return set(path.read_text().split()) if path.exists() else set()

    def note_secrets(self) -> None:
        """Note the secrets that are here, so that none of them is made anew once its file is gone."""
        here = {path.name for path in (self.home / "secrets").glob("[!.]*")} - DERIVED
        if new := sorted(here - self.made_secrets):
            handle = os.open(self.home / MADE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, "".join(f"{name}\n" for name in new).encode())
            finally:
                os.close(handle)

    def dsn(self, role: str, database: str | None = None) -> dict[str, str | int]:
        """Keyword arguments for a PostgreSQL connection of `role`."""
        return {
            "host": self.endpoints.postgres_host,
            "port": self.endpoints.postgres_port,
            "user": role,
            "password": self.secret(f"postgres.{role}"),
            "dbname": database or self.endpoints.database,
            "application_name": role,
        }

    @cached_property
    def _variable_lines(self) -> tuple[dict[str, str], list[int]]:
        path = self.home / "sources.env"
        return _read_variables(path.read_bytes()) if path.exists() else ({}, [])

    @property
    def agencies_port_file(self) -> Path:
        """Where the port is kept that simulated agencies' APIs have."""
        return self.home / "agencies.port"

    @property
    def agencies_port(self) -> int | None:
        """The port that simulated agencies' APIs have; None where the hub's servers were never started here."""
        path = self.agencies_port_file
        text = path.read_text().strip() if path.exists() else ""
        return int(text) if text.isascii() and text.isdigit() else None

    @property
    def source_variables(self) -> dict[str, str]:
        """Variables of `<home>/sources.env` (NAME=value lines, read as a shell would), which `simulate` writes."""
        return self._variable_lines[0]

    def resolve(self, text: str, *, where: str) -> str:
        """Replace a whole-value `${NAME}` reference by its value; other text stays as it is.

        Errors: `config.variable_missing` when the variable is nowhere set, `config.variable_line`
        when `sources.env` has lines that a shell would not read as NAME=value.
        """
        match = _REFERENCE.match(text)
        if match is None:
            return text
        name = match.group(1)
        value = os.environ.get(name) or self.source_variables.get(name)
        unread = self._variable_lines[1]
        if not value and unread:
            raise ConfigError(
                "config.variable_line",
                f"the variable {name} is not set, and sources.env cannot be read in line "
                + ", ".join(map(str, unread)),
                where=where,
                remedy="write NAME='value', one a line; a value with other signs than letters, digits and "
                "_-./:@%+=,?~ stands in single quotes",
            )
        if not value:
            raise ConfigError(
                "config.variable_missing",
                f"the variable {name} is not set",
                where=where,
                remedy=f"export {name}, or run `pophub simulate` to set up the simulated agencies",
            )
        return value


def _written(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text())
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ConfigError(
            "config.endpoint", f"{path.name} in the hub's home cannot be read", where=path.name,
            remedy="run `pophub down`, then `pophub up`, which writes it",
        )  # fmt: skip
    return found


def _endpoints(known: dict[str, object]) -> Endpoints:
    try:
        return Endpoints.model_validate(known)
    except ValidationError as error:
        names = sorted({str(entry["loc"][0]) for entry in error.errors()})
    variables = ", ".join(f"POPHUB_{name.upper()}" for name in names)
    raise ConfigError(
        "config.endpoint", f"the address of a server cannot be read: {', '.join(names)}",
        where="endpoints.json or the environment", remedy=f"correct {variables}, or take it out",
    )  # fmt: skip


def _read_variables(content: bytes) -> tuple[dict[str, str], list[int]]:
    """Read NAME=value lines as a shell would; give the numbers of lines that it would read otherwise or not."""
    known: dict[str, str] = {}
    unread = []
    text = content.decode("utf-8-sig", errors="surrogateescape")
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _ASSIGNMENT.match(line)
        value = found and _unquoted(found["value"])
        if found is None or value is None:
            unread.append(number)
        if found is not None and value is None:
            known.pop(found["name"], None)  # the earlier line of this name was meant to be replaced
        elif found is not None and value is not None:
            known[found["name"]] = value
    return known, unread


def _unquoted(written: str) -> str | None:
    """Give what a shell takes for the value; None where it would expand, split or cut it."""
    value, at = "", 0
    while piece := _PIECE.match(written, at):
        plain, single, double, escaped = piece.groups()
        value += plain or single or re.sub(r'\\([$`"\\])', r"\1", double or "") or escaped or ""
        at = piece.end()
    return value if _TAIL.match(written, at) else None
