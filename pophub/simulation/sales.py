"""moit.ecommerce_sales: the SQLite journal doanh_thu of sellers' turnover by platform and month."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from pophub.simulation import defects
from pophub.simulation.agency import Agency
from pophub.simulation.clock import (
    DAY_US,
    from_us,
    moment_us,
    month_end_us,
    whole_second,
)
from pophub.simulation.market import MARKET_VND, mean_report_vnd
from pophub.simulation.model import Citizen, Defect, Row, Step, Version, count, edit, put

PLATFORMS = ("SHOPEE", "LAZADA", "TIKTOK", "TIKI", "SENDO")
_SHARES = (50, 14, 28, 5, 3)
STALE_AFTER_US = 45 * DAY_US


class Seller(NamedTuple):
    """Who sells on a platform; a company has no person."""

    number: int
    person: Citizen | None
    name: str
    tax_code: str | None
    platform: str


class Sales(Agency):
    """Plans the Ministry of Industry and Trade's reports.

    Units: until the plan is finished a version's `marker` is the moment at which its row is
    written; then it becomes the journal's revision.
    """

    stem = "moit.ecommerce_sales"
    key_column = "ma_bc"
    name_column = "ten_nguoi_ban"

    def seller(self, person: Citizen | None) -> Seller:
        """Register a seller."""
        self.serial += 1
        platform = self.rng.choices(PLATFORMS, _SHARES)[0]
        if person is None:
            company = self.rng.choice(self.cast.organisations)
            return Seller(self.serial, None, company.name, company.tax_code, platform)
        business = self.cast.households.get(person.citizen_id)
        return Seller(self.serial, person, person.full_name, business and business.tax_code, platform)

    def row(self, person: Citizen | None, marker_us: int) -> Row:
        """Write the first report of a new seller."""
        return self.report(self.seller(person), marker_us)

    def report(self, seller: Seller, marker_us: int) -> Row:
        """Write a seller's report on the month before."""
        rng, at = self.rng, from_us(marker_us)
        before = at.replace(day=1) - timedelta(days=1)
        turnover = round(mean_report_vnd(at.year, self.scale) * rng.lognormvariate(-0.5, 1.0))
        return {
            "rev": 0,
            "ma_bc": f"NB{seller.number:06d}-{seller.platform}-{before:%Y%m}",
            "so_ddcn": seller.person.citizen_id if seller.person else None,
            "mst": seller.tax_code,
            "ten_nguoi_ban": seller.name,
            "san": seller.platform,
            "ky": f"{before:%m/%Y}",
            "doanh_thu": turnover,
            "so_don": turnover // 180_000 + 1,
            "cap_nhat": f"{at:%Y-%m-%d %H:%M:%S}",
        }

    def build(self, row: Row, marker_us: int, step: Step, label: str = "") -> Version:
        """Make a sound version; its change time has whole seconds."""
        made = super().build(row, marker_us, step, label)
        made.changed = whole_second(marker_us)
        return made

    def restamp(self, row: Row, marker_us: int) -> None:
        """Write another change time into a row."""
        row["cap_nhat"] = f"{from_us(marker_us):%Y-%m-%d %H:%M:%S}"

    def catalogue(self, step: Step) -> list[Defect]:
        """Give the defects of a report."""
        return [
            Defect(
                "contract", "contract.number.format", "turnover in words",
                put("doanh_thu", "khoảng 12 triệu"),
            ),
            Defect("contract", "contract.date.format", "month 13", put("ky", "13/2023")),
            Defect("contract", "contract.date.format", "quarter", put("ky", "Quý I")),
            Defect("correct", "correct.amount.range", "turnover below 0", put("doanh_thu", -1)),
            Defect("correct", "correct.code.unknown", "no such platform", put("san", "CHO QUE")),
            Defect(
                "correct", "correct.taxcode.format", "eleven digits", put("mst", "01020304055")
            ),
            Defect(
                "sufficient", "sufficient.unknown_organisation", "seller not registered",
                put("mst", "0000000000"),
            ),
            defects.other_name("ten_nguoi_ban"),
            Defect(
                "contract", "contract.text.encoding", "name in a legacy encoding",
                put("ten_nguoi_ban", b"Nguy\xd4n V\xa8n H\xb6i"),
            ),
            *defects.personal_id("so_ddcn", dob=False),
            *defects.missing("ten_nguoi_ban", "san", "ky", "doanh_thu"),
            defects.unknown_person("so_ddcn"),
            defects.hidden_character("ten_nguoi_ban"),
            Defect(
                "clean", "clean.text.control", "control character in ten_nguoi_ban",
                edit("ten_nguoi_ban", lambda name: name[:3] + "\x07" + name[3:]),
            ),
        ]  # fmt: skip

    def plan(self) -> None:
        """Make the rows of stock, 2023 and 2024."""
        sellers = [self._anyone("2023") for _ in range(count(60, self.scale, 6))]
        for seller in sellers:
            self._report(seller, moment_us(self.rng, 2022, 12, 2), "2023")
        for step, joined in (("2023", 6), ("2024", 12)):
            sellers += [
                self._anyone(step)  # type: ignore[arg-type]
                for _ in range(count(joined, self.scale, 1))
            ]
            self._year(step, sellers)  # type: ignore[arg-type]
        self.people_in_between(count(3, self.scale, 2))
        self._fit()

    def _fit(self) -> None:
        """Stretch all turnover, so that what stands of 2024 at its end is the market of that year."""
        standing: dict[str, int] = {}
        for made in sorted(self.versions, key=lambda made: made.marker):
            if made.sound and made.row["ky"].endswith("2024"):
                standing[made.key] = made.row["doanh_thu"]
        by = MARKET_VND / sum(standing.values())
        for row in {id(made.row): made.row for made in self.versions}.values():
            if isinstance(row["doanh_thu"], int) and row["doanh_thu"] > 0:
                row["doanh_thu"] = round(row["doanh_thu"] * by)

    def _anyone(self, step: Step) -> Seller:
        if self.rng.random() < 0.3:
            return self.seller(None)
        return self.seller(self.owner() if self.rng.random() < 0.7 else self.someone(step))

    def _report(self, seller: Seller, marker_us: int, step: Step, label: str = "") -> Version:
        made = self.build(self.report(seller, marker_us), marker_us, step, label)
        self.versions.append(made)
        return made

    def _year(self, step: Step, sellers: list[Seller]) -> None:
        rng, year = self.rng, int(step)
        for month in range(1, 13):
            for index, seller in enumerate(sellers):
                # The first of a month comes early, so that the month's stamp is sure below.
                days = (1, 1) if index == 0 else (2, 28)
                made = self._report(seller, moment_us(rng, year, month, *days), step)
                if rng.random() < 0.05 and month < 12:
                    self._revised(made, moment_us(rng, year, month + 1, 2), step)
                if seller.person and index % 20 == month:
                    self.spell(made, month)
            self._dated_back(step, month)
        zero = self._report(self._anyone(step), self.month(step), step, "near miss: zero amounts")
        zero.row.update(doanh_thu=0, so_don=0)
        self.inject(step, 800)

    def _revised(self, made: Version, marker_us: int, step: Step) -> None:
        row = {**made.row, "doanh_thu": made.row["doanh_thu"] + 90_000}
        self.restamp(row, marker_us)
        self.versions.append(self.build(row, marker_us, step, "near miss: revised"))

    def _dated_back(self, step: Step, month: int) -> None:
        """Rows written in the middle of the month with a change time long past, or just not."""
        if month % 3:
            return
        limit = month_end_us(int(step), month) - STALE_AFTER_US
        written = moment_us(self.rng, int(step), month, 10, 20)
        stale = self._report(self._anyone(step), written, step)
        self.date(stale, whole_second(limit) - self.rng.randrange(60) * DAY_US)
        self.wrong(stale, "live", "stale", "dated over 45 days before it was extracted")
        fresh = self._report(self._anyone(step), written + 1, step, "near miss: 45 days old")
        self.date(fresh, whole_second(limit) + 1_000_000)

    def date(self, made: Version, changed_us: int) -> None:
        """Give a version another change time than that of its writing."""
        made.changed = changed_us
        self.restamp(made.row, changed_us)
