"""Look into the quarantine: list, group by cause, show one version with what was sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from pophub import avro
from pophub.contracts.model import Connector
from pophub.contracts.rule_codes import Words
from pophub.domain.errors import ConfigError
from pophub.postgres import Connection, only_row, transaction
from pophub.quarantine import places
from pophub.quarantine.reasons import in_words, meaning
from pophub.quarantine.selection import SQL, Selection, statement

LISTED = ("id", "stem", "state", "gate", "failures", "batch", "lane", "raw_offset", "row", "contract",
          "first_judged_at", "last_judged_at", "expired_at")  # fmt: skip
SHOWN = ("id", "stem", "key", "marker", "event_id", "state", "gate", "failures", "operation", "batch", "lane", "raw_offset",
         "row", "contract", "exchanged_at", "first_judged_at", "last_judged_at", "waits_until", "expired_at", "raw")  # fmt: skip


class Cause(NamedTuple):
    """Versions that failed one rule in one field."""

    stem: str
    gate: str
    code: str
    field: str | None
    records: int
    first_seen: datetime
    last_seen: datetime

    def in_words(self, now: datetime, words: Words, language: str = "en") -> str:
        """Say it in a line, such as `412 records: ..., field ward_code, first seen 3 days ago`."""
        days = (now - self.first_seen).days
        if language == "vi":
            where = f", trường {self.field}" if self.field else ""
            seen = f"{days} ngày trước" if days else "hôm nay"
            return f"{self.records:,} bản ghi: {meaning(self.code, words, 'vi')}{where}, thấy lần đầu {seen}"
        where = f", field {self.field}" if self.field else ""
        seen = f"{days} day{'s' if days > 1 else ''} ago" if days else "today"
        records = f"{self.records:,} record{'s' if self.records != 1 else ''}"
        return f"{records}: {meaning(self.code, words)}{where}, first seen {seen}"


def count(connection: Connection, selection: Selection) -> int:
    """Count the versions of a selection."""
    with transaction(connection, "counting the quarantine") as cursor:
        cursor.execute(statement("count"), selection.values())
        return int(only_row(cursor)[0])


def stems(connection: Connection, selection: Selection) -> dict[str, int]:
    """Count the versions of a selection by dataset."""
    with transaction(connection, "counting the quarantine") as cursor:
        cursor.execute(statement("stems"), selection.values())
        return dict(cursor.fetchall())


class Waiting(NamedTuple):
    """Versions of a dataset that wait, and since when the oldest does."""

    stem: str
    records: int
    first_seen: datetime


def waiting(connection: Connection) -> list[Waiting]:
    """Count the versions that wait, by dataset."""
    with transaction(connection, "counting the quarantine") as cursor:
        cursor.execute(statement("states"), Selection().values())
        return [Waiting(stem, records, first) for stem, _, records, first in cursor.fetchall()]


def listing(connection: Connection, selection: Selection, limit: int, after: int = 0) -> list[dict[str, Any]]:
    """Give versions, newest first, behind the first `after`, without keys and without what was sent; limit 0 gives all."""
    with transaction(connection, "listing the quarantine") as cursor:
        cursor.execute(statement("list"), selection.values(limit=limit or None, after=after))
        return [dict(zip(LISTED, row, strict=True)) for row in cursor.fetchall()]


def groups(connection: Connection, selection: Selection) -> list[Cause]:
    """Group a selection by cause, largest first; a version counts under each rule that it failed."""
    with transaction(connection, "grouping the quarantine") as cursor:
        cursor.execute(statement("groups"), selection.values())
        return [Cause(*row) for row in cursor.fetchall()]


def sent(raw: bytes) -> dict[str, Any] | None:
    """Give the row as sent, column by column; None where the bytes are no block or were removed."""
    try:
        return {name: values[0] for name, values in avro.decode_block(raw).columns.items()}
    except avro.BadBlock:
        return None


def show(connection: Connection, version: int, connector: Connector | None, words: Words) -> dict[str, Any]:
    """Give everything about one version, personal data included: for the operator alone.

    Errors: `quarantine.unknown`.
    """
    with transaction(connection, "showing a version") as cursor:
        cursor.execute(SQL["show"], (version,))
        row = cursor.fetchone()
        cursor.execute(SQL["repairs"], (version,))
        repairs = cursor.fetchall()
    if row is None:
        raise ConfigError(
            "quarantine.unknown",
            f"there is no version {version} in quarantine",
            remedy="see `pophub quarantine list`",
        )
    found = dict(zip(SHOWN, row, strict=True))
    raw = bytes(found.pop("raw"))
    found["event_id"] = bytes(found["event_id"]).hex()
    found["operation"] = "delete" if found["operation"] == "d" else "upsert"
    found["failures"] = [in_words(f, words) for f in found["failures"]]
    as_sent = sent(raw)
    found["file"], found["sent"] = places.in_words(as_sent), places.without(as_sent)
    if found["sent"] is None and raw:
        found["sent_bytes"] = raw[:200].hex()
    found["owner"] = None if connector is None else connector.file.owner.model_dump()
    names = ("repair", "fields", "reason", "proposed_by", "proposed_at", "approved_by", "approved_at")
    found["repairs"] = [dict(zip(names, r, strict=True)) for r in repairs]
    return found
