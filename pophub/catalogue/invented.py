"""A sample of a dataset whose values are made up: of what may tell of a person nothing is taken from anywhere.

Other fields come from the samples of the project that pass, mapped as the hub maps: their form is the real one.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from pophub.contracts.model import AvroField, Connector
from pophub.contracts.personal import hidden_fields
from pophub.domain.dates import EPOCH
from pophub.domain.errors import ConfigError
from pophub.domain.record import CHANGED, SCAN, Columns
from pophub.gates.mapping import ContractMapper, personal_ids
from pophub.scoring.samples import read_sample, sample_folder

ROWS = 3
NUMBERS = ("001090000000", "001190000000", "001200000000")
"""Well-formed, and nobody's: running numbers begin with 1."""
NAMES = ("Nguyễn Văn Ví Dụ", "Trần Thị Minh Họa", "Lê Văn Thử Nghiệm")
DAYS = (date(1990, 1, 1), date(1990, 1, 1), date(2000, 1, 1))
_PLAIN: dict[str, Any] = {
    "string": "…", "int": 1, "long": 1, "boolean": True, "double": 1.5, "bytes": b"\0", "decimal": "1"
}  # fmt: skip


def invented(connector: Connector, project: Path) -> list[dict[str, Any]]:
    """Give some records of the contract; dates in days and times in microseconds since 1970."""
    rows = _samples(connector, project) or [{}]
    hidden = hidden_fields(connector)
    fields = connector.contract.fields
    return [
        {
            one.name: row[one.name] if one.name in row and one.name not in hidden else _made_up(connector, one, at)
            for one in fields
        }
        for at, row in enumerate(rows)
    ]  # fmt: skip


def _samples(connector: Connector, project: Path) -> list[dict[str, Any]]:
    """Give the first samples that pass, as records of the contract; none where there are none, or they are broken."""
    found: list[dict[str, Any]] = []
    for path in sorted(sample_folder(project, connector.stem).glob("*.pass.json")):
        try:
            raw: Columns = {name: [value] for name, value in read_sample(path, project)["raw"].items()}
        except ConfigError:
            continue
        if connector.file.source.marker.numbered:
            raw = {SCAN: [1], **raw}
        if connector.file.source.marker.kind == "log":
            raw = {CHANGED: [EPOCH], **raw}
        mapped = ContractMapper(connector).map(raw)
        record = {name: values[0] for name, values in mapped.columns.items()}
        if not mapped.failures and not mapped.deleted[0] and record not in found:
            found.append(record)
        if len(found) == ROWS:
            break
    return found


def _made_up(connector: Connector, field: AvroField, at: int) -> Any:
    """Make up a value of a field: of its code table where it has one, else by its type and what it names."""
    at %= ROWS
    mapping = connector.file.mapping.get(field.name)
    if mapping is not None and mapping.codes is not None:
        labels = list(connector.tables[mapping.codes].labels)
        return labels[at % len(labels)] if labels else None
    if field.type == "string":
        return _text(connector, field.name, at)
    if field.type == "date":
        return (DAYS[at] - EPOCH.date()).days
    if field.type == "timestamp-micros":
        return (DAYS[at] - EPOCH.date()).days * 86_400_000_000
    if field.type == "int" and mapping is not None and mapping.precision == "year":
        return DAYS[at].year
    return _PLAIN[field.type]


def numbers_of_people(connector: Connector) -> set[str]:
    """Give the fields that hold a personal identification number."""
    return personal_ids(connector) | {person.id for person in connector.file.people}


def _text(connector: Connector, name: str, at: int) -> str:
    if name in numbers_of_people(connector):
        return NUMBERS[at]
    mapping = connector.file.mapping.get(name)
    return NAMES[at] if mapping is not None and mapping.text == "name" else f"{_PLAIN['string']}{at + 1}"
