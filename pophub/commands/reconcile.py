"""reconcile, population rebuild, population as-of."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime, time
from typing import Any

import typer

from pophub import avro
from pophub.commands.output import answer, print_json, print_table, talk
from pophub.commands.shown import shown, typed
from pophub.commands.who import acting
from pophub.contracts.model import Connector
from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.errors import ConfigError
from pophub.gates.mapping import ContractMapper
from pophub.postgres import connect, statements, transaction
from pophub.reconcile import look_ups
from pophub.reconcile.examine import Examination, mends
from pophub.reconcile.findings import Finding, Report
from pophub.reconcile.mend import bring_in, record
from pophub.reconcile.rebuild import Rebuild
from pophub.settings import Settings
from pophub.sources import open_source
from pophub.wiring import Hub, open_hub

SQL = statements("reconcile")
MOST_SHOWN = 100


def examine(hub: Hub, stem: str, *, deep: bool = False, loud: bool = False) -> Report:
    """Compare all stores of one dataset."""
    connector = hub.connector(stem)
    return Examination(
        hub.settings, connector, ContractMapper(connector), open_source(connector, hub.settings),
        list(hub.subscriptions_of(connector)), deep, _say if loud else lambda text: None,
    ).run()  # fmt: skip


def reconcile(stem: str | None, *, deep: bool, mend: bool, yes: bool, by: str, as_json: bool) -> None:
    """Compare, tell, and bring in late rows when asked to; exit 1 when something was found.

    Errors: `config.missing` without a dataset.
    """
    if stem is None:
        raise ConfigError(
            "config.missing", "no dataset is named", remedy="name one, or two with --between; see --help"
        )
    with open_hub() as hub:
        report = examine(hub, stem, deep=deep, loud=sys.stderr.isatty())
        late = set(mends(report.findings))
        kept = sum(one.store == look_ups.STORE for one in report.findings)
        who = acting(by) if yes and mend and (late or kept) else ""
        sent = _mend(hub, stem, late, by=who) if mend and late else 0
        sent += _keep_anew(hub, stem, kept, by=who) if mend and kept else 0
    if as_json:
        print_json(report.as_json() | {"mended": sent})
    else:
        _tell(report)
        if (late or kept) and not mend:
            answer.print(f"next: pophub reconcile {stem} --mend", markup=False)
    if len(report.findings) > sent:
        raise typer.Exit(1)


def _mend(hub: Hub, stem: str, late: set[str], *, by: str) -> int:
    """Send the rows that were never read to raw, and keep who did it; by nobody say what would be sent."""
    if not by:
        talk.print(f"would send {len(late):,} rows of {stem} to raw; add --yes", markup=False)
        return 0
    record(hub.settings, stem, len(late), by)
    with hub.open_extract(stem, "reconcile", at_once=True) as (stage, _):
        sent = bring_in(stage, late)
    talk.print(f"sent {sent:,} rows to raw, by {by}; next: pophub run {stem}", markup=False)
    return sent


def _keep_anew(hub: Hub, stem: str, differing: int, *, by: str) -> int:
    """Fill what others look up again from history; by nobody say that it would be."""
    if not by:
        talk.print(
            f"would fill {look_ups.STORE} of {stem} again from history; {differing:,} rows differ; add --yes",
            markup=False,
        )
        return 0
    look_ups.mend(hub.settings, hub.connector(stem))
    talk.print(f"filled {look_ups.STORE} of {stem} again from history, by {by}", markup=False)
    return differing


def _tell(report: Report) -> None:
    print_table(f"Reconciliation of {report.stem}", ("store", "expected", "found", "ranges differing", "not named"),
                [(c.store, c.expected, c.found, c.ranges_differing, c.left_out) for c in report.compared])  # fmt: skip
    for finding in report.findings[:MOST_SHOWN]:
        answer.print(f"{finding}{_named(finding)}", markup=False)
    if len(report.findings) > MOST_SHOWN:
        answer.print(f"{MOST_SHOWN} of {len(report.findings):,} shown; --json tells all", markup=False)
    if report.pending:
        answer.print(f"{report.pending:,} on their way: not yet read, judged or shared", markup=False)
    if not report.findings:
        answer.print("every store holds the same")


def _named(finding: Finding) -> str:
    """Name the key on the operator's terminal, its digest anywhere else."""
    if finding.key is None:
        return ""
    return f", key {finding.key}" if sys.stdout.isatty() else f", key digest {finding.key_digest}"


def _say(text: str) -> None:
    talk.print(f"reading {text}", markup=False)


def rebuild(into: str, *, yes: bool, as_json: bool) -> None:
    """Rebuild the population database from the topics; exit 1 when it differs from the live one."""
    with open_hub() as hub:
        connectors: Sequence[Connector] = list(hub.connectors.values())
        work = Rebuild(hub.settings, connectors, into, _say if sys.stderr.isatty() else lambda text: None)
        if not yes:
            work.check()
            talk.print(
                f"would rebuild {len(connectors)} datasets into the new schema {into}; add --yes",
                markup=False,
            )
            return
        tables = work.run()
    if as_json:
        print_json({"schema": into, "tables": [vars(t) for t in tables]})
    else:
        print_table(f"Rebuilt into {into}", ("table", "rebuilt", "live", "digest rebuilt", "digest live", "differing"),
                    [tuple(vars(t).values()) for t in tables])  # fmt: skip
        if not any(t.differing for t in tables):
            answer.print(f"the same, digest for digest; next: drop schema {into} cascade", markup=False)
    if any(t.differing for t in tables):
        raise typer.Exit(1)


def moment(text: str) -> datetime:
    """Read a day (its end, in Asia/Ho_Chi_Minh) or a time; a time without zone is of that zone.

    >>> moment("2024-12-31").isoformat()
    '2024-12-31T23:59:59.999999+07:00'
    """
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return datetime.combine(date.fromisoformat(text), time.max, HO_CHI_MINH)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            "cli.choice",
            "the time is no date or time",
            where=text,
            remedy="write 2024-12-31 or 2024-12-31T12:00:00+07:00",
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=HO_CHI_MINH)


def as_of(at: str, key: str | None, *, stem: str, known: str | None, as_json: bool) -> None:
    """Show a dataset, or one key of it, as it was accepted at a time."""
    settings = Settings.load()
    with open_hub(settings) as hub:
        contract = hub.connector(stem).contract
    values = {"stem": stem, "at": moment(at), "known": moment(known) if known else "infinity", "key": key}
    with closing(connect(settings, "pophub_owner")) as connection, transaction(connection, "as of") as cursor:
        if key is None:
            cursor.execute(SQL["as_of_count"], values)
            counts = dict(cursor.fetchall())
            told: dict[str, Any] = {
                "stem": stem,
                "at": at,
                "present": counts.get("u", 0),
                "deleted": counts.get("d", 0),
            }
        else:
            cursor.execute(SQL["as_of"], values)
            told = {"stem": stem, "at": at} | _version(contract.schemas, cursor.fetchone())
    if as_json:
        print_json(told)
        return
    record = told.pop("record", None)
    for name, value in told.items():
        answer.print(f"{name.replace('_', ' ')}: {shown(value)}", markup=False)
    for name, value in typed(contract.fields, record or {}).items():
        answer.print(f"  {name} = {shown(value)}", markup=False)


def _version(schemas: Sequence[str], row: tuple[Any, ...] | None) -> dict[str, Any]:
    if row is None:
        return {"known": False}
    payload = None if row[9] is None else avro.decode_known(schemas, bytes(row[9]))
    return {"known": True, "deleted": row[3] == "d", "event_id": bytes(row[2]).hex(), "contract": row[4],
            "lane": row[5], "sequence": row[6], "exchanged_at": row[7].isoformat(), "recorded_at": row[8].isoformat(),
            "record": payload}  # fmt: skip
