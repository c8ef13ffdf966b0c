"""A subscription as a frozen model: what the YAML of `subscriptions/` may say."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from pophub.contracts.model import Text
from pophub.contracts.patterns import STEM
from pophub.contracts.source_model import Model, Name


class Grant(Model):
    """A subscriber's right to one dataset."""

    dataset: str = Field(
        pattern=STEM,
        description="the dataset's stem, `<agency>.<dataset>`",
        examples=["mps.citizens"],
    )
    version: int = Field(1, ge=1, description="raised at each change of the grant", examples=[2])
    purpose: Text = Field(
        description="what the data is for", examples=[{"en": "Fill in forms", "vi": "Điền sẵn biểu mẫu"}]
    )
    legal_basis: str = Field(description="decree or agreement", examples=["Decree 47/2020"])
    bases: tuple[Name, ...] = Field(
        (),
        description="names of files in `bases/`; the right stops on a day on which none of them is in force",
        examples=[["decree_47_2020"]],
    )
    fields: tuple[Name, ...] = Field(
        min_length=1,
        description="contract fields granted; no other leaves",
        examples=[["citizen_id", "full_name"]],
    )
    rows: dict[Name, tuple[str, ...]] = Field(
        default_factory=dict,
        description="field: values granted; all when empty",
        examples=[{"province_code": ["01", "38"]}],
    )
    starts: date = Field(
        description="first day of the right; what was accepted before is shared as of this day",
        examples=["2022-01-01"],
    )
    ends: date | None = Field(
        None,
        description="the right ends as this day begins: what is exchanged later is not shared",
        examples=["2026-01-01"],
    )
    backdated: str | None = Field(
        None,
        min_length=8,
        description="who decided that months which are over count this right too, and why",
        examples=["Lan, letter 12/2026"],
    )
    after_end: Literal["keep", "remove"] = Field(
        "keep",
        description="what becomes of what stands on the topic when the right ends",
        examples=["remove"],
    )


class SubscriptionFile(Model):
    """One file `subscriptions/<subscriber>.yaml`."""

    subscription: Literal[1] = Field(description="version of this format", examples=[1])
    subscriber: Name = Field(description="who receives; the file's name", examples=["portal"])
    title: Text = Field(description="what people call the subscriber")
    grants: tuple[Grant, ...] = Field(min_length=1, description="rights, one for each dataset")
