"""Whether a row is deleted is read from what was declared, and never guessed."""

from __future__ import annotations

import re
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pophub.contracts.load import load_connector
from pophub.contracts.source_model import Deleted
from pophub.domain.deletion import Deletion
from pophub.domain.errors import ConfigError
from pophub.gates.mapping import ContractMapper

PROJECT = Path(__file__).resolve().parents[3]
UNKNOWN = None
CASES: list[tuple[dict[str, Any], list[Any], list[Any], list[Any]]] = [
    # declared; deleted; living; unknown
    ({"values": [True]}, ["true", "TRUE", "t", " 1", 1, True, 1.0, Decimal(1), "True    "],
     [False, "false", "F", "0", 0, None, "", "   ", 0.0], ["x", 2, -1, "yes", 1.5, b"\xff", float("nan")]),
    ({"values": [False]}, [False, "false", 0, "0"], [True, "true", 1, None, ""], ["x", 2]),
    ({"values": [1]}, [1, "1", True, "01", Decimal("1.00"), 1.0], [0, "0", False, None], [2, "x", "true", "false"]),
    ({"values": [2, 3], "living": [1]}, [2, "3", 2.0], [1, "1", True, None], [4, 0, "x", False]),
    ({"values": ["X"]}, ["X", "X       ", b"X"], [None, "", " "], ["x", "Y", True, 1]),
    ({"values": ["D"], "living": ["A", "Hủy"]}, ["D"], ["A", "A ", "Hu\u0309y", None], ["B", "a", 1]),
    ({"values": ["true"]}, ["true", "TRUE", True, 1, "1"], ["false", False, 0, None], ["x"]),
    ({"values": ["1"]}, ["1", 1, True, "1 "], ["0", 0, False], ["x", 2]),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "gone", "living", "unknown"), CASES)
def test_a_value_means_what_was_declared(
    declared: dict[str, Any], gone: list[Any], living: list[Any], unknown: list[Any]
) -> None:
    meant = Deleted.model_validate({"column": "x", **declared})
    deletion = Deletion(meant.values, meant.living)
    for values, wanted in ((gone, True), (living, False), (unknown, UNKNOWN)):
        assert [(value, deletion.of(value)) for value in values] == [(value, wanted) for value in values]
        assert deletion.all_of(values) == [wanted] * len(values)


def test_a_value_that_nobody_declared_fails_the_contract_and_is_no_delete() -> None:
    connector = load_connector(PROJECT / "connectors/mps/citizens.yaml", PROJECT)
    names = {mapping.source for mapping in connector.file.mapping.values()} | {"cap_nhat_luc"}
    values = ["true", "TRUE", "1", "x", "false", None]
    raw = {name: [None] * len(values) for name in names} | {"da_xoa": values}
    found = ContractMapper(connector).map(raw)
    assert found.deleted == [True, True, True, False, False, False]
    assert [f.row for f in found.failures if f.code == "contract.deleted.unknown"] == [3]


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ('values: [""]', "can never match"),
        ('values: [true], living: ["  "]', "can never match"),
        ("values: [1], living: [1]", "1 means deleted and not deleted"),
        ('values: [true], living: ["true"]', "true means deleted and not deleted"),
        ("values: []", "values"),
    ],
)
def test_what_can_never_match_is_refused(tmp_path: Path, declared: str, told: str) -> None:
    for folder in ("connectors/mps", "schemas/mps", "expectations/mps", "codes"):
        shutil.copytree(PROJECT / folder, tmp_path / folder)
    path = tmp_path / "connectors/mps/citizens.yaml"
    text = re.sub(
        r"deleted:\n    column: da_xoa\n    values: \[true\]",
        f"deleted: {{column: da_xoa, {declared}}}",
        path.read_text(),
    )
    assert declared in text
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(told)):
        load_connector(path, tmp_path)
