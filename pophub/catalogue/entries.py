"""What can I get and what does it promise: an entry for each dataset that is declared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pophub.catalogue.invented import invented, numbers_of_people
from pophub.contracts.load import load_all, load_subscriptions
from pophub.contracts.model import CodeTable, Connector, Text
from pophub.contracts.personal import hidden_fields
from pophub.contracts.subscription_model import Grant, SubscriptionFile
from pophub.domain.errors import ConfigError
from pophub.domain.vietnamese import found_in, sort_key
from pophub.figures.declared import Figure, load_figures

if TYPE_CHECKING:
    from pophub.figures.engine import Engine

READS: dict[str, frozenset[str]] = {}
"""Which datasets a figure reads, by its SQL: an engine is opened for what is new alone."""

Sensitivity = Literal["number", "person", "unsaid", "open"]
"""`number`: the number of a citizen; `person`: tells of one; `unsaid`: may, nobody classified it; `open`: does not."""


class CatalogueField(NamedTuple):
    """A field of a contract. Shape: `meaning` as the schema tells it (`doc`, `doc_vi`), empty where it does not; `codes` where it has any."""

    name: str
    type: str
    meaning: Text
    key: bool
    nullable: bool
    sensitivity: Sensitivity
    codes: CodeTable | None


class CatalogueEntry(NamedTuple):
    """A dataset: its connector and fields, who receives what of it, the figures that count it."""

    connector: Connector
    fields: list[CatalogueField]
    receivers: list[tuple[SubscriptionFile, Grant]]
    figures: list[Figure]

    @property
    def stem(self) -> str:
        """`<agency>.<dataset>`."""
        return self.connector.stem

    @property
    def title(self) -> str:
        """Its title in Vietnamese, by which the catalogue is sorted."""
        return self.connector.file.title.vi

    def sample(self, project: Path) -> list[dict[str, Any]]:
        """Give records that are made up, for who wants to see what one looks like."""
        return invented(self.connector, project)

    def tells_of(self, wanted: str) -> bool:
        """Tell whether somebody who types this means this dataset, with tone marks or without."""
        file = self.connector.file
        texts = [self.stem, file.title.en, file.title.vi, file.owner.name]
        texts += [f"{one.name} {one.meaning.en} {one.meaning.vi}" for one in self.fields]
        texts += [text for one in self.figures for text in (one.file.title.en, one.file.title.vi)]
        texts += [text for file, _ in self.receivers for text in (file.title.en, file.title.vi)]
        return found_in(wanted, " ".join(texts))


def entries(project: Path) -> list[CatalogueEntry]:
    """Give the catalogue, sorted as Vietnamese sorts; a connector that is broken is left out."""
    connectors = load_all(project)[0]
    files = load_subscriptions(project, connectors)[0]
    readers = figures_by_stem(load_figures(project)[0])
    found = [
        CatalogueEntry(
            one,
            fields_of(one),
            [(file, grant) for file in files for grant in file.grants if grant.dataset == one.stem],
            readers.get(one.stem, []),
        )
        for one in connectors
    ]
    return sorted(found, key=lambda one: (sort_key(one.title), one.stem))


def fields_of(connector: Connector) -> list[CatalogueField]:
    """Give the fields of a contract in its order, each with its meaning and how sensitive it is."""
    told = {
        one["name"]: Text(en=one.get("doc", ""), vi=one.get("doc_vi", ""))
        for one in json.loads(connector.contract.avro_schema)["fields"]
    }
    file, numbers, hidden = connector.file, numbers_of_people(connector), hidden_fields(connector)
    unsaid: Sensitivity = "person" if file.personal is not None else "unsaid"

    def sensitivity(name: str) -> Sensitivity:
        return "number" if name in numbers else unsaid if name in hidden else "open"

    def codes(name: str) -> CodeTable | None:
        named = file.mapping[name].codes if name in file.mapping else None
        return None if named is None else connector.tables[named]

    return [
        CatalogueField(
            one.name, one.type, told[one.name], one.name in file.key, one.nullable, sensitivity(one.name),
            codes(one.name),
        )
        for one in connector.contract.fields
    ]  # fmt: skip


def figures_by_stem(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """Give the figures that read each dataset; one that is broken reads none."""
    found: dict[str, list[Figure]] = {}
    new = [figure for figure in figures if figure.sql not in READS]
    if new:
        from pophub.figures.engine import Engine  # DuckDB, which a process loads once somebody asks

        with Engine() as engine:
            READS.update({figure.sql: _tables(engine, figure) for figure in new})
    for figure in figures:
        for stem in sorted(READS[figure.sql]):
            found.setdefault(stem, []).append(figure)
    return found


def _tables(engine: Engine, figure: Figure) -> frozenset[str]:
    try:
        return engine.needs(figure).tables
    except ConfigError:
        return frozenset()
