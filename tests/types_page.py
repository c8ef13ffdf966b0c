"""docs/types.md as a test: each row of its tables is sent through a source, and must come out as it says."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import fastavro

from pophub import avro
from pophub.contracts.model import AvroField, Connector, ConnectorFile, Contract
from pophub.domain.record import Block, Columns
from pophub.gates.mapping import ContractMapper

PAGE = Path(__file__).parents[1] / "docs" / "types.md"
_LOGICAL: dict[str, Any] = {
    "date": {"type": "int", "logicalType": "date"},
    "timestamp-micros": {"type": "long", "logicalType": "timestamp-micros"},
}


class Sent(NamedTuple):
    """A row of the page: type at the source, value as it is written there, contract field, what comes out."""

    kind: str
    value: str
    field: str
    reaches: str


def rows(section: str) -> list[Sent]:
    """Read the table of a section."""
    return [Sent(*cells) for cells in table(PAGE, section)[1:]]


def table(page: Path, section: str) -> list[list[str]]:
    """Read the cells of a section's last table, its head first."""
    text = page.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| (.+) \|$", text.rstrip().split("\n\n")[-1], re.M)
    return [[_bare(cell) for cell in row.split(" | ")] for row in found]


def _bare(cell: str) -> str:
    cell = cell.strip()
    return cell[1:-1] if cell.startswith("`") and cell.endswith("`") else cell


def _declared(told: str) -> tuple[Any, int, int]:
    """Read a field's type: `decimal(12,2)` has precision and scale."""
    found = re.fullmatch(r"decimal\((\d+),(\d+)\)", told)
    return ("decimal", int(found[1]), int(found[2])) if found else (told, 0, 0)


def _avro(told: str) -> Any:
    type_, precision, scale = _declared(told)
    if type_ == "decimal":
        return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}
    return _LOGICAL.get(told, told)


def connector(kind: str, field: str) -> Connector:
    """Give a connector of one field beside its key; `field` is a type, then settings of its mapping."""
    told_type, *told = field.split(", ")
    type_, precision, scale = _declared(told_type)
    settings = dict(one.split(" ", 1) for one in told)
    source = {"kind": kind, "url": "${X}", "marker": {"column": "m"}}
    of_kind: dict[str, dict[str, Any]] = {
        "sql": {"table": "t", "key": ["k"]},
        "files": {"quiet_s": 0},
        "http": {},
        "kafka": {"topic": "t", "marker": {"kind": "log"}},
    }
    source |= of_kind[kind]
    file = ConnectorFile.model_validate({
        "connector": 1, "agency": "lab", "dataset": "types", "title": {"en": "x", "vi": "x"}, "contract": 1,
        "owner": {"name": "x", "email": "x@lab.example"}, "source": source, "key": ("k",),
        "mapping": {"k": {"from": "k"}, "v": {"from": "v", **settings}},
    })  # fmt: skip
    fields = (
        AvroField(name="k", type="string", nullable=False),
        AvroField(name="v", type=type_, nullable=True, precision=precision, scale=scale),
    )
    branches = ["null", _avro(told_type)]
    schema = {"type": "record", "name": "Row", "fields": [{"name": "v", "type": branches}]}
    contract = Contract(
        version=1, avro_schema=json.dumps(schema), record_name="Row", fields=fields, rules=(), suite_path=PAGE
    )
    return Connector(file=file, contract=contract, path=PAGE, tables={}, digest="")


def reached(chunks: Sequence[Columns], made: Connector) -> list[str]:
    """Take raw rows through a block and mapping to a subscriber's message; give each value, or its code."""
    found = []
    for raw in chunks:
        block = Block(1, 1, 1, len(raw["k"]), raw)
        mapped = ContractMapper(made).map(avro.decode_block(avro.encode_block(block)).columns)
        codes = {failure.row: failure.code for failure in mapped.failures if failure.field == "v"}
        codes |= {f.row: f.code for f in mapped.failures if f.field is None and f.row not in codes}
        for row, value in enumerate(mapped.columns["v"]):
            found.append(codes.get(row) or _received(made.contract.avro_schema, value))
    return found


def _received(schema: str, value: Any) -> str:
    """Give what a Python reader of the topic has, as the page writes it."""
    (payload,) = avro.encode_records(schema, {"v": [value]}, [0])
    got: Any = fastavro.schemaless_reader(io.BytesIO(payload), json.loads(schema), None)
    value = got["v"]
    if isinstance(value, Decimal | bytes):
        return f"bytes {value.hex()}".strip() if isinstance(value, bytes) else str(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else json.dumps(value, ensure_ascii=False)


def differences(section: str, found: Sequence[str]) -> list[str]:
    """Say where the page is not true, as the rows that it should have."""
    told = rows(section)
    assert len(told) == len(found) > 5
    return [
        f"| `{row.kind}` | `{row.value}` | `{row.field}` | `{came}` |"
        for row, came in zip(told, found, strict=True)
        if row.reaches != came
    ]
