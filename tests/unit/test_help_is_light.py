"""The help answers at once: it loads the words of the commands, not what they work with."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
from pophub.cli.program import main
sys.argv = ["pophub", {words}]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print(*sorted(sys.modules), file=sys.stderr)
"""
ROOMS = {"cli", "commands", "domain"}
COMMANDS = {"arguments", "output"}
HEAVY = {
    "airflow", "confluent_kafka", "cryptography", "fastavro", "great_expectations", "httpx", "importlib.metadata",
    "kafka", "numpy", "pandas", "psutil", "psycopg2", "pydantic", "pydantic_core", "sqlalchemy", "yaml",
}  # fmt: skip
READS_ARGUMENTS = {"importlib.metadata", "pydantic", "pydantic_core"}
"""What typer itself loads to read a command's arguments."""


def _loaded(*words: str) -> set[str]:
    code = LOADED.format(words=", ".join(map(repr, words)))
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return set(ran.stderr.split())


def test_help_loads_no_room_that_works_and_no_client_of_a_server() -> None:
    for words in (("--help",), ("ledger", "--help"), ("backfill", "--help")):
        loaded = _loaded(*words)
        parts = [name.split(".") for name in loaded if name.startswith("pophub.")]
        assert {part[1] for part in parts} <= ROOMS, (words, sorted(loaded))
        assert {part[2] for part in parts if part[1] == "commands" and len(part) > 2} == COMMANDS
        assert not loaded & (HEAVY if words == ("--help",) else HEAVY - READS_ARGUMENTS), words
