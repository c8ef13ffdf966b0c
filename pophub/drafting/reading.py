"""By what a drafted connector reads its source: key, change marker, the mark of a deleted row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pophub.contracts.personal import folded
from pophub.contracts.source_model import NUMBERED
from pophub.contracts.suite import nearest
from pophub.domain.errors import ConfigError
from pophub.domain.record import SCAN
from pophub.drafting.profile import ColumnProfile
from pophub.sources.survey import Survey

LATE_S = 3_600
DAY_S = 86_400
_CHANGED = re.compile(r"cap_nhat|sua|thay_doi|updat|modif|chang|last_edit|mtime|cap_nhap")
_NUMBERED = re.compile(r"row_?ver|phien_ban|(?:^|_)(?:lsn|scn|seq|sequence|version|change_(?:no|id|seq))$")
_DELETED = re.compile(r"(?:^|_)(?:da_xoa|is_deleted|deleted|bi_xoa)$")
_NAMED = re.compile(r"(?:^|_)(?:ma|id|so|code|key|no|uuid|guid)(?:_|$)")

_COUNTED = re.compile(r"(?:stt|tt|so_tt|so_thu_tu|row_number|line_number)\Z")


class MarkerDraft(NamedTuple):
    """A change marker: its keys in the file, the windows beside it, and why."""

    keys: dict[str, str]
    windows: dict[str, int]
    note: str

    @property
    def column(self) -> str:
        """The column that a row has it in; of a scan, the one that the hub adds."""
        return self.keys.get("column", SCAN)

    @property
    def numbered(self) -> bool:
        """Whether the hub numbers what it reads, since no column of the source does."""
        return self.keys["kind"] in NUMBERED


def draft_key(
    survey: Survey, profiles: Mapping[str, ColumnProfile], asked: Sequence[str], *, rounds: bool = False
) -> tuple[tuple[str, ...], str]:
    """Give the columns of the key, and why these; numbers that a source cut (`rounds`) are none.

    Errors: `connector.no_key` where nothing tells one row from another; `source.column_missing`.
    """
    if asked:
        return tuple(_known(survey, name) for name in asked), "as you said"
    if survey.key:
        return survey.key, "the primary key"
    for columns in survey.unique:
        if all(not profiles[name].nulls for name in columns):
            return columns, "the source keeps it unique; it has no primary key"
    sound = {name: one for name, one in profiles.items() if not (rounds and one.lost)}
    unique = [name for name, profile in sound.items() if profile.unique and _may_be_key(profile)]
    for name in [one for one in unique if _NAMED.search(folded(one))] or unique[:1]:
        return (
            name,
        ), f"of the first {profiles[name].rows:,} rows no two have one value; the source has no key"
    raise no_key("no column or set of columns tells one row from another", survey.table)


def _may_be_key(profile: ColumnProfile) -> bool:
    """Say whether values that differ may be those of a key: what each change raises tells versions, not rows."""
    words = folded(profile.column.name)
    if _COUNTED.match(words):  # a line's number is another one in the next file
        return False
    return profile.column.kind != "bytes" and not (_CHANGED.search(words) or _NUMBERED.search(words))


def no_key(what: str, table: str) -> ConfigError:
    """Give the refusal of a table whose key a person has to say."""
    return ConfigError("connector.no_key", what, where=table, remedy="say by which columns: --key a,b")


def draft_marker(
    survey: Survey, profiles: Mapping[str, ColumnProfile], asked: str | None, kind: str = "sql"
) -> MarkerDraft:
    """Give the change marker of a source of this kind; a table without one is scanned, since its key tells what is
    new, changed or gone.

    Files are inventories only where they are said to be: nothing in them proves it. Pages of an API never are.
    Errors: `connector.no_marker` where no column of a file or record is one, or the one that was asked for is none;
    `source.column_missing`.
    """
    folder = kind == "files"
    if asked == "scan" and asked not in survey.names and kind != "http":
        return _scan("as you said: each file is a whole inventory" if folder else "as you said")
    if asked == "wal" and asked not in survey.names and kind == "sql":
        return MarkerDraft({"kind": "wal"}, {}, "as you said: each change comes by the server's log")
    names = [_known(survey, asked)] if asked else list(profiles)
    found = [one for name in names if (one := _marker(profiles[name], asked is not None, folder)) is not None]
    indexed = survey.indexed or frozenset()
    found.sort(
        key=lambda one: (
            one.keys["kind"] != "time",
            bool(one.windows.get("settle_s")),
            one.keys["column"] not in indexed,
        )
    )
    if found:
        return found[0]
    if asked is None and kind == "sql":
        return _scan("no column tells when a row was changed last")
    raise _no_marker("no column tells when a row was changed last", survey.table, kind)


LOGGED = MarkerDraft({"kind": "log"}, {}, "the topic's own order")


def _scan(why: str) -> MarkerDraft:
    return MarkerDraft({"kind": "scan"}, {}, why)


def _no_marker(what: str, table: str, kind: str) -> ConfigError:
    whole = "; where each file holds all rows that there are: --marker scan" if kind == "files" else ""
    return ConfigError(
        "connector.no_marker", what, where=table,
        remedy="ask the agency for a time of update, or for a number that each change raises; a column that is one"
        f" under another name: --marker COLUMN{whole}",
    )  # fmt: skip


def _known(survey: Survey, name: str) -> str:
    if name not in survey.names:
        raise ConfigError(
            "source.column_missing", f"there is no column {name}{nearest(name, survey.names)}", where=survey.table,
            remedy=f"one of {', '.join(survey.names)}",
        )  # fmt: skip
    return name


def _marker(profile: ColumnProfile, asked: bool, folder: bool) -> MarkerDraft | None:
    name, kind = profile.column.name, profile.column.kind
    words = folded(name)
    if not asked and (profile.nulls or not (_CHANGED.search(words) or _NUMBERED.search(words))):
        return None
    window = {} if folder else {"late_s": LATE_S}
    said = "as you said" if asked else "by its name"
    if kind == "time" and (asked or _CHANGED.search(words)):
        return MarkerDraft({"column": name, "kind": "time"}, window, f"a time of update, {said}")
    if kind == "date" and (asked or _CHANGED.search(words)):
        note = f"a day of update, {said}: a day is read when it is over"
        return MarkerDraft({"column": name, "kind": "time"}, {} if folder else {"settle_s": DAY_S}, note)
    if kind == "text" and (form := profile.time_form) is not None:
        return MarkerDraft(
            {"column": name, "kind": "time", "format": form}, window, f"texts of times, {said}"
        )
    if kind == "text" and profile.iso_times:
        return MarkerDraft({"column": name, "kind": "time"}, window, f"times as ISO 8601 writes them, {said}")
    if kind == "integer" and (asked or _NUMBERED.search(words)):
        return MarkerDraft(
            {"column": name, "kind": "sequence"}, {}, f"a number that each change raises, {said}"
        )
    return None


def draft_deleted(profiles: Mapping[str, ColumnProfile]) -> str | None:
    """Give the column that marks deleted rows by a yes or no."""
    for name, profile in profiles.items():
        told = {str(value).lower() for value in profile.values}
        if _DELETED.search(folded(name)) and told <= {"true", "false", "0", "1", "t", "f"}:
            return name
    return None
