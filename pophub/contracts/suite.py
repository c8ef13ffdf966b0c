"""Read a suite: Great Expectations' own JSON, each rule with its gate and code in `meta`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from pophub.contracts.flaws import Flaws
from pophub.contracts.model import AvroField, ConnectorFile, LegalBasis, LookedUp, ProjectTables, Rule
from pophub.contracts.rule_check import HELD, flaws_of
from pophub.contracts.shapes import SHAPES, joined_columns, named_columns
from pophub.contracts.strict_yaml import Document
from pophub.domain.codes import CODES, GATES, Code, explain, is_rule, origin
from pophub.domain.errors import ConfigError

_SUITE_KEYS = {"name", "expectations", "meta", "id", "notes"}
_RULE_KEYS = {
    "type",
    "kwargs",
    "meta",
    "id",
    "notes",
    "description",
    "severity",
    "rendered_content",
}
_META_KEYS = {"gate", "code", "field", "severity", "owner", "bases"}
_OWN_CODE = re.compile(r"[a-z]+(?:\.[a-z][a-z0-9_]{0,40}){1,3}\Z")
_HUB = {
    "hub_key": "text",
    "hub_marker": "time",
    "hub_operation": "text",
    "hub_changed_at": "time",
    "hub_exchanged_at": "time",
    "hub_content": "text",
    "hub_rival_content": "text",
}


def refuse(code: str, what: str, where: str) -> ConfigError:
    """Make a ConfigError with the code's own remedy."""
    return ConfigError(code, what, where=where, remedy=explain(code).remedy)


def nearest(name: str, known: Iterable[str]) -> str:
    """Give `, did you mean X` for the nearest known name, or nothing."""
    choices = list(known)
    swapped = [choice for choice in choices if sorted(choice) == sorted(str(name))]
    found = swapped or difflib.get_close_matches(str(name), choices, 1, 0.6)
    return f", did you mean {found[0]}" if found else ""


def table_flaw(tables: ProjectTables, name: object) -> str | None:
    """Say why nothing can be translated by a code table; None where it can.

    >>> table_flaw(ProjectTables({}, {}), "sex")
    "there is no code table 'sex': there are none"
    """
    text = str(name)
    if text in tables.sound:
        return None
    if text in tables.broken:
        return f"the code table {text} cannot be read: {tables.broken[text]}"
    known = sorted([*tables.sound, *tables.broken])
    return f"there is no code table {text!r}{nearest(text, known)}: there are {', '.join(known) or 'none'}"


def own_codes(document: Document) -> dict[str, Code]:
    """Give the codes that a suite declares under `meta.codes`, with their words in both languages.

    Errors: `suite.code`, `config.unknown_key`, `config.missing`, `config.type` with file and line; the
    first brings the others.
    """
    meta, flaws = document.data.get("meta") or {}, Flaws()
    codes = meta.get("codes", {}) if isinstance(meta, dict) else None
    if not isinstance(codes, dict):
        raise refuse("config.type", "meta.codes is no object of codes", document.where("meta"))
    for code, words in codes.items():
        with flaws.gathered():
            _check_own(document, code, words)
    flaws.tell()
    return {code: Code(**words) for code, words in codes.items()}


def _check_own(document: Document, code: str, words: Any) -> None:
    """Refuse a code that is none of a gate, is the hub's, or lacks words."""
    place, flaws = ("meta", "codes", code), Flaws()
    where = partial(document.where, *place)
    if not _OWN_CODE.match(code) or origin(code) not in GATES[1:]:
        what = f"{code!r} is not a gate (correct, sufficient, clean or live), a dot and small letters"
        flaws.add(refuse("suite.code", what, where()))
    if code in CODES:
        flaws.add(refuse("suite.code", f"{code} is a code of the hub's own, with words of its own", where()))
    if not isinstance(words, dict):
        raise refuse("config.type", f"the words of {code} are no object", where())
    for key in words.keys() - set(Code._fields):
        what = f"unknown key {key!r}{nearest(key, Code._fields)}"
        flaws.add(refuse("config.unknown_key", what, document.where(*place, key)))
    for key in Code._fields:
        text = words.get(key)
        if text is None:
            flaws.add(refuse("config.missing", f"{code} has no {key}", where()))
        elif not isinstance(text, str) or not text.strip() or not text.isprintable():
            flaws.add(
                refuse("config.type", f"{key} of {code} is no line of text", document.where(*place, key))
            )
    flaws.tell()


class SuiteReader:
    """Reads the suite of one connector and checks each rule against schema and connector."""

    def __init__(
        self, document: Document, file: ConnectorFile, fields: tuple[AvroField, ...],
        tables: ProjectTables, looked_up: Sequence[LookedUp] = (), bases: Callable[[], Mapping[str, LegalBasis]] = dict,
    ) -> None:  # fmt: skip
        self._document = document
        self._file = file
        self._tables, self._bases = tables, bases
        self._own: dict[str, Code] = {}
        self._fields = {field.name: field for field in fields}
        self._joined = dict(_HUB)
        for person in file.people:
            self._joined[f"hub_{person.id}_known"] = "boolean"
            self._joined[f"hub_{person.id}_name"] = "text"
            self._joined[f"hub_{person.id}_birth_date"] = "date"
        for organisation in file.organisations:
            self._joined[f"hub_{organisation.id}_known"] = "boolean"
            self._joined[f"hub_{organisation.id}_name"] = "text"
            self._joined[f"hub_{organisation.id}_representative"] = "text"
            self._joined[f"hub_{organisation.id}_active"] = "boolean"
        for reference in file.references:
            self._joined[f"hub_{reference.fields[0]}_known"] = "boolean"
        for cited in file.cites:
            self._joined[f"hub_{cited.field}_in_force"] = "boolean"
        for name in file.unique:
            self._joined[f"hub_{name}_holder"] = "text"
        names = {organisation.id for organisation in file.organisations}
        for one in looked_up:
            if one.reference.fields[0] not in names:
                self._add_looked_up(one)

    def _add_looked_up(self, one: LookedUp) -> None:
        for column, field in zip(one.columns, one.fields, strict=True):
            if column in self._joined:
                what = f"{column} is a column already: call the look-up otherwise"
                raise refuse("config.value", what, self._document.where())
            self._joined[column] = HELD[field.type]

    def read(self) -> tuple[Rule, ...]:
        """Give the rules in the order of the file.

        Errors: ConfigError with a suite.*, schema.field_missing or config.* code, file and line; the first
        brings those of the other rules.
        """
        data = self._document.data
        self._keys(data, _SUITE_KEYS, ())
        entries = data.get("expectations")
        if not isinstance(data.get("name"), str) or not isinstance(entries, list):
            raise refuse(
                "suite.invalid",
                "no name or no list of expectations",
                self._document.where(),
            )
        rules, flaws = [], Flaws()
        self._own = own_codes(self._document)  # rules need them
        for place, entry in enumerate(entries):
            with flaws.gathered():
                rules.append(self._rule(entry, place))
        flaws.tell()
        for gate in GATES[1:]:
            if not any(rule.gate == gate for rule in rules):
                flaws.add(refuse("suite.gate_uncovered", f"no rule for {gate}", self._document.where()))
        for code in self._own.keys() - {rule.code for rule in rules}:
            where = self._document.where("meta", "codes", code)
            flaws.add(refuse("suite.code", f"no rule of the suite has the code {code}", where))
        flaws.tell()
        return tuple(rules)

    def _keys(self, data: dict[str, Any], known: set[str], place: tuple[str | int, ...]) -> None:
        flaws = Flaws()
        for key in data:
            if key not in known:
                what = f"unknown key {key!r}{nearest(key, known)}"
                flaws.add(refuse("config.unknown_key", what, self._document.where(*place, key)))
        flaws.tell()

    def _rule(self, entry: Any, place: int) -> Rule:
        at: tuple[str | int, ...] = ("expectations", place)
        where = partial(self._document.where, *at)
        if not isinstance(entry, dict) or not isinstance(entry.get("kwargs"), dict):
            raise refuse("suite.invalid", "an expectation has no kwargs", where())
        self._keys(entry, _RULE_KEYS, at)
        kind = str(entry.get("type"))
        if kind not in SHAPES:
            raise refuse(
                "suite.unknown",
                f"no expectation {kind!r}{nearest(kind, SHAPES)}",
                where(),
            )
        flaws, meta = Flaws(), dict[str, Any]()
        with flaws.gathered():
            self._kwargs(kind, entry["kwargs"], at)
        with flaws.gathered():
            meta = self._meta(entry.get("meta"), at)
        flaws.tell()
        field = meta.get("field") or next(iter(named_columns(kind, entry["kwargs"])), None)
        if field is not None and field.startswith("hub_"):
            field = None
        if field is not None and field not in self._fields:
            raise self._no_field(field, (*at, "meta", "field"))
        table = entry["kwargs"].get("codes")
        return Rule(
            expectation=kind,
            kwargs=entry["kwargs"],
            gate=meta["gate"],
            code=meta["code"],
            field=field,
            severity=meta.get("severity", "critical"),
            own=self._own.get(meta["code"]),
            bases=tuple(self._cited(meta.get("bases", []), at)),
            listed=None if table is None else frozenset(self._tables.sound[table].values.values()),
        )

    def _cited(self, names: Any, at: tuple[str | int, ...]) -> Iterable[LegalBasis]:
        """Give the legal bases that a rule cites."""
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise refuse(
                "config.type", "meta.bases is no list of names", self._document.where(*at, "meta", "bases")
            )
        known = self._bases() if names else {}
        for place, name in enumerate(names):
            if name not in known:
                what = f"there is no basis {name}{nearest(name, known)}"
                raise refuse("config.basis", what, self._document.where(*at, "meta", "bases", place))
            yield known[name]

    def _kwargs(self, kind: str, kwargs: dict[str, Any], at: tuple[str | int, ...]) -> None:
        shape, flaws = SHAPES[kind], Flaws()
        with flaws.gathered():
            self._keys(kwargs, {*shape.columns, *shape.others}, (*at, "kwargs"))
        for key in shape.required:
            if kwargs.get(key) is None:
                where = self._document.where(*at, "kwargs")
                flaws.add(refuse("config.missing", f"{kind} needs the kwarg {key!r}", where))
        for key, choices in shape.choices.items():
            if key in kwargs and kwargs[key] not in choices:
                where = self._document.where(*at, "kwargs", key)
                flaws.add(refuse("config.value", f"{key} is one of {', '.join(choices)}", where))
        for key in shape.columns:
            if (name := kwargs.get(key)) is not None:
                with flaws.gathered():
                    self._column(str(name), (*at, "kwargs", key))
        flaws.tell()  # what follows needs the columns
        for name in joined_columns(kind, kwargs):
            if name not in self._joined:
                what = f"{kind} needs {name}: the connector names no such person, reference, basis or unique field"
                flaws.add(refuse("schema.field_missing", what, self._document.where(*at, "kwargs")))
        flaws.tell()
        self._values(kind, kwargs, at)

    def _values(self, kind: str, kwargs: dict[str, Any], at: tuple[str | int, ...]) -> None:
        if "codes" in kwargs and (what := table_flaw(self._tables, kwargs["codes"])):
            raise refuse("config.value", what, self._document.where(*at, "kwargs", "codes"))
        found = Flaws()
        for flaw in flaws_of(SHAPES[kind], kwargs, self._held):
            where = self._document.where(*at, "kwargs", flaw.kwarg)
            found.add(refuse(flaw.code, f"{kind}: {flaw.what}", where))
        found.tell()
        if "holds" in kwargs:
            column = str(kwargs["column"])
            if self._held(column) != kwargs["holds"]:
                where = self._document.where(*at, "kwargs", "holds")
                raise refuse("config.value", f"{column} does not hold a {kwargs['holds']}", where)

    def _held(self, column: str) -> str:
        """Say what a known column holds: text, number, boolean, date or time."""
        if column == "hub_marker" and self._file.source.marker.kind != "time":
            return "number"
        field = self._fields.get(column)
        return self._joined[column] if field is None else HELD[field.type]

    def _column(self, name: str, place: tuple[str | int, ...]) -> None:
        if name not in self._fields and name not in self._joined:
            raise self._no_field(name, place)

    def _no_field(self, name: str, place: tuple[str | int, ...]) -> ConfigError:
        return refuse(
            "schema.field_missing",
            f"the schema has no field {name!r}{nearest(name, self._fields)}",
            self._document.where(*place),
        )

    def _meta(self, meta: Any, at: tuple[str | int, ...]) -> dict[str, Any]:
        where = partial(self._document.where, *at, "meta")
        if not isinstance(meta, dict):
            raise refuse("suite.meta", "the rule has no meta", where())
        self._keys(meta, _META_KEYS, (*at, "meta"))
        gate, code = meta.get("gate"), meta.get("code")
        if gate not in GATES[1:]:
            raise refuse(
                "suite.meta",
                "meta.gate is not correct, sufficient, clean or live",
                where(),
            )
        if not isinstance(code, str) or origin(code) != gate:
            raise refuse("suite.meta", "meta.code does not begin with its gate", where())
        if not is_rule(code) and code not in self._own:
            what = f"unknown code {code!r}{nearest(code, [*CODES, *self._own])}"
            raise refuse("code.unknown", what, where())
        if meta.get("severity", "critical") not in ("critical", "warning"):
            raise refuse("suite.meta", "meta.severity is critical or warning", where())
        return meta
