"""The codes of a project: the hub's closed table, and what its suites declare of their own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from pophub.contracts.model import Connector
from pophub.contracts.strict_yaml import Document
from pophub.contracts.suite import own_codes, refuse
from pophub.domain.codes import CODES, Code
from pophub.domain.errors import ConfigError

Words = Mapping[str, Code]
"""What each code of a project means."""


def project_codes(project: Path) -> Words:
    """Give every code of a project; of a suite that cannot be read, `pophub connector check` tells."""
    found: dict[str, Code] = {}
    for path in sorted((project / "expectations").glob("*/*.json")):
        with suppress(OSError, ValueError, ConfigError):
            if isinstance(data := json.loads(path.read_bytes()), dict):
                found |= own_codes(Document(path, data))
    return {**found, **CODES}


def check_words(connectors: Iterable[Connector]) -> list[ConfigError]:
    """Find codes to which two suites give other words: a code means one thing in a project."""
    said: dict[str, tuple[Code, Connector]] = {}
    found = []
    for connector in connectors:
        own = {rule.code: rule.own for rule in connector.contract.rules if rule.own is not None}
        for code, words in own.items():
            first, other = said.setdefault(code, (words, connector))
            if first != words:
                what = f"{connector.stem} gives {code} other words than {other.stem}"
                found.append(refuse("suite.code", what, str(connector.contract.suite_path)))
    return found
