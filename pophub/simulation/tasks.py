"""project06.tasks: the journal dean06.nhiem_vu, a row for each state that a task was reported in.

At the end of 2024, of 690 tasks: 348 done, 119 regular, 184 in progress, 39 without a state.
Tuyen Quang, one of the agencies, has 61: 34 done or regular, 27 in progress.
"""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from pophub.simulation import defects
from pophub.simulation.clock import DAY_US, local_date, moment_us
from pophub.simulation.model import Defect, Row, Step, put
from pophub.simulation.registers import Register

DONE, REGULAR, RUNNING = "Hoàn thành", "Thường xuyên", "Đang thực hiện"
States = dict[str | None, int]
STATES_2024: States = {DONE: 348, REGULAR: 119, RUNNING: 184, None: 39}
TUYEN_QUANG: States = {DONE: 22, REGULAR: 12, RUNNING: 27}
EARLIER: dict[int, States] = {
    2022: {DONE: 96, REGULAR: 30, RUNNING: 14},
    2023: {DONE: 310, REGULAR: 90, RUNNING: 70},
}
FINISHED_IN_2024 = 40  # of the tasks of 2023, those that were done a year later
AGENCIES = (
    "mps",
    "moj",
    "mof",
    "moit",
    "moha",
    "moh",
    "moet",
    "mae",
    "most",
    "laocai",
    "thanhhoa",
    "hanoi",
    "tphcm",
)
GROUPS = ("Thể chế", "Hạ tầng", "Dịch vụ công", "Dữ liệu", "Nguồn lực")
_WORK = (
    ("Rà soát văn bản quy phạm", "Danh mục văn bản cần sửa đổi"),
    ("Nâng cấp hạ tầng kết nối", "Đường truyền đạt cấp độ 3"),
    ("Cung cấp dịch vụ công toàn trình", "Dịch vụ trên Cổng quốc gia"),
    ("Số hóa và làm sạch dữ liệu", "Dữ liệu đúng, đủ, sạch, sống"),
    ("Đào tạo cán bộ chuyên trách", "Cán bộ được cấp chứng chỉ"),
)


def _due_before(row: Row, rng: Random) -> None:
    row["han"] = "01/01/2020"


class Tasks(Register):
    """Plans the working group's journal of tasks."""

    stem = "project06.tasks"
    key_column = "ma_nv"

    def plan(self) -> None:
        """Make the tasks of three years, and the reports of their states."""
        unfinished: list[Row] = []
        for year, states in EARLIER.items():
            unfinished = self._year(year, AGENCIES, states)
        for row in unfinished[:FINISHED_IN_2024]:
            self.add({**row, "trang_thai": DONE}, self.moment(2024), "2024", "done a year late")
        others = {state: number - TUYEN_QUANG.get(state, 0) for state, number in STATES_2024.items()}
        self._year(2024, AGENCIES, others)
        self._year(2024, ("tuyenquang",), TUYEN_QUANG)
        self.inject()

    def _year(self, year: int, agencies: tuple[str, ...], states: States) -> list[Row]:
        """Assign a year's tasks and report each in its state; give those in progress."""
        running = []
        step: Step = "2024" if year == 2024 else "2023"
        for state, number in states.items():
            for index in range(number):
                assigned = moment_us(self.rng, year, 12 if year == 2022 else self.rng.randint(1, 6), 1, 20)
                row = self._row(assigned, self.rng.choice(agencies))
                if state == RUNNING:
                    running.append(row)
                first = self.add({**row, "trang_thai": RUNNING if state == DONE else state}, assigned, step)
                if index == 3:
                    self.contradict(first, "ket_qua", "Kết quả khác")
                elif index in (5, 6):
                    self.correct(first, step if year > 2022 else "2023")
                if state == DONE:
                    self.add({**row, "trang_thai": DONE}, self._done(year, index), step)
        return running

    def _done(self, year: int, index: int) -> int:
        """Draw when a task is reported done: after its correction where it had one."""
        last = moment_us(self.rng, max(year, 2023), 12, 29, 30)
        return (
            last if index in (5, 6) else moment_us(self.rng, max(year, 2023), self.rng.randint(7, 12), 1, 28)
        )

    def _row(self, assigned_us: int, agency: str) -> Row:
        self.serial += 1
        rng, day = self.rng, local_date(assigned_us)
        group = rng.randrange(len(GROUPS))
        work, result = _WORK[group]
        money = rng.choice((None, rng.randrange(100, 9000) * 1_000_000))
        return {
            "ma_nv": f"NV-{day.year}-{self.serial:05d}",
            "nhom": GROUPS[group],
            "nam": day.year,
            "co_quan": agency,
            "can_bo": rng.choice(("Phòng Cải cách hành chính", "Phòng Công nghệ thông tin", "Tổ giúp việc")),
            "noi_dung": work,
            "ngay_giao": f"{day:%d/%m/%Y}",
            "han": f"{_deadline(rng, day):%d/%m/%Y}",
            "ket_qua": result,
            "lanh_dao": rng.choice(("Thứ trưởng", "Phó Chủ tịch", "Cục trưởng", "Giám đốc Sở")),
            "kinh_phi": money,
            "can_cu": None if money is None or rng.random() < 0.15 else "Quyết định 06/QĐ-TTg",
            "trang_thai": RUNNING,
        }

    def spare(self, marker_us: int) -> Row:
        """Write a task that stays defective; it never enters a figure."""
        return self._row(marker_us - DAY_US, self.rng.choice(AGENCIES))

    def catalogue(self) -> list[Defect]:
        """Give the defects of a task: without person, deadline, result or leader it is not sufficient."""
        return [
            Defect("contract", "contract.date.format", "31 February", put("han", "31/02/2024")),
            Defect("contract", "contract.number.format", "money in words", put("kinh_phi", "một tỷ")),
            Defect("correct", "correct.code.unknown", "no such group", put("nhom", "Khác")),
            Defect("correct", "correct.code.unknown", "no such state", put("trang_thai", "Chưa rõ")),
            Defect("correct", "correct.dates.order", "due before assigned", _due_before),
            Defect("correct", "correct.amount.range", "money below 0", put("kinh_phi", "-1")),
            *defects.missing("can_bo", "han", "ket_qua", "lanh_dao"),
            defects.hidden_character("noi_dung"),
        ]


def _deadline(rng: Random, day: date) -> date:
    return day + timedelta(days=rng.randint(60, 420))
