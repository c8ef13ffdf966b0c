"""The whole of a drafted connector, before it is written: fields, key, marker, people, rules, decisions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from pophub.contracts.model import CodeTable, Connector, DatasetReference
from pophub.contracts.personal import folded
from pophub.domain.record import RESERVED
from pophub.drafting.fields import MAX_COLUMN, TOLERATED, FieldDraft, draft_field, names_for
from pophub.drafting.profile import profiles
from pophub.drafting.reading import LOGGED, MarkerDraft, draft_deleted, draft_key, draft_marker, no_key
from pophub.sources.survey import Survey, SurveyedForm, TableLink

_SECRET = re.compile(r"(?:^|_)(?:password|passwd|pwd|mat_khau|secret|api_key|token)(?:_|$)")
MAX_SHOWN = 40  # of a column's name, in a message
LOOKUP_ROWS = 50  # a table of at most so many rows that another refers to is one of codes
Looked = Callable[[str], Survey]


@dataclass(frozen=True)
class KnownTable:
    """A table of the same source that a connector reads, or is drafted for: its dataset, the key's columns, their types."""

    stem: str
    key: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def by_column(self) -> dict[str, str]:
        """The type in the contract of each column of the key."""
        return dict(zip(self.key, self.types, strict=True))


@dataclass(frozen=True)
class DraftWish:
    """What the caller said: names, and what the source's own look does not tell; `tables` are those of codes."""

    agency: str
    dataset: str
    variable: str
    key: tuple[str, ...] = ()
    marker: str | None = None
    like: Connector | None = None
    tables: Mapping[str, CodeTable] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """`<agency>.<dataset>`."""
        return f"{self.agency}.{self.dataset}"


@dataclass(frozen=True)
class SourceDraft:
    """The kind of a source, and how it is read: keys of the part `source`, and what its look told of them."""

    kind: Literal["sql", "files", "http", "kafka"] = "sql"
    form: SurveyedForm = field(default_factory=lambda: SurveyedForm({}, {}, []))

    @property
    def typed(self) -> bool:
        """Whether a value's type is the source's own word."""
        return self.kind in ("sql", "kafka")


TABLE = SourceDraft()


@dataclass(frozen=True)
class DraftPlan:
    """What the files of a connector will say.

    Shape: `key` are fields, `key_columns` the columns that they are read from; `why` has a reason for each
    part of the file; `decisions` are what a person has to say, in words.
    """

    asked: DraftWish
    survey: Survey
    fields: tuple[FieldDraft, ...]
    key: tuple[str, ...]
    key_columns: tuple[str, ...]
    marker: MarkerDraft
    deleted: str | None
    why: Mapping[str, str]
    decisions: tuple[str, ...]
    references: tuple[DatasetReference, ...]
    source: SourceDraft

    @property
    def people(self) -> list[str]:
        """The fields with numbers of people."""
        return [one.name for one in self.fields if one.profile.person]

    @property
    def personal(self) -> list[str]:
        """The fields that look personal."""
        return [one.name for one in self.fields if one.profile.personal]

    @property
    def unique(self) -> list[str]:
        """The fields whose values the source keeps unique beside the key."""
        alone = {columns[0] for columns in self.survey.unique if len(columns) == 1} - set(self.key_columns)
        kinds = ("string", "long")
        return [one.name for one in self.fields if one.column in alone and one.avro.type in kinds]


def draft(
    survey: Survey,
    asked: DraftWish,
    looked: Looked | None = None,
    datasets: Mapping[str, KnownTable] | None = None,
    source: SourceDraft = TABLE,
) -> DraftPlan:
    """Draft a connector from what a table, file, API or topic shows; `looked` looks at a table that it refers to.

    Shape: `datasets` has the tables of the source that are datasets, by their names as `survey` gives them.
    Errors: `connector.no_key`, `connector.no_marker`, `source.column_missing`.
    """
    found = profiles(survey, asked.tables)
    left_out = [name for name in found if len(name) > MAX_COLUMN or name in RESERVED]
    key, key_why = draft_key(survey, found, asked.key, rounds=source.kind == "files")
    secret = [name for name in found if _SECRET.search(folded(name)) and name not in (*key, *left_out)]
    if lost := [name for name in key if name in left_out]:
        raise no_key(f"the column {lost[0][:40]} of the key cannot be declared", survey.table)
    marker = LOGGED if source.kind == "kafka" else draft_marker(survey, found, asked.marker, source.kind)
    deleted = draft_deleted(found)
    mapped = [name for name in found if name not in (*left_out, *secret) and (name != deleted or name in key)]
    names = names_for(mapped, _known_names(asked.like))
    linked = {at for link in survey.links if _leads(link, datasets or {}) for at in link.columns}
    alike = {*key, *linked}  # what refers to a key is read as a key is
    how = {"typed": source.typed, "rounds": source.kind == "files"}
    fields = [draft_field(names[name], found[name], key=name in alike, **how) for name in mapped]
    why = {"key": key_why, "marker": marker.note, **source.form.why}
    references = _references(fields, survey.links, datasets or {})
    fields = _linked(fields, survey.links, looked, key, references)
    decisions = ["owner: who answers for the data, and an address"] if asked.like is None else []
    decisions.append("title: what people call the dataset, in English and Vietnamese")
    if asked.like is None or asked.like.file.live.promise_s is None:
        decisions.append("live: promise_s: how fresh the agency promises its data to be")
    if not asked.key and key != survey.key and key not in survey.unique:
        decisions.append(f"key: whether {key[0]} tells rows apart: {key_why}")
    if marker.keys["kind"] == "scan" and asked.marker is None:
        decisions.append(
            "marker: whether the source bears that all its rows are read each time, or has a time of update"
        )
    decisions += source.form.asks
    decisions += [asked_of for one in fields if (asked_of := _asked_of(one))]
    decisions += [f"the column {name[:40]} is left out: its name cannot be declared" for name in left_out]
    decisions += [f"the column {name[:40]} is left out: its name speaks of a secret" for name in secret]
    if any(one.profile.person for one in fields):
        why["people"] = "numbers of people: a record waits until the population database knows them"
    return DraftPlan(
        asked, survey, tuple(fields), tuple(names[c] for c in key), key, marker, deleted, why, tuple(decisions),
        references, source,
    )  # fmt: skip


def _asked_of(one: FieldDraft) -> str | None:
    """Say what a person has to settle with the agency about a column, if anything."""
    name = one.column[:MAX_SHOWN]
    if one.profile.legacy:
        return f"{name}: texts in TCVN3 or VNI, the encodings before Unicode: ask for Unicode; they fail clean.name.legacy_font"
    if one.refused > TOLERATED:
        return f"{name}: {one.refused:.0%} of the values seen are refused, whatever type is written: `connector try` says why"
    if one.profile.dated and one.avro.type == "string":
        return f"{name}: dates in more than one form: ask for one before records flow, since a field's type stays"
    if one.profile.grouped and one.avro.type == "string":
        return f"{name}: numbers with dots or commas, such as 12.000: ask for plain digits, since a field's type stays"
    return None


def _known_names(like: Connector | None) -> dict[str, str]:
    return {} if like is None else {m.source: name for name, m in like.file.mapping.items()}


def _references(
    fields: Sequence[FieldDraft], links: Sequence[TableLink], datasets: Mapping[str, KnownTable]
) -> tuple[DatasetReference, ...]:
    """Give a reference for each foreign key that leads to the key of a dataset; people are named otherwise."""
    names = {one.column: one.name for one in fields if not one.profile.person}
    found: dict[str, DatasetReference] = {}
    types = {one.column: one.avro.type for one in fields}
    for link in links:
        known = datasets.get(link.table)
        by_part = dict(zip(link.to, link.columns, strict=True))
        if known is None or not _leads(link, datasets) or not names.keys() >= set(link.columns):
            continue
        if any(types[by_part[part]] != kind for part, kind in known.by_column.items()):
            continue  # a database that checks no types, or holds values of many
        made = DatasetReference(fields=tuple(names[by_part[part]] for part in known.key), to=known.stem)
        found.setdefault(made.fields[0], made)
    return tuple(found.values())


def _leads(link: TableLink, datasets: Mapping[str, KnownTable]) -> bool:
    """Tell whether a foreign key leads to the key of a dataset."""
    known = datasets.get(link.table)
    return known is not None and set(known.key) == set(link.to)


def _linked(
    fields: list[FieldDraft],
    links: Sequence[TableLink],
    looked: Looked | None,
    key: Sequence[str],
    references: Sequence[DatasetReference],
) -> list[FieldDraft]:
    """Say what each foreign key leads to; the values of a small table become those of a code."""
    named = {name: one.to for one in references for name in one.fields}
    fields = [
        replace(one, notes=(*one.notes, f"refers to {named[one.name]}")) if one.name in named else one
        for one in fields
    ]
    for link in links:
        if len(link.columns) != 1:
            continue
        for at, one in enumerate(fields):
            if one.column == link.columns[0] and one.name not in named:
                fields[at] = _one_link(one, link, looked, one.column in key)
    return fields


def _one_link(one: FieldDraft, link: TableLink, looked: Looked | None, key: bool) -> FieldDraft:
    to = f"{link.table} ({', '.join(link.to)})"
    if one.profile.person:
        return replace(
            one, notes=(*one.notes, f"refers to {to}: a person, whom the population database must know")
        )
    values = _codes_of(link, looked) if looked and not (key or one.codes or one.profile.personal) else ()
    fits = isinstance(values[0], str) == (one.avro.type == "string") if values else False
    if fits and one.avro.type in ("string", "long"):
        note = f"refers to {to}, a table of {len(values)} codes"
        return replace(one, values=values, notes=(*one.notes, note))
    return replace(
        one,
        notes=(*one.notes, f"refers to {to}: name it under references once that is a dataset, by its key"),
    )


def _codes_of(link: TableLink, looked: Looked) -> tuple[Any, ...]:
    """Give the keys of a table that is referred to, where it is small and of no person."""
    survey = looked(link.table)
    found = profiles(survey, {})
    if link.to[0] not in found or any(profile.person for profile in found.values()):
        return ()
    values = found[link.to[0]].values
    plain = all(isinstance(v, (str, int)) and not isinstance(v, bool) for v in values)
    alike = len({type(value) for value in values}) == 1
    return tuple(sorted(set(values))) if plain and alike and len(values) <= LOOKUP_ROWS else ()
