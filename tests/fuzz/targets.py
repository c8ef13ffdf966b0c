"""What must hold whatever the bytes are: one function a reader, called by hypothesis and by atheris."""

from __future__ import annotations

import io
import math
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro

from pophub import avro
from pophub.avro import container, history_blocks
from pophub.contracts.source_model import FilesSource
from pophub.contracts.strict_yaml import parse_document
from pophub.domain.codes import CODES
from pophub.domain.errors import PophubError
from pophub.gates.personal_id import PLACES, contradicting, flaw
from pophub.sources.files import DropFolder

FLAWS = {None, "length", "format", "digits", "whitespace", "province"}


def raw_block(data: bytes) -> None:
    """A message is refused by a code, or means what fastavro reads, and can be sent again."""
    try:
        block = container.read_strictly(data)
    except container.BadBlock as bad:
        assert bad.code in CODES, bad.code
        return
    assert all(len(values) == block.rows for values in block.columns.values())
    record: Any = next(fastavro.reader(io.BytesIO(data)))
    assert _told(record["columns"].values()) == _told(block.columns.values())
    again = avro.encode_block(block)
    assert container.opened(again) is not None
    assert _told(avro.decode_block(again).columns.values()) == _told(block.columns.values())


def history_block(data: bytes) -> None:
    """A record under a forged mark is refused by one code, or is read in rows that are written again."""
    try:
        rows = avro.decode_history(container.sealed(history_blocks.SCHEMA, data))
    except container.BadBlock as bad:
        assert bad.code == "contract.avro.block"
        return
    assert avro.decode_history(avro.encode_history(rows)) == rows


def _told(columns: Any) -> list[list[Any]]:
    """Give values that compare: NaN is never equal to itself."""
    return [["nan" if isinstance(v, float) and math.isnan(v) else v for v in values] for values in columns]


def yaml_file(data: bytes) -> None:
    """A text is refused by a code and its line, or has text keys and plain values."""
    try:
        document = parse_document(data.decode("utf-8", "replace"), Path("connectors/x.yaml"))
    except PophubError as error:
        assert error.code in CODES, error.code
        assert error.where.startswith("connectors/x.yaml")
        return
    todo: list[Any] = [document.data]
    while todo:
        value = todo.pop()
        assert type(value) in (dict, list, str, int, float, bool, type(None))
        if isinstance(value, dict):
            assert all(type(key) is str for key in value)
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)


def dropped_file(data: bytes) -> None:
    """A file is refused by a code, or gives columns of one length; the first byte says which kind."""
    source = FilesSource.model_validate(
        {"kind": "files", "url": "${X}", "quiet_s": 0, "marker": {"column": "m"}}
    )
    with tempfile.TemporaryDirectory(prefix="pophub-fuzz-") as folder:
        suffix = ".xlsx" if data[:1] > b"\x7f" else ".csv"
        Path(folder, "a" + suffix).write_bytes(data[1:])
        drop = DropFolder(source, Path(folder), columns=("k",))
        for file in drop.files([]):
            for chunk in drop.read(file, 7):
                assert {"k", "m", "_extra"} <= chunk.keys()
                assert len({len(values) for values in chunk.values()}) == 1
        assert all(error.code in CODES for error in drop.bad())


def number(data: bytes) -> None:
    """A number is sound or has exactly one flaw, and digits of any kind contradict without an error."""
    text = data.decode("utf-8", "surrogateescape")
    found = flaw(text)
    assert found in FLAWS
    sound = re.fullmatch("[0-9]{12}", text, re.ASCII) is not None and text[:3] in PLACES
    assert (found is None) == sound
    for born in (None, -25_567, 0, 19_800):
        for sex in (None, "M", "F", "x"):
            assert contradicting([text], [born], [sex]) in ([], [0])


TARGETS: dict[str, Callable[[bytes], None]] = {
    "raw_block": raw_block,
    "history_block": history_block,
    "yaml_file": yaml_file,
    "dropped_file": dropped_file,
    "number": number,
}
