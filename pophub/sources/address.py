"""The address of a database, read strictly; nothing of it is ever shown, since it holds a password."""

from __future__ import annotations

import re

from sqlalchemy import exc
from sqlalchemy.engine import URL, make_url

from pophub.domain.errors import ConfigError

FORM = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
ESCAPES = "in user and password write @ as %40, : as %3A, / as %2F, # as %23, ? as %3F, % as %25"
_HOST = re.compile(r"[\w.-]+\Z|[0-9A-Fa-f:.]+(%\w+)?\Z")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DEFAULT_DRIVERS = {
    "postgresql": "postgresql+psycopg2",
    "postgres": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_SYNCHRONOUS = {
    "postgresql": "postgresql://",
    "mysql": "mysql://",
    "mariadb": "mariadb://",
    "oracle": "oracle+oracledb://",
    "mssql": "mssql+pyodbc://",
}
_PROVED = frozenset({"postgresql", "mysql", "mariadb", "sqlite"})
"""Kinds of server that tests of pophub read, values of each type held against the server's own client."""
_PACKAGES = {"MySQLdb": "mysqlclient", "psycopg": "psycopg[binary]", "cx_Oracle": "cx-Oracle"}


def read_address(text: str, where: str) -> URL:
    """Read a database's address; `postgresql://` means the driver that pophub brings.

    An address that can be read in two ways, since a sign of the password is not escaped, is refused:
    what would be taken for the host is a part of the password.
    Errors: `source.url`, `source.driver_missing`; neither they nor their cause hold any of the address.
    """
    url = _parsed(text, where)
    if url.get_backend_name() != "sqlite":
        _check_parts(url, text, where)
    _load(url, where)
    return url


def unproved(url: URL) -> str | None:
    """Give the kind of a server that no test of pophub has read; None for one that tests read."""
    kind = url.get_backend_name()
    return None if kind in _PROVED else kind


def _parsed(text: str, where: str) -> URL:
    scheme, mark, rest = text.partition("://")
    scheme = scheme.lower()
    try:
        return make_url(_DEFAULT_DRIVERS.get(scheme, scheme) + mark + rest)
    except (exc.ArgumentError, ValueError, TypeError):  # ValueError tells the port, which may be a password
        raise _unread("the source's address cannot be read", where) from None


def _check_parts(url: URL, text: str, where: str) -> None:
    if text.count("@") > 1 or _STRAY_PERCENT.search(text):
        raise _unread("the source's address can be read in two ways", where)
    if any(sign.isspace() or not sign.isprintable() for sign in text):
        raise _unread("the source's address holds a space or a sign that is not visible", where)
    if url.host and not _HOST.match(url.host):
        raise _unread("the source's address names no host that can be", where)


def _load(url: URL, where: str) -> None:
    """Find the driver, before anything connects."""
    try:
        dialect = url.get_dialect()
    except exc.NoSuchModuleError:
        raise _unread("the source's address begins with no kind of database that is known", where) from None
    if dialect.is_async:
        use = _SYNCHRONOUS.get(url.get_backend_name(), "a driver that waits for its answers")
        raise ConfigError(
            "source.url", "the source's address names a driver for asynchronous programs",
            where=where, remedy=f"begin the address with {use}",
        )  # fmt: skip
    try:
        dialect.import_dbapi()
    except ImportError as error:
        raise _missing(error, where) from None


def _missing(error: ImportError, where: str) -> ConfigError:
    module = (error.name or "").partition(".")[0]
    package = _PACKAGES.get(module, module)
    return ConfigError(
        "source.driver_missing",
        f"the driver of the source's database is not installed ({module or 'it names none'})",
        where=where,
        remedy=f"uv pip install '{package}'" + _lighter(module),
    )


def _lighter(module: str) -> str:
    """Name the driver that needs no compiler, where one is meant by default that does."""
    if module == "MySQLdb":
        return ", or begin the address with mysql://, of which pophub brings the driver"
    if module == "psycopg":
        return ", or begin the address with postgresql://"
    return ""


def _unread(what: str, where: str) -> ConfigError:
    remedy = f"mend the variable that `source.url` names: {FORM}; {ESCAPES}"
    return ConfigError("source.url", what, where=where, remedy=remedy)
