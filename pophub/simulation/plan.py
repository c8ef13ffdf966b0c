"""The whole history, planned up front in memory: same seed and scale, same data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pophub.simulation.agency import Agency
from pophub.simulation.citizen_rows import STEM as CITIZENS
from pophub.simulation.citizens import Citizens
from pophub.simulation.civil_status import CivilStatus
from pophub.simulation.declaration import declarations
from pophub.simulation.declared import DeclaredPlan
from pophub.simulation.einvoices import Einvoices
from pophub.simulation.expect import Expectation
from pophub.simulation.model import Cast, Citizen, Step, Version
from pophub.simulation.organisations import found
from pophub.simulation.procedures import Procedures
from pophub.simulation.sales import Sales
from pophub.simulation.tables import TABLES

GROWTH = 1.57
AGENCIES: tuple[type[Agency], ...] = (CivilStatus, Einvoices, Sales, Procedures)


@dataclass(frozen=True)
class Plan:
    """All versions of 2022 to 2024, and what rounds of today go on from.

    Shape: `versions` by stem in reading order within each step. `free` is the first number not
    used by a stem for its rows.
    """

    seed: int
    scale: float
    versions: list[Version]
    cast: Cast
    broken_till_today: list[Citizen]
    free: dict[str, int]
    declared: list[DeclaredPlan]
    expected: Expectation

    def expected_transactions(self, year: int) -> int:
        """Give the share transactions that the ledger should count for a year."""
        return self.expected.transactions(year)

    def stems(self, step: Step | None = None) -> set[str]:
        """Name the datasets that are to be read after a step; all of them where none is named.

        A declared dataset keeps every version, so one run reads its whole history: with the rows of
        today where it has some. What is read by its log is read before they come as well.
        """
        going_on = {one.stem for one in self.declared if one.declaration.today}
        by_log = {one.stem for one in self.declared if one.declaration.source.in_place}
        if step == "today":
            return {CITIZENS, *(agency.stem for agency in AGENCIES)} | going_on
        found = {version.stem for version in self.versions if step in (None, version.step)}
        return found - (going_on - by_log) if step == "2024" else found - going_on if step else found

    @property
    def read_by(self) -> dict[str, str]:
        """Say of each dataset what stamps its batches: the simulated clock, or the hub's own.

        The hub's own does where a log is read, and where an agency finds what no history could hold: it comes of
        what was shared.
        """
        by_log = {one.stem for one in self.declared if one.declaration.source.in_place}
        told = {stem: "log" if stem in by_log else "clock" for stem in {one.stem for one in self.versions}}
        return {stem: "found" for stem in TABLES} | told

    def of_step(self, step: Step) -> list[Version]:
        """Give the versions that a step writes."""
        return [version for version in self.versions if version.step == step]


def plan(seed: int, scale: float = 1.0) -> Plan:
    """Plan stock, 2023 and 2024, padded to round(1.57 x 2023) share transactions in 2024."""
    name = f"{seed}:{scale!r}"
    citizens = Citizens(name, scale)
    citizens.plan()
    found(name, scale, citizens.cast)
    agencies = [kind(name, scale, citizens.cast) for kind in AGENCIES]
    for agency in agencies:
        agency.plan()  # type: ignore[attr-defined]
    declared = _declared(name, scale, citizens.cast)
    _pad(citizens, agencies, declared)
    versions = list(citizens.versions)
    planned: list[Agency | DeclaredPlan] = [*agencies, *declared]
    for each in planned:
        versions.extend(each.versions)
    free = {CITIZENS: citizens.register.spare_row_id()}
    free |= {agency.stem: agency.serial + 1 for agency in agencies}
    free["stt"] = number_journal(versions, CivilStatus.stem, "stt", 1)
    free["rev"] = number_journal(versions, Sales.stem, "rev", 1)
    number_equals(versions)
    expected = _expect(citizens, planned)
    return Plan(seed, scale, versions, citizens.cast, citizens.broken_till_today, free, declared, expected)


def _declared(name: str, scale: float, cast: Cast) -> list[DeclaredPlan]:
    """Plan the declared datasets, each after those that it refers to."""
    known: dict[str, DeclaredPlan] = {}
    for declaration in declarations():
        known[declaration.stem] = DeclaredPlan(declaration, name, scale, cast, known)
        known[declaration.stem].plan()
    return list(known.values())


def _expect(citizens: Citizens, agencies: Iterable[Agency | DeclaredPlan]) -> Expectation:
    expected = Expectation()
    expected.read(citizens.versions)
    for agency in agencies:
        if not (
            isinstance(agency, DeclaredPlan) and agency.declaration.source.in_place
        ):  # stamped as it is read
            expected.read(agency.versions)
    return expected


def _pad(citizens: Citizens, agencies: list[Agency], declared: list[DeclaredPlan]) -> None:
    """Add sound invoices (two transactions each) and registrations (one) up to the growth."""
    expected = _expect(citizens, [*agencies, *declared])
    lacking = round(GROWTH * expected.transactions(2023)) - expected.transactions(2024)
    if lacking < 0:
        raise ValueError(f"the plan of 2024 is {-lacking} share transactions too large")
    civil_status, einvoices, *_ = agencies
    assert isinstance(civil_status, CivilStatus) and isinstance(einvoices, Einvoices)
    single = lacking // 5
    single += (lacking - single) % 2
    civil_status.pad(single)
    einvoices.pad((lacking - single) // 2)


def number_journal(versions: list[Version], stem: str, column: str, first: int) -> int:
    """Number a journal's rows in the order of their writing; `rev` is its marker as well."""
    rows = sorted(
        (v for v in versions if v.stem == stem),
        key=lambda v: (v.step == "2024", v.marker),
    )
    for number, version in enumerate(rows, start=first):
        version.row[column] = number
        if column == "rev":
            version.marker = number
    return first + len(rows)


def number_equals(versions: Iterable[Version]) -> None:
    """Number versions of one key and marker, in the order of the plan."""
    seen: Counter[tuple[str, str, int]] = Counter()
    for version in versions:
        place = version.stem, version.key, version.marker
        version.ordinal = seen[place]
        seen[place] += 1
