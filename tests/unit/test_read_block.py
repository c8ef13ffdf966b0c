"""What a block becomes before it is judged: payload and content, the fields that are read again, what was sent."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from fake_rules import FIELDS, FakeRules, things

from pophub import avro
from pophub.domain.record import Versions
from pophub.gates.mapping import ContractMapper
from pophub.stages.read_block import add_block, add_poison, fields_read, raw_bytes

THINGS = things()
KEPT = fields_read(THINGS, FakeRules(set()))
SENT: dict[str, list[Any]] = {
    "key": ["k1", "k2", "k3", "k4"],
    "value": ["a", "b", None, 7.5],
    "person": [None] * 4,
    "number": ["1", None, "3", "4"],
    "seq": [1, 2, 3, None],
    "gone": [False, True, False, False],
}


def judged_from(columns: dict[str, list[Any]]) -> Versions:
    """Give a block's rows as judge has them before it judges, a message that is no block behind them."""
    block = avro.decode_block(avro.encode_block(avro.Block(1, 2, 1, len(columns["key"]), columns)))
    versions = Versions({})
    add_block(versions, THINGS, ContractMapper(THINGS), 5, block, KEPT)
    add_poison(versions, THINGS, 6, b"strange", "contract.avro.block", 2, KEPT)
    return versions


def named(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest()


def test_a_content_names_the_record_or_the_key_of_a_delete_and_where_mapping_failed_what_was_sent() -> None:
    versions = judged_from(SENT)
    first, second, third, fourth, strange = versions.contents
    assert versions.payloads[0] == b"\4k1\2\2a\0\2\0021" and versions.payloads[2] == b"\4k3\0\0\2\0023"
    assert (first, third) == (named(b"u\4k1\2\2a\0\2\0021"), named(b"u\4k3\0\0\2\0023"))
    assert (versions.payloads[1], second) == (None, named(b"dk2"))
    assert (versions.payloads[3], fourth) == (None, named(b'["k4",7.5,null,"4",null,false]'))
    assert (versions.payloads[4], strange) == (None, named(b'[{"bytes":"737472616e6765"}]'))
    assert versions.whole == [True, True, True, False, False]


def test_of_the_mapped_fields_those_alone_are_kept_that_are_read_again() -> None:
    assert {"value", "person", "number"} == KEPT < set(FIELDS)
    versions = judged_from(SENT)
    assert versions.columns.keys() == KEPT
    assert versions.columns["value"] == ["a", None, None, None, None]
    assert {len(values) for values in versions.columns.values()} == {5}


def test_what_refers_or_cites_is_kept_with_its_time() -> None:
    cited = {"field": "value", "at": "number"}
    for refers in (False, True):
        declared = things(refers=refers, unique=[], cites=[cited])
        assert fields_read(declared, FakeRules(set(), columns=())) == {"person", "value", "number"}


def test_a_row_that_failed_is_still_there_as_it_was_sent() -> None:
    versions = judged_from(SENT)
    for row in range(4):
        again = avro.decode_block(raw_bytes(versions.raw[row]))
        assert (again.batch, again.exchanged_at, again.contract, again.rows) == (1, 2, 1, 1)
        assert again.columns == {name: [values[row]] for name, values in SENT.items()}
    assert raw_bytes(versions.raw[4]) == b"strange"
