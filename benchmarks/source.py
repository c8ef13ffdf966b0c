"""The table that everyone copies: made once a run, the same rows for the same number of rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from random import Random

from pophub.postgres import Connection, connect, copy_rows, transaction
from pophub.settings import Settings
from pophub.simulation.names import full_name, surname
from pophub.simulation.people import personal_id
from pophub.simulation.places import OLD_PROVINCES

DATABASE = "bench_source"
TABLE = "dancu.cong_dan"
COLUMNS = (
    "so_ddcn",
    "ho_ten",
    "ngay_sinh",
    "gioi_tinh",
    "ma_tinh",
    "ma_ho",
    "so_cmnd",
    "da_xoa",
    "cap_nhat_luc",
)
CHUNK_ROWS = 50_000
SERIALS = 1_000_000
_FIRST_BIRTH = date(1930, 1, 1)


def more_columns(count: int) -> tuple[str, ...]:
    """Name columns beyond the nine."""
    return tuple(f"more_{number:02d}" for number in range(1, count + 1))


def make_source(settings: Settings, rows: int, more: int = 0) -> None:
    """Make the source database with its one table of 9 columns, and so many more."""
    names = more_columns(more)
    admin = connect(settings, settings.endpoints.postgres_superuser)
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(f"drop database if exists {DATABASE}")
        cursor.execute(f"create database {DATABASE}")
    admin.close()
    connection = open_source_database(settings)
    with transaction(connection, "making the source") as cursor:
        cursor.execute("create schema dancu")
        cursor.execute(
            f"create table {TABLE} (so_ddcn text primary key, ho_ten text, ngay_sinh text, gioi_tinh text, "
            "ma_tinh text, ma_ho text, so_cmnd text, da_xoa boolean not null, cap_nhat_luc timestamptz not null"
            + "".join(f", {name} text" for name in names)
            + ")"
        )
        people = _people(rows)
        while part := list(islice(people, CHUNK_ROWS)):
            texts = (tuple(f"giá trị {n} {name}" for name in names) for n in range(len(part)))
            wide = [row + text for row, text in zip(part, texts, strict=True)]
            copy_rows(cursor, TABLE, COLUMNS + names, wide)
        cursor.execute(f"create index on {TABLE} (cap_nhat_luc, so_ddcn)")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"vacuum analyze {TABLE}")
    connection.close()


def open_source_database(settings: Settings) -> Connection:
    """Connect to the source database as the superuser."""
    return connect(settings, settings.endpoints.postgres_superuser, database=DATABASE)


def source_url(settings: Settings) -> str:
    """Give the SQLAlchemy URL of the source database; hand it on by the environment only."""
    e = settings.endpoints
    secret = settings.secret(f"postgres.{e.postgres_superuser}")
    return f"postgresql+psycopg2://{e.postgres_superuser}:{secret}@{e.postgres_host}:{e.postgres_port}/{DATABASE}"


def _people(rows: int) -> Iterator[tuple[object, ...]]:
    """Draw people with sound numbers, names and dates; markers rise by a fraction of a second."""
    rng = Random(20230101)
    now = datetime.now(UTC).replace(microsecond=0)
    blocks = (rows - 1) // SERIALS + 1  # of numbers with one serial each; blocks have no province in common
    for number in range(rows):
        birth = _FIRST_BIRTH + timedelta(days=rng.randrange(33_000))
        sex, province = rng.choice("MF"), rng.choice(OLD_PROVINCES[number // SERIALS :: blocks])
        yield (
            personal_id(province, sex, birth, number % SERIALS),
            full_name(rng, surname(rng), sex),
            f"{birth:%d/%m/%Y}",
            "Nam" if sex == "M" else "Nữ",
            province,
            f"{province}-{number // 4:09d}",
            f"{number * 7_919_573 % 10**9:09d}" if birth.year < 2004 else None,
            False,
            now - timedelta(days=20) + timedelta(seconds=number * 1_500_000 / rows),
        )
