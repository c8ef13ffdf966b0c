"""The whole history, planned up front in memory: same seed and scale, same data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from pophub.simulation.agency import Agency
from pophub.simulation.citizen_rows import STEM as CITIZENS
from pophub.simulation.citizens import Citizens
from pophub.simulation.civil_status import CivilStatus
from pophub.simulation.databases_register import DatabasesRegister
from pophub.simulation.einvoices import Einvoices
from pophub.simulation.expect import Expectation
from pophub.simulation.model import Cast, Citizen, Step, Version
from pophub.simulation.procedures import Procedures
from pophub.simulation.registers import Register
from pophub.simulation.sales import Sales
from pophub.simulation.tasks import Tasks

GROWTH = 1.57
AGENCIES: tuple[type[Agency], ...] = (CivilStatus, Einvoices, Sales, Procedures)
REGISTERS: tuple[type[Register], ...] = (Tasks, DatabasesRegister)


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
    expected: Expectation

    def expected_transactions(self, year: int) -> int:
        """Give the share transactions that the ledger should count for a year."""
        return self.expected.transactions(year)

    def of_step(self, step: Step) -> list[Version]:
        """Give the versions that a step writes."""
        return [version for version in self.versions if version.step == step]


def plan(seed: int, scale: float = 1.0) -> Plan:
    """Plan stock, 2023 and 2024, padded to round(1.57 x 2023) share transactions in 2024."""
    name = f"{seed}:{scale!r}"
    citizens = Citizens(name, scale)
    citizens.plan()
    agencies = [kind(name, scale, citizens.cast) for kind in AGENCIES]
    for agency in agencies:
        agency.plan()  # type: ignore[attr-defined]
    registers = [kind(name) for kind in REGISTERS]
    for register in registers:
        register.plan()
    _pad(citizens, agencies, registers)
    versions = list(citizens.versions)
    planned: list[Agency | Register] = [*agencies, *registers]
    for each in planned:
        versions.extend(each.versions)
    free = {CITIZENS: citizens.register.spare_row_id()}
    free |= {agency.stem: agency.serial + 1 for agency in agencies}
    free["stt"] = number_journal(versions, CivilStatus.stem, "stt", 1)
    free["rev"] = number_journal(versions, Sales.stem, "rev", 1)
    for register in registers:
        number_journal(versions, register.stem, "stt", 1)
    number_equals(versions)
    expected = _expect(citizens, planned)
    return Plan(seed, scale, versions, citizens.cast, citizens.broken_till_today, free, expected)


def _expect(citizens: Citizens, agencies: Iterable[Agency | Register]) -> Expectation:
    expected = Expectation()
    expected.read(citizens.versions)
    for agency in agencies:
        expected.read(agency.versions)
    return expected


def _pad(citizens: Citizens, agencies: list[Agency], registers: list[Register]) -> None:
    """Add sound invoices (two transactions each) and registrations (one) up to the growth."""
    expected = _expect(citizens, [*agencies, *registers])
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
