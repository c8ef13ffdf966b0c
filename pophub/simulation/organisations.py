"""The organisations of the common cast: companies, and businesses of people, each under a tax code."""

from __future__ import annotations

from random import Random

from pophub.domain.tax_codes import check_digit
from pophub.simulation.model import Cast, Organisation, count

_TRADES = (
    "Thương mại", "Vận tải", "Xây dựng", "May mặc", "Nông sản", "Dược phẩm", "Điện máy", "Nội thất",
    "Thực phẩm sạch", "Công nghệ", "Thiết bị y tế", "Văn phòng phẩm",
)  # fmt: skip
_OWN = (
    "An Phát",
    "Hòa Bình",
    "Minh Long",
    "Đại Thành",
    "Thiên Phú",
    "Việt Hưng",
    "Tân Tiến",
)


def tax_code(rng: Random) -> str:
    """Draw a ten-digit tax code whose last digit checks the first nine."""
    while True:
        digits = f"{rng.randrange(1, 64):02d}{rng.randrange(10**7):07d}"
        if (check := check_digit(digits)) <= 9:
            return f"{digits}{check}"


def company(rng: Random) -> str:
    """Draw a company's name."""
    return f"Công ty TNHH {rng.choice(_TRADES)} {rng.choice(_OWN)}"


COMPANIES, STOPPED = 100, 5
SILENT = 25
"""So many companies, the last of those that do business, never issue an invoice."""


def found(seed: str, scale: float, cast: Cast) -> None:
    """Found the organisations; some companies have a representative, a business of a person always."""
    rng = Random(f"{seed}:organisations")
    adults = [person for person in cast.known["2023"] if person.adult(2023)]
    companies = [
        Organisation(tax_code(rng), company(rng), rng.choice(adults).citizen_id if number % 2 else None)
        for number in range(COMPANIES)
    ]
    cast.organisations, cast.stopped = companies[:-STOPPED], companies[-STOPPED:]
    owners = rng.sample(adults, min(len(adults), count(70, scale, 15)))
    cast.households = {
        one.citizen_id: Organisation(tax_code(rng), f"Hộ kinh doanh {one.full_name}", one.citizen_id)
        for one in owners
    }
