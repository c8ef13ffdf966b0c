"""What a record names beside people, as the connector's file declares it: organisations, and fields to look up."""

from __future__ import annotations

from pydantic import Field

from pophub.contracts.patterns import STEM
from pophub.contracts.source_model import Model, Name


class LookUp(Model):
    """Fields of a row that the record refers to, for its rules: columns `hub_<name>_<field>`."""

    by: Name = Field(
        description="the reference that is followed, by its first field; with `match` any field, a text",
        examples=["procedure_code"],
    )
    dataset: str = Field(
        alias="in",
        pattern=STEM,
        description="the dataset it leads to",
        examples=["laocai.procedure_catalogue"],
    )
    fields: tuple[Name, ...] = Field(
        min_length=1,
        description="fields of that dataset, as they stood at the record's time (`at` of the reference)",
        examples=[["paperless", "fee_online_vnd"]],
    )
    match: Name | None = Field(
        None,
        description="field of that dataset, a text, in which the value of `by` is looked for; none: its key. Of several "
        "rows the one that was there first is taken, and nothing is waited for",
        examples=["citizen_id"],
    )
    only: dict[Name, str] = Field(
        default_factory=dict,
        description="with `match`: what other fields of the row, texts, must hold",
        examples=[{"event_kind": "DEATH"}],
    )
    at: Name | None = Field(
        None,
        description="with `match`: contract field with the time of the facts; else the marker",
        examples=["issued_at"],
    )


class NamedOrganisation(Model):
    """An organisation that the record names: must exist, and agree with the register of organisations."""

    id: Name = Field(description="contract field with its tax code", examples=["seller_tax_code"])
    dataset: str = Field(
        alias="in", pattern=STEM, description="the dataset that is the `register`", examples=["mof.taxpayers"]
    )
    name: Name | None = Field(
        None, description="contract field that must agree with its name", examples=["seller_name"]
    )
    representative: Name | None = Field(
        None,
        description="contract field that must agree with the number of who represents it",
        examples=["seller_citizen_id"],
    )
    at: Name | None = Field(
        None, description="contract field with the time of the facts; else the marker", examples=["issued_at"]
    )
    grace_s: int = Field(
        7776000,
        ge=0,
        description="seconds that a record waits for an organisation unknown yet",
        examples=[2592000],
    )


class Register(Model):
    """This dataset decides which organisations exist: its keys are their tax codes."""

    id: Name = Field(description="contract field with the tax code: the key", examples=["tax_code"])
    name: Name = Field(description="contract field with the name", examples=["name"])
    representative: Name | None = Field(
        None,
        description="contract field with the personal identification number of who represents it",
        examples=["representative_id"],
    )
    active: Name | None = Field(
        None, description="contract field, a yes or no: it may do business", examples=["active"]
    )
