"""Read the declarations of a project: connectors with their contracts, and subscriptions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pophub.contracts import units
from pophub.contracts.avro_schema import read_schema
from pophub.contracts.bases import basis_paths, ended_rules, read_bases, standing
from pophub.contracts.code_tables import read_tables
from pophub.contracts.crosscheck import check_authority, check_file, check_referred
from pophub.contracts.evolution import Earlier, check_evolution, earlier_versions
from pophub.contracts.flaws import Flaws
from pophub.contracts.grants import check_subscription
from pophub.contracts.look_up import look_ups_read, read_looked_up
from pophub.contracts.model import (
    Connector,
    ConnectorFile,
    Contract,
    LegalBasis,
    LookedUp,
    ProjectTables,
    Rule,
)
from pophub.contracts.refusals import read_model
from pophub.contracts.rule_codes import check_words
from pophub.contracts.strict_yaml import Document, load_document
from pophub.contracts.subscription_model import SubscriptionFile
from pophub.contracts.suite import SuiteReader, refuse
from pophub.contracts.topics import apart
from pophub.domain.dates import today
from pophub.domain.errors import ConfigError

_PLACE = re.compile(r"(?:connectors|schemas|expectations)/([^/]+)/([^/]+?)(?:\.v\d+)?\.[a-z]+(?::\d+)?\Z")


def load_connector(path: Path, project: Path, tables: ProjectTables | None = None) -> Connector:
    """Read and cross-check one connector: its file, schema and suite; `tables` spare reading them again.

    Errors: ConfigError naming file and line; the first brings the others. What cannot be told before a
    file is readable comes once it is: rules need the schema, both need the connector's file.
    """
    flaws = Flaws()
    document, file = _read_file(path, project)
    schema_path = project / "schemas" / file.agency / f"{file.dataset}.v{file.contract}.avsc"
    suite_path = project / "expectations" / file.agency / f"{file.dataset}.json"
    for place, needed in (("contract", schema_path), ("dataset", suite_path)):
        if not needed.is_file():
            what = f"there is no {needed.relative_to(project)}"
            flaws.add(refuse("config.missing_file", what, document.where(place)))
    flaws.tell()
    tables = tables or read_tables(project)[0]
    schema = load_document(schema_path, project)
    read = read_contract(
        (document, file), schema, lambda: load_document(suite_path, project), suite_path, (project, tables),
        lambda: earlier_versions(schema_path, project),
    )  # fmt: skip
    contract = read.contract
    used = named_tables(file, contract.rules)
    besides = [project / "codes" / f"{name}.json" for name in used]
    bases: tuple[LegalBasis, ...] = ()
    if file.cites or any(rule.bases for rule in read.contract.rules):
        bases, besides = tuple(read_bases(project)[0].values()), [*besides, *basis_paths(project)]
    read_by = units.edition() if any(mapping.unit for mapping in file.mapping.values()) else ""
    read_by += look_ups_read(read.looked_up)
    digest = _digest((path, schema_path, suite_path, *besides, *read.schemas), read_by)
    of_it = {name: tables.sound[name] for name in used}
    return Connector(
        file=file, contract=contract, path=path, tables=of_it, bases=bases, looked_up=read.looked_up, digest=digest
    )  # fmt: skip


def _read_file(path: Path, project: Path) -> tuple[Document, ConnectorFile]:
    """Read a connector's own file, and nothing beside it."""
    document = load_document(path, project)
    file = read_model(ConnectorFile, document)
    if path.resolve().parts[-2:] != (file.agency, f"{file.dataset}.yaml"):
        what = f"the file says {file.agency}/{file.dataset}"
        raise refuse("config.path", what, document.where("dataset"))
    return document, file


class ReadContract(NamedTuple):
    """A contract, what its rules look up, and the files of the schemas that tell of that."""

    contract: Contract
    looked_up: tuple[LookedUp, ...]
    schemas: list[Path]


def read_contract(
    declared: tuple[Document, ConnectorFile],
    schema: Document,
    suite: Callable[[], Document],
    suite_path: Path,
    beside: tuple[Path, ProjectTables],
    before: Callable[[], Sequence[Earlier]],
) -> ReadContract:
    """Hold schema and suite against the connector's file and the versions `before`, wherever their texts come from.

    `beside` are the project with its other datasets, and its code tables.

    Errors: ConfigError with file and line; the first brings the others.
    """
    (document, file), (project, tables), flaws = declared, beside, Flaws()
    record_name, fields, text = read_schema(schema, file.key)
    earlier = before()
    rules: tuple[Rule, ...] = ()
    looked_up: tuple[LookedUp, ...] = ()
    schemas: list[Path] = []
    with flaws.gathered():
        looked_up, schemas = read_looked_up(document, file, fields, project)
    with flaws.gathered():
        check_evolution(schema, earlier, (record_name, fields))
    with flaws.gathered():
        check_file(document, file, fields, tables)
    with flaws.gathered():
        if len(looked_up) == len(file.look_up) + len(file.organisations):  # rules need them
            bases = lambda: read_bases(project)[0]  # noqa: E731  read where a rule cites one
            rules = SuiteReader(suite(), file, fields, tables, looked_up, bases).read()
    flaws.tell()
    contract = Contract(
        version=file.contract,
        avro_schema=text,
        earlier={found.version: found.schema for found in earlier},
        record_name=record_name,
        fields=fields,
        rules=rules,
        suite_path=suite_path,
    )
    return ReadContract(contract, looked_up, schemas)


def named_tables(file: ConnectorFile, rules: Iterable[Rule]) -> list[str]:
    """Give the names of the code tables that mapping and rules name."""
    named = {mapping.codes for mapping in file.mapping.values()} | {
        rule.kwargs.get("codes") for rule in rules
    }
    return sorted(name for name in named if name is not None)


def load_all(project: Path) -> tuple[list[Connector], list[ConfigError]]:
    """Read every connector of a project; a broken one never hides the others.

    Shape: connectors in the order of their stems.
    """
    connectors: list[Connector] = []
    tables, errors = read_tables(project)
    for path in connector_paths(project):
        try:
            connectors.append(load_connector(path, project, tables))
        except ConfigError as error:
            errors += [error, *error.others]
    told = apart(connectors, lambda one: (one.stem,), lambda one: str(one.path))
    errors += [one for one in told if isinstance(one, ConfigError)]
    connectors = [one for one in told if isinstance(one, Connector)]
    broken = {stem_at(path) for path in connector_paths(project)} - {one.stem for one in connectors}
    errors += check_authority(connectors) + check_words(connectors)
    return connectors, errors + check_referred(connectors, broken, project)


def load_files(project: Path, stem: str | None = None) -> list[ConnectorFile]:
    """Read the connectors' own files alone, or that of one; those that cannot be read are left out.

    What is wrong with schemas, suites and neighbours `load_all` tells, and the run of such a dataset.
    Shape: in the order of their stems.
    """
    found: list[ConnectorFile] = []
    for path in connector_paths(project):
        if stem in (None, stem_at(path)):
            with suppress(ConfigError):
                found.append(_read_file(path, project)[1])
    told = apart(found, lambda one: (one.stem,), lambda one: one.stem)
    return [one for one in told if isinstance(one, ConnectorFile)]


def stem_at(path: Path) -> str:
    """Give the stem that a connector's file has by its place."""
    return f"{path.parent.name}.{path.stem}"


def stem_of(where: str) -> str | None:
    """Give the connector that a file and line belong to.

    >>> stem_of("schemas/mps/citizens.v1.avsc:7"), stem_of("subscriptions/gdt.yaml:3")
    ('mps.citizens', None)
    """
    found = _PLACE.search(where)
    return f"{found[1]}.{found[2]}" if found else None


def connector_paths(project: Path) -> list[Path]:
    """Give the files of all connectors, in the order of their stems."""
    return sorted((project / "connectors").glob("*/*.yaml"))


def load_subscriptions(
    project: Path, connectors: Sequence[Connector]
) -> tuple[list[SubscriptionFile], list[ConfigError]]:
    """Read `subscriptions/*.yaml`; a grant may name only known datasets and their fields.

    A grant is left out, and told, where no basis that it cites is in force today.
    """
    found: list[SubscriptionFile] = []
    errors: list[ConfigError] = []
    known = {connector.stem: connector for connector in connectors}
    bases = read_bases(project)[0]
    for path in sorted((project / "subscriptions").glob("*.yaml")):
        try:
            document = load_document(path, project)
            subscription = read_model(SubscriptionFile, document)
            check_subscription(document, subscription, known)
            kept, ended = standing(document, subscription, bases, today())
            found.append(kept)
            errors += ended
        except ConfigError as error:
            errors += [error, *error.others]
    told = apart(found, _topics, lambda one: f"subscriptions/{one.subscriber}.yaml")
    errors += [one for one in told if isinstance(one, ConfigError)]
    return [one for one in told if isinstance(one, SubscriptionFile)], errors


def _topics(file: SubscriptionFile) -> list[str]:
    return [f"{file.subscriber}.{grant.dataset}" for grant in file.grants]


def check(project: Path) -> list[ConfigError]:
    """Find everything that is wrong with a project's declarations, file after file."""
    return read_all(project)[1]


def read_all(project: Path) -> tuple[list[Connector], list[ConfigError]]:
    """Read every declaration; give the sound connectors, and all that is wrong."""
    folder = project / "connectors"
    if not folder.is_dir():
        return [], [refuse("config.missing_file", "there is no folder of connectors", str(folder))]
    connectors, errors = load_all(project)
    errors += read_bases(project)[1] + ended_rules(connectors, project, today())
    return connectors, errors + load_subscriptions(project, connectors)[1]


def _digest(paths: Sequence[Path], read_by: str) -> str:
    digest = hashlib.sha256(read_by.encode())
    for path in paths:
        content = path.read_bytes()
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()
