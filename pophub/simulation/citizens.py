"""mps.citizens: the rows of table dancu.cong_dan, and the cast that other agencies may name."""

from __future__ import annotations

from datetime import date
from random import Random

from pophub.simulation import names
from pophub.simulation.citizen_rows import CONTENT_DEFECTS, KEY_DEFECTS, STEM, version
from pophub.simulation.clock import DAY_US, SECOND_US, local_date, moment_us, month_end_us
from pophub.simulation.model import (
    DEFECT_RATE,
    Cast,
    Citizen,
    Step,
    Version,
    count,
    spoil,
)
from pophub.simulation.people import PeopleRegister
from pophub.simulation.places import new_code

STALE_AFTER_US = 45 * DAY_US


class Citizens:
    """Plans the police's table over both years, and casts the people."""

    def __init__(self, seed: str, scale: float) -> None:
        self.rng = Random(f"{seed}:{STEM}")
        self.scale = scale
        self.register = PeopleRegister(Random(f"{seed}:people"))
        self.versions: list[Version] = []
        self.cast = Cast()
        self.broken_till_today: list[Citizen] = []
        self._normal: list[Citizen] = []

    def plan(self) -> None:
        """Make stock, 2023 and 2024."""
        stock = self.register.stock(count(2500, self.scale, 220))
        self._stock(stock)
        self._year("2023")
        self.cast.known["2023"] = list(self._normal)
        self._year("2024")
        self.cast.known["2024"] = list(self._normal)

    def _add(self, person: Citizen, marker_us: int, step: Step, label: str = "") -> Version:
        made = version(person, marker_us, step, label)
        self.versions.append(made)
        return made

    def _december(self) -> int:
        return moment_us(self.rng, 2022, 12)

    def _stock(self, stock: list[Citizen]) -> None:
        """Give each person of the stock a part; border births stay ordinary."""
        rng, scale = self.rng, self.scale
        few, some = count(5, scale, 2), count(25, scale, 6)
        others = stock[8:]
        rng.shuffle(others)
        for person in stock[:8]:
            self._add(person, self._december(), "2023", "near miss: birth on a border")
        for person in self._take(others, some):
            self._broken(person, "2023")
            self.cast.never.append(person)
        for person in self._take(others, 2 * few):
            self._broken(person, "2023")
            self._corrected(person)
        for person in self._take(others, few):
            self._broken(person, "2023")
            self.broken_till_today.append(person)
        self._stale(self._take(others, 2 * few), self._take(others, few))
        grown = [person for person in others if person.adult(2023)][:few]
        named = {person.citizen_id for person in grown}
        others[:] = [person for person in others if person.citizen_id not in named]
        self._renamed(grown)
        self._dying(self._take(others, count(50, scale, 8)))
        self._deleted(self._take(others, few), self._take(others, few))
        self._doubled(self._take(others, few))
        self._update(self._take(others, count(350, scale, 20)), "2023")
        for person in others:
            leap = (person.birth.month, person.birth.day) == (2, 29)
            label = "near miss: leap day" if leap else ""
            self._add(person, self._december(), "2023", label)
        self._normal.extend(stock[:8] + others)

    @staticmethod
    def _take(people: list[Citizen], number: int) -> list[Citizen]:
        taken = people[-number:]
        del people[-number:]
        return taken

    def _broken(self, person: Citizen, step: Step) -> Version:
        broken = self._add(person, self._december(), step)
        spoil(broken, self.rng.choice(CONTENT_DEFECTS), self.rng)
        return broken

    def _corrected(self, person: Citizen) -> None:
        """Correct a defective row in January (who names the person got in time) or November."""
        late = len(self.cast.too_late) < len(self.cast.in_time)
        marker = moment_us(self.rng, 2024, 11 if late else 1)
        self._add(person, marker, "2024", "corrected")
        (self.cast.too_late if late else self.cast.in_time).append(person)

    def _stale(self, stale: list[Citizen], at_limit: list[Citizen]) -> None:
        limit = month_end_us(2022, 12) - STALE_AFTER_US
        for person in stale:
            made = self._add(person, limit - self.rng.randrange(1, 90 * DAY_US), "2023")
            made.sound, made.gate, made.code = False, "live", "live.stale"
            made.label = "older than 45 days when it was extracted"
            self.cast.never.append(person)
        for index, person in enumerate(at_limit):
            self._add(
                person,
                limit + index,
                "2023",
                "near miss: 45 days old to the microsecond",
            )
        self._normal.extend(at_limit)

    def _renamed(self, people: list[Citizen]) -> None:
        for person in people:
            self._add(person, self._december(), "2023")
            marker, old = moment_us(self.rng, 2024, 6), person.full_name
            person.full_name = names.other_name(self.rng, old)
            self._add(person, marker, "2024", "renamed")
            self.cast.renamed.append((person, old, marker))

    def _dying(self, people: list[Citizen]) -> None:
        """Stock that dies in early 2024; the police take a part off the register in autumn."""
        for index, person in enumerate(people):
            self._add(person, self._december(), "2023")
            if index % 2 == 0:
                self._delete(person, moment_us(self.rng, 2024, 9), "2024")
        self.cast.dying.extend(people)

    def _deleted(self, in_2023: list[Citizen], in_2024: list[Citizen]) -> None:
        for person in in_2023:
            marker = moment_us(self.rng, 2023, self.rng.randint(2, 6))
            self._delete(person, marker, "2023")
            self.cast.deleted.append((person, marker))
        for person in in_2024:
            self._add(person, self._december(), "2023")
            marker = moment_us(self.rng, 2024, self.rng.randint(2, 6))
            self._delete(person, marker, "2024")
            self.cast.deleted.append((person, marker))

    def _delete(self, person: Citizen, marker_us: int, step: Step) -> None:
        made = self._add(person, marker_us, step, "deleted")
        made.row["da_xoa"], made.delete = True, True
        if self.rng.random() < 0.5:
            made.row["ho_ten"] = None
            made.label = "near miss: deleted, other columns emptied"

    def _doubled(self, people: list[Citizen]) -> None:
        """The table has no uniqueness: the same row twice, or twice with another household."""
        for index, person in enumerate(people):
            first = self._add(person, self._december(), "2023")
            again = self._add(person, first.marker, "2023", "duplicate")
            again.row["id"] = self.register.spare_row_id()
            if index % 2:
                again.row["ma_ho"] = self.register.household(person.province)
                again.sound, again.gate, again.code = (
                    False,
                    "clean",
                    "clean.contradiction",
                )
                again.label = "same person and marker, another household"

    def _update(self, people: list[Citizen], step: Step) -> None:
        """People move: another household, often another province."""
        year = int(step)
        for person in people:
            self._move(person)
            month = self.rng.randint(1, 12)
            self._add(person, moment_us(self.rng, year, month), step)
        self._normal.extend(people if step == "2023" else [])

    def _move(self, person: Citizen) -> None:
        person.province = self.register.province()
        person.household = self.register.household(person.province)

    def _newcomers(self, step: Step, number: int) -> list[Citizen]:
        """Register adults who get their first number this year."""
        people = []
        for _ in range(number):
            birth = self.register.birth_day(1950, 2004)
            person = self.register.person(birth, self.rng.choice("MF"), self.register.province())
            people.append(person)
        return people

    def _births(self, step: Step, number: int) -> list[Citizen]:
        year, babies = int(step), []
        for _ in range(number):
            birth = self.register.birth_day(year, year)
            birth = min(birth, date(year, 12, 10))
            babies.append(self.register.person(birth, self.rng.choice("MF"), self.register.province()))
        return babies

    def _year(self, step: Step) -> None:
        year, rng, scale = int(step), self.rng, self.scale
        grown = 1.0 if step == "2023" else 1.25
        if step == "2024":
            self._january_and_november()
            movers = rng.sample(self._normal, count(400, scale, 30))
            self._claims(movers[: count(6, scale, 2)])
            self._bad_updates(movers[count(6, scale, 2) : count(18, scale, 6)])
            self._update(movers[count(18, scale, 6) :], step)
            self._late()
        babies = self._births(step, count(150 * grown, scale, 10))
        for index, person in enumerate(babies):
            registered = moment_us(rng, year, person.birth.month, person.birth.day, 31)
            label = ""
            if index % 10 == 0 and local_date(registered) == person.birth:
                label = "near miss: registered on the day of birth"
            self._add(person, registered, step, label)
        self.cast.newborn[step] = babies
        newcomers = self._newcomers(step, count(150 * grown, scale, 12))
        for index, person in enumerate(newcomers):
            self._spelt(self._add(person, moment_us(rng, year, rng.randint(1, 12)), step), index)
        self._injected(step, count(650 * grown * DEFECT_RATE, scale, len(KEY_DEFECTS) + 2))
        self._last_of_year(year, step)
        self._normal.extend(babies + newcomers)

    def _spelt(self, made: Version, index: int) -> None:
        """Write a part of the sound names and codes in their other sound ways."""
        if index % 8 == 0:
            ways = names.spellings(made.row["ho_ten"])
            made.row["ho_ten"], made.label = ways[index // 8 % len(ways)]
        elif index % 8 == 4:
            made.row["ma_tinh"], made.label = (
                new_code(made.row["ma_tinh"]),
                "near miss: new code",
            )

    def _injected(self, step: Step, number: int) -> None:
        """Newcomers whose row is spoilt; those of the id rules never come under a right key."""
        ways = KEY_DEFECTS + CONTENT_DEFECTS
        for index, person in enumerate(self._newcomers(step, number)):
            made = self._add(person, moment_us(self.rng, int(step), self.rng.randint(1, 12)), step)
            spoil(made, ways[index % len(ways)], self.rng)
            made.key = made.row["so_ddcn"]

    def _bad_updates(self, people: list[Citizen]) -> None:
        """A known person's row gets spoilt: the accepted one stays the head."""
        for person in people:
            made = self._add(person, moment_us(self.rng, 2024, self.rng.randint(1, 12)), "2024")
            spoil(made, self.rng.choice(CONTENT_DEFECTS), self.rng)

    def _claims(self, holders: list[Citizen]) -> None:
        """Newcomers under an old number that a person accepted in 2022 or 2023 holds."""
        for holder, person in zip(holders, self._newcomers("2024", len(holders)), strict=True):
            if holder.old_number is None:
                continue
            made = self._add(person, moment_us(self.rng, 2024, self.rng.randint(1, 12)), "2024")
            made.row["so_cmnd"] = holder.old_number
            made.sound, made.gate, made.code = False, "clean", "clean.key.duplicate"
            made.label = "old number of another citizen"

    def _january_and_november(self) -> None:
        """People who enter the register after others named them: in time, or too late."""
        for month, group in ((1, self.cast.in_time), (11, self.cast.too_late)):
            for person in self._newcomers("2024", count(6, self.scale, 2)):
                self._add(person, moment_us(self.rng, 2024, month), "2024", "arrives late")
                group.append(person)

    def _last_of_year(self, year: int, step: Step) -> None:
        """Put one row just before the year's end: what `late_s` reaches back from."""
        (person,) = self._newcomers(step, 1)
        marker = month_end_us(year, 12) - 600 * SECOND_US
        self._add(person, marker, step, "last of the year")
        self._normal.append(person)
        self._last = (person, marker)

    def _late(self) -> None:
        """Rows that commit in 2024 under a marker up to 30 minutes older than the last read."""
        last, marker = self._last
        people = self._newcomers("2024", count(4, self.scale, 2))
        for index, person in enumerate(people):
            late = marker - (index + 1) * 1800 * SECOND_US // (len(people) + 1)
            self._add(person, late, "2024", "near miss: late, within late_s")
        older = self._add(last, marker - 2400 * SECOND_US, "2024", "superseded")
        older.row["id"] = self.register.spare_row_id()
        older.row["ma_ho"] = self.register.household(last.province)
