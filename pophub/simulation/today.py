"""Rounds of today: each `make demo` adds a few fresh changes to every agency's data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from random import Random

from pophub.simulation.agency import Agency
from pophub.simulation.citizen_rows import CONTENT_DEFECTS, KEY_DEFECTS, version
from pophub.simulation.citizen_rows import STEM as CITIZENS
from pophub.simulation.civil_status import CivilStatus
from pophub.simulation.clock import DAY_US, from_us, whole_second
from pophub.simulation.model import WAITS, Citizen, Version, spoil
from pophub.simulation.people import PeopleRegister
from pophub.simulation.plan import AGENCIES, Plan, number_equals
from pophub.simulation.procedures import Procedures
from pophub.simulation.sales import Sales

BLOCK = 1000  # numbers set aside for one stem's rows in one round
REVISIONS = 100_000  # likewise in the SQLite journal, which numbers visitors' rows right after ours
FUTURE_US = 40 * DAY_US


@dataclass(frozen=True)
class Round:
    """One round of today and the span of its changes, in microseconds UTC."""

    number: int
    from_us: int
    to_us: int


def plan_today(plan: Plan, round_: Round) -> list[Version]:
    """Plan a round: moves, newcomers and events, a few of them defective or waiting.

    Shape: markers ascend within the span; the content follows from seed, scale and round.
    """
    name = f"{plan.seed}:{plan.scale!r}:today:{round_.number}"
    rng = Random(name)
    versions = _citizens(plan, round_, rng)
    for kind in AGENCIES:
        agency = kind(name, plan.scale, plan.cast)
        agency.serial = plan.free[agency.stem] + round_.number * BLOCK
        versions.extend(_events(agency, plan, round_, rng))
    file = _file(round_)
    for one in plan.declared:
        moments = _moments(rng, round_, one.declaration.today)
        versions.extend(one.round(name, round_.number, moments, file))
    number_equals(versions)
    return versions


def _moments(rng: Random, round_: Round, number: int) -> list[int]:
    span = max(number + 1, round_.to_us - round_.from_us)
    return [round_.from_us + 1 + at for at in sorted(rng.sample(range(span), number))]


def _citizens(plan: Plan, round_: Round, rng: Random) -> list[Version]:
    people = _movers(plan, round_, rng)
    fixed = plan.broken_till_today if round_.number == 1 else []
    newcomers = _newcomers(plan, round_, rng, 12)
    labelled = [(person, "moved") for person in people]
    labelled += [(person, "corrected") for person in fixed]
    labelled += [(person, "new") for person in newcomers]
    moments = _moments(rng, round_, len(labelled))
    made = [
        version(person, moment, "today", label)
        for (person, label), moment in zip(labelled, moments, strict=True)
    ]
    for index, spoilt in enumerate(made[-6:]):
        ways = (KEY_DEFECTS, CONTENT_DEFECTS)[index % 2]
        spoil(spoilt, rng.choice(ways), rng)
        spoilt.key = spoilt.row["so_ddcn"]
    return made


def _movers(plan: Plan, round_: Round, rng: Random) -> list[Citizen]:
    people = rng.sample(plan.cast.known["2023"], 8)
    register = PeopleRegister(rng, plan.free[CITIZENS] + round_.number * BLOCK)
    return [replace(p, household=register.household(p.province)) for p in people]


def _newcomers(plan: Plan, round_: Round, rng: Random, number: int) -> list[Citizen]:
    first_row = plan.free[CITIZENS] + round_.number * BLOCK + 100
    register = PeopleRegister(rng, first_row, 900_000 + round_.number % 900 * 100)
    day = from_us(round_.from_us).date()
    people = []
    for index in range(number):
        birth = register.birth_day(1955, 2005)
        if index == 0:
            birth = date(day.year, day.month, 1)
        people.append(register.person(birth, rng.choice("MF"), register.province()))
    return people


def _events(agency: Agency, plan: Plan, round_: Round, rng: Random) -> list[Version]:
    """Write rows of one agency: eight sound, one that waits for ever, the rest defective."""
    ways = rng.sample(agency.catalogue("today"), 3)
    for index, moment in enumerate(_moments(rng, round_, 12)):
        made = agency.add(agency.someone("today"), moment, "today")
        if index == 3 and plan.cast.never:
            _wait(agency, rng.choice(plan.cast.never), moment)
        elif index in (5, 7, 9):
            spoil(made, ways[index // 2 - 2], agency.rng)
        elif index == 10:
            _future(agency, made)
    _number(agency, plan, round_)
    return agency.versions


def _wait(agency: Agency, person: Citizen, moment_us: int) -> None:
    agency.versions.pop()
    made = agency.add(person, moment_us, "today", f"{WAITS}person never accepted")
    made.waits_for = person.citizen_id


def _future(agency: Agency, made: Version) -> None:
    """Date a row ahead where the position is not the date: a sequence, or a file."""
    if not isinstance(agency, Sales | Procedures):
        return
    changed = whole_second(made.changed) + FUTURE_US
    agency.restamp(made.row, changed)
    made.changed = changed
    if isinstance(agency, Procedures):
        made.marker = changed
    agency.wrong(made, "live", "future", "dated 40 days ahead")


def _number(agency: Agency, plan: Plan, round_: Round) -> None:
    """Number a journal's rows after all earlier ones; name the round's file."""
    for index, made in enumerate(agency.versions):
        made.stem = agency.stem
        if isinstance(agency, CivilStatus):
            made.row["stt"] = plan.free["stt"] + round_.number * BLOCK + index
        elif isinstance(agency, Sales):
            made.marker = plan.free["rev"] + round_.number * REVISIONS + index
            made.row["rev"] = made.marker
        elif isinstance(agency, Procedures):
            made.file = _file(round_)


def _file(round_: Round) -> str:
    return f"{from_us(round_.to_us):%Y%m%d}_{round_.number:03d}"
