"""A connector's three files as somebody pasted them: read and checked as those of the project, and never written.

No name in them leads to a file: what belongs to a dataset of the project is found by the project's own listing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pophub.contracts.bases import read_bases
from pophub.contracts.code_tables import read_tables
from pophub.contracts.crosscheck import check_authority
from pophub.contracts.evolution import Earlier, earlier_versions
from pophub.contracts.flaws import Flaws
from pophub.contracts.load import connector_paths, load_all, named_tables, read_contract, stem_at
from pophub.contracts.model import Connector, ConnectorFile
from pophub.contracts.referred import check_targets
from pophub.contracts.refusals import read_model
from pophub.contracts.rule_codes import check_words
from pophub.contracts.strict_yaml import Document, load_document, parse_document
from pophub.contracts.suite import refuse
from pophub.domain.errors import ConfigError

NAMES = ("connector.yaml", "schema.avsc", "suite.json")
"""What messages call the three; the names that they have in git stand in the connector's file."""
MOST_VERSION = 10_000


class PastedFiles(NamedTuple):
    """The texts of the three files."""

    connector: str = ""
    schema: str = ""
    suite: str = ""


class PastedConnector(NamedTuple):
    """What was read: the connector where it is sound, its documents by name, and all that is wrong."""

    connector: Connector | None
    documents: dict[str, Document]
    errors: list[ConfigError]


def in_force(project: Path, stem: str) -> PastedFiles:
    """Give the files of a dataset of the project as they are, sound or not; what is not there is empty.

    Errors: `config.unknown_stem`.
    """
    path = {stem_at(path): path for path in connector_paths(project)}.get(stem)
    if path is None:
        raise refuse("config.unknown_stem", f"there is no connector {stem}", "connectors")
    agency, dataset = path.parent.name, path.stem
    schemas = project / "schemas" / agency
    newest = max((_number(one) for one in schemas.glob(f"{dataset}.v*.avsc")), default=1)
    schema = schemas / f"{dataset}.v{_version(path, project) or newest}.avsc"
    suite = project / "expectations" / agency / f"{dataset}.json"
    return PastedFiles(*(_text(one) for one in (path, schema, suite)))


def _version(path: Path, project: Path) -> int | None:
    """Give the contract's version; None where the file cannot be read."""
    try:
        version = load_document(path, project).data.get("contract")
    except ConfigError:
        return None
    return version if isinstance(version, int) else None


def _number(schema: Path) -> int:
    number = schema.stem.rpartition(".v")[2]
    return int(number) if number.isdecimal() else 0


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def read_pasted(files: PastedFiles, stem: str, project: Path) -> PastedConnector:
    """Read three texts as the files of a dataset of the project; of a new one where `stem` is empty."""
    flaws, documents = Flaws(), dict[str, Document]()
    for name, text in zip(NAMES, files, strict=True):
        with flaws.gathered():
            documents[name] = parse_document(text, Path(name))
    connector: Connector | None = None
    with flaws.gathered():
        connector = _connector(files, stem, project, documents)
    if connector is not None:
        for error in _beside(connector, documents[NAMES[0]], project):
            flaws.add(error)
    return PastedConnector(connector, documents, flaws.found)


def _connector(
    files: PastedFiles, stem: str, project: Path, documents: dict[str, Document]
) -> Connector | None:
    """Read what can be read; nothing where a text cannot, which was told."""
    document, schema, suite = (documents.get(name) for name in NAMES)
    if document is None:
        return None
    file = read_model(ConnectorFile, document)
    if stem and file.stem != stem:
        raise refuse("config.path", f"the file says {file.stem}, not {stem}", document.where("dataset"))
    if schema is None or suite is None:
        return None
    tables = read_tables(project)[0]
    read = read_contract(
        (document, file), schema, lambda: documents[NAMES[2]], Path(NAMES[2]), (project, tables),
        lambda: _before(file, project),
    )  # fmt: skip
    used = named_tables(file, read.contract.rules)
    return Connector(
        file=file,
        contract=read.contract,
        path=Path(NAMES[0]),
        tables={name: tables.sound[name] for name in used},
        bases=tuple(read_bases(project)[0].values()) if file.cites else (),
        looked_up=read.looked_up,
        digest=hashlib.sha256("\0".join(files).encode()).hexdigest(),
    )


def _before(file: ConnectorFile, project: Path) -> Sequence[Earlier]:
    """Give the versions before the one of a file, where its dataset is one of the project."""
    known = {stem_at(path): path for path in connector_paths(project)}.get(file.stem)
    if known is None or file.contract > MOST_VERSION:
        return []
    folder = project / "schemas" / known.parent.name
    return earlier_versions(folder / f"{known.stem}.v{file.contract}.avsc", project)


def _beside(connector: Connector, document: Document, project: Path) -> list[ConfigError]:
    """Find what is wrong beside the other connectors of the project."""
    loaded = load_all(project)[0]
    others = {one.stem: one for one in loaded if one.stem != connector.stem}
    broken = {stem_at(path) for path in connector_paths(project)} - {one.stem for one in loaded}
    together = [*others.values(), connector]
    found = [*check_authority(together), *check_words(together)]
    known = others | {connector.stem: connector}
    found += check_targets(document, connector.file, connector.contract.fields, known, broken)
    mine = {str(connector.path), str(connector.contract.suite_path)}
    return [one for one in found if one.where.partition(":")[0] in mine]
