"""An address with a password is read strictly, and no part of it is ever shown."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from pophub.contracts.source_model import SqlSource
from pophub.domain.errors import ConfigError, PophubError
from pophub.settings import Endpoints, Settings
from pophub.sources.address import read_address
from pophub.sources.sql import SqlTable

HERE = "127.0.0.1:1"


def refused(url: str) -> tuple[str, str]:
    """Read an address; give the code and all that a person could see of the error, its causes too."""
    with pytest.raises(PophubError) as found:
        SqlTable(
            SqlSource.model_validate(
                {"kind": "sql", "url": "${X}", "table": "t", "key": ["k"], "marker": {"column": "m"}}
            ),
            url,
            where="lab.schools",
        ).columns()
    return found.value.code, "".join(traceback.format_exception(found.value))


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg2://postgres:p@ss%41#x@{HERE}/db",
        "postgresql+psycopg2://postgres:Xy@zz:Sekr1tB@127.0.0.1:5432/db",
        "postgresql://reader:Q7kz/db",
        f"postgresql://reader:Q7%kz@{HERE}/db",
        f"postgresql://reader:Q7 kz@{HERE}/db",
        f"postgresql://reader:Q7kz\n@{HERE}/db",
        f"Q7kz://reader:Q7kz@{HERE}/db",
        f"reader:Q7kz@{HERE}/db",
        "Q7kz",
        f"postgresql+asyncpg://reader:Q7kz@{HERE}/db",
        f"postgresql://reader:Q7kz@{HERE}/db?Q7kz=1",
        f"postgresql://reader:Q7kz@{HERE}/db?port=Q7kz",
    ],
)
def test_an_address_that_cannot_be_read_is_told_without_any_part_of_it(url: str) -> None:
    code, told = refused(url)
    assert code == "source.url"
    for part in ("Q7", "kz", "ss%41", "Sekr1t", "zz:"):
        assert part not in told


@pytest.mark.parametrize(
    ("url", "command"),
    [
        (
            "mysql+mysqldb://reader:secret@h/d",
            "uv pip install 'mysqlclient', or begin the address with mysql://",
        ),
        ("oracle://reader:secret@h/d", "uv pip install 'oracledb'"),
        ("mssql+pyodbc://reader:secret@h/d", "uv pip install 'pyodbc'"),
        ("postgresql+psycopg://reader:secret@h/d", "uv pip install 'psycopg[binary]'"),
    ],
)
def test_a_missing_driver_is_told_with_the_command_that_brings_it(url: str, command: str) -> None:
    code, told = refused(url)
    assert code == "source.driver_missing"
    assert command in told and "secret" not in told


def test_the_plain_scheme_means_the_driver_that_pophub_brings() -> None:
    for scheme in ("postgresql", "postgres", "PostgreSQL", "postgresql+psycopg2"):
        url = read_address(f"{scheme}://reader:p%40ss%2541%23x@[::1]:5432/db", "lab.schools")
        assert (url.drivername, url.password, url.host) == ("postgresql+psycopg2", "p@ss%41#x", "::1")
    for scheme in ("mysql", "mariadb"):
        assert read_address(f"{scheme}://reader:secret@h/db", "lab.schools").drivername == f"{scheme}+pymysql"
    assert refused(f"postgresql://reader:secret@{HERE}/db")[0] == "source.unreachable"


def variables(home: Path, content: bytes) -> Settings:
    (home / "sources.env").write_bytes(content)
    return Settings(home=home, project=home, endpoints=Endpoints())  # type: ignore[call-arg]


def test_lines_of_variables_are_read_as_a_shell_does(tmp_path: Path) -> None:
    lines = (
        b'\xef\xbb\xbfA=plain%40?x\r\nexport B=\'with space $x #y\'\n  C="q\\"uo\\$ted" # told\n'
        b"# none\n\nexport  D=a'b'\"c\"\\ d\nE=\nF=last\nF=again"
    )
    found = variables(tmp_path, lines).source_variables
    assert found == {
        "A": "plain%40?x", "B": "with space $x #y", "C": 'q"uo$ted', "D": "abc d", "E": "", "F": "again",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POPHUB_POSTGRES_PORT", "abc"),
        ("POPHUB_POSTGRES_PORT", "99999"),
        ("POPHUB_KAFKA_BOOTSTRAP", "host:port"),
        ("POPHUB_KAFKA_BOOTSTRAP", "[::1"),
        ("POPHUB_KAFKA_BOOTSTRAP", "http://host:9092"),
    ],
)
def test_an_address_of_a_server_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("POPHUB_HOME", str(tmp_path))
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=rf"config\.endpoint: .*{name}"):
        Settings.load()


def test_a_damaged_file_of_addresses_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POPHUB_HOME", str(tmp_path))
    for content in ("{", "[]", ""):
        (tmp_path / "endpoints.json").write_text(content)
        with pytest.raises(ConfigError, match=r"config\.endpoint: endpoints\.json"):
            Settings.load()


@pytest.mark.parametrize("brokers", ["a:1,b:2", "a.b-c:9092, [::1]:9093", "localhost"])
def test_brokers_are_told_by_host_and_port(brokers: str) -> None:
    assert Endpoints(kafka_bootstrap=brokers).kafka_bootstrap == brokers  # type: ignore[call-arg]


def test_lines_that_a_shell_reads_otherwise_are_told_by_their_number(tmp_path: Path) -> None:
    bad = b'A=fine\nB=se$cret\nsecret\nC=\'secret\nD=secret two\nE="`secret`"\nF: secret\nA=se&cret\n'
    settings = variables(tmp_path, bad)
    assert settings.source_variables == {}
    with pytest.raises(
        ConfigError, match=r"config\.variable_line: the variable A .* line 2, 3, 4, 5, 6, 7, 8 "
    ) as e:
        settings.resolve("${A}", where="lab.schools")
    assert "secret" not in "".join(traceback.format_exception(e.value))
    good = variables(tmp_path, b"A=fine\nB=se$cret\n")
    assert good.resolve("${A}", where="lab.schools") == "fine"
