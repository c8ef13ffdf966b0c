"""connector impact: what a changed contract would do to what was accepted, and to whom; and its acknowledgement."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from datetime import date
from typing import Any

import typer

from pophub.adapters import Adapters
from pophub.commands.output import answer, print_json, print_table, talk
from pophub.commands.quarantine_access import connector_here
from pophub.commands.trying import EXAMPLES, example, such_as
from pophub.commands.who import proven
from pophub.contracts.personal import hidden_fields
from pophub.domain.codes import explain
from pophub.domain.dates import today
from pophub.domain.errors import ConfigError
from pophub.gates.rules import preload
from pophub.impact import Impact, impact
from pophub.postgres import connect
from pophub.settings import Settings
from pophub.stages.read_block import block_of
from pophub.stores.contract import Acknowledged, ContractStore


def show_impact(
    stem: str, last: int, acknowledge: str | None, by: str, show_values: bool, as_json: bool
) -> None:
    """Tell what the files as they are now would do; with a date, put on record that they may from that day on."""
    settings, connector = Settings.load(), connector_here(stem)
    starts = None if acknowledge is None else _day(acknowledge)
    with closing(connect(settings, "pophub_judge")) as connection:
        who = "" if starts is None else proven(connection, by)
        store = ContractStore(connection, stem)
        told: dict[str, Any] = {"stem": stem, "changed": store.digest() not in (None, connector.digest)}
        takes = []
        if told["changed"]:
            preload()
            found = impact(Adapters(settings), store, store.on_record(), connector, last)
            takes = [one.as_json() for one in found.takes]
            told |= _told(found, show_values)
        if starts is not None:
            if not takes:
                words = explain("impact.nothing")
                raise ConfigError("impact.nothing", words.en.lower(), where=stem, remedy=words.remedy)
            store.acknowledge(connector.digest, starts, takes, who)
        told["acknowledged"] = _acknowledged(store.acknowledged(connector.digest))
    if as_json:
        print_json(told)
    else:
        _show(told)
    if takes and told["acknowledged"] is None:
        raise typer.Exit(1)


def _day(text: str) -> date:
    """Read the day from which a contract may judge.

    Errors: `cli.as_of`.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day < today():
        raise ConfigError(
            "cli.as_of", f"{text} is no day from today on", where="--acknowledge",
            remedy="write the day from which the contract may judge, such as 2027-01-31",
        )  # fmt: skip
    return day


def _told(found: Impact, show_values: bool) -> dict[str, Any]:
    again, effects = found.rejudged, {one.recipient: one for one in found.effects}
    names = {*effects, *(one.recipient for one in found.takes)}
    subscriptions = [
        {
            "recipient": name,
            "records": effects[name].rows if name in effects else 0,
            "gone": effects[name].gone if name in effects else 0,
            "changed": effects[name].changed if name in effects else 0,
            "takes": [{"field": t.field or None, "what": t.what} for t in found.takes if t.recipient == name],
        }
        for name in sorted(names)
    ]
    return {
        "looked_at": 0 if again is None else len(again.sound) + len(again.failing),
        "failing": 0 if again is None else len(again.failing),
        "rules": _rules(found, show_values),
        "subscriptions": subscriptions,
        "values": "shown" if show_values else "hidden",
    }


def _rules(found: Impact, show_values: bool) -> list[dict[str, Any]]:
    """Give each rule that accepted records would fail now, the most frequent first."""
    if found.rejudged is None:
        return []
    rules: dict[tuple[str, str, str | None], dict[str, Any]] = {}
    hidden = hidden_fields(found.before) | hidden_fields(found.after)
    for row, failures in found.rejudged.failing.items():
        for failure in failures:
            place = (failure.gate, failure.code, failure.field)
            entry = rules.setdefault(
                place, dict(zip(("gate", "code", "field"), place, strict=True)) | {"rows": 0, "examples": []}
            )
            entry["rows"] += 1
            if len(entry["examples"]) < EXAMPLES:
                sent = _sent(found, row)
                entry["examples"].append(example(found.after, hidden, sent, failure.field, show_values))
    return sorted(rules.values(), key=lambda one: -one["rows"])


def _sent(found: Impact, row: int) -> dict[str, Any]:
    assert found.rejudged is not None
    raw = found.rejudged.after.raw[row]
    if isinstance(raw, bytes):
        return {}
    data, at = raw
    return {name: values[at] for name, values in block_of(data).columns.items()}


def _acknowledged(found: Acknowledged | None) -> dict[str, str] | None:
    return None if found is None else {"by": found.by, "starts": found.starts.isoformat()}


def _show(told: Mapping[str, Any]) -> None:
    if not told["changed"]:
        answer.print(f"{told['stem']}: the files are those that judge now, or none has judged yet")
        return
    answer.print(
        f"{told['stem']}: {told['failing']:,} of the last {told['looked_at']:,} accepted records would fail now"
    )
    rows = [(r["gate"], r["code"], r["field"], r["rows"], such_as(r["examples"])) for r in told["rules"]]
    print_table("By rule", ("gate", "code", "field", "records", "such as"), rows, empty="none would fail")
    for one in told["subscriptions"]:
        counts = f"of {one['records']:,} records {one['gone']:,} gone, {one['changed']:,} with other values"
        answer.print(f"{one['recipient']}: {counts}", markup=False)
        for taken in one["takes"]:
            answer.print(f"  {taken['field'] or 'records'}: {taken['what']}", markup=False)
    if told["values"] == "hidden":
        talk.print("values of personal fields are hidden: --show-values shows them")
    if (known := told["acknowledged"]) is not None:
        answer.print(f"acknowledged by {known['by']}: may judge from {known['starts']} on", markup=False)
    elif any(one["takes"] for one in told["subscriptions"]):
        answer.print("it is refused until acknowledged: --acknowledge DATE --by USER")
    else:
        answer.print("it takes nothing from a subscriber, and judges from the next run on")
