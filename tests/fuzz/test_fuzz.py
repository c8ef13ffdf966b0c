"""The readers of strangers' bytes under random input: the same cases each time, and a few new ones."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

sys.path.insert(0, str(Path(__file__).parent))  # the targets lie beside the tests

from targets import TARGETS

from pophub import avro
from pophub.domain.history import AcceptedVersion

CORPUS = Path(__file__).parent / "corpus"
CASES = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
Edit = tuple[int, int, bytes]


def _workbook() -> bytes:
    book, out = Workbook(), io.BytesIO()
    assert book.active is not None
    for row in (["k", "m"], ["1", 2], [None, 3.5], ["=1+1", True]):
        book.active.append(row)
    book.save(out)
    return out.getvalue()


BLOCK = avro.encode_block(
    avro.Block(1, 2, 1, 3, {"id": ["a", "b", None], "n": [1, -5, 1 << 40], "x": [None, True, "1"]})
)
HISTORY = avro.encode_history([
    AcceptedVersion(n, b"e" * 16, "k", -n, "d" if n % 2 else "u", None if n % 2 else b"p" * 70, 1, 2, n // 3,
                    b"d" * 32, b"c" * 16)
    for n in range(1, 5)
])  # fmt: skip
SEEDS = {
    "raw_block": [BLOCK, BLOCK.replace(BLOCK[-16:], b"m" * 16)],
    "history_block": [HISTORY[HISTORY.index(b"d" * 32) - 2 : -16]],
    "yaml_file": [b"a: 1\nb: [x, {c: 'NO'}]\n", b"mapping:\n  id: {from: so, text: trim}\n# x\nd: >\n  y\n"],
    "dropped_file": [b'\0k,m\n1,2\n"3\n",4\n', b"\xff" + _workbook()],
    "number": [b"038090000123", "٠٣٨٠٩٠٠٠٠١٢٣".encode(), b"038\xed\xa0\x80"],
}
ALPHABETS = {
    "raw_block": "Obj\x01\x00\x02\x04\x7f", "history_block": "\x00\x01\x02\x04\x7fdk",
    "yaml_file": "a:-[]{}&*!|>%@'\"#? \n\t0x1_e.~\u0085\ufeff",
    "dropped_file": "km,;\"'\n\r\0a1\u0301\ud800", "number": "0123456789٣３ \u00a0\u200b\n-",
}  # fmt: skip


def edited(seed: bytes, edits: list[Edit]) -> bytes:
    """Change a sound input at places: cut out so many bytes, put others in."""
    for place, cut, put in edits:
        at = place % (len(seed) + 1)
        seed = seed[:at] + put + seed[at + cut :]
    return seed


def inputs(name: str) -> st.SearchStrategy[bytes]:
    """Give sound inputs with edits, texts of telling characters, and plain bytes."""
    edits = st.lists(st.tuples(st.integers(0, 1 << 14), st.integers(0, 4), st.binary(max_size=4)), max_size=6)
    texts = st.text(ALPHABETS[name], max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass"))
    return st.builds(edited, st.sampled_from(SEEDS[name]), edits) | texts | st.binary(max_size=200)


@pytest.mark.parametrize("name", TARGETS)
def test_the_same_inputs_each_time(name: str) -> None:
    _under(name, settings(max_examples=150, derandomize=True))


@pytest.mark.parametrize("name", TARGETS)
def test_a_few_new_inputs(name: str) -> None:
    _under(name, settings(max_examples=40, derandomize=False, database=None))


def _under(name: str, how: settings) -> None:
    check: Callable[[bytes], None] = TARGETS[name]
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]

    @settings(how, deadline=None, suppress_health_check=slow)
    @given(inputs(name))
    def holds(data: bytes) -> None:
        check(data)

    holds()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name[:12]}")
def test_a_case_that_was_kept_holds(case: Path) -> None:
    TARGETS[case.parent.name](case.read_bytes())


def test_the_corpus_is_small() -> None:
    assert {case.parent.name for case in CASES} == set(TARGETS)
    assert sum(case.stat().st_size for case in CASES) < 200_000
