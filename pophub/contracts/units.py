"""Administrative units of both generations: 63 provinces with districts, and 34 without since 1 July 2025.

Read from the data of the package vietnamadminunits, which knows each commune of before and those that it went
into. A code is given the meaning that it has on a day; one that may mean several units is told, never guessed.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from pophub.contracts.source_model import Model, Name

Level = Literal["province", "district", "commune"]
Era = Literal["before", "either", "since"]
PACKAGE = "vietnamadminunits"
CHANGED = date(2025, 7, 1)
"""The first day of the 34 provinces; the districts ended the day before."""
AMBIGUOUS = ""
"""What stands for a code that may mean several units."""
_OLD = (
    "select provinceKey || '_' || districtKey || '_' || coalesce(wardKey, ''), provinceCode, districtCode, wardCode "
    "from admin_units_legacy"
)
_NEW = "select provinceKey, wardKey, provinceCode, wardCode from admin_units"


class UnitMapping(Model):
    """How a code of an administrative unit becomes that of the unit as it is since 1 July 2025."""

    of: Level = Field(description="what the source's code names", examples=["commune"])
    to: Literal["province", "commune"] = Field(description="what the field holds", examples=["province"])
    at: Name | None = Field(
        None,
        description="contract field with the day of the facts; else the time of the change",
        examples=["registered_on"],
    )
    renewed_on: date | None = Field(
        None,
        description="day from which the source writes new codes; none: it may write old ones for ever, and a "
        "code that means one unit in the old list and another in the new is ambiguous",
        examples=["2025-07-01"],
    )


class Units(NamedTuple):
    """Both generations.

    Shape: `new` gives the province of each commune of today; `old`, by level and code, the communes of today
    that a unit of before went into, whole or in part.
    """

    new: dict[str, str]
    old: dict[Level, dict[str, frozenset[str]]]


def edition() -> str:
    """Name the data that codes are read by, for the digest of a connector."""
    return f"{PACKAGE} {version(PACKAGE)}"


@cache
def units() -> Units:
    """Read both generations and the way from one to the other, once a process."""
    spec = find_spec(PACKAGE)
    assert spec is not None and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "data"
    with closing(sqlite3.connect(f"file:{folder / 'dataset.db'}?mode=ro", uri=True)) as data:
        old, new = data.execute(_OLD).fetchall(), data.execute(_NEW).fetchall()
    codes = {(province, commune): code for province, commune, _, code in new}
    became = _became(json.loads((folder / "converter_2025.json").read_text(encoding="utf-8")), codes)
    found: dict[Level, dict[str, set[str]]] = {
        level: defaultdict(set) for level in ("province", "district", "commune")
    }
    for key, *levels in old:
        for level, code in zip(found, levels, strict=True):
            if code is not None:
                found[level][code] |= became[key]
    sets = {level: {code: frozenset(to) for code, to in known.items()} for level, known in found.items()}
    return Units({code: province for _, _, province, code in new}, sets)


@cache
def meanings(of: Level, to: Level, era: Era) -> Mapping[str, str]:
    """Give the unit of today that each code of a level means, or AMBIGUOUS; a code that is not there means none."""
    known = units()
    if to == "province":
        targets = {code: {known.new[commune] for commune in new} for code, new in known.old[of].items()}
    else:
        targets = {code: set(new) for code, new in known.old[of].items()}
    found = {code: _one(codes) for code, codes in targets.items()}
    if era == "before" or of == "district":
        return found
    for commune, province in known.new.items():
        code, meant = (
            (commune, commune if to == "commune" else province) if of == "commune" else (province,) * 2
        )
        known_as = targets.get(code, {meant})
        found[code] = meant if era == "since" or known_as == {meant} else AMBIGUOUS
    return found


def codes_of(level: Level) -> frozenset[str]:
    """Give the codes of today's units of a level."""
    known = units().new
    return frozenset(known if level == "commune" else known.values())


def _became(way: Mapping[str, Any], codes: Mapping[tuple[str, str], str]) -> dict[str, set[str]]:
    """Give the communes of today by the key of one of before, as the package's two tables tell them."""
    found: dict[str, set[str]] = defaultdict(set)
    for province, communes in way["DICT_PROVINCE_WARD_NO_DIVIDED"].items():
        for commune, merged in communes.items():
            for key in merged:
                found[key].add(codes[province, commune])
    for province, divided in way["DICT_PROVINCE_WARD_DIVIDED"].items():
        for key, parts in divided.items():
            found[key] |= {codes[province, part["newWardKey"]] for part in parts}
    return found


def _one(codes: set[str]) -> str:
    return next(iter(codes)) if len(codes) == 1 else AMBIGUOUS
