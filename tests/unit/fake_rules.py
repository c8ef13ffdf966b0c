"""A connector with all that a verdict can depend on, and rules whose failures a record names itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro
from life_model import GRACE_S, LANES, TAKEN, UNKNOWN

from pophub.contracts.model import AvroField, Connector, ConnectorFile, Contract
from pophub.domain.record import Columns, Failure

FIELDS = ("key", "value", "person", "number")
TABLE = {"kind": "sql", "url": "${X}", "table": "t", "key": ["key"], "marker": {"column": "seq", "kind": "sequence"},
         "deleted": {"column": "gone", "values": [True]}}  # fmt: skip


ELSEWHERE = "mem.persons"
"""Another dataset: the field `person` may hold a key of it instead of a citizen's number."""


def things(source: Mapping[str, Any] = TABLE, *, refers: bool = False, **more: Any) -> Connector:
    """Give a connector with all that a verdict can depend on; `more` of its file.

    The field `person` names a citizen, or with `refers` a row of another dataset.
    """
    reference = {"fields": ["person"], "to": ELSEWHERE, "grace_s": GRACE_S}
    file = ConnectorFile.model_validate({
        "connector": 1, "agency": "mem", "dataset": "things", "title": {"en": "x", "vi": "x"},
        "owner": {"name": "x", "email": "x@x.example"}, "contract": 1, "lanes": LANES, "source": dict(source),
        "mapping": {name: {"from": name} for name in FIELDS}, "key": ["key"],
        "people": [] if refers else [{"id": "person", "grace_s": GRACE_S}], "unique": ["number"],
        "references": [reference] if refers else [], **more,
    })  # fmt: skip
    fields = [{"name": n, "type": "string" if n == "key" else ["null", "string"]} for n in FIELDS]
    schema = {"type": "record", "name": "things", "namespace": "mem", "fields": fields}
    contract = Contract(
        version=1, avro_schema=json.dumps(fastavro.parse_schema(schema, _write_hint=False)), record_name="mem.things",
        fields=tuple(AvroField(name=n, type="string", nullable=n != "key") for n in FIELDS),
        rules=(), suite_path=Path("none"),
    )  # fmt: skip
    return Connector(file=file, contract=contract, path=Path("none"), tables={}, digest="")


@dataclass
class FakeRules:
    """Fails `bad:<gate>` at that gate unless it is forgiven, unknown people, and numbers held by others."""

    forgiven: set[str]
    unknown: str = UNKNOWN
    columns: tuple[str, ...] = ("value",)

    def judge(self, frame: Columns) -> list[Failure]:
        """Judge every row."""
        found = []
        for row, value in enumerate(frame["value"]):
            gate = (value or "").removeprefix("bad:")
            if gate != (value or "") and gate not in self.forgiven:
                found.append(Failure(row, gate, f"{gate}.bad", "value", "x"))
            if not frame["hub_person_known"][row]:
                found.append(Failure(row, "sufficient", self.unknown, "person", "x"))
            if frame["hub_number_holder"][row] not in (None, frame["hub_key"][row]):
                found.append(Failure(row, "clean", TAKEN, "number", "x"))
        return found
