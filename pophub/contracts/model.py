"""A connector and its contract as frozen models: what the YAML of `connectors/` may say.

The YAML holds facts; names are those of docs/glossary.md. `pophub.contracts.load` reads and
cross-checks it with the Avro schema and the expectation suite.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from pophub.contracts.kafka_source import KafkaSource
from pophub.contracts.patterns import STEM
from pophub.contracts.reference_model import LookUp, NamedOrganisation, Register
from pophub.contracts.source_model import (
    CdcSource,
    ColumnName,
    FilesSource,
    HttpSource,
    Model,
    Name,
    SqlSource,
)
from pophub.contracts.units import UnitMapping
from pophub.domain.codes import Code, Gate, explain
from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.finder import Finder


class Text(Model):
    """A text in both languages of the hub's pages."""

    en: str = Field(description="English", examples=["Citizens"])
    vi: str = Field(description="Vietnamese", examples=["Công dân"])


class Owner(Model):
    """Who is told when a batch is held or rejected."""

    name: str = Field(description="unit that answers for the data", examples=["C06"])
    email: str = Field(description="address for notices", examples=["c06@mps.example"])


class FieldMapping(Model):
    """How one contract field is read from the source's columns. Steps run in the order written here."""

    source: ColumnName = Field(alias="from", description="column of the source", examples=["ho_ten"])
    text: Literal["as_is", "trim", "name"] = Field(
        "as_is",
        description="trim: outer white space off and NFC; name: also inner runs of spaces to one, and look-alikes "
        "(Ð, Cyrillic А, ’) to the letters that are meant",
        examples=["name"],
    )
    parse: Literal["none", "date", "time", "integer", "boolean", "decimal", "bytes"] | None = Field(
        None,
        description="type that the value is read as; must agree with the schema, which decides",
        examples=["date"],
    )
    format: str | None = Field(None, description="strptime format for date and time", examples=["%d/%m/%Y"])
    precision: Literal["day", "year"] = Field(
        "day",
        description="year: of a date the year alone, also where day and month are left open; the field is an int",
        examples=["year"],
    )
    time_zone: str = Field(
        HO_CHI_MINH.key, description="zone of times that carry none", examples=["Asia/Bangkok"]
    )
    numbers: Literal["refuse", "as_text"] = Field(
        "refuse",
        description="a number of a spreadsheet in a text field; as_text where none ever begins with a zero",
        examples=["as_text"],
    )
    codes: Name | None = Field(
        None,
        description="code table that translates the value",
        examples=["sex", "province"],
    )
    unit: UnitMapping | None = Field(
        None, description="administrative unit that the value is a code of: `docs/units.md`"
    )


class Person(Model):
    """A person whom the record names: must exist, and agree with the population database."""

    id: Name = Field(
        description="contract field with the personal identification number", examples=["citizen_id"]
    )
    name: Name | None = Field(
        None, description="contract field that must agree with the full name", examples=["full_name"]
    )
    birth_date: Name | None = Field(
        None, description="contract field that must agree with the birth date", examples=["birth_date"]
    )
    at: Name | None = Field(
        None, description="contract field with the time of the facts; else the marker", examples=["issued_at"]
    )
    grace_s: int = Field(
        7776000,
        ge=0,
        description="seconds that a record waits for a person unknown yet",
        examples=[2592000],
    )


class DatasetReference(Model):
    """A row of another dataset that the record names: must have been accepted there."""

    fields: tuple[Name, ...] = Field(
        min_length=1,
        description="contract fields that hold its key, in the order of that key; rules call the reference by the first",
        examples=[["seller_tax_code"]],
    )
    to: str = Field(pattern=STEM, description="the dataset referred to", examples=["mof.taxpayers"])
    at: Name | None = Field(
        None, description="contract field with the time of the facts; else the marker", examples=["issued_at"]
    )
    grace_s: int = Field(
        7776000,
        ge=0,
        description="seconds that a record waits for what it refers to",
        examples=[2592000],
    )


class CitedBasis(Model):
    """A field in which the record cites the decree or decision that it stands on."""

    field: Name = Field(
        description="contract field with the basis, as it is written", examples=["legal_basis"]
    )
    at: Name | None = Field(
        None,
        description="contract field with the day of the facts; else the marker",
        examples=["assigned_on"],
    )


class LegalBasis(Model):
    """One file `bases/<name>.yaml`: a decree or decision, and when it is in force."""

    basis: Literal[1] = Field(description="version of this format", examples=[1])
    number: str = Field(min_length=1, description="its number", examples=["69/2024/NĐ-CP"])
    written: tuple[str, ...] = Field(
        (), description="how records write it, beside the number", examples=[["Decree 69/2024"]]
    )
    title: Text = Field(description="what it is about")
    in_force_from: date = Field(description="first day in force", examples=["2024-07-01"])
    in_force_to: date | None = Field(None, description="last day in force", examples=["2030-12-31"])
    replaced_by: Name | None = Field(
        None, description="the basis that took its place: name of its file", examples=["decree_69_2024"]
    )

    def in_force(self, day: date) -> bool:
        """Tell whether it is in force on a day."""
        return self.in_force_from <= day and (self.in_force_to is None or day <= self.in_force_to)


class Population(Model):
    """Fields of the citizen of which this dataset is the authority."""

    identity: bool = Field(
        False, description="true: this dataset decides who exists, name and birth date", examples=[True]
    )
    citizen: Name = Field(
        description="contract field with the citizen's identification number", examples=["citizen_id"]
    )
    fields: dict[Name, Name] = Field(
        description="citizen's field: contract field", examples=[{"household_code": "household_code"}]
    )


class Limits(Model):
    """Bounds of a batch and of a record."""

    batch_rows: int = Field(
        20_000, ge=1, le=1_000_000, description="rows of a batch at most", examples=[5000]
    )
    batch_bytes: int = Field(
        64 << 20, ge=1 << 10, description="bytes of a batch at most", examples=[16 << 20]
    )
    max_record_bytes: int = Field(
        256 << 10, ge=64, description="a larger record travels as a stub", examples=[64 << 10]
    )


class Alerts(Model):
    """Share of failures that alerts, and holds only where declared."""

    failed_share: float = Field(
        0.2, ge=0, le=1, description="share of failed records that alerts", examples=[0.05]
    )
    hold: bool = Field(False, description="hold the batch instead of alerting", examples=[True])
    min_rows: int = Field(100, ge=1, description="rows below which no share is judged", examples=[1000])


class Live(Model):
    """What keeps a source alive, and what happens to sharing when it is not: docs/live.md."""

    promise_s: int | None = Field(
        None,
        ge=1,
        description="the newest change is never older than so many seconds; none: never called frozen",
        examples=[86400],
    )
    clock_skew_s: int = Field(
        300, ge=0, description="seconds that a change may lie in the hub's future", examples=[60]
    )
    when_frozen: Literal["continue", "stop"] = Field(
        "continue", description="sharing while frozen", examples=["stop"]
    )
    when_clock_wrong: Literal["continue", "stop"] = Field(
        "continue", description="sharing while the source's clock is ahead", examples=["stop"]
    )
    lag_s: int = Field(
        3600, ge=1, description="seconds in which a sent record is judged and shared", examples=[900]
    )
    overdue_s: int = Field(
        2592000, ge=1, description="seconds after which a quarantined record is overdue", examples=[604800]
    )


class ConnectorFile(Model):
    """One file `connectors/<agency>/<dataset>.yaml`."""

    connector: Literal[1] = Field(description="version of this format", examples=[1])
    agency: Name = Field(description="who shares; the folder's name", examples=["mps"])
    dataset: Name = Field(description="what is shared; the file's name", examples=["citizens"])
    title: Text = Field(description="what people call the dataset")
    owner: Owner = Field(description="who is told when a batch is held or rejected")
    contract: int = Field(
        ge=1, description="contract version N, of `schemas/<agency>/<dataset>.vN.avsc`", examples=[1]
    )
    lanes: int = Field(2, ge=1, le=64, description="partitions; never lowered once data flowed", examples=[4])
    source: SqlSource | CdcSource | FilesSource | HttpSource | KafkaSource = Field(
        discriminator="kind", description="where the data is and how it is read"
    )
    mapping: dict[Name, FieldMapping] = Field(
        description="contract field: how it is read", examples=[{"citizen_id": {"from": "so_ddcn"}}]
    )
    key: tuple[Name, ...] = Field(
        min_length=1, description="contract fields that make the key", examples=[["citizen_id"]]
    )
    people: tuple[Person, ...] = Field((), description="persons whom a record names")
    organisations: tuple[NamedOrganisation, ...] = Field((), description="organisations whom a record names")
    references: tuple[DatasetReference, ...] = Field(
        (), description="rows of other datasets that a record names"
    )
    look_up: dict[Name, LookUp] = Field(
        default_factory=dict,
        description="what rules may know of the rows that a record refers to, by a name: columns `hub_<name>_<field>`",
        examples=[{"procedure": {"by": "procedure_code", "in": "laocai.procedures", "fields": ["fee_vnd"]}}],
    )
    cites: tuple[CitedBasis, ...] = Field((), description="fields in which a record cites a legal basis")
    population: Population | None = Field(
        None, description="fields of the citizen of which this dataset is the authority"
    )
    register_: Register | None = Field(
        None, alias="register", description="this dataset decides which organisations exist"
    )
    unique: tuple[Name, ...] = Field(
        (), description="fields of which one value belongs to one key", examples=[["old_number"]]
    )
    personal: tuple[Name, ...] | None = Field(
        None,
        description="contract fields that tell of a person; an empty list says that none does",
        examples=[["citizen_id", "full_name"]],
    )
    limits: Limits = Field(Limits(), description="bounds of a batch and of a record")
    alerts: Alerts = Field(Alerts(), description="share of failures that alerts")
    live: Live = Field(Live(), description="what keeps the source alive: `docs/live.md`")

    @property
    def columns(self) -> tuple[str, ...]:
        """The source's columns that this file names, each once."""
        marker, deleted = self.source.marker, self.source.deleted
        names = [*(mapped.source for mapped in self.mapping.values()), *marker.columns]
        names += [deleted.column] if deleted else []
        return tuple(dict.fromkeys(names))

    @property
    def stem(self) -> str:
        """`<agency>.<dataset>`, the name of the dataset everywhere."""
        return f"{self.agency}.{self.dataset}"


class AvroField(Model):
    """One field of the contract's Avro schema, without its null branch."""

    name: Name
    type: Literal[
        "string", "int", "long", "boolean", "double", "date", "timestamp-micros", "bytes", "decimal"
    ]
    nullable: bool
    precision: int = 0  # digits of a decimal; `scale` of them stand behind its point
    scale: int = 0


class LookedUp(Model):
    """A look-up with what the other dataset's schemas say of it.

    Shape: `columns` are what rules call its `fields`; `schemas` are those of the other's contract, the newest first;
    `finder` finds the row by a field that is not its key.
    """

    reference: DatasetReference
    columns: tuple[str, ...]
    fields: tuple[AvroField, ...]
    schemas: tuple[str, ...]
    finder: Finder | None = None


class CodeTable(Model):
    """One file `codes/<name>.json`."""

    title: str = Field(min_length=1, description="what the codes stand for", examples=["Sex"])
    source: str = Field(min_length=1, description="who says so", examples=["Decree 137/2015"])
    values: dict[str, str] = Field(
        min_length=1,
        description="value of a source: value in the contract; an empty one says what a null means",
        examples=[{"Nam": "M", "Nữ": "F"}],
    )
    labels: dict[str, str] = Field(
        description="value in the contract: what people call it", examples=[{"M": "Nam", "F": "Nữ"}]
    )


class ProjectTables(NamedTuple):
    """The code tables of a project by name, and file and line of those that cannot be read."""

    sound: dict[str, CodeTable]
    broken: dict[str, str]


class Rule(Model):
    """One expectation of the suite with the gate and the code that it stands for."""

    expectation: str = Field(description="Great Expectations' type", examples=["expect_personal_id"])
    kwargs: dict[str, Any]
    gate: Gate
    code: str = Field(description="<gate>.<name>", examples=["correct.id.length"])
    field: str | None = Field(description="contract field that is blamed, None for the record")
    severity: Literal["critical", "warning"] = "critical"
    own: Code | None = Field(None, description="words of a code that the suite itself declares")
    bases: tuple[LegalBasis, ...] = Field((), description="legal bases that the rule cites")
    listed: frozenset[str] | None = Field(None, description="contract side of the code table of its kwargs")

    @property
    def words(self) -> Code:
        """What its code means, by the suite or by the hub's table."""
        return self.own or explain(self.code)


class Contract(Model):
    """Schema and rules of one dataset at one version, and the schemas of the versions before it."""

    version: int
    avro_schema: str = Field(description="the Avro schema as canonical JSON text")
    earlier: dict[int, str] = Field(
        default_factory=dict, description="version: schema, of those before it, the newest first"
    )
    record_name: str
    fields: tuple[AvroField, ...]
    rules: tuple[Rule, ...]
    suite_path: Path

    @property
    def schemas(self) -> tuple[str, ...]:
        """The schemas that records in history may have, the newest first."""
        return (self.avro_schema, *self.earlier.values())


class Connector(Model):
    """A checked connector: its file and its contract."""

    file: ConnectorFile
    contract: Contract
    path: Path
    tables: dict[str, CodeTable] = Field(description="the code tables that mapping and rules name")
    bases: tuple[LegalBasis, ...] = Field(
        (), description="the legal bases of the project, where records cite them"
    )
    looked_up: tuple[LookedUp, ...] = Field((), description="what its rules know of other datasets")
    digest: str = Field(
        description="SHA-256 over the three files, these tables and bases, and what is looked up with its schemas, hex"
    )

    @property
    def stem(self) -> str:
        """`<agency>.<dataset>`."""
        return self.file.stem
