"""Sets up the agencies' databases, files and roles, and says where the connectors find them."""

from __future__ import annotations

import os
import shlex
import sqlite3
from pathlib import Path
from urllib.parse import quote

from psycopg2 import sql

from pophub.postgres import connect, transaction
from pophub.settings import Settings
from pophub.simulation import api, journals, topics
from pophub.simulation.declaration import Declaration, declarations
from pophub.simulation.tables import CREATE_SALES, CREATE_TRUTH, SIMULATION, Table

VARIABLES = "sources.env"


def sales_file(settings: Settings) -> Path:
    """Give the SQLite file of the Ministry of Industry and Trade."""
    return settings.home / "agencies" / "moit" / "tmdt.sqlite"


def drop_folder(settings: Settings) -> Path:
    """Give the drop folder of Thanh Hoa."""
    return settings.home / "agencies" / "thanhhoa" / "drop"


def set_up(settings: Settings) -> None:
    """Create what is missing: databases, roles, tables, the SQLite file, the folder, the variables.

    Repeating it changes nothing.
    """
    tables = journals.tables().values()
    _databases(settings, {table.database for table in tables})
    _let_read_the_log(settings, {table.database for table in tables if table.logged})
    for table in tables:
        _table(settings, table)
    connection = connect(settings, SIMULATION, database=SIMULATION)
    try:
        with transaction(connection, "truth tables") as cursor:
            cursor.execute(CREATE_TRUTH)
    finally:
        connection.close()
    _folders(settings)
    sales = sqlite3.connect(sales_file(settings))
    try:
        with sales:
            sales.execute(CREATE_SALES)
    finally:
        sales.close()
    for one in declarations():
        journals.make(settings, one)
    topics.make(settings, declarations())
    _variables(settings)


def _folders(settings: Settings) -> None:
    """Make the agencies' folders for their owner alone, also those that an earlier version left open."""
    settings.folder("agencies", "moit")
    settings.folder("agencies", "thanhhoa", "drop")
    sales_file(settings).touch(0o600)
    for path in (settings.home / "agencies", *(settings.home / "agencies").rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)


def _databases(settings: Settings, databases: set[str]) -> None:
    """Make roles and databases as the server's superuser; CREATE DATABASE takes no transaction."""
    owners = sorted(databases)
    connection = connect(settings, settings.endpoints.postgres_superuser, database="postgres")
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            for role in [*owners, *(f"{name}_reader" for name in owners), SIMULATION]:
                cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
                verb = "alter" if cursor.fetchone() else "create"
                cursor.execute(
                    sql.SQL("{} role {} login nosuperuser password {}").format(
                        sql.SQL(verb),
                        sql.Identifier(role),
                        sql.Literal(settings.secret(f"postgres.{role}")),
                    )
                )
            for name in [*owners, SIMULATION]:
                cursor.execute("select 1 from pg_database where datname = %s", (name,))
                if not cursor.fetchone():
                    made = sql.SQL("create database {0} owner {0}").format(sql.Identifier(name))
                    cursor.execute(made)
                closed = sql.SQL("revoke all on database {} from public")
                cursor.execute(closed.format(sql.Identifier(name)))
    finally:
        connection.close()


def _let_read_the_log(settings: Settings, databases: set[str]) -> None:
    """Give the readers of tables that are read by their log the right to it, as an agency does once."""
    connection = connect(settings, settings.endpoints.postgres_superuser, database="postgres")
    try:
        with transaction(connection, "the right to read the log") as cursor:
            for name in sorted(databases):
                cursor.execute(sql.SQL("alter role {} replication").format(sql.Identifier(f"{name}_reader")))
    finally:
        connection.close()


def _table(settings: Settings, table: Table) -> None:
    """Make an agency's table as its owner, and let the hub's reader read it, nothing more."""
    owner, reader = table.database, f"{table.database}_reader"
    schema = table.name.split(".")[0]
    connection = connect(settings, owner, database=table.database)
    try:
        with transaction(connection, table.database) as cursor:
            cursor.execute(table.create)
            names = {
                "database": sql.Identifier(table.database),
                "schema": sql.Identifier(schema),
                "reader": sql.Identifier(reader),
            }
            for grant in (
                "grant connect on database {database} to {reader}",
                "grant usage on schema {schema} to {reader}",
                "grant select on all tables in schema {schema} to {reader}",
            ):
                cursor.execute(sql.SQL(grant).format(**names))
    finally:
        connection.close()


def _variables(settings: Settings) -> None:
    """Write our lines of `sources.env`, readable by its owner only; lines of others stay."""
    agencies = {table.agency: table.database for table in journals.tables().values()}
    lines = [
        f"POPHUB_SOURCE_{agency.upper()}_URL={_url(settings, database)}"
        for agency, database in agencies.items()
    ]
    for one in declarations():
        found = _variables_of(settings, one)
        lines += [f"{name}={shlex.quote(value)}" for name, value in found.items()]
    lines.append(f"POPHUB_SOURCE_MOIT_URL={shlex.quote(f'sqlite:///{sales_file(settings)}')}")
    lines.append(f"POPHUB_SOURCE_THANHHOA_URL={shlex.quote(str(drop_folder(settings)))}")
    path = settings.home / VARIABLES
    ours = {line.split("=", 1)[0] for line in lines}
    known = path.read_text(encoding="utf-8-sig").splitlines() if path.exists() else []
    lines += [line for line in known if line.split("=", 1)[0].strip().removeprefix("export ") not in ours]
    draft = settings.home / f".{VARIABLES}.{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")
    draft.replace(path)


def _variables_of(settings: Settings, declaration: Declaration) -> dict[str, str]:
    """Give the variables that a connector finds the source by; a table's is its agency's."""
    if declaration.source.in_postgres:
        return {}
    if declaration.source.kind == "kafka":
        return topics.variables(settings, declaration, journals.variable(declaration))
    if declaration.source.kind == "api":
        return api.variables(settings, declaration, journals.variable(declaration))
    return journals.variables(settings, declaration)


def _url(settings: Settings, database: str) -> str:
    reader = f"{database}_reader"
    password = quote(settings.secret(f"postgres.{reader}"), safe="")
    place = f"{settings.endpoints.postgres_host}:{settings.endpoints.postgres_port}"
    return f"postgresql+psycopg2://{reader}:{password}@{place}/{database}"
