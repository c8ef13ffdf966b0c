"""Bad inputs 1-46 and 56-61, each with its number, where it goes in, and the code that it must get.

Records go through the real mappers and the real suites, one frame a connector; messages through the
reader of raw blocks and its limited process; files through the strict loader and `connector check`;
commands through the real program. 59, a wrong password, is in `tests/integration/test_bounds.py`.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import unicodedata
import zlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import pytest
from project_kit import copied, edit

from pophub import avro
from pophub.avro import container
from pophub.contracts.load import check, load_connector
from pophub.contracts.strict_yaml import parse_document
from pophub.domain.codes import CODES, GATES
from pophub.domain.errors import PophubError
from pophub.gates.mapping import ContractMapper
from pophub.gates.rules import GreatExpectationsRules
from pophub.quarantine.export import harmless

PROJECT = Path(__file__).parents[2]
STAMP = 1_711_904_399_999_999  # the end of March 2024 in Asia/Ho_Chi_Minh
pytestmark = pytest.mark.filterwarnings("default")  # Great Expectations has warnings of its own


class Bad(NamedTuple):
    """A bad input: its number in the list of faults, what it is, where it goes, and its code."""

    number: int
    input: Any
    where: str
    code: str


CITIZEN = {
    "id": 1, "so_ddcn": "038090000123", "ho_ten": "Nguyễn Văn Hòa", "ngay_sinh": "12/05/1990",
    "gioi_tinh": "Nam", "ma_tinh": "38", "ma_ho": "H1", "so_cmnd": None, "da_xoa": False,
    "cap_nhat_luc": "2024-03-15T08:00:00+07:00",
}  # fmt: skip
REGISTERED = {
    "so_dk": "KT1", "loai": "KT", "so_ddcn": "038090000123", "ho_ten": "NGUYEN", "ngay_sinh": "19900512",
    "so_ddcn_2": None, "ngay_su_kien": "20240301", "ma_tinh": "38", "huy": False,
    "cap_nhat": "2024-03-15T08:00:00",
}  # fmt: skip
INVOICE = {
    "so_hd": "1", "mst_ban": "0100109106", "ten_ban": "A", "so_ddcn_ban": None, "tong_tien": 1, "tien_thue": 0,
    "ban_le": True, "ngay_lap": "2024-03-15T08:00:00+07:00", "trang_thai": "1",
    "cap_nhat": "2024-03-15T08:00:00+07:00",
}  # fmt: skip
BASES: dict[str, dict[str, Any]] = {
    "mps.citizens": CITIZEN,
    "moj.civil_status": REGISTERED,
    "mof.einvoices": INVOICE,
}

RECORDS = [
    Bad(1, {"so_ddcn": "03809000012"}, "mps.citizens", "correct.id.length"),
    Bad(2, {"so_ddcn": "001234567890\n"}, "mps.citizens", "correct.id.format"),
    Bad(3, {"so_ddcn": "٠٣٨٠٩٠٠٠٠١٢٣"}, "mps.citizens", "correct.id.digits"),
    Bad(4, {"so_ddcn": "０３８０９００００１２３"}, "mps.citizens", "correct.id.digits"),
    Bad(5, {"so_ddcn": 38090000123}, "mps.citizens", "correct.id.type"),
    Bad(6, {"so_ddcn": "038\u00a0090000123"}, "mps.citizens", "correct.id.whitespace"),
    Bad(7, {"so_ddcn": "000090000123"}, "mps.citizens", "correct.id.province"),
    Bad(8, {"so_ddcn": "038290000124"}, "mps.citizens", "correct.id.dob_mismatch"),
    Bad(8, {"so_ddcn": "038190000125"}, "mps.citizens", "correct.id.dob_mismatch"),
    Bad(9, {"ngay_sinh": "1990-02-30"}, "mps.citizens", "contract.dob.invalid"),
    Bad(9, {"ngay_sinh": "30/02/1990"}, "mps.citizens", "contract.dob.invalid"),
    Bad(10, {"ngay_sinh": "01/02/1990"}, "moj.civil_status", "contract.dob.ambiguous"),
    Bad(11, {"ngay_sinh": "01/04/2024", "so_ddcn": "038224000126"}, "mps.citizens", "correct.dob.future"),
    Bad(12, {"ngay_su_kien": "19900511"}, "moj.civil_status", "correct.dates.order"),
    Bad(13, {"ho_ten": "\u200b\u200d\ufeff"}, "mps.citizens", "clean.name.empty"),
    Bad(15, {"ho_ten": "Nguyễn\0An"}, "mps.citizens", "contract.text.nul"),
    Bad(16, {"ho_ten": "Nguyễn \ud800"}, "mps.citizens", "contract.text.encoding"),
    Bad(17, {"ho_ten": "Ạ" * (1 << 20)}, "mps.citizens", "clean.text.length"),
    Bad(18, {"ho_ten": '=HYPERLINK("//x";"y")'}, "mps.citizens", "clean.name.letters"),
    Bad(19, {"ho_ten": "Trần Thị Bình", "ngay_sinh": "13/06/1990"}, "mps.citizens", "correct.id.conflict"),
    Bad(20, {"tong_tien": float("nan")}, "mof.einvoices", "contract.number.nonfinite"),
    Bad(20, {"tong_tien": float("-inf")}, "mof.einvoices", "contract.number.nonfinite"),
]  # fmt: skip


@cache
def frame(stem: str) -> list[tuple[set[str], str]]:
    """Judge a sound record and all bad ones of a connector as one frame; give codes and first gate."""
    agency, dataset = stem.split(".")
    connector = load_connector(PROJECT / "connectors" / agency / f"{dataset}.yaml", PROJECT)
    records = [BASES[stem], *(BASES[stem] | bad.input for bad in RECORDS if bad.where == stem)]
    mapped = ContractMapper(connector).map({name: [r[name] for r in records] for name in BASES[stem]})
    rows = len(records)
    hub: dict[str, list[Any]] = {
        "hub_key": list(mapped.keys), "hub_marker": list(mapped.markers),
        "hub_changed_at": list(mapped.changed_at), "hub_operation": ["upsert"] * rows,
        "hub_exchanged_at": [STAMP] * rows, "hub_content": ["00"] * rows, "hub_rival_content": [None] * rows,
    }  # fmt: skip
    for person in connector.file.people:
        for told, value in (("known", True), ("name", None), ("birth_date", None)):
            hub[f"hub_{person.id}_{told}"] = [value] * rows
    for organisation in connector.file.organisations:
        for told, value in (("known", True), ("name", None), ("representative", None), ("active", True)):
            hub[f"hub_{organisation.id}_{told}"] = [value] * rows
    for name in connector.file.unique:
        hub[f"hub_{name}_holder"] = [None] * rows
    failures = mapped.failures + GreatExpectationsRules(connector).judge(mapped.columns | hub)
    found = [[f for f in failures if f.row == row] for row in range(rows)]
    for failed in found:
        assert all("Nguyễn" not in f.reason and "0380" not in f.reason for f in failed)
    return [({f.code for f in fs}, min((f.gate for f in fs), key=GATES.index, default="")) for fs in found]


@pytest.mark.parametrize("stem", BASES)
def test_the_record_that_is_spoiled_is_sound(stem: str) -> None:
    assert frame(stem)[0] == (set(), "")


@pytest.mark.parametrize("bad", RECORDS, ids=lambda bad: f"{bad.number}-{bad.code}")
def test_a_bad_record_fails_by_its_code_and_counts_under_its_gate(bad: Bad) -> None:
    row = 1 + [b for b in RECORDS if b.where == bad.where].index(bad)
    codes, gate = frame(bad.where)[row]
    assert bad.code in codes
    assert gate == bad.code.partition(".")[0]


def test_14_a_decomposed_name_is_composed() -> None:
    connector = load_connector(PROJECT / "connectors/mps/citizens.yaml", PROJECT)
    raw = {**CITIZEN, "ho_ten": unicodedata.normalize("NFD", "Nguyễn Thị Huệ")}
    mapped = ContractMapper(connector).map({name: [value] for name, value in raw.items()})
    assert (mapped.columns["full_name"], mapped.failures) == (["Nguyễn Thị Huệ"], [])


@pytest.mark.parametrize("start", ["", " ", "\u00a0", "\t"])
@pytest.mark.parametrize("sign", "=+-@＝＋－＠")
def test_18_a_formula_is_escaped_on_export(start: str, sign: str) -> None:
    assert harmless(f'{start}{sign}HYPERLINK("//x";"y")').startswith("'")


def zigzag(number: int) -> bytes:
    """Encode a number as Avro does."""
    left, out = (number << 1) ^ (number >> 63), bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*out, left])


def text(value: bytes) -> bytes:
    """Put the length before bytes."""
    return zigzag(len(value)) + value


def block_schema(*items: Any, names: str = "abc") -> dict[str, Any]:
    """Give a block's schema whose columns have these items."""
    columns = [
        {"name": f"c{n}", "column": names[n], "type": {"type": "array", "items": item}}
        for n, item in enumerate(items)
    ]
    plain = [("batch", "long"), ("exchanged_at", "long"), ("contract", "int"), ("rows", "int")]
    last = {"name": "columns", "type": {"type": "record", "name": "Columns", "fields": columns}}
    return {
        "type": "record",
        "name": "RawBlock",
        "fields": [*({"name": name, "type": kind} for name, kind in plain), last],
    }


def message(schema: Any, record: bytes, codec: bytes = b"null") -> bytes:
    """Write a container as a foreign producer would."""
    told = text(b"avro.codec") + text(codec) + text(b"avro.schema") + text(json.dumps(schema).encode())
    return b"Obj\x01" + zigzag(2) + told + b"\0" + b"m" * 16 + zigzag(1) + text(record) + b"m" * 16


HEAD = zigzag(1) + zigzag(2) + zigzag(1) + zigzag(1)  # batch, stamp, contract, one row
ONE = zigzag(1)  # an array of one item, before the item; b"\0" ends it
GOOD = avro.encode_block(avro.Block(1, 2, 1, 2, {"a": ["x", "y"], "b": [None, 7]}))
TEXTS = block_schema("string")
MAYBE = block_schema(["null", "string"])
ITSELF = {"type": "record", "name": "R", "fields": [{"name": "next", "type": ["null", "R"]}]}
BOMB = zlib.compressobj(9, zlib.DEFLATED, -15)
MESSAGES = [
    Bad(21, b"", "raw", "contract.avro.empty"),
    Bad(22, GOOD[:-20], "raw", "contract.avro.truncated"),
    Bad(22, GOOD[:9], "raw", "contract.avro.truncated"),
    Bad(22, message(TEXTS, HEAD + ONE + zigzag(9) + b"x"), "raw", "contract.avro.truncated"),
    Bad(23, GOOD + b"\0", "raw", "contract.avro.trailing"),
    Bad(23, message(TEXTS, HEAD + ONE + text(b"x") + b"\0" + b"\0"), "raw", "contract.avro.trailing"),
    Bad(24, message(MAYBE, HEAD + ONE + zigzag(-1) + text(b"x") + b"\0"), "raw", "contract.avro.index"),
    Bad(24, message(MAYBE, HEAD + ONE + zigzag(2) + text(b"x") + b"\0"), "raw", "contract.avro.index"),
    Bad(25, message(TEXTS, zigzag(1) + zigzag(2) + zigzag(1 << 31) + ONE), "raw", "contract.avro.range"),
    Bad(25, message(block_schema({"type": "int", "logicalType": "date"}), HEAD + ONE + zigzag(1 << 33) + b"\0"),
        "raw", "contract.avro.range"),
    Bad(26, message(TEXTS, b"\x80" * 29 + b"\x01"), "raw", "contract.avro.varint"),
    Bad(27, message(ITSELF, b"\x02" * 4800), "raw", "contract.avro.block"),
    Bad(27, message(block_schema("Columns"), HEAD + b"\x02" * 4800), "raw", "contract.avro.block"),
    Bad(28, message(block_schema("null"), HEAD + zigzag(1 << 40)), "raw", "contract.avro.block"),
    Bad(28, message(MAYBE, HEAD + zigzag(1 << 40)), "raw", "contract.avro.block"),
    Bad(29, message(TEXTS, BOMB.compress(bytes(200 << 20)) + BOMB.flush(), b"deflate"), "raw", "contract.avro.size"),
    Bad(29, GOOD + bytes(8 << 20), "raw", "contract.avro.size"),
    Bad(29, message(TEXTS, HEAD, b"snappy"), "raw", "contract.avro.codec"),
    Bad(29, message(TEXTS, zlib.compress(HEAD, wbits=-15), b"deflate"), "raw", "contract.avro.codec"),
    Bad(30, b"\0\0\0\0\x07" + b"record", "raw", "contract.schema.unknown"),
    Bad(31, b"\xc3\x01" + b"f" * 8 + b"record", "raw", "contract.schema.fingerprint"),
    Bad(34, message(block_schema("string", "string", names="aa"), HEAD), "raw", "contract.schema.duplicate"),
]  # fmt: skip


@pytest.mark.parametrize("bad", MESSAGES, ids=lambda bad: f"{bad.number}-{bad.code}")
def test_a_bad_message_fails_by_its_code(bad: Bad) -> None:
    with pytest.raises(avro.BadBlock) as caught:
        avro.decode_block(bad.input)
    assert caught.value.code == bad.code
    assert bad.code in CODES


def test_a_message_that_is_merely_foreign_is_read() -> None:
    reader: Any = fastavro.reader(io.BytesIO(GOOD))
    out = io.BytesIO()
    fastavro.writer(out, reader.writer_schema, [next(reader)])
    assert container.opened(out.getvalue()) is None
    assert avro.decode_block(out.getvalue()) == avro.decode_block(GOOD)


SCHEMA = json.dumps({"type": "record", "name": "R", "fields": [
    {"name": "id", "type": "string"}, {"name": "name", "type": "string"}, {"name": "n", "type": "long"}]})  # fmt: skip
TURNED = json.dumps(
    {**json.loads(SCHEMA), "fields": json.loads(SCHEMA)["fields"][1::-1] + json.loads(SCHEMA)["fields"][2:]}
)
FIRST = json.dumps({**json.loads(SCHEMA), "fields": json.loads(SCHEMA)["fields"][:1]})
SOUND = {"id": ["1"], "name": ["A"], "n": [1]}


def written(columns: dict[str, list[Any]]) -> object:
    return avro.encode_records(SCHEMA, columns, [0])


def reordered(schema: str) -> None:
    from pophub.sharing.registry import refuse_reordered

    refuse_reordered("history.a.b", [SCHEMA], schema)


RECORDS_OF_A_CONTRACT = [
    Bad(22, lambda: avro.decode_record(SCHEMA, b"\x02"), "history", "contract.avro.truncated"),
    Bad(23, lambda: avro.decode_record(SCHEMA, b"\x021\x02A\x02\0"), "history", "contract.avro.trailing"),
    Bad(22, lambda: avro.decode_known([SCHEMA, FIRST], b"\x021\x02A"), "history", "contract.avro.truncated"),
    Bad(22, lambda: avro.decode_known([SCHEMA, FIRST], b"\x021\x02"), "history", "contract.avro.truncated"),
    Bad(
        23,
        lambda: avro.decode_known([SCHEMA, FIRST], b"\x021\x02A\x02\0"),
        "history",
        "contract.avro.trailing",
    ),
    Bad(30, lambda: avro.decode_history(b"\0\0\0\0\x07\x02"), "shared", "contract.avro.block"),
    Bad(30, lambda: avro.decode_history(GOOD), "shared", "contract.avro.block"),
    Bad(31, lambda: reordered(TURNED), "registry", "schema.fingerprint"),
    Bad(32, lambda: written(SOUND | {"n": [1.9]}), "write", "contract.avro.type"),
    Bad(32, lambda: written(SOUND | {"n": [1 << 63]}), "write", "contract.avro.type"),
    Bad(33, lambda: written(SOUND | {"role": ["admin"]}), "write", "contract.avro.field"),
]


@pytest.mark.parametrize("bad", RECORDS_OF_A_CONTRACT, ids=lambda bad: f"{bad.number}-{bad.code}")
def test_a_record_that_does_not_fit_its_schema_is_refused(bad: Bad) -> None:
    with pytest.raises(PophubError) as caught:
        bad.input()
    assert caught.value.code == bad.code


def test_what_fits_its_schema_is_written_and_read() -> None:
    (payload,) = avro.encode_records(SCHEMA, SOUND, [0])
    assert avro.decode_record(SCHEMA, payload) == {"id": "1", "name": "A", "n": 1}
    reordered(SCHEMA)


FILE = "connectors/mps/citizens.yaml"
AVSC = "schemas/mps/citizens.v1.avsc"
ALIASES = "a: &a [x]\n" + "".join(f"b{i}: &b{i} [{', '.join(['*a'] * 9)}]\n" for i in range(9))
YAML = [
    Bad(35, "id: 001234567012\n", "yaml", "yaml.octal"),
    Bad(36, "country: NO\n", "yaml", "yaml.bool"),
    Bad(37, "a: 1\na: 2\n", "yaml", "yaml.duplicate_key"),
    Bad(38, "a: !!python/object/apply:os.system [ls]\n", "yaml", "yaml.tag"),
    Bad(39, ALIASES, "yaml", "yaml.alias"),
    Bad(40, "a: " + "[" * 1500 + "]" * 1500, "yaml", "yaml.depth"),
    Bad(41, "", "yaml", "yaml.root"),
    Bad(41, "- a\n", "yaml", "yaml.root"),
    Bad(42, "a: 1\n---\na: 2\n", "yaml", "yaml.multiple"),
    Bad(27, (AVSC, '["null", "string"]', '["null", "vn.pophub.mps.Citizen"]'), "project", "schema.recursive"),
    Bad(28, (AVSC, '["null", "string"]', '["null", {"type": "array", "items": "null"}]'), "project", "schema.null_array"),
    Bad(34, (AVSC, '"name": "sex"', '"name": "full_name"'), "project", "schema.duplicate"),
    Bad(35, (FILE, "contract: 1", "contract: 001"), "project", "yaml.octal"),
    Bad(36, (FILE, "  name: C06", "  name: NO"), "project", "yaml.bool"),
    Bad(37, (FILE, "lanes: 2", "lanes: 2\nlanes: 3"), "project", "yaml.duplicate_key"),
    Bad(43, (FILE, "  table:", "  tabel:"), "project", "config.unknown_key"),
    Bad(44, (FILE, "${POPHUB_SOURCE_MPS_URL}", "postgresql://u:hunter2@db/x"), "project", "secret.inline"),
    Bad(45, (FILE, "dancu.cong_dan", "person;DROP"), "project", "identifier.invalid"),
    Bad(46, (FILE, "late_s: 3600", "late_s: -5"), "project", "config.range"),
]  # fmt: skip


@pytest.mark.parametrize("bad", YAML, ids=lambda bad: f"{bad.number}-{bad.code}")
def test_a_bad_declaration_fails_by_its_code(bad: Bad, tmp_path: Path) -> None:
    if bad.where == "yaml":
        with pytest.raises(PophubError) as caught:
            parse_document(bad.input, Path("connectors/x.yaml"))
        found = caught.value
    else:
        edit(copied(tmp_path), *bad.input)
        found = check(tmp_path)[0]
    assert (found.code, "hunter2" in str(found)) == (bad.code, False)
    assert bad.number != 43 or "did you mean table" in found.what


COMMANDS = [
    Bad(56, ["grwoth"], "No such command 'grwoth'. Did you mean 'growth'?", ""),
    Bad(56, ["connector", "chek"], "Did you mean 'check'?", ""),
    Bad(57, ["connector", "check"], "schemas/mps/citizens.v7.avsc", "config.missing_file"),
    Bad(58, ["quarantine", "list", "--since", "1d", "--older-than", "3d"], "--since", "cli.range"),
    Bad(58, ["growth", "--as-of", "2024-06-01", "--against", "2024-01-01"], "--as-of", "cli.range"),
    Bad(60, ["run", "mps.citizens", "--password", "hunter2"], "${NAME}", "secret.inline"),
    Bad(60, ["up", "--kafka-password=hunter2"], "${NAME}", "secret.inline"),
    Bad(60, ["run", "postgresql://u:hunter2@db/x"], "${NAME}", "secret.inline"),
]


def program(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the real program on a project and home in a folder."""
    environment = os.environ | {"POPHUB_PROJECT": str(folder), "POPHUB_HOME": str(folder / "home")}
    command = [str(Path(sys.executable).with_name("pophub")), *arguments]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("bad", COMMANDS, ids=lambda bad: f"{bad.number}-{bad.code or bad.input[0]}")
def test_a_wrong_command_ends_with_2_and_says_what_to_do(bad: Bad, tmp_path: Path) -> None:
    if bad.number == 57:
        edit(copied(tmp_path), FILE, "contract: 1", "contract: 7")
    with program(tmp_path, *bad.input) as ran:
        said, told = ran.communicate(timeout=60)
    assert (ran.returncode, said) == (2, "")
    assert bad.code in told and bad.where in told
    assert "Traceback" not in told and "hunter2" not in told


def test_57_a_project_that_is_not_there_is_named(tmp_path: Path) -> None:
    with program(tmp_path / "nowhere", "connector", "check") as ran:
        told = ran.communicate(timeout=60)[1]
    assert (ran.returncode, "Traceback" in told) == (2, False)
    assert str(tmp_path / "nowhere") in told


def test_61_control_c_ends_with_130_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    os.mkfifo(tmp_path / "home" / "endpoints.json")  # the program waits there for its settings
    waits = tmp_path / "home" / "endpoints.json"
    with program(tmp_path, "connector", "list") as ran, waits.open("w"):  # opens once it waits
        ran.send_signal(signal.SIGINT)
        said, told = ran.communicate(timeout=60)
    assert (ran.returncode, said) == (130, "")
    assert "Traceback" not in told


def test_every_row_stands_in_a_table_of_this_file() -> None:
    tables = (RECORDS, MESSAGES, RECORDS_OF_A_CONTRACT, YAML, COMMANDS)
    told = {bad.number for table in tables for bad in table} | {14, 59, 61}  # tests of their own
    assert told == {*range(1, 47), *range(56, 62)}
