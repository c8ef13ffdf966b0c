"""The connector workbench: three pasted files checked and scored as `connector check` does, sample rows judged by them.

It works in a process of its own that may write no file, has no secret, and ends at its bounds: what a person
pastes can be a pattern that never ends.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pophub.contracts.model import Connector
from pophub.contracts.pasted import NAMES, PastedConnector, PastedFiles, read_pasted
from pophub.contracts.personal import hidden_fields
from pophub.contracts.strict_yaml import parse_document
from pophub.domain.codes import GATES
from pophub.domain.dates import date_of, moment_of, shown_time
from pophub.domain.errors import ConfigError, PophubError
from pophub.domain.exact import as_text
from pophub.scoring.declared import score_documents
from pophub.scoring.findings import Scored, part_of
from pophub.scoring.samples import (
    fares_otherwise,
    mapped_and_judged,
    read_sample,
    sample_folder,
)

MOST_ROWS = 20
MASK = "•••"
CPU_S, MEMORY_BYTES = 30, 3 << 30


def bench(files: PastedFiles, stem: str, rows: str, project: Path) -> dict[str, Any]:
    """Check three texts and judge rows by them: those given, a JSON object a line, else the samples of the dataset.

    Shape: `findings` with level, code, file, line, what, remedy; `score`, none where it is not sound; `rows`
    with name, verdict and values, where the values of hidden fields are masked.
    """
    read = read_pasted(files, stem, project)
    scored = Scored(stem, loaded=read.connector is not None)
    for error in read.errors:
        scored.err(error, part_of(error.code, "expectations/" if NAMES[2] in error.where else error.where))
    judged: list[dict[str, Any]] = []
    if read.connector is not None and not read.errors:
        score_documents(read.connector, read.documents[NAMES[0]], read.documents[NAMES[1]], scored)
        judged = _judged(
            read.connector, _given(rows, scored) or _samples(read.connector, stem, project), scored
        )
    scored.unseen |= {"source", "marker"}
    return {
        "findings": [_finding(one._asdict()) for one in scored.findings],
        "score": scored.score if read.connector is not None else None,
        "rows": judged,
        "stem": read.connector.stem if read.connector is not None else stem,
        "names": names_in_git(read),
    }


def names_in_git(read: PastedConnector) -> list[str]:
    """Give the names under which the three are published; those of the workbench where the file does not say."""
    if read.connector is None:
        return list(NAMES)
    file = read.connector.file
    return [f"{file.dataset}.yaml", f"{file.dataset}.v{file.contract}.avsc", f"{file.dataset}.json"]


def _finding(told: Mapping[str, Any]) -> dict[str, Any]:
    name, _, line = str(told["where"]).partition(":")
    known = name if name in NAMES else "samples"
    return {
        "level": told["level"], "code": told["code"], "what": told["what"], "remedy": told["remedy"],
        "file": known, "line": int(line) if line.isdecimal() else None, "where": "" if known in NAMES else name,
    }  # fmt: skip


def _given(rows: str, scored: Scored) -> list[tuple[str, dict[str, Any]]]:
    """Read the rows that somebody pasted; what cannot be read is a finding."""
    found: list[tuple[str, dict[str, Any]]] = []
    lines = [(at, line) for at, line in enumerate(rows.splitlines(), 1) if line.strip()]
    for at, line in lines[:MOST_ROWS]:
        try:
            raw = parse_document(line, Path("rows")).data
            odd = [name for name, value in raw.items() if isinstance(value, dict | list)]
            if odd:
                raise ConfigError(
                    "config.type", "a value of a row is no plain value", where="rows", remedy=""
                )
            found.append((f"{at}", {"raw": raw}))
        except ConfigError as error:
            told = ConfigError(error.code, error.what, where=f"rows:{at}", remedy=error.remedy)
            scored.err(told, "gates")
    return found


def _samples(connector: Connector, stem: str, project: Path) -> list[tuple[str, dict[str, Any]]]:
    """Give the first samples of a dataset of the project: those that pass and those that fail, in turn."""
    if not stem:
        return []
    paths = sorted(sample_folder(project, stem).glob("*.json"))
    passing = [path for path in paths if path.name.endswith(".pass.json")]
    failing = [path for path in paths if path not in passing]
    kept = failing[: MOST_ROWS - min(len(passing), MOST_ROWS // 4)]
    chosen = [*passing[: MOST_ROWS - len(kept)], *kept]
    return [(path.name, read_sample(path, project)) for path in chosen]


def _judged(
    connector: Connector, samples: Sequence[tuple[str, dict[str, Any]]], scored: Scored
) -> list[dict[str, Any]]:
    if not samples:
        return []
    try:
        found = mapped_and_judged(connector, [sample for _, sample in samples])
    except PophubError as error:
        scored.err(error, "gates")
        return []
    types = {field.name: field.type for field in connector.contract.fields}
    hidden, told = hidden_fields(connector), []
    own = {rule.code for rule in connector.contract.rules if rule.own}
    for (name, _), (record, failures) in zip(samples, found, strict=True):
        named = name.endswith(".json")  # rows that were pasted say nothing of how they are to fare
        otherwise = fares_otherwise(Path(name), {one.code for one in failures}, own) if named else None
        failed = {one.gate for one in failures}
        told.append(
            {
                "name": name,
                "otherwise": otherwise,
                "gates": {gate: gate not in failed for gate in GATES},
                "failures": [{"gate": one.gate, "code": one.code, "field": one.field} for one in failures],
                "record": {
                    field: MASK if field in hidden and value is not None else _shown(types[field], value)
                    for field, value in record.items()
                },
            }
        )
    return told


def _shown(kind: str, value: Any) -> str | None:
    if value is None:
        return None
    if kind == "date":
        return date_of(value).isoformat()
    if kind == "timestamp-micros":
        return shown_time(moment_of(value))
    return str(value).lower() if isinstance(value, bool) else str(as_text(value))


def bounded() -> None:
    """From now on let this process write no file, and end where it takes more time or memory than it may."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def main() -> None:
    """Read one question as JSON from standard input and answer on standard output, within the bounds."""
    bounded()
    asked = json.load(sys.stdin)
    told = bench(PastedFiles(*asked["files"]), asked["stem"], asked["rows"], Path(asked["project"]))
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
