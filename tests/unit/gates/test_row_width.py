"""A file's row of another width than its header fails the contract, whatever its values say."""

from __future__ import annotations

from pathlib import Path

from pophub.contracts.load import load_connector
from pophub.domain.record import EXTRA, FLAWS
from pophub.gates.mapping import ContractMapper

PROJECT = Path(__file__).resolve().parents[3]


def test_a_row_that_could_not_be_read_fails_with_that_alone() -> None:
    connector = load_connector(PROJECT / "connectors/thanhhoa/procedures.yaml", PROJECT)
    names = {m.source for m in connector.file.mapping.values()} | {connector.file.source.marker.column}
    raw = {name: [None, None] for name in names} | {EXTRA: ['["a line"]', None]}
    raw |= {FLAWS: ['{"": "contract.quoting"}', "forged"]}
    mapped = ContractMapper(connector).map(raw)
    assert [(f.row, f.code) for f in mapped.failures] == [(0, "contract.quoting"), (1, "contract.type")]
    assert mapped.keys == [None, None]


def test_a_row_with_more_or_fewer_values_than_the_header_fails_the_contract() -> None:
    connector = load_connector(PROJECT / "connectors/thanhhoa/procedures.yaml", PROJECT)
    names = {m.source for m in connector.file.mapping.values()} | {connector.file.source.marker.column}
    raw = {name: [None, None, None] for name in names} | {EXTRA: [None, '["more"]', "[]"]}
    failed = [f.row for f in ContractMapper(connector).map(raw).failures if f.code == "contract.columns"]
    assert failed == [1, 2]
