"""People, households and personal identification numbers that agree across agencies."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from pophub.simulation import names
from pophub.simulation.model import Citizen
from pophub.simulation.places import OLD_PROVINCES, WEIGHTS

_PROVINCE_WEIGHTS = [WEIGHTS.get(code, 14) for code in OLD_PROVINCES]
BORDER_BIRTHS = (
    date(2000, 2, 29), date(1996, 2, 29), date(1999, 12, 31), date(2000, 1, 1), date(1904, 2, 29)
)  # fmt: skip


def personal_id(province: str, sex: str, birth: date, serial: int) -> str:
    """Compose the twelve digits.

    Source: Decree 137/2015: province of birth registration, century and sex, year, serial.
    """
    century = (birth.year - 1900) // 100 * 2 + (sex == "F")
    return f"0{province}{century}{birth.year % 100:02d}{serial:06d}"


class PeopleRegister:
    """Makes new people; no two have one number."""

    def __init__(self, rng: Random, first_row_id: int = 1, first_serial: int | None = None) -> None:
        self._rng = rng
        self._used: set[str] = set()
        self._row_id = first_row_id
        self._serial = first_serial
        self._households = first_row_id

    def spare_row_id(self) -> int:
        """Number a row that is nobody's first."""
        self._row_id += 1
        return self._row_id - 1

    def province(self) -> str:
        """Draw a province by its population."""
        return self._rng.choices(OLD_PROVINCES, _PROVINCE_WEIGHTS)[0]

    def household(self, province: str) -> str:
        """Number a new household."""
        self._households += 1
        return f"{province}-{self._households:09d}"

    def person(
        self,
        birth: date,
        sex: str,
        province: str,
        family: str | None = None,
        household: str = "",
    ) -> Citizen:
        """Register a new person."""
        rng = self._rng
        name = names.full_name(rng, family or names.surname(rng), sex)
        number = self._number(province, sex, birth)
        # 9-digit numbers went out of use; the factor is coprime to 10**9, so none comes twice
        old = f"{self._row_id * 7_919_573 % 10**9:09d}" if birth.year < 2004 else None
        self._row_id += 1
        return Citizen(
            number,
            name,
            birth,
            sex,
            province,
            household or self.household(province),
            old,
            self._row_id - 1,
        )

    def _number(self, province: str, sex: str, birth: date) -> str:
        while True:
            if self._serial is None:
                serial = self._rng.randrange(1, 900_000)
            else:
                serial, self._serial = self._serial, self._serial + 1
            number = personal_id(province, sex, birth, serial)
            if number not in self._used:
                self._used.add(number)
                return number

    def birth_day(self, first_year: int, last_year: int) -> date:
        """Draw a day of birth."""
        first = date(first_year, 1, 1)
        return first + timedelta(days=self._rng.randrange((date(last_year, 12, 31) - first).days + 1))

    def family(self) -> list[Citizen]:
        """Register a household: a couple, children, sometimes a grandparent."""
        rng = self._rng
        province, family = self.province(), names.surname(rng)
        father_year = rng.randint(1960, 1998)
        household = self.household(province)
        father = self.person(self.birth_day(father_year, father_year), "M", province, family, household)
        mother_year = min(1999, father_year + rng.randint(-2, 6))
        mother = self.person(
            self.birth_day(mother_year, mother_year),
            "F",
            self.province(),
            None,
            household,
        )
        members = [father, mother]
        for _ in range(rng.choice((0, 1, 1, 2, 2, 2, 3))):
            year = min(2022, mother_year + rng.randint(20, 38))
            birth = min(self.birth_day(year, year), date(2022, 11, 30))
            members.append(self.person(birth, rng.choice("MF"), province, family, household))
        if rng.random() < 0.25:
            year = father_year - rng.randint(22, 35)
            sex = rng.choice("FFM")
            members.append(
                self.person(
                    self.birth_day(year, year),
                    sex,
                    province,
                    family if sex == "M" else None,
                    household,
                )
            )
        for person in members:
            person.province = province
        return members

    def stock(self, people: int) -> list[Citizen]:
        """Register the opening stock, people born on the borders of the rules first."""
        province = self.province()
        made = [self.person(birth, sex, province) for birth in BORDER_BIRTHS[:4] for sex in "MF"]
        while len(made) < people:
            made.extend(self.family())
        return made[:people]
