"""Texts that were read together are cleaned and encoded as each of them alone."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pophub import avro
from pophub.domain.record import Texts
from pophub.gates.parsing import clean_texts

SCHEMA = json.dumps(
    {"type": "record", "name": "r", "fields": [{"name": "a", "type": ["null", "string"]}]},
    separators=(",", ":"),
)
text = st.text(st.sampled_from("aZ ễ\u0302\u00a0\t\u200b\ufeff|😀9"), max_size=5)
column = st.lists(st.one_of(text, text, st.none()), min_size=1, max_size=12)


def read(values: list[str | None]) -> Texts:
    """Give a column as it comes out of a block that was sent."""
    block = avro.decode_block(avro.encode_block(avro.Block(1, 1, 1, len(values), {"a": values})))
    found = block.columns["a"]
    assert found == values
    assert type(found) is Texts
    return found


@given(column, st.sampled_from(["as_is", "trim", "name"]))
def test_texts_are_cleaned_as_a_list_of_them(values: list[str | None], step: str) -> None:
    together = read([*values, "x"])
    assert clean_texts(together, step) == clean_texts([*together], step)
    assert together.kinds == set(map(type, together))


@given(st.lists(st.one_of(text, st.text(max_size=300), st.none()), min_size=1, max_size=300))
def test_texts_are_encoded_as_a_list_of_them(values: list[str | None]) -> None:
    sent = [value and value.replace("\0", "") for value in [*values, "x"]]
    together = read(sent)
    for rows in (range(len(sent)), range(0, len(sent), 2)):
        alone = avro.encode_records(SCHEMA, {"a": [*together]}, rows)
        assert avro.encode_records(SCHEMA, {"a": together}, rows) == alone
