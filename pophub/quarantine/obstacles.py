"""What agencies raise from below: they dispute a rejection or file an obstacle, and another person answers.

Both are rows that nobody changes; neither moves a version. An obstacle is open until it has its answer.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple

from pophub.domain.errors import ConfigError, PromiseBroken
from pophub.postgres import Connection, only_row, statements, transaction
from pophub.process.failpoints import reach
from pophub.quarantine.selection import named

SQL = statements("obstacle")
KINDS = ("legal_basis", "funding", "technical", "people", "other")
DISPUTE = "dispute"
OUTCOMES = ("upheld", "declined")
HUB = "hub"
"""Who is to answer where no agency is named: those who keep the hub."""
_NUMBER = re.compile(r"[0-9]{9}")


class Filed(NamedTuple):
    """An obstacle on record; `changed` is false where the version had an open dispute before."""

    obstacle: int
    filed_by: str
    filed_at: datetime
    changed: bool


class Answered(NamedTuple):
    """An answer on record; `changed` is false where the obstacle was answered before."""

    outcome: str
    answered_by: str
    answered_at: datetime
    changed: bool


def file(connection: Connection, agency: str, kind: str, what: str, by: str, owner: str = HUB) -> Filed:
    """File an agency's obstacle.

    Errors: `config.missing` without words or a name; `obstacle.personal`.
    """
    values: dict[str, Any] = {
        "agency": agency,
        "kind": kind,
        "stem": None,
        "version": None,
        "codes": [],
        "owner": owner,
    }
    with transaction(connection, "filing an obstacle") as cursor:
        cursor.execute(SQL["file"], values | {"what": _words(what, "--what"), "by": named(by, "--by")})
        reach("obstacle.filing")
        return _filed(only_row(cursor), changed=True)


def dispute(connection: Connection, agency: str, version: int, what: str, by: str, owner: str = HUB) -> Filed:
    """Dispute the rejection of a version that waits; an open dispute of it stays as it was filed.

    Errors: `obstacle.version` where no version of the agency waits under this number; those of `file`.
    """
    values: dict[str, Any] = {"agency": agency, "kind": DISPUTE, "version": version, "owner": owner}
    values |= {"what": _words(what, "--what"), "by": named(by, "--by")}
    with transaction(connection, "disputing a rejection") as cursor:
        cursor.execute(SQL["lock_version"], (version,))
        cursor.execute(SQL["open_dispute"], {"version": version, "agency": agency})
        if row := cursor.fetchone():
            return _filed(row, changed=False)
        cursor.execute(SQL["rejected"], (version,))
        stem, codes = cursor.fetchone() or ("", [])
        if stem.partition(".")[0] != agency:
            raise ConfigError(
                "obstacle.version", f"no record of {agency} was rejected under this number and waits",
                where=f"version {version}", remedy=f"see `pophub quarantine list --agency {agency}`",
            )  # fmt: skip
        cursor.execute(SQL["file"], values | {"stem": stem, "codes": codes})
        reach("obstacle.filing")
        return _filed(only_row(cursor), changed=True)


def answer(connection: Connection, obstacle: int, outcome: str, text: str, by: str) -> Answered:
    """Answer an obstacle that another person filed; one that was answered before stays as it was.

    Errors: `obstacle.unknown`, `obstacle.four_eyes`, `obstacle.personal`, `config.missing`.
    """
    who, words = named(by, "--by"), _words(text, "--answer")
    with transaction(connection, "answering an obstacle") as cursor:
        cursor.execute(SQL["filed"], (obstacle,))
        row = cursor.fetchone()
        if row is None:
            raise ConfigError(
                "obstacle.unknown", f"there is no obstacle {obstacle}", remedy="see `pophub obstacle list --all`"
            )  # fmt: skip
        (filed_by,) = row
        if who.casefold() == filed_by.casefold():
            raise PromiseBroken(
                "obstacle.four_eyes", "who filed an obstacle does not answer it", where=f"obstacle {obstacle}",
                remedy="another person looks at it and answers",
            )  # fmt: skip
        cursor.execute(SQL["answer"], (obstacle, filed_by, outcome, words, who))
        changed = bool(cursor.rowcount)
        reach("obstacle.answering")
        cursor.execute(SQL["answered"], (obstacle,))
        outcome, answered_by, answered_at = only_row(cursor)
    return Answered(outcome, answered_by, answered_at, changed)


def obstacles(
    connection: Connection, agency: str | None = None, *, everything: bool = False
) -> list[dict[str, Any]]:
    """Give the open obstacles, the oldest first; answered ones too where asked for. Units: `age_days`, whole days."""
    names = (
        "obstacle", "agency", "kind", "stem", "version", "codes", "what", "owner", "filed_by", "filed_at", "age_days",
        "outcome", "answer", "answered_by", "answered_at",
    )  # fmt: skip
    with transaction(connection, "reading obstacles") as cursor:
        cursor.execute(SQL["list"], {"agency": agency, "all": everything})
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def counted(connection: Connection, as_of: datetime) -> list[tuple[Any, ...]]:
    """Give what was filed by a moment: agency, kind, stem, owner, filed at, outcome and answered at, or none."""
    with transaction(connection, "counting obstacles") as cursor:
        cursor.execute(SQL["counted"], {"as_of": as_of})
        return cursor.fetchall()


def _filed(row: tuple[Any, ...], *, changed: bool) -> Filed:
    number, filed_by, filed_at = row
    return Filed(number, filed_by, filed_at, changed)


def _words(text: str, what: str) -> str:
    """Give a text that holds no number by which a person might be found.

    >>> _words(" no  fee resolution since 2024-12-31 ", "--what")
    'no fee resolution since 2024-12-31'
    """
    if not (plain := " ".join(text.split())):
        raise ConfigError("config.missing", f"{what} has no words", remedy="say it in a sentence")
    if _NUMBER.search(plain):
        raise ConfigError(
            "obstacle.personal", "the text has nine or more digits in a row, which may be a person's number", where=what,
            remedy="name a rejected record by --version alone, and leave the number out",
        )  # fmt: skip
    return plain
