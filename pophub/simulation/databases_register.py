"""catalogue.databases: the journal danhmuc.csdl of registered databases.

National ones grew from 6 to 10 in 2024; ministries and provinces made 678 more, of 2,260 before
(+30 %).
"""

from __future__ import annotations

from random import Random

from pophub.simulation import defects
from pophub.simulation.clock import local_date, moment_us
from pophub.simulation.model import Defect, Row, Step, put
from pophub.simulation.registers import Register
from pophub.simulation.tasks import AGENCIES

NATIONAL = (
    ("Dân cư", "mps"), ("Đất đai", "mae"), ("Đăng ký doanh nghiệp", "mof"), ("Bảo hiểm", "mof"),
    ("Hộ tịch điện tử", "moj"), ("Cán bộ, công chức, viên chức", "moha"),
    ("Văn bản pháp luật", "moj"), ("Kiểm soát tài sản, thu nhập", "ttcp"), ("Hoạt động xây dựng", "moc"),
    ("Giáo dục và đào tạo", "moet"),
)  # fmt: skip
NATIONAL_BEFORE = 6
OTHERS = {2022: 1_790, 2023: 470, 2024: 678}  # by year of registration: 2,260 before 2024
_SUBJECTS = (
    "Đất đai",
    "Giáo dục",
    "Y tế",
    "Giao thông",
    "Lao động",
    "Du lịch",
    "Khoa học",
    "Nông nghiệp",
    "Văn hóa",
)
_PROVINCES = frozenset({"laocai", "tuyenquang", "thanhhoa", "hanoi", "tphcm"})


def _linked_before(row: Row, _: Random) -> None:
    row["ket_noi"], row["ngay_ket_noi"] = True, "2001-01-01"


class DatabasesRegister(Register):
    """Plans the register of databases."""

    stem = "catalogue.databases"
    key_column = "ma_csdl"

    def plan(self) -> None:
        """Register the databases of three years; link some of them later."""
        for index, (name, agency) in enumerate(NATIONAL):
            year = 2022 if index < NATIONAL_BEFORE else 2024
            marker = moment_us(self.rng, year, 12 if year == 2022 else index - 4, 1, 20)
            row = self._row(marker, agency, "Quốc gia", f"Cơ sở dữ liệu quốc gia về {name}")
            self.add({**row, "ket_noi": True, "ngay_ket_noi": row["ngay_dang_ky"]}, marker, _step(year))
        for year, number in OTHERS.items():
            self._others(year, number)
        self.inject()

    def _others(self, year: int, number: int) -> None:
        for index in range(number):
            marker = moment_us(self.rng, year, 12 if year == 2022 else self.rng.randint(1, 9), 1, 20)
            agency = self.rng.choice((*AGENCIES, "tuyenquang"))
            level = "Địa phương" if agency in _PROVINCES else "Bộ, ngành"
            row = self._row(
                marker, agency, level, f"Cơ sở dữ liệu {self.rng.choice(_SUBJECTS)} số {index + 1}"
            )
            made = self.add(row, marker, _step(year))
            if index in (7, 8):
                self.contradict(made, "chu_quan", "Đơn vị khác")
            elif index in (11, 12, 13):
                self.correct(made, _step(max(year, 2023)))
            elif year > 2022 and index % 12 == 0:
                linked = moment_us(self.rng, year, self.rng.randint(10, 12), 1, 28)
                day = f"{local_date(linked):%Y-%m-%d}"
                self.add({**row, "ket_noi": True, "ngay_ket_noi": day}, linked, _step(year), "linked")

    def _row(self, marker_us: int, agency: str, level: str, name: str) -> Row:
        self.serial += 1
        return {
            "ma_csdl": f"CSDL-{self.serial:05d}",
            "ten": name,
            "cap": level,
            "co_quan": agency,
            "chu_quan": self.rng.choice(("Trung tâm dữ liệu", "Cục Công nghệ thông tin", "Văn phòng")),
            "ngay_dang_ky": f"{local_date(marker_us):%Y-%m-%d}",
            "ket_noi": False,
            "ngay_ket_noi": None,
        }

    def spare(self, marker_us: int) -> Row:
        """Write a database that is never rightly registered."""
        return self._row(marker_us, self.rng.choice(AGENCIES), "Bộ, ngành", "Cơ sở dữ liệu chưa rõ")

    def catalogue(self) -> list[Defect]:
        """Give the defects of an entry."""
        return [
            Defect("contract", "contract.date.format", "day first", put("ngay_dang_ky", "15/02/2024")),
            Defect("correct", "correct.code.unknown", "no such level", put("cap", "Xã")),
            Defect("correct", "correct.dates.order", "linked before registered", _linked_before),
            Defect(
                "correct", "correct.date.future", "registered in future", put("ngay_dang_ky", "2999-01-01")
            ),
            *defects.missing("ten", "cap", "chu_quan", "ngay_dang_ky"),
            defects.hidden_character("ten"),
            defects.hidden_character("chu_quan", "\x07"),
        ]


def _step(year: int) -> Step:
    return "2024" if year == 2024 else "2023"
