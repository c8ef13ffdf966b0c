"""What the hub knows of the world is written once: the gates, the zone, the epoch, the clock, the end of a task."""

from __future__ import annotations

import ast
import re

import pytest

from pophub.domain.errors import ConfigError, PophubError, TransientError
from pophub.process.tasks import told_to
from pophub.settings import PROJECT

DOUBLED = {"pophub/ledger/verify_pack.py"}  # by purpose: it runs where pophub is not


def python_files() -> dict[str, str]:
    """Give the Python of the hub by path, with neither comments nor docstrings."""
    found = {}
    for path in sorted([*(PROJECT / "pophub").rglob("*.py"), *(PROJECT / "dags").glob("*.py")]):
        if (name := str(path.relative_to(PROJECT))) not in DOUBLED:
            tree = ast.parse(path.read_text())
            for node in ast.walk(tree):
                if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                    node.value = ast.Constant(value=None)
            found[name] = ast.unparse(tree)
    return found


@pytest.mark.parametrize(
    ("fact", "home"),
    [
        (r"'contract', 'correct', 'sufficient', 'clean', 'live'", "pophub/domain/codes.py"),
        (r"'Asia/Ho_Chi_Minh'|\(hours=7\)|\b7 \* 3600000000\b|\b25200", "pophub/domain/dates.py"),
        (r"\b(?:date|datetime)\(1970\b", "pophub/domain/dates.py"),
        (r"^[^;]*select \(extract\(epoch from clock_timestamp\(\)\)", "pophub/postgres/sql.py"),
        (r"is None:\s+raise final\b|AirflowFailException\(str\(error\)\)", "pophub/process/tasks.py"),
    ],
)
def test_a_fact_has_one_home(fact: str, home: str) -> None:
    assert [name for name, text in python_files().items() if re.search(fact, text, re.M)] == [home]


def test_the_clock_is_asked_for_by_no_statement_of_its_own() -> None:
    for path in (PROJECT / "pophub" / "sql").glob("*.sql"):
        alone = r"^select \(extract\(epoch from clock_timestamp\(\)\) \* 1000000\)::bigint$"
        assert not re.search(alone, path.read_text(), re.M), path.name


class Final(Exception):
    """What a scheduler takes for: do not try again."""


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (ConfigError("config.missing", "there is no key", where="here"), Final),
        (TransientError("source.unreachable", "no answer", where="here"), TransientError),
    ],
)
def test_a_task_ends_for_good_where_a_retry_mends_nothing_and_never_tells_the_cause(
    error: PophubError, seen: type[Exception]
) -> None:
    with pytest.raises(seen) as raised, told_to(Final):
        try:
            raise ValueError("Trần Thị B")
        except ValueError as cause:
            raise error from cause
    assert str(raised.value) == str(error)
    assert raised.value.__suppress_context__ and raised.value.__cause__ is None
