"""connector try: what a run would share and quarantine, by rule, of rows that are at the source now."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, cast

from pophub.commands.moments import instant_of
from pophub.commands.output import answer, print_json, print_table, talk, tell
from pophub.commands.quarantine_access import connector_here
from pophub.commands.shown import shown
from pophub.contracts.model import Connector, Rule
from pophub.contracts.personal import hidden_fields
from pophub.contracts.referred import looked_up_columns, referred
from pophub.contracts.shapes import read_columns
from pophub.contracts.source_model import DatabaseSource
from pophub.domain.dates import HO_CHI_MINH, micros
from pophub.domain.errors import ConfigError, PophubError
from pophub.domain.record import FILE_COLUMNS, SCAN, Columns
from pophub.gates.mapping import ContractMapper
from pophub.gates.rules import GreatExpectationsRules, preload
from pophub.ports import FolderSource, TableSource
from pophub.settings import Settings
from pophub.sources import open_source
from pophub.stages.trial import Trial, Tried, nothing_known

if TYPE_CHECKING:
    from pophub.stores.judge import TrialStore

EXAMPLES = 3
HIDDEN = "•••"
CHUNK_ROWS = 5_000
NEXT_SCAN = 1 << 62  # later than any scan that the hub may know


def try_rows(stem: str, rows: int, since: str | None, show_values: bool, as_json: bool) -> None:
    """Read rows, map and judge them, and tell what would become of them; nothing is sent or kept."""
    settings, connector = Settings.load(), connector_here(stem)
    if since is not None and connector.file.source.marker.numbered:
        kind = connector.file.source.marker.kind
        raise ConfigError(
            "config.marker", f"a {kind} has no time to begin at: it is read from its beginning", where="--since",
            remedy="take --since out; --rows bounds what is read",
        )  # fmt: skip
    preload()  # seconds that belong to no row
    with ExitStack() as open_until_told:
        store = _hub(settings, connector, open_until_told)
        not_kept = store.not_kept() if store else []
        asked = _asks_hub(connector) if store is None else {name for one in not_kept for name in one.columns}
        judged, unjudged = _without(connector, asked)
        trial = Trial(
            judged, ContractMapper(connector), GreatExpectationsRules(judged),
            store.accepted if store else nothing_known, time.time_ns() // 1000,
        )  # fmt: skip
        from_marker = None if since is None else micros(instant_of(since), HO_CHI_MINH)
        held: list[PophubError] = []
        tried = trial.run(_rows(connector, settings, from_marker, held), rows)
    told = _told(connector, tried, show_values)
    told |= {
        "compared_with_hub": store is not None,
        "not_judged": unjudged,
        "not_kept": sorted({one.reference.to for one in not_kept}),
        "held": [{"code": e.code, "what": e.what, "where": e.where, "remedy": e.remedy} for e in held],
    } | _whole(connector, settings, tried)
    if as_json:
        print_json(told)
    else:
        for error in held:
            tell(error)
        _show(told)


def _hub(settings: Settings, connector: Connector, stack: ExitStack) -> TrialStore | None:
    """Give the hub's accepted state, in a session that PostgreSQL keeps from writing; none where no hub runs."""
    from pophub.postgres import connect
    from pophub.stores.judge import TrialStore

    if not (settings.home / "endpoints.json").exists() and "POPHUB_POSTGRES_HOST" not in os.environ:
        return None
    try:
        connection = stack.enter_context(closing(connect(settings, "pophub_judge")))
    except PophubError as error:
        if error.code not in ("postgres.unreachable", "postgres.missing"):  # not started, or never prepared
            raise
        return None
    return TrialStore(connection, connector)


def _asks_hub(connector: Connector) -> set[str]:
    """Give the columns that only a hub can fill: of the population database, and of other datasets."""
    return {
        *(f"hub_{one.id}_{what}" for one in connector.file.people for what in ("name", "birth_date")),
        *(f"hub_{one.name}_known" for one in referred(connector.file)),
        *looked_up_columns(connector),
    }


def _without(connector: Connector, columns: set[str]) -> tuple[Connector, list[str]]:
    """Leave out the rules that read one of these columns, and name them."""
    asking = [r for r in connector.contract.rules if columns & set(read_columns(r.expectation, r.kwargs))]
    kept = tuple(rule for rule in connector.contract.rules if rule not in asking)
    contract = connector.contract.model_copy(update={"rules": kept})
    return connector.model_copy(update={"contract": contract}), [_name(rule) for rule in asking]


def _name(rule: Rule) -> str:
    return f"{rule.code} of {rule.field}" if rule.field else rule.code


def _rows(
    connector: Connector, settings: Settings, since: int | None, held: list[PophubError]
) -> Iterator[Columns]:
    """Give the rows that a run would read; `held` takes why files are refused."""
    source = open_source(connector, settings)
    if connector.file.source.marker.numbered and connector.file.source.reads != "log":
        for columns in _inventory(connector, cast(TableSource | FolderSource, source), held):
            yield columns | {SCAN: [NEXT_SCAN] * len(next(iter(columns.values()), ()))}
        return
    if connector.file.source.reads != "folder":
        yield from cast(TableSource, source).read(since, CHUNK_ROWS)
        return
    folder = cast(FolderSource, source)
    for file in folder.files([]):
        yield from folder.read(file, CHUNK_ROWS)
    held += folder.bad()


def _inventory(
    connector: Connector, source: TableSource | FolderSource, held: list[PophubError]
) -> Iterator[Columns]:
    """Give all rows of a table, or those of the newest file."""
    if connector.file.source.reads == "table":
        yield from cast(TableSource, source).read(None, CHUNK_ROWS)
        return
    folder = cast(FolderSource, source)
    files = list(folder.files([]))
    held += folder.bad()
    for file in files[-1:]:
        yield from folder.read(file, CHUNK_ROWS)


def _told(connector: Connector, tried: Tried, show_values: bool) -> dict[str, Any]:
    """Give what would become of the rows, and of each rule how many fail, the first ones as examples."""
    rules: dict[tuple[str, str, str | None], dict[str, Any]] = {}
    hidden = hidden_fields(connector)
    for row in range(len(tried.versions)):
        for failure in tried.failed(row):
            place = (failure.gate, failure.code, failure.field)
            entry = rules.setdefault(
                place, dict(zip(("gate", "code", "field"), place, strict=True)) | {"rows": 0, "examples": []}
            )
            entry["rows"] += 1
            if len(entry["examples"]) < EXAMPLES:
                sent = tried.sent(row)
                entry["examples"].append(example(connector, hidden, sent, failure.field, show_values))
    first = tried.verdicts.first
    return {
        "stem": connector.stem,
        "rows": len(first) + tried.waiting,
        "states": {s: first.count(s) for s in ("shared", "quarantined", "duplicate", "superseded")},
        "waiting": tried.waiting,
        "rules": sorted(rules.values(), key=lambda one: -one["rows"]),
        "examples_shared": [
            example(connector, hidden, tried.sent(row), None, show_values)
            for row in [row for row, state in enumerate(first) if state == "shared"][:EXAMPLES]
        ],
        "values": "shown" if show_values else "hidden",
    }


def example(
    connector: Connector, hidden: set[str], row: dict[str, Any], field: str | None, show_values: bool
) -> dict[str, Any]:
    """Give a row as the source sent it; of hidden fields, and of what no field takes, no value unasked."""
    open_fields = set(connector.file.mapping) - hidden
    source = connector.file.source
    plain = {m.source for name, m in connector.file.mapping.items() if name in open_fields}
    plain |= {source.marker.column} | FILE_COLUMNS | ({source.deleted.column} if source.deleted else set())
    plain -= {m.source for name, m in connector.file.mapping.items() if name not in open_fields}
    sent = {
        name: shown(value) if show_values or name in plain or value is None else HIDDEN
        for name, value in row.items()
        if name != SCAN and (value is not None or name not in FILE_COLUMNS)
    }
    column = connector.file.mapping[field].source if field in connector.file.mapping else None
    return {"value": sent.get(column) if column else None, "row": sent}


def _whole(connector: Connector, settings: Settings, tried: Tried) -> dict[str, Any]:
    """Foretell a run of the whole source: its rows, and seconds to read and judge them on this machine."""
    seconds = tried.read_s + tried.judge_s
    told: dict[str, Any] = {"seconds": round(seconds, 3), "source_rows": None, "full_run_seconds": None}
    source, rows = connector.file.source, len(tried.versions) + tried.waiting
    if isinstance(source, DatabaseSource) and rows:
        from pophub.sources.survey import SurveyedDatabase

        url = settings.resolve(source.url, where=connector.stem)
        told["source_rows"] = SurveyedDatabase(url, connector.stem).count(source.table)
        told["full_run_seconds"] = round(seconds / rows * told["source_rows"], 1)
    return told


def _show(told: dict[str, Any]) -> None:
    states = [(state, rows) for state, rows in told["states"].items()]
    states += [("waits to settle", told["waiting"])] if told["waiting"] else []
    print_table(f"{told['stem']}: what a run would make of {told['rows']:,} rows", ("state", "rows"), states)
    rows = [
        (one["gate"], one["code"], one["field"], one["rows"], such_as(one["examples"]))
        for one in told["rules"]
    ]
    print_table(
        "Why rows would be quarantined",
        ("gate", "code", "field", "rows", "such as"),
        rows,
        empty="none would be",
    )
    if told["examples_shared"]:
        talk.print(
            "shared, such as:", *(f"  {_row(one)}" for one in told["examples_shared"]), sep="\n", markup=False
        )
    left = f"; not judged: {', '.join(told['not_judged'])}" if told["not_judged"] else ""
    if not told["compared_with_hub"]:
        talk.print(f"the hub does not run: judged as its first rows{left}", markup=False)
    if told["not_kept"]:
        kept = f"looked up, and not kept for it before `pophub up`: {', '.join(told['not_kept'])}{left}"
        talk.print(kept, markup=False)
    if told["values"] == "hidden":
        talk.print("values of personal fields are hidden: --show-values shows them")
    if told["full_run_seconds"] is not None:
        seconds, count = told["full_run_seconds"], told["source_rows"]
        answer.print(f"a full run would read and judge {count:,} rows in about {seconds:,} s on this machine")
    answer.print("nothing was shared, written or moved")
    check = f"`pophub connector check {told['stem']}`"
    if told["rules"]:
        code = told["rules"][0]["code"]
        talk.print(f"next: `pophub explain {code}` says what mends it; then {check}", markup=False)
    else:
        talk.print(f"next: {check}", markup=False)


def such_as(examples: list[dict[str, Any]]) -> str:
    values = [one["value"] for one in examples if one["value"] is not None]
    return ", ".join(dict.fromkeys(values)) if values else ""


def _row(example: dict[str, Any]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in example["row"].items())
