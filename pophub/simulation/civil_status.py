"""moj.civil_status: the journal hotich.su_kien of births, marriages and deaths."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from random import Random

from pophub.simulation import defects
from pophub.simulation.agency import Agency
from pophub.simulation.clock import DAY_US, from_us, local_date, moment_us, month_end_us
from pophub.simulation.model import Citizen, Defect, Row, Step, Version, count, put

STALE_AFTER_US = 45 * DAY_US
DAY_FORMAT = "%Y%m%d"


def _day(text: str) -> date:
    return datetime.strptime(text, DAY_FORMAT).date()


def _birth_shifted(row: Row, _: Random) -> None:
    birth = _day(row["ngay_sinh"])
    row["ngay_sinh"] = birth.replace(day=birth.day % 28 + 1).strftime(DAY_FORMAT)


def _before_birth(row: Row, rng: Random) -> None:
    before = _day(row["ngay_sinh"]) - timedelta(days=rng.randint(1, 900))
    row["ngay_su_kien"] = before.strftime(DAY_FORMAT)


def _unknown_other(row: Row, rng: Random) -> None:
    row["so_ddcn_2"] = row["so_ddcn"][:6] + f"998{rng.randrange(1000):03d}"


class CivilStatus(Agency):
    """Plans the Ministry of Justice's journal."""

    stem = "moj.civil_status"
    key_column = "so_dk"
    name_column = "ho_ten"

    def row(self, person: Citizen, marker_us: int, kind: str | None = None) -> Row:
        """Write an event: a marriage, or a birth registered again with the register's copy lost."""
        self.serial += 1
        rng, day = self.rng, local_date(marker_us)
        kind = kind or rng.choice(("KH", "KS", "KS"))
        other, event = None, day - timedelta(days=rng.randint(0, 12))
        if kind == "KH":
            other = self.someone("2023", "F" if person.sex == "M" else "M")
        if kind == "KS":
            event = person.birth
        return {
            "stt": 0,
            "so_dk": f"{day.year}-{kind}-{self.serial:07d}",
            "loai": kind,
            "so_ddcn": person.citizen_id,
            "ho_ten": person.full_name,
            "ngay_sinh": person.birth.strftime(DAY_FORMAT),
            "so_ddcn_2": other.citizen_id if other else None,
            "ngay_su_kien": max(event, person.birth).strftime(DAY_FORMAT),
            "ma_tinh": person.province,
            "huy": False,
            "cap_nhat": from_us(marker_us).replace(tzinfo=None).isoformat(),
        }

    def restamp(self, row: Row, marker_us: int) -> None:
        """Write another change time into a row."""
        row["cap_nhat"] = from_us(marker_us).replace(tzinfo=None).isoformat()

    def catalogue(self, step: Step) -> list[Defect]:
        """Give the defects of a registration."""
        return [
            Defect("contract", "contract.dob.invalid", "month 13", put("ngay_sinh", "19901301")),
            Defect(
                "contract", "contract.date.format", "day first", put("ngay_su_kien", "31/12/2022")
            ),
            Defect("correct", "correct.dates.order", "event before birth", _before_birth),
            Defect("correct", "correct.date.future", "in 2035", put("ngay_su_kien", "20350101")),
            Defect(
                "correct", "correct.agreement.birth_date", "another birth date", _birth_shifted
            ),
            defects.other_name("ho_ten"),
            *defects.personal_id("so_ddcn"),
            *defects.missing("loai", "so_ddcn", "ho_ten", "ngay_su_kien", "ma_tinh"),
            defects.unknown_person("so_ddcn"),
            Defect(
                "sufficient", "sufficient.unknown_person", "spouse or mother never was",
                _unknown_other,
            ),
            defects.hidden_character("ho_ten"),
            defects.hidden_character("ho_ten", "\x07"),
        ]  # fmt: skip

    def plan(self) -> None:
        """Make the rows of stock, 2023 and 2024."""
        self._stock()
        for step, grown in (("2023", 1.0), ("2024", 1.25)):
            self._year(step, grown)  # type: ignore[arg-type]
        self.people_in_between(count(3, self.scale, 2))

    def _deleted(self, person: Citizen, deleted_us: int) -> None:
        """A death after the person went off the register: the event's own day is after it too."""
        super()._deleted(person, deleted_us)
        made = self.versions[-1]
        made.row["loai"], made.row["so_ddcn_2"] = "KT", None
        made.row["ngay_su_kien"] = local_date(made.marker).strftime(DAY_FORMAT)

    def _renamed(self, person: Citizen, old_name: str, renamed_us: int) -> None:
        super()._renamed(person, old_name, renamed_us)
        for made in self.versions[-2:]:
            made.row["loai"] = "KH"
            made.row["ngay_su_kien"] = local_date(made.marker).strftime(DAY_FORMAT)

    def _stock(self) -> None:
        limit = month_end_us(2022, 12) - STALE_AFTER_US
        for _ in range(count(60, self.scale, 5)):
            self.add(self.someone("2023"), moment_us(self.rng, 2022, 12), "2023")
        for _ in range(count(5, self.scale, 2)):
            marker = limit - self.rng.randrange(1, 90 * DAY_US)
            made = self.add(self.someone("2023"), marker, "2023")
            self.wrong(made, "live", "stale", "older than 45 days when it was extracted")
        self.add(
            self.someone("2023"),
            limit,
            "2023",
            "near miss: 45 days old to the microsecond",
        )

    def _year(self, step: Step, grown: float) -> None:
        rng, scale = self.rng, self.scale
        for baby in self.cast.newborn[step]:
            self._birth(baby, step)
        for index in range(count(380 * grown, scale, 12)):
            made = self.add(self.someone(step), self.month(step), step)
            if index % 12 == 0:
                self.spell(made, index // 12)
        if step == "2024":
            self._deaths()
        self._cancelled(step, count(8, scale, 2))
        self._doubled(step, count(5, scale, 2))
        self.inject(step, round(500 * grown))
        leap = [p for p in self.pool(step) if (p.birth.month, p.birth.day) == (2, 29)]
        for person in leap[:3]:
            row = self.row(person, marker := moment_us(rng, int(step), 3), "KS")
            self.add(person, marker, step, "near miss: leap day", row)

    def _birth(self, baby: Citizen, step: Step) -> None:
        """A birth, registered in the same month; the mother is the other person."""
        marker = moment_us(self.rng, int(step), baby.birth.month, baby.birth.day)
        row = self.row(baby, marker, "KS")
        mother = self.someone("2023", "F")
        row["so_ddcn_2"] = mother.citizen_id
        self.add(baby, marker, step, "near miss: event on the day of birth", row)

    def _deaths(self) -> None:
        """Deaths of early 2024; the police delete some of these people in September."""
        for person in self.cast.dying:
            marker = moment_us(self.rng, 2024, self.rng.choice((2, 3)))
            self.add(person, marker, "2024", row=self.row(person, marker, "KT"))

    def _cancelled(self, step: Step, number: int) -> None:
        """Registrations that are cancelled: a delete; one of a registration never seen."""
        year = int(step)
        for index in range(number):
            marker = moment_us(self.rng, year, self.rng.randint(1, 6))
            person = self.someone(step)
            made = self.add(person, marker, step)
            if index == 0:
                self.versions.pop()
            cancelled = moment_us(self.rng, year, self.rng.randint(7, 12))
            row = {**made.row, "huy": True}
            if index % 2:
                row.update(ho_ten=None, so_ddcn="?")
            self.restamp(row, cancelled)
            deleted = self.build(row, cancelled, step, "near miss: cancelled")
            deleted.delete = True
            self.versions.append(deleted)

    def _doubled(self, step: Step, number: int) -> None:
        """The same row again (sound or not), or the same key and marker with another content."""
        for index in range(number):
            marker = self.month(step)
            first = self.add(self.someone(step), marker, step)
            if index % 3 == 2:
                first.row["ngay_su_kien"] = "00000000"
                self.wrong(first, "contract", "date.format", "day of zeros")
            row = dict(first.row)
            again = self.add(self.someone(step), marker, step, "duplicate", row)
            if index % 3 == 1:
                row["ma_tinh"] = "01" if row["ma_tinh"] != "01" else "79"
                self.wrong(again, "clean", "contradiction", "same marker, another province")

    def pad(self, number: int) -> list[Version]:
        """Plan further sound births of 2024, registered again."""
        made = []
        for _ in range(number):
            marker = self.month("2024")
            person = self.someone("2024")
            made.append(self.add(person, marker, "2024", row=self.row(person, marker, "KS")))
        return made
