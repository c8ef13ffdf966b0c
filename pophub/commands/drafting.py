"""connector new: draft connectors from what a database, folder, API or topic shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from pophub.commands.first_look import TOPICS, LookWish, look_at
from pophub.commands.output import answer, print_json, print_table, talk, tell
from pophub.commands.quarantine_access import connector_here
from pophub.contracts.code_tables import read_tables
from pophub.contracts.load import load_all
from pophub.contracts.patterns import table_parts
from pophub.contracts.source_model import DatabaseSource
from pophub.domain.errors import ConfigError, PophubError
from pophub.drafting.fields import names_for
from pophub.drafting.plan import DraftPlan, DraftWish, KnownTable, draft
from pophub.drafting.write import write_draft
from pophub.settings import Settings
from pophub.sources.survey import Survey

LOOKED_ROWS = 10_000
LOOKUP_ROWS = 51
_AGENCY = re.compile(r"[a-z][a-z0-9_]{0,62}")
_STEM = re.compile(rf"{_AGENCY.pattern}\.{_AGENCY.pattern}")
_VARIABLE = re.compile(r"(?:\$\{)?([A-Z][A-Z0-9_]*)\}?\Z")
_PASSWORD = re.compile(r"://[^/\s@:]*:[^/\s@]+@")
_TOKEN = re.compile(
    r"[?&][^=&]*(?:token|secret|password|passwd|mat_khau|api_?key|access_?key)[^=&]*=", re.IGNORECASE
)


class Drafted(dict[str, Any]):
    """What was drafted of one table, as it is told."""


def new(
    name: str, source: str, table: str | None, like: str | None, key: str | None, marker: str | None,
    pages: str | None, every: bool, as_json: bool,
) -> None:  # fmt: skip
    """Draft a connector, or one for each table; tell files, guesses and what a person has to decide."""
    settings = Settings.load()
    agency, dataset = _names(name, every)
    source, topic = _without_topic(source)
    table = table or topic
    variable, address, told = _source(settings, source, agency, dataset)
    asked = DraftWish(
        agency, dataset, variable, tuple(key.split(",")) if key else (), marker, connector_here(like) if like else None,
        read_tables(settings.project)[0].sound,
    )  # fmt: skip
    look = look_at(address)
    if look is not None and not every:
        survey, of = look(settings, asked, address, LookWish(table, pages), LOOKED_ROWS)
        found, refused = [_written(settings, asked, draft(survey, asked, source=of))], list[PophubError]()
    elif look is None:
        found, refused = _tables(settings, asked, address, table, every)
    else:
        raise ConfigError(
            "connector.from", "only a database has tables to draft all of", where="--all",
            remedy="name the dataset, such as moet.schools, and take --all out",
        )  # fmt: skip
    if refused and not found:
        first, *others = refused
        for error in others:
            tell(error)
        raise first
    if as_json:
        passed = [{"code": e.code, "what": e.what, "where": e.where, "remedy": e.remedy} for e in refused]
        print_json({"drafted": found, "passed_over": passed, "variable": variable})
        return
    _show(found, refused, told)


def _names(name: str, every: bool) -> tuple[str, str]:
    """Give agency and dataset; with every table the agency alone.

    Errors: `config.value`.
    """
    if every and _AGENCY.fullmatch(name):
        return name, ""
    if not every and _STEM.fullmatch(name):
        agency, _, dataset = name.partition(".")
        return agency, dataset
    form = "an agency, such as moet" if every else "an agency and a dataset, such as moet.schools"
    raise ConfigError("config.value", f"{name} is not {form}", remedy="small letters, digits and _ alone")


def _without_topic(source: str) -> tuple[str, str | None]:
    """Give an address of brokers and the topic behind it, which is no part of the variable.

    >>> _without_topic("kafka://a:9092,b:9092/dancu.public.cong_dan"), _without_topic("POPHUB_SOURCE_MPS_URL")
    (('kafka://a:9092,b:9092', 'dancu.public.cong_dan'), ('POPHUB_SOURCE_MPS_URL', None))
    """
    scheme, mark, rest = source.partition("://")
    if scheme not in TOPICS:
        return source, None
    brokers, _, topic = rest.partition("/")
    return f"{scheme}{mark}{brokers}", topic or None


def _source(settings: Settings, source: str, agency: str, dataset: str) -> tuple[str, str, str | None]:
    """Give variable and address of the source, and what is to be exported where it is not set yet.

    Errors: `connector.from`, `config.variable_missing`, `secret.inline`.
    """
    if match := _VARIABLE.match(source):
        return match[1], settings.resolve(f"${{{match[1]}}}", where="--from"), None
    if _PASSWORD.search(source) or ("://" in source and _TOKEN.search(source)):
        raise ConfigError(
            "secret.inline", "an address with a password or token stands among the arguments", where="--from",
            remedy="export it under a name such as POPHUB_SOURCE_MOET_URL, and give --from that name",
        )  # fmt: skip
    if "://" not in source and not Path(source).is_dir():
        raise ConfigError(
            "connector.from", "it is no address, no folder and no variable", where="--from",
            remedy="such as sqlite:////path/of/file, POPHUB_SOURCE_MOET_URL, or a folder that is there",
        )  # fmt: skip
    address = source if "://" in source else str(Path(source).absolute())
    shared, own = (
        f"POPHUB_SOURCE_{agency.upper()}_URL",
        f"POPHUB_SOURCE_{agency.upper()}_{dataset.upper()}_URL",
    )
    for variable in (shared, own):
        try:
            if settings.resolve(f"${{{variable}}}", where="--from") == address:
                return variable, address, None
        except ConfigError:
            return variable, address, f"export {variable}='{address}'"
    raise ConfigError(
        "connector.from", f"{shared} and {own} hold other addresses", where="--from",
        remedy="export the address under another name, and give --from that name",
    )  # fmt: skip


def _tables(
    settings: Settings, asked: DraftWish, address: str, table: str | None, every: bool
) -> tuple[list[Drafted], list[PophubError]]:
    from pophub.sources.survey import SurveyedDatabase

    database = SurveyedDatabase(address, asked.stem if asked.dataset else asked.agency)
    looked = cache(lambda name: database.survey(name, LOOKUP_ROWS))
    datasets = _datasets(settings, asked.variable)
    if not every:
        table = table or _only(database.tables(), asked.dataset)
        plan = draft(database.survey(table, LOOKED_ROWS), asked, looked, datasets=datasets)
        return [_written(settings, asked, _of_server(plan, database.unproved))], []
    tables = database.tables()
    names = names_for([table_parts(one)[1] for one in tables], {})
    refused: dict[str, PophubError] = {}
    surveys: dict[str, tuple[Survey, DraftWish]] = {}
    for one in tables:  # first each alone: its key is what the others refer to
        own = replace(asked, dataset=names[table_parts(one)[1]])
        try:
            survey = database.survey(one, LOOKED_ROWS)
            datasets[survey.table] = _known(draft(survey, own))
            surveys[one] = survey, own
        except PophubError as error:
            refused[one] = error
    found: list[Drafted] = []
    for one, (survey, own) in surveys.items():
        try:
            plan = _of_server(draft(survey, own, looked, datasets=datasets), database.unproved)
            found.append(_written(settings, own, plan))
        except PophubError as error:
            refused[one] = error
    return found, list(refused.values())


def _of_server(plan: DraftPlan, unproved: str | None) -> DraftPlan:
    """Have a person hold values against the client of a kind of server that no test of pophub has read."""
    if unproved is None:
        return plan
    ask = f"server: whether values of {unproved}, which no test of pophub has read, come as its own client prints them"
    return replace(plan, decisions=(*plan.decisions, ask))


def _known(plan: DraftPlan) -> KnownTable:
    """Give what refers to a table needs of its draft."""
    types = {one.column: one.avro.type for one in plan.fields}
    return KnownTable(plan.asked.stem, plan.key_columns, tuple(types[name] for name in plan.key_columns))


def _datasets(settings: Settings, variable: str) -> dict[str, KnownTable]:
    """Give the tables of a source that the project's connectors read already, by their names there."""
    found = {}
    for connector in load_all(settings.project)[0]:
        source, mapping = connector.file.source, connector.file.mapping
        if isinstance(source, DatabaseSource) and source.url == f"${{{variable}}}":
            key = tuple(mapping[name].source for name in connector.file.key)
            types = {one.name: one.type.replace("int", "long") for one in connector.contract.fields}
            kinds = tuple(types[name] for name in connector.file.key)
            found[source.table] = KnownTable(connector.stem, key, kinds)
    return found


def _only(tables: Sequence[str], dataset: str) -> str:
    """Give the table that is meant where none is named: the one of the dataset's name, or the only one.

    Errors: `connector.from`.
    """
    named = [one for one in tables if table_parts(one)[1] == dataset]
    if len(found := named or list(tables)) == 1:
        return found[0]
    raise ConfigError(
        "connector.from", f"the database has {len(tables)} tables, and none is named", where="--table",
        remedy=f"one of {', '.join(tables[:20])}" if tables else "ask the agency to grant SELECT to the hub's account",
    )  # fmt: skip


def _written(settings: Settings, asked: DraftWish, plan: Any) -> Drafted:
    files, decisions = write_draft(plan, settings.project)
    return Drafted(
        stem=asked.stem,
        source=plan.survey.table,
        fields=len(plan.fields),
        files=[str(file.relative_to(settings.project)) for file in files],
        guesses={"key": plan.why["key"], "marker": plan.why["marker"]}
        | plan.source.form.why
        | {one.name: "; ".join(one.notes) for one in plan.fields if one.notes},
        decisions=decisions,
    )


def _show(found: list[Drafted], refused: list[PophubError], told: str | None) -> None:
    for error in refused:
        tell(error)
    rows = [
        (one["stem"], one["source"], one["fields"], len(one["files"]), len(one["decisions"])) for one in found
    ]
    print_table("Drafted", ("connector", "from", "fields", "files", "to decide"), rows)
    if len(found) == 1:
        print_table("Guessed", ("what", "why"), list(found[0]["guesses"].items()))
    for decision in dict.fromkeys(decision for one in found for decision in one["decisions"]):
        answer.print(f"to decide: {decision}", markup=False)
    stem = found[0]["stem"] if len(found) == 1 else "STEM"
    talk.print(f"next: {f'`{told}`, then ' if told else ''}`pophub connector try {stem}`", markup=False)
