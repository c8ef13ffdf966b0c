"""thanhhoa.procedures: monthly files of dossiers in a drop folder, CSV and XLSX in turn."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from pophub.simulation import defects
from pophub.simulation.agency import Agency
from pophub.simulation.clock import (
    DAY_US,
    from_us,
    local_date,
    moment_us,
    month_end_us,
    whole_second,
)
from pophub.simulation.model import Citizen, Defect, Row, Step, Version, count, put

KEY, PROCEDURE, CITIZEN, NAME, BIRTH = (
    "Mã hồ sơ", "Mã thủ tục", "Số định danh", "Họ và tên", "Ngày sinh"
)  # fmt: skip
SUBMITTED, RETURNED, CHANNEL, DIGITISED = "Ngày nộp", "Ngày trả", "Kênh", "Đã số hóa"
FEE, STATUS, CHANGED = "Lệ phí", "Trạng thái", "Cập nhật"
HEADER = (
    KEY, PROCEDURE, CITIZEN, NAME, BIRTH, SUBMITTED, RETURNED, CHANNEL, DIGITISED, FEE, STATUS,
    CHANGED,
)  # fmt: skip
STALE_AFTER_US = 45 * DAY_US
DAY_FORMAT = "%d/%m/%Y"
_PROCEDURES = (
    "1.004222",
    "2.000815",
    "1.001193",
    "1.002192",
    "2.002516",
    "1.004194",
    "1.000656",
)


def _returned_before(row: Row, rng: Random) -> None:
    submitted = datetime.strptime(row[SUBMITTED], DAY_FORMAT)
    row[RETURNED] = (submitted - timedelta(days=rng.randint(1, 30))).strftime(DAY_FORMAT)


def _birth_shifted(row: Row, _: Random) -> None:
    birth = datetime.strptime(row[BIRTH], DAY_FORMAT)
    row[BIRTH] = birth.replace(day=birth.day % 28 + 1).strftime(DAY_FORMAT)


class Procedures(Agency):
    """Plans the province's files."""

    stem = "thanhhoa.procedures"
    key_column = KEY
    name_column = NAME

    def row(self, person: Citizen, marker_us: int) -> Row:
        """Write a dossier that has just come in."""
        self.serial += 1
        rng, day = self.rng, local_date(marker_us)
        submitted = max(day - timedelta(days=rng.randint(0, 3)), person.birth)
        return {
            KEY: f"H56.{day:%y%m%d}-{self.serial:06d}",
            PROCEDURE: rng.choice(_PROCEDURES),
            CITIZEN: person.citizen_id,
            NAME: person.full_name,
            BIRTH: person.birth.strftime(DAY_FORMAT),
            SUBMITTED: submitted.strftime(DAY_FORMAT),
            RETURNED: None,
            CHANNEL: "Trực tuyến" if rng.random() < 0.55 else "Trực tiếp",
            DIGITISED: "x" if rng.random() < 0.69 else None,
            FEE: rng.choice((0, 0, 10_000, 15_000, 50_000)),
            STATUS: "Đang xử lý",
            CHANGED: f"{from_us(marker_us):%d/%m/%Y %H:%M:%S}",
        }

    def build(self, row: Row, marker_us: int, step: Step, label: str = "") -> Version:
        """Make a sound version in the file of its month; markers have whole seconds."""
        made = super().build(row, whole_second(marker_us), step, label)
        made.file = f"{from_us(marker_us):%Y%m}"
        return made

    def restamp(self, row: Row, marker_us: int) -> None:
        """Write another change time into a row."""
        row[CHANGED] = f"{from_us(marker_us):%d/%m/%Y %H:%M:%S}"

    def catalogue(self, step: Step) -> list[Defect]:
        """Give the defects of a dossier."""
        return [
            Defect(
                "contract",
                "contract.dob.invalid",
                "31 February",
                put(BIRTH, "31/02/1990"),
            ),
            Defect(
                "contract",
                "contract.date.format",
                "year first",
                put(SUBMITTED, "2023-05-01"),
            ),
            Defect(
                "contract",
                "contract.number.format",
                "fee in words",
                put(FEE, "miễn phí"),
            ),
            Defect("correct", "correct.dates.order", "returned before", _returned_before),
            Defect(
                "correct",
                "correct.agreement.birth_date",
                "another birth date",
                _birth_shifted,
            ),
            defects.other_name(NAME),
            *(d for d in defects.personal_id(CITIZEN) if d.label != "id with a trailing newline"),
            *defects.missing(PROCEDURE, CITIZEN, NAME, SUBMITTED, STATUS),
            defects.unknown_person(CITIZEN),
            defects.hidden_character(NAME),
        ]

    def plan(self) -> None:
        """Make the files of December 2022, 2023 and 2024."""
        for _ in range(count(40, self.scale, 4)):
            self.add(self.someone("2023"), moment_us(self.rng, 2022, 12), "2023")
        for step, grown in (("2023", 1.0), ("2024", 1.25)):
            self._year(step, grown)  # type: ignore[arg-type]
        self.people_in_between(count(3, self.scale, 2))
        self._sent_again(count(10, self.scale, 4))

    def _year(self, step: Step, grown: float) -> None:
        rng, year = self.rng, int(step)
        for month in range(1, 13):
            for index in range(count(36 * grown, self.scale, 3)):
                made = self.add(self.someone(step), moment_us(rng, year, month, 1, 20), step)
                if index % 12 == 5:
                    self.spell(made, month + index)
                if rng.random() < 0.6:
                    self._returned(made)
            if month % 3 == 2:
                self._old_in_new_file(step, month)
        self._contradicted(step, count(4, self.scale, 2))
        self.inject(step, round(700 * grown))
        same_day = self.add(self.someone(step), self.month(step), step, "near miss: same day")
        same_day.row[SUBMITTED] = same_day.row[RETURNED] = same_day.row[CHANGED][:10]

    def _returned(self, made: Version) -> None:
        """The result goes back a week later, in the same file."""
        marker = made.marker + self.rng.randint(1, 7) * DAY_US
        day = local_date(marker).strftime(DAY_FORMAT)
        row = {**made.row, RETURNED: day, STATUS: "Đã trả kết quả"}
        self.restamp(row, marker)
        self.versions.append(self.build(row, marker, made.step))

    def _old_in_new_file(self, step: Step, month: int) -> None:
        limit = month_end_us(int(step), month) - STALE_AFTER_US
        for changed, label in (
            (limit - 9 * DAY_US, ""),
            (limit + 1_000_000, "near miss: fresh"),
        ):
            made = self.add(self.someone(step), changed, step, label)
            made.file = f"{step}{month:02d}"
            if not label:
                self.wrong(made, "live", "stale", "changed over 45 days before the file")

    def _contradicted(self, step: Step, number: int) -> None:
        for _ in range(number):
            marker = self.month(step)
            first = self.add(self.someone(step), marker, step)
            row = {**first.row, FEE: first.row[FEE] + 5_000}
            again = self.add(self.someone(step), marker, step, row=row)
            self.wrong(again, "clean", "contradiction", "same marker, another fee")

    def _sent_again(self, number: int) -> None:
        """Rows that later files bring once more: the newest is a duplicate, an older is superseded.

        Half go into a file of the next year: across steps.
        """
        returned = [v for v in self.versions if v.row[STATUS] == "Đã trả kết quả" and v.sound]
        returned = [v for v in returned if v.step == "2023" and v.file < "202310"]
        for index, made in enumerate(self.rng.sample(returned, min(number, len(returned)))):
            file = "202312" if index % 4 < 2 else "202402"
            step: Step = "2023" if index % 4 < 2 else "2024"
            again = self.build(dict(made.row), made.marker, step, "duplicate")
            if index % 2:
                marker = made.marker - 7_200_000_000
                again = self.build(dict(made.row), marker, step, "superseded")
                again.row[STATUS] = "Chờ bổ sung"
                self.restamp(again.row, marker)
            again.file = file
            self.versions.append(again)
