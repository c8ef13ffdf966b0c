"""How values look to a person: no Python, no raw microseconds, nothing invisible."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pophub.contracts.model import AvroField, Connector
from pophub.domain.dates import EPOCH, HO_CHI_MINH
from pophub.domain.exact import as_text


def local_time(at: datetime | None) -> str:
    """Write a time of Viet Nam with its zone.

    >>> local_time(datetime.fromisoformat("2026-01-31T01:00:00+00:00"))
    '2026-01-31 08:00:00+07:00'
    """
    if at is None:
        return ""
    try:
        return at.astimezone(HO_CHI_MINH).isoformat(sep=" ", timespec="seconds")
    except OverflowError:  # the last hours of the year 9999 are of no year in Viet Nam
        return at.isoformat(sep=" ", timespec="seconds")


def shown(value: Any) -> str:
    r"""Write a value as a person reads it; a text with something invisible in it is quoted, which shows it.

    >>> [shown(value) for value in ("An", "", " An", "A\x07n", None, True, 1.5, b"\x00", EPOCH.date())]
    ['An', '""', '" An"', '"A\\u0007n"', '(empty)', 'true', '1.5', 'bytes 00', '1970-01-01']
    """
    if value is None:
        return "(empty)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"bytes {value.hex()}"
    if isinstance(value, datetime):
        return local_time(value) if value.tzinfo else value.isoformat(sep=" ")
    if isinstance(value, str) and (value != value.strip() or not value or not value.isprintable()):
        return _quoted(value)
    return str(value)


def marked(value: Any) -> str:
    r"""Write a value as a page shows it: what cannot be seen in a text stands as a mark, and is named behind it.

    >>> [marked(value) for value in ("033\u00a0084", " An", "An", "", None)]
    ['033␣084 (␣ U+00A0)', '␣An (␣ U+0020)', 'An', '""', '(empty)']
    """
    if not isinstance(value, str) or not value or (value == value.strip() and value.isprintable()):
        return shown(value)
    inner = len(value) - len(value.lstrip()), len(value.rstrip())
    unseen = [not c.isprintable() or not inner[0] <= at < inner[1] for at, c in enumerate(value)]
    text = "".join("␣" if hidden else c for c, hidden in zip(value, unseen, strict=True))
    kinds = dict.fromkeys(f"U+{ord(c):04X}" for c, hidden in zip(value, unseen, strict=True) if hidden)
    return f"{text} (␣ {', '.join(kinds)})"


def _quoted(text: str) -> str:
    """Quote a text and write what cannot be seen in it as its code."""
    plain = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in plain)


def time_of(us: int) -> datetime | None:
    """Give the time of microseconds since 1970; None where no calendar here has it."""
    try:
        return EPOCH + timedelta(microseconds=us)
    except OverflowError:
        return None


def marker_time(connector: Connector | None, marker: int) -> datetime | None:
    """Give the time that a marker is; None where it is a number of the source's own, or of no year here."""
    if connector is None or connector.file.source.marker.kind != "time":
        return None
    return time_of(marker)


def typed(fields: Iterable[AvroField], record: Mapping[str, Any]) -> dict[str, Any]:
    """Give a record of the contract with dates and times instead of days and microseconds since 1970, and
    bytes and exact numbers as text.
    """
    types = {field.name: field.type for field in fields}
    return {name: _typed(types.get(name, "string"), value) for name, value in record.items()}


def _typed(kind: str, value: Any) -> Any:
    if value is None or kind not in ("date", "timestamp-micros"):
        return as_text(value)
    if kind == "date":
        at = time_of(value * 86_400_000_000)
        return value if at is None else at.date()
    return time_of(value) or value
