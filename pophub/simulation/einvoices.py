"""mof.einvoices: the table hoadon.hddt of electronic invoices, changed in place."""

from __future__ import annotations

from random import Random

from pophub.simulation import defects
from pophub.simulation.agency import Agency
from pophub.simulation.clock import DAY_US, SECOND_US, from_us, moment_us, month_end_us
from pophub.simulation.market import stands_for
from pophub.simulation.model import Citizen, Defect, Organisation, Row, Step, Version, count, put
from pophub.simulation.organisations import SILENT


def _tax_over_total(row: Row, _: Random) -> None:
    row["tien_thue"] = row["tong_tien"] + 1


def _stopped(seller: Organisation) -> Row:
    return {"mst_ban": seller.tax_code, "ten_ban": seller.name, "so_ddcn_ban": None}


def _issued(days: int) -> Defect:
    """Issue it that many days from the row's change, as the sum does not show."""

    def change(row: Row, rng: Random) -> None:
        moved = row["_marker"] + (days + rng.randrange(20)) * DAY_US
        row["ngay_lap"] = from_us(moved).isoformat()

    if days < 0:
        return Defect("live", "live.stale", "issued over 60 days before", change)
    return Defect("live", "live.future", "issued after it was extracted", change)


class Einvoices(Agency):
    """Plans the Ministry of Finance's invoices."""

    stem = "mof.einvoices"
    key_column = "so_hd"
    name_column = None

    def row(self, person: Citizen | None, marker_us: int) -> Row:
        """Write an invoice of a business of the person, or of a company; a person without one sells for a company."""
        self.serial += 1
        rng = self.rng
        total = round(rng.lognormvariate(13.2, 1.3) * stands_for(self.scale)) + 1000
        issued = marker_us - rng.randrange(3 * DAY_US)
        seller = self._seller(person)
        return {
            "so_hd": f"C{from_us(marker_us).year % 100}TAA-{self.serial:08d}",
            "mst_ban": seller.tax_code,
            "ten_ban": seller.name,
            "so_ddcn_ban": person.citizen_id if person else None,
            "tong_tien": total,
            "tien_thue": total * rng.choice((0, 5, 8, 10)) // 100,
            "ban_le": rng.random() < 0.4,
            "ngay_lap": from_us(issued).isoformat(),
            "trang_thai": "1",
            "cap_nhat": from_us(marker_us).isoformat(),
            "_marker": marker_us,
        }

    def _seller(self, person: Citizen | None) -> Organisation:
        """Give who sells: a company that a person sells for has no representative on record."""
        if person and person.citizen_id in self.cast.households:
            return self.cast.households[person.citizen_id]
        companies = self.cast.organisations[:-SILENT]
        return self.rng.choice(companies[::2] if person else companies)

    def restamp(self, row: Row, marker_us: int) -> None:
        """Write another change time into a row."""
        row["cap_nhat"] = from_us(marker_us).isoformat()

    def catalogue(self, step: Step) -> list[Defect]:
        """Give the defects of an invoice."""
        return [
            Defect(
                "contract",
                "contract.number.format",
                "total NaN",
                put("tong_tien", "NaN"),
            ),
            Defect(
                "correct",
                "correct.taxcode.format",
                "nine digits",
                put("mst_ban", "010203040"),
            ),
            Defect(
                "correct",
                "correct.taxcode.format",
                "letters",
                put("mst_ban", "01020304AB"),
            ),
            Defect(
                "correct",
                "correct.amount.range",
                "total below 0",
                put("tong_tien", -50_000),
            ),
            Defect("correct", "correct.amount.range", "tax below 0", put("tien_thue", -1)),
            Defect("correct", "correct.amount.range", "tax over total", _tax_over_total),
            *defects.personal_id("so_ddcn_ban", dob=False),
            *defects.missing("mst_ban", "ten_ban", "tong_tien", "ngay_lap"),
            defects.unknown_person("so_ddcn_ban"),
            Defect(
                "sufficient", "sufficient.unknown_organisation", "seller not registered",
                put("mst_ban", "0000000000"),
            ),
            Defect(
                "correct", "correct.agreement.organisation", "another seller's name",
                put("ten_ban", "Hợp tác xã Mường Hoa"),
            ),
            Defect(
                "correct", "correct.organisation.inactive", "seller had stopped",
                lambda row, rng: row.update(_stopped(rng.choice(self.cast.stopped))),
            ),
            defects.hidden_character("ten_ban"),
            defects.hidden_character("ten_ban", "\x07"),
            _issued(-120),
            _issued(40),
        ]  # fmt: skip

    def plan(self) -> None:
        """Make the rows of stock, 2023 and 2024."""
        for _ in range(count(60, self.scale, 5)):
            self.sale(moment_us(self.rng, 2022, 12), "2023")
        for step, grown in (("2023", 1.0), ("2024", 1.25)):
            self._year(step, grown)  # type: ignore[arg-type]
        self._last_of_2023()
        self.people_in_between(count(3, self.scale, 2))

    def sale(self, marker_us: int, step: Step, label: str = "") -> Version:
        """Plan a sound invoice of anyone."""
        person = self.owner() if self.rng.random() < 0.3 else None
        row = self.row(person, marker_us)
        made = self.build(row, marker_us, step, label)
        self.versions.append(made)
        return made

    def _year(self, step: Step, grown: float) -> None:
        for _ in range(count(1250 * grown, self.scale, 40)):
            self.sale(self.month(step), step)
        for month in (3, 9):
            self._near_misses(step, month)
        self.inject(step, round(1300 * grown))

    def _near_misses(self, step: Step, month: int) -> None:
        """Amounts of zero, all tax, and issued exactly at the limits of the stamp."""
        marker = moment_us(self.rng, int(step), month, 25)
        stamp = month_end_us(int(step), month)
        self.sale(marker, step, "near miss: zero amounts").row.update(tong_tien=0, tien_thue=0)
        tax = self.sale(marker + 1, step, "near miss: tax equals total").row
        tax["tien_thue"] = tax["tong_tien"]
        old = self.sale(marker + 2, step, "near miss: issued 60 days before the stamp").row
        old["ngay_lap"] = from_us(stamp - 60 * DAY_US).isoformat()
        new = self.sale(marker + 3, step, "near miss: issued a day after the stamp").row
        new["ngay_lap"] = from_us(stamp + DAY_US).isoformat()

    def correct(self, made: Version, right: Row) -> None:
        """Correct in January what was issued in late December; older ones would be stale."""
        december = moment_us(self.rng, 2023, 12, 10, 28)
        made.marker = made.changed = december
        issued = from_us(december - 3600 * SECOND_US).isoformat()
        right["ngay_lap"] = issued
        if made.gate == "live":
            days = 40 if made.code == "live.future" else -120
            issued = from_us(december + days * DAY_US).isoformat()
        if made.row["ngay_lap"] is not None:
            made.row["ngay_lap"] = issued
        self.restamp(made.row, december)
        marker = moment_us(self.rng, 2024, 1)
        self.restamp(right, marker)
        right["trang_thai"] = "2"
        self.versions.append(self.build(right, marker, "2024", "corrected"))

    def _last_of_2023(self) -> None:
        """Rows around the last hour of 2023: late ones, and one altered under the same marker."""
        last = month_end_us(2023, 12) - 600 * SECOND_US
        self.sale(last, "2023", "last of the year")
        number = count(4, self.scale, 2)
        for index in range(number):
            late = last - (index + 1) * 2400 * SECOND_US // (number + 1)
            self.sale(late, "2024", "near miss: late, within late_s")
        number = count(3, self.scale, 1)
        for index in range(number):
            first = self.sale(last - 1500 * SECOND_US - index * 900 * SECOND_US // number, "2023")
            row = {**first.row, "tong_tien": first.row["tong_tien"] + 7_000}
            again = self.build(row, first.marker, "2024")
            self.wrong(again, "clean", "contradiction", "altered without a new marker")
            self.versions.append(again)
        for _ in range(count(6, self.scale, 2)):
            sold = self.sale(moment_us(self.rng, 2023, 12, 8, 28), "2023")
            marker = moment_us(self.rng, 2024, 1)
            row = {**sold.row, "trang_thai": "3"}
            self.restamp(row, marker)
            self.versions.append(self.build(row, marker, "2024", "near miss: cancelled"))

    def pad(self, number: int) -> list[Version]:
        """Plan further sound invoices of 2024."""
        return [self.sale(self.month("2024"), "2024") for _ in range(number)]
