"""The kit of the tests on real servers: one hub for the session, a connector of its own for each test.

A test edits its agency's database by SQL, runs stages in processes of their own, and counts from
outside (`outside.py`).
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from command_kit import Ran, Started, forking

from pophub.runtime import hub, postgres
from pophub.settings import PROJECT, Settings
from pophub.wiring import Hub

SIGKILLED = -9
CAREFREE = """
    alter system set fsync = off;
    alter system set full_page_writes = off;
    select pg_reload_conf();
"""
CITIZENS_TABLE = """
    create schema dancu;
    create table dancu.cong_dan (id bigserial primary key, so_ddcn text, ho_ten text, ngay_sinh text,
        gioi_tinh text, ma_tinh text, ma_ho text, so_cmnd text, da_xoa boolean not null default false,
        cap_nhat_luc timestamptz)
"""
INVOICES_TABLE = """
    create schema hoadon;
    create table hoadon.hddt (so_hd text primary key, mst_ban text, ten_ban text, so_ddcn_ban text,
        tong_tien numeric(18,0), tien_thue numeric(18,0), ban_le boolean, ngay_lap timestamptz,
        trang_thai text, cap_nhat timestamptz)
"""
_numbers = itertools.count(1)

GRANTED = ("citizen_id", "full_name", "birth_date", "province_code")


@dataclass
class Servers:
    """The running hub of the session and the fork server of its stages."""

    settings: Settings
    socket_path: str

    def superuser(self, database: str | None = None) -> Any:
        """Open a connection of the superuser, autocommit."""
        user = self.settings.endpoints.postgres_superuser
        connection = psycopg2.connect(**self.settings.dsn(user, database))  # type: ignore[call-overload]
        connection.autocommit = True
        return connection

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the hub's database as its superuser."""
        connection = self.superuser()
        try:
            with connection.cursor() as cursor:
                cursor.execute(text, values)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()


def started(servers: Sequence[str]) -> Settings:
    """Start servers of the home in the environment, PostgreSQL without a wait for the disk.

    Tests kill processes, and what those wrote outlives them; no test cuts the power of the machine.
    """
    settings = hub.start(Settings.load(), servers=servers)
    done = postgres.psql(settings, CAREFREE)
    assert done.returncode == 0, done.stderr
    return settings


@contextmanager
def serving() -> Iterator[Servers]:
    """Start PostgreSQL, Kafka and the fork server, where there is none yet; end them all."""
    home = Path(tempfile.mkdtemp(prefix="pophub-tests-"))
    with forking() as path, pytest.MonkeyPatch.context() as patch:
        patch.setenv("POPHUB_HOME", str(home))
        try:
            yield Servers(started(("postgres", "kafka")), path)
        finally:
            hub.stop(Settings.load())
            shutil.rmtree(home, ignore_errors=True)


def project_number() -> int:
    """Give a number that no other project of this session has."""
    return next(_numbers)


@dataclass
class Project:
    """A project folder with connectors of its own, and the database that they read.

    People have numbers of this project alone, since the population database is one for the hub.
    `limits` shortens waits of the stages: "module.NAME" -> seconds, such as `pophub.kafka.client.CALL_S`.
    """

    servers: Servers
    folder: Path
    number: int = field(default_factory=project_number)
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    limits: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.agency = f"t{self.number}"
        self.stem = f"{self.agency}.citizens"
        self.subscriber = f"reader{self.number}"
        self.database = f"source_{self.agency}"
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.servers.query(f"create database {self.database}")
        self.environment["POPHUB_PROJECT"] = str(self.folder)
        self.environment["POPHUB_SOURCE_MPS_URL"] = self.url()
        self.environment["POPHUB_SOURCE_MOF_URL"] = self.url()
        self._source = self.servers.superuser(self.database)
        self.sql(CITIZENS_TABLE)

    def url(self, **change: Any) -> str:
        """Give the source's URL, changed where a test wants it wrong."""
        endpoints = self.servers.settings.endpoints
        parts = {**self.servers.settings.dsn(endpoints.postgres_superuser, self.database), **change}
        login = f"{parts['user']}:{parts['password']}"
        return f"postgresql+psycopg2://{login}@{parts['host']}:{parts['port']}/{parts['dbname']}"

    def declare(
        self, name: str, *edits: tuple[str, str], fields: Sequence[str] = (), register: bool = False
    ) -> str:
        """Copy a connector of the repository under this project's agency; `fields` go to the subscriber.

        Each edit is a pattern and its replacement in the connector file. The organisations that it names are
        left out, with the rules about them, unless there is a `register` in this project: its `taxpayers`.
        """
        agency, dataset = name.split(".")
        text = (PROJECT / f"connectors/{agency}/{dataset}.yaml").read_text()
        text = re.sub(rf"(?m)^agency: {agency}$", f"agency: {self.agency}", text)
        if register:
            text = text.replace("in: mof.taxpayers", f"in: {self.agency}.taxpayers")
        else:
            text = re.sub(r"(?m)^organisations:\n(?: +.*\n)+", "", text)
        for pattern, replacement in edits:
            text, times = re.subn(pattern, replacement, text)
            assert times == 1, pattern
        self._write(f"connectors/{self.agency}/{dataset}.yaml", text)
        for kind, suffix in (("schemas", ".v1.avsc"), ("expectations", ".json")):
            content = (PROJECT / f"{kind}/{agency}/{dataset}{suffix}").read_text()
            content = content.replace(f'"name": "{agency}.{dataset}"', f'"name": "{self.agency}.{dataset}"')
            if not register:
                content = re.sub(r'(?m)^ *{"type": "expect_organisation_.*\n', "", content)
            self._write(f"{kind}/{self.agency}/{dataset}{suffix}", content)
        shutil.copytree(PROJECT / "codes", self.folder / "codes", dirs_exist_ok=True)
        if fields:
            self._grant(f"{self.agency}.{dataset}", fields)
        return f"{self.agency}.{dataset}"

    def declare_numbered(self) -> None:
        """Declare people whose changes have numbers, and times beside them that need not rise with these."""
        self.declare(
            "mps.citizens",
            (
                "column: cap_nhat_luc\n    kind: time",
                "column: id\n    kind: sequence\n    changed_at: cap_nhat_luc",
            ),
            ("late_s: 3600", "late_rows: 4"),
        )
        suite = self.folder / f"expectations/{self.agency}/citizens.json"
        suite.write_text(suite.read_text().replace("hub_marker", "hub_changed_at"))

    def figure(self, name: str) -> None:
        """Copy a figure of the repository; one that counts share transactions alone needs no dataset."""
        self._write(f"figures/{name}.sql", (PROJECT / f"figures/{name}.sql").read_text())

    def _grant(self, stem: str, fields: Sequence[str]) -> None:
        path = self.folder / f"subscriptions/{self.subscriber}.yaml"
        head = f"subscription: 1\nsubscriber: {self.subscriber}\ntitle: {{en: x, vi: x}}\ngrants:\n"
        text = path.read_text() if path.exists() else head
        grant = f"  - dataset: {stem}\n    purpose: {{en: x, vi: x}}\n    legal_basis: x\n"
        fields_line = f"    fields: [{', '.join(fields)}]\n    starts: 2022-01-01\n"
        self._write(f"subscriptions/{self.subscriber}.yaml", text + grant + fields_line)

    def _write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def start(self, *steps: str, stem: str | None = None, fail: str = "", **environment: str) -> Started:
        """Start steps (`prepare`, `extract`, `judge`, `share`) in a process of their own."""
        told = {**self.environment, "POPHUB_FAIL": fail, **environment}
        told["POPHUB_HOME"] = str(self.servers.settings.home)
        named = [(step, stem or self.stem) for step in steps]
        request = {"environment": told, "steps": named, "limits": self.limits}
        return Started(self.servers.socket_path, request)

    def run(self, *steps: str, stem: str | None = None, fail: str = "", **environment: str) -> Ran:
        """Run steps to their end; all three stages when none is named."""
        wanted = steps or ("extract", "judge", "share")
        return self.start(*wanted, stem=stem, fail=fail, **environment).wait()

    def pass_through(self, *steps: str, stem: str | None = None) -> list[Any]:
        """Run steps that must succeed, and give what they told."""
        ran = self.run(*steps, stem=stem)
        assert (ran.code, ran.error) == (0, None), ran.text
        return ran.results

    def sql(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Change or read the agency's database."""
        with self._source.cursor() as cursor:
            cursor.execute(text, values)
            return list(cursor.fetchall()) if cursor.description else []

    def ago(self, minutes: float) -> datetime:
        """Give a time so many minutes before this project's beginning."""
        return self.now - timedelta(minutes=minutes)

    def number_of(self, person: int) -> str:
        """Give the number of this project's n-th man of Hà Nội born in 1990."""
        return f"001090{self.number % 1000:03d}{person:03d}"

    def put(self, person: int, minutes_ago: float, **changed: Any) -> str:
        """Insert a sound citizen's row under a marker; columns of the source may be changed."""
        row: dict[str, Any] = {
            "so_ddcn": self.number_of(person), "ho_ten": "Nguyễn Văn An", "ngay_sinh": "15/03/1990",
            "gioi_tinh": "Nam", "ma_tinh": "01", "ma_ho": f"H{person}", "so_cmnd": None, "da_xoa": False,
            "cap_nhat_luc": self.ago(minutes_ago), **changed,
        }  # fmt: skip
        columns, places = ", ".join(row), ", ".join(["%s"] * len(row))
        self.sql(f"insert into dancu.cong_dan ({columns}) values ({places})", *row.values())
        return str(row["so_ddcn"])

    def update(self, person: int, minutes_ago: float, **changed: Any) -> None:
        """Change a citizen's row and set its marker."""
        row = {**changed, "cap_nhat_luc": self.ago(minutes_ago)}
        sets = ", ".join(f"{name} = %s" for name in row)
        self.sql(
            f"update dancu.cong_dan set {sets} where so_ddcn = %s", *row.values(), self.number_of(person)
        )

    def states(self, stem: str | None = None) -> dict[str, int]:
        """Count the records of a dataset by state, from the documented view."""
        found = self.servers.query(
            "select state, count(*) from hub.record_state where stem = %s group by 1", stem or self.stem
        )
        return {state: int(count) for state, count in found}

    def verdicts(self, stem: str | None = None) -> dict[str, tuple[str, str, set[str]]]:
        """Give key -> (state, gate, failed codes) of the quarantine."""
        found = self.servers.query(
            "select key, state, gate, failures from quarantine.version where stem = %s order by id",
            stem or self.stem,
        )
        return {key: (state, gate, {f["code"] for f in failures}) for key, state, gate, failures in found}

    def close(self) -> None:
        """End the connection to the source."""
        self._source.close()


def surroundings(project: Project) -> dict[str, str]:
    """Give the variables with which a command finds the project and the hub."""
    return {**os.environ, **project.environment, "POPHUB_HOME": str(project.servers.settings.home)}


def hub_of(project: Project, patch: pytest.MonkeyPatch) -> Hub:
    """Open the hub as the project's own process would."""
    for name, value in project.environment.items():
        patch.setenv(name, value)
    known = project.servers.settings
    hub = Hub(Settings(home=known.home, project=project.folder, endpoints=known.endpoints))
    assert not hub.broken
    return hub
