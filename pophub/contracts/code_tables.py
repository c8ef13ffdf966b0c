"""The code tables of a project, `codes/<name>.json`: what a source's value means in the contract."""

from __future__ import annotations

import unicodedata
from functools import partial
from pathlib import Path

from pophub.contracts.flaws import Flaws
from pophub.contracts.model import CodeTable, ProjectTables
from pophub.contracts.patterns import NAME, WORDS, is_name
from pophub.contracts.refusals import read_model
from pophub.contracts.strict_yaml import Document, load_document
from pophub.contracts.suite import refuse
from pophub.domain.errors import ConfigError


def read_tables(project: Path) -> tuple[ProjectTables, list[ConfigError]]:
    """Read every code table of a project; give what is wrong with the others."""
    found, errors = ProjectTables({}, {}), list[ConfigError]()
    for path in sorted((project / "codes").glob("*.json")):
        try:
            found.sound[path.stem] = _read(load_document(path, project))
        except ConfigError as error:
            found.broken[path.stem] = error.where
            errors += [error, *error.others]
    return found, errors


def _read(document: Document) -> CodeTable:
    table, flaws = read_model(CodeTable, document), Flaws()
    if not is_name(document.path.stem):
        what = f"the file's name {document.path.stem!r} is not {WORDS[NAME]}"
        flaws.add(refuse("identifier.invalid", what, document.where()))
    for value, code in table.values.items():
        where = partial(document.where, "values", value)
        if code not in table.labels:
            flaws.add(refuse("config.missing", f"{code!r} has no label", where()))
        if unicodedata.normalize("NFC", code) != code:
            flaws.add(refuse("config.value", f"{code!r} is not composed as NFC does", where()))
    for code in sorted(table.labels.keys() - set(table.values.values())):
        flaws.add(refuse("config.value", f"no value means {code!r}", document.where("labels", code)))
    flaws.tell()
    return table
