"""Samples of a connector: rows as the source sends them, judged as the hub judges, held against their names.

A sample is `<case>.pass.json` or `<case>.fail.<code>.json` in the folder of its connector. Its `hub` stands
for what the hub knows at that moment.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pophub.contracts.bases import basis_columns
from pophub.contracts.look_up import REGISTERED
from pophub.contracts.model import Connector
from pophub.contracts.referred import looked_up_columns, referred
from pophub.domain.codes import GATES, is_rule
from pophub.domain.dates import EPOCH
from pophub.domain.errors import ConfigError, PophubError
from pophub.domain.record import CHANGED, SCAN, Columns, Failure
from pophub.gates.mapping import ContractMapper
from pophub.gates.rules import GreatExpectationsRules
from pophub.scoring.findings import Scored

STAMP = int(datetime.fromisoformat("2024-03-31T23:59:59.999999+07:00").timestamp() * 1_000_000)
"""When every sample was exchanged, microseconds UTC."""


def sample_folder(project: Path, stem: str) -> Path:
    """Give where the samples of a connector lie."""
    return project / "tests" / "samples" / stem


def score_samples(connector: Connector, project: Path, scored: Scored) -> None:
    """Judge the samples; find gates without one, and samples that do not fare as they are named."""
    folder = sample_folder(project, connector.stem)
    paths = sorted(folder.glob("*.json"))
    shown = folder.relative_to(project)
    failing = {named_code(path).partition(".")[0] for path in paths}
    for gate in GATES:
        if gate not in failing:
            what = f"no sample fails at the gate {gate}"
            scored.advise("gates", 4, "connector.sample_missing", what, str(shown))
    if not any(path.name.endswith(".pass.json") for path in paths):
        scored.advise("gates", 4, "connector.sample_missing", "no sample passes", str(shown))
    try:
        failures = judged(connector, [read_sample(path, project) for path in paths])
    except PophubError as error:
        scored.err(error, "gates")
        return
    own = {rule.code for rule in connector.contract.rules if rule.own}
    for path, found in zip(paths, failures, strict=True):
        told = fares_otherwise(path, {failure.code for failure in found}, own)
        if told is not None:
            refused = ConfigError(
                "connector.sample_fares", told, where=f"{path.relative_to(project)}:1",
                remedy="correct the rule, the sample, or its name",
            )  # fmt: skip
            scored.err(refused, "gates")


def named_code(path: Path) -> str:
    """Give the code with which a sample must fail; nothing where it must pass."""
    return path.name.removesuffix(".json").partition(".fail.")[2]


def fares_otherwise(path: Path, codes: set[str], own: Collection[str] = ()) -> str | None:
    """Say how a sample fares where that is not what its name says; `own` are codes that the suite declares."""
    named = named_code(path)
    if path.name.endswith(".pass.json"):
        return f"it fails with {', '.join(sorted(codes))}" if codes else None
    if not is_rule(named) and named not in own:
        return "its name tells neither pass nor a code of a gate"
    return None if named in codes else f"it fails with {', '.join(sorted(codes)) or 'nothing'}"


def read_sample(path: Path, project: Path) -> dict[str, Any]:
    """Read a sample.

    Errors: `connector.sample_fares` where it is none.
    """
    try:
        sample: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if sample["raw"] and isinstance(sample["raw"], dict) and isinstance(sample.get("hub", {}), dict):
            return sample
    except (ValueError, KeyError, TypeError):
        pass
    raise ConfigError(
        "connector.sample_fares", "it is no JSON object with `raw`", where=f"{path.relative_to(project)}:1",
        remedy="write the row under raw, and what the hub knows under hub",
    )  # fmt: skip


def unknown_hub(connector: Connector) -> dict[str, Any]:
    """Give the hub_ columns of a record that nothing is known of yet."""
    hub: dict[str, Any] = {"hub_exchanged_at": STAMP, "hub_content": "00", "hub_rival_content": None}
    hub |= {f"hub_{one.name}_known": False for one in referred(connector.file)}
    for person in connector.file.people:
        hub[f"hub_{person.id}_name"] = hub[f"hub_{person.id}_birth_date"] = None
    for one in connector.file.organisations:
        hub |= dict.fromkeys(f"hub_{one.id}_{name}" for name in REGISTERED)
    hub |= dict.fromkeys(looked_up_columns(connector))
    return hub | {f"hub_{name}_holder": None for name in connector.file.unique}


class SampleJudged(NamedTuple):
    """A sample as the hub mapped it to the contract, and what fails."""

    record: dict[str, Any]
    failures: list[Failure]


def judged(connector: Connector, samples: Sequence[dict[str, Any]]) -> list[list[Failure]]:
    """Give the failures of each sample."""
    return [one.failures for one in mapped_and_judged(connector, samples)]


def mapped_and_judged(connector: Connector, samples: Sequence[dict[str, Any]]) -> list[SampleJudged]:
    """Map and judge samples, each as a row of one frame.

    A column that a sample lacks is one of a source that has no such column: it is judged alone.
    """
    kinds: dict[tuple[str, ...], list[int]] = {}
    for at, sample in enumerate(samples):
        kinds.setdefault(tuple(sorted(sample["raw"])), []).append(at)
    found: dict[int, SampleJudged] = {}
    rules = GreatExpectationsRules(connector)
    for names, places in kinds.items():
        found |= zip(places, _judged(connector, rules, names, [samples[p] for p in places]), strict=True)
    return [found[at] for at in range(len(samples))]


def _judged(
    connector: Connector, rules: GreatExpectationsRules, names: Sequence[str], samples: list[dict[str, Any]]
) -> list[SampleJudged]:
    raw: Columns = {name: [s["raw"][name] for s in samples] for name in names}
    if connector.file.source.marker.numbered:
        raw = {SCAN: [1] * len(samples)} | raw  # the hub's own number, which no source sends
    if connector.file.source.marker.kind == "log":
        raw = {CHANGED: [EPOCH] * len(samples)} | raw  # the log's own word
    mapped = ContractMapper(connector).map(raw)
    frame: Columns = dict(mapped.columns)
    frame["hub_key"], frame["hub_marker"] = list(mapped.keys), list(mapped.markers)
    frame["hub_changed_at"] = list(mapped.changed_at)
    frame["hub_operation"] = ["delete" if gone else "upsert" for gone in mapped.deleted]
    frame |= basis_columns(connector, mapped.columns, mapped.changed_at, [STAMP] * len(samples))
    days = _days(connector)
    for name, default in unknown_hub(connector).items():
        values = [sample.get("hub", {}).get(name, default) for sample in samples]
        frame[name] = [_day(value) for value in values] if name in days else values
    failures = mapped.failures + rules.judge(frame)
    return [
        SampleJudged(
            {name: values[row] for name, values in mapped.columns.items()},
            [failure for failure in failures if failure.row == row],
        )
        for row in range(len(samples))
    ]


def _days(connector: Connector) -> set[str]:
    """Name the hub_ columns that hold days: birth dates, and what is looked up."""
    looked_up = [pair for one in connector.looked_up for pair in zip(one.columns, one.fields, strict=True)]
    return {column for column, field in looked_up if field.type == "date"} | {
        f"hub_{person.id}_birth_date" for person in connector.file.people
    }


def _day(value: str | None) -> int | None:
    return None if value is None else (date.fromisoformat(value) - EPOCH.date()).days
