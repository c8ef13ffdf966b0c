"""Raw columns to contract columns: rename, clean, parse, translate codes; pure and column-wise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from pophub.contracts.model import AvroField, Connector, FieldMapping
from pophub.domain.codes import CODES, origin
from pophub.domain.dates import FIRST_US, LAST_US, all_micros, date_parser
from pophub.domain.deletion import Deletion
from pophub.domain.keys import joined_keys
from pophub.domain.record import CHANGED, EXTRA, GONE, Columns, Failure, Mapped, Texts
from pophub.gates.flaws import RowFlaws
from pophub.gates.parsing import Parser, Refused, clean_texts, null_meaning, parser_for, text_step
from pophub.gates.spreadsheet import numbers_told_apart
from pophub.gates.unit_codes import days_of, read_units

MAX_KEY_CHARS = 1024
_PLAIN = {str, bytes, int, bool, float, date}  # hashed fast and without surprises
_MARKER = AvroField(name="marker", type="timestamp-micros", nullable=False)
_SEQUENCE = AvroField(name="marker", type="long", nullable=False)


class _Memo(dict[Any, Any]):
    """Each distinct value parsed once; a refused one is kept as its `Refused`."""

    def __init__(self, parse: Parser) -> None:
        self._parse = parse
        super().__init__()

    def __missing__(self, value: Any) -> Any:
        found = _tried(self._parse, value)
        self[value] = found
        return found


def _tried(parse: Parser, value: Any) -> Any:
    """Parse one value; whatever goes wrong is a `Refused`, never an exception."""
    try:
        return parse(value)
    except Refused as refused:
        return refused
    except (ValueError, TypeError, ArithmeticError):  # such as a signalling NaN
        return Refused("contract.type")


class Column:
    """How one contract field is read from its source column."""

    def __init__(
        self,
        mapping: FieldMapping,
        field: AvroField,
        codes: Mapping[str, str] | None = None,
        *,
        personal_id: bool,
        birth_date: bool = False,
        from_files: bool = False,
        rounds: bool = True,
        key: bool = False,
        day_begins: bool = False,
    ) -> None:
        self.source = mapping.source
        self.name = field.name
        self._parse = parser_for(
            mapping,
            field,
            codes,
            personal_id=personal_id,
            birth_date=birth_date,
            prints_times=not from_files,
            day_begins=day_begins,
        )
        if from_files and not personal_id:  # a number there has a code of its own
            self._parse = numbers_told_apart(self._parse, mapping, field, key=key, rounds=rounds)
        self._null = null_meaning(mapping, field, codes)
        self._step = text_step(mapping, field)
        timed = field.type == "timestamp-micros" and mapping.codes is None
        self._zone = ZoneInfo(mapping.time_zone) if timed else None
        dated = field.type == "date" and mapping.codes is None
        self._days = self._remembered_days(mapping.format or "%Y-%m-%d") if dated else None

    def _remembered_days(self, form: str) -> Callable[[Any], Any]:
        """Read days from text, each once: few exist, and each stands in many records."""
        if not form.isprintable() or form != form.strip():  # cleaning would change what has this form
            return lru_cache(1 << 16)(self._one)
        from_text, one = date_parser(form), self._one

        @lru_cache(1 << 16)
        def day(value: Any) -> Any:
            try:
                return from_text(value)
            except (ValueError, TypeError):  # to be cleaned first, none, or none at all
                return one(value)

        return day

    def read(self, values: list[Any]) -> tuple[list[Any], list[tuple[int, str]]]:
        """Give the contract's values and (row, code) of those refused."""
        refused: list[tuple[int, str]] = []
        kinds = {str} if type(values) is Texts else set(map(type, values)) - {type(None)}
        if self._step is not None and kinds == {str}:
            texts = clean_texts(values, self._step)
            if texts is not None:
                return texts, refused
        if self._zone is not None and kinds == {datetime}:
            times = all_micros(values, self._zone)
            known = list(filter(None, times))
            if not known or (min(known) >= FIRST_US and max(known) <= LAST_US):
                return times, refused
        if self._days is not None and kinds == {str}:
            found = list(map(self._days, values))
        elif len(kinds) <= 1 and kinds <= _PLAIN:
            memo = _Memo(self._parse)
            memo[None] = self._null
            found = list(map(memo.__getitem__, values))
        else:  # values that are equal but of other types (1, True, 1.0) must not share an entry
            found = [self._one(value) for value in values]
        if Refused not in set(map(type, found)):
            return found, refused
        for row, entry in enumerate(found):
            if type(entry) is Refused:
                refused.append((row, entry.code))
                found[row] = entry.kept
        return found, refused

    def _one(self, value: Any) -> Any:
        return self._null if value is None else _tried(self._parse, value)


class ContractMapper:
    """Maps raw columns to one connector's contract; keeps nothing between calls."""

    def __init__(self, connector: Connector) -> None:
        file = connector.file
        fields = {field.name: field for field in connector.contract.fields}
        ids = {person.id for person in file.people} | personal_ids(connector)
        births = birth_dates(connector)
        self._from_files = not file.source.typed
        self._columns = [
            Column(
                mapping,
                fields[name],
                connector.tables[mapping.codes].values if mapping.codes else None,
                personal_id=name in ids,
                birth_date=name in births,
                from_files=self._from_files,
                rounds=file.source.rounds,
                key=name in file.key,
            )
            for name, mapping in file.mapping.items()
        ]
        self._units = {name: mapping.unit for name, mapping in file.mapping.items() if mapping.unit}
        self._dated = {name for name, field in fields.items() if field.type == "date"}
        self._key = file.key
        self._key_columns = [column for column in self._columns if column.name in file.key]
        self._deleted = file.source.deleted
        self._numbered = file.source.marker.numbered
        self._tells_flaws = file.source.tells_flaws
        declared = file.source.deleted
        self._deletion = Deletion(declared.values, declared.living) if declared else Deletion(())
        self._fields = tuple(fields)
        marker = file.source.marker
        form = {"format": marker.format, "time_zone": marker.time_zone}
        logged = marker.kind in ("wal", "log")
        told = CHANGED if logged else marker.changed_at or marker.column
        timed = FieldMapping.model_validate({"from": told, **form})
        plain = FieldMapping.model_validate({"from": marker.column})
        self._changed_at = Column(timed, _MARKER, personal_id=False, day_begins=True)
        sent = self._from_files and not marker.numbered  # the number of a scan is the hub's own
        sequence = Column(plain, _SEQUENCE, personal_id=False, from_files=sent, rounds=file.source.rounds)
        self._is_time = marker.kind == "time"
        self._timeless = marker.kind == "wal"  # rows of a snapshot: nobody knows when they were changed
        self._has_time = self._is_time or logged or marker.changed_at is not None
        self._marker = self._changed_at if self._is_time else sequence

    def map(self, raw: Columns) -> Mapped:
        """Map every row; never raises for a bad value. A deleted row keeps key and marker only."""
        rows = _rows(raw)
        failures: list[Failure] = []
        columns: Columns = {name: [None] * rows for name in self._fields}
        for column in self._columns:
            columns[column.name] = self._read(column, raw, rows, failures)
        keys = self._join(columns)
        _blame(failures, _absent(keys), "contract.key.unmappable", None)
        markers, changed_at = self._read_markers(raw, rows, failures)
        self._read_units(columns, changed_at, failures)
        deleted = self._read_deleted(raw, rows, failures)
        wrong_width = [row for row, extra in enumerate(raw.get(EXTRA, ())) if extra is not None]
        _blame(failures, wrong_width, "contract.columns", None)
        failures = _blame_whole_rows(failures, self._flaws(raw).whole)
        if any(deleted):
            failures = self._strip_deleted(columns, deleted, failures)
        return Mapped(columns, keys, markers, changed_at, deleted, failures)

    def key_of(self, raw: Columns) -> list[str | None]:
        """Map the keys alone, exactly as `map` does: what extract needs to choose lanes."""
        rows = _rows(raw)
        parts: Columns = {column.name: self._read(column, raw, rows, []) for column in self._key_columns}
        return self._join(parts)

    def markers_of(self, raw: Columns) -> tuple[list[int | None], list[int | None]]:
        """Map change markers and times of change alone, exactly as `map` does."""
        return self._read_markers(raw, _rows(raw), [])

    def _read(self, column: Column, raw: Columns, rows: int, failures: list[Failure]) -> list[Any]:
        values = raw.get(column.source)
        if values is None:
            _blame(failures, range(rows), "contract.field.missing", column.name)
            return [None] * rows
        found, refused = column.read(values)
        flaws = self._flaws(raw)
        for row, code in (*refused, *flaws.of(column.source)):
            _blame(failures, (row,), code, column.name)
        return flaws.void(column.source, found)

    def _flaws(self, raw: Columns) -> RowFlaws:
        """Give what the source's reader could not read; a table's columns are all its own."""
        return RowFlaws(raw if self._tells_flaws else {})

    def _join(self, parts: Columns) -> list[str | None]:
        """Join the key fields; one that is missing or too long makes no key."""
        keys = joined_keys(parts, self._key)
        return [None if key is None or len(key) > MAX_KEY_CHARS else key for key in keys]

    def _read_markers(
        self, raw: Columns, rows: int, failures: list[Failure]
    ) -> tuple[list[int | None], list[int | None]]:
        markers = self._read(self._marker, raw, rows, [])
        changed_at = markers
        if not self._is_time:
            none: list[int | None] = [None] * rows
            changed_at = self._read(self._changed_at, raw, rows, []) if self._has_time else none
        absent = set(_absent(markers))
        if (
            self._has_time and not self._timeless
        ):  # a time of change that cannot be read must not pass as fresh
            absent.update(_absent(changed_at))
        _blame(failures, sorted(absent), "contract.marker.unmappable", None)
        return markers, changed_at

    def _read_units(self, columns: Columns, changed_at: list[int | None], failures: list[Failure]) -> None:
        """Put the units of today in the place of their codes, each by the list of its record's day."""
        for name, unit in self._units.items():
            at = columns[unit.at] if unit.at else None
            days = days_of(at, changed_at, dated=unit.at in self._dated)
            columns[name], refused = read_units(columns[name], days, changed_at, unit)
            for row, code in refused:
                _blame(failures, (row,), code, name)

    def _read_deleted(self, raw: Columns, rows: int, failures: list[Failure]) -> list[bool]:
        gone = list(map(bool, raw[GONE])) if self._numbered and GONE in raw else [False] * rows
        if self._deleted is None or all(gone):
            return gone
        values = raw.get(self._deleted.column)
        if values is None:
            _blame(failures, range(rows), "contract.field.missing", None)
            return gone
        for row, code in self._flaws(raw).of(self._deleted.column):
            _blame(failures, (row,), code, None)
        found = self._deletion.all_of(values)
        _blame(failures, _absent(found), "contract.deleted.unknown", None)
        return [told or bool(value) for told, value in zip(gone, found, strict=True)]

    def _strip_deleted(self, columns: Columns, deleted: list[bool], failures: list[Failure]) -> list[Failure]:
        for name, values in columns.items():
            if name not in self._key:
                columns[name] = [None if gone else value for value, gone in zip(values, deleted, strict=True)]
        kept = (None, *self._key)
        return [item for item in failures if not deleted[item.row] or item.field in kept]


def personal_ids(connector: Connector) -> set[str]:
    """Give the contract fields that hold personal identification numbers."""
    judged = {
        str(rule.kwargs.get("column"))
        for rule in connector.contract.rules
        if rule.expectation == "expect_personal_id"
    }
    return judged | ({connector.file.population.citizen} if connector.file.population else set())


def birth_dates(connector: Connector) -> set[str]:
    """Give the contract fields that hold birth dates."""
    population = connector.file.population
    own = population.fields.get("birth_date") if population else None
    return {person.birth_date for person in connector.file.people if person.birth_date} | {own or ""}


def _rows(raw: Columns) -> int:
    return len(next(iter(raw.values()))) if raw else 0


def _absent(values: list[Any]) -> list[int]:
    return [row for row, value in enumerate(values) if value is None] if None in values else []


def _blame_whole_rows(failures: list[Failure], whole: list[tuple[int, str]]) -> list[Failure]:
    """Give one failure to a row that could not be read at all, in the place of all that follows from it."""
    if not whole:
        return failures
    rows = {row for row, _ in whole}
    kept = [failure for failure in failures if failure.row not in rows]
    for row, code in whole:
        _blame(kept, (row,), code, None)
    return kept


def _blame(failures: list[Failure], rows: Iterable[int], code: str, field: str | None) -> None:
    reason = CODES[code].en
    gate = origin(code)
    failures.extend(Failure(row, gate, code, field, reason) for row in rows)
