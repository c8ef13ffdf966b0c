"""The market of electronic commerce: 20.5 billion USD in 2024, however few sellers stand for it."""

from __future__ import annotations

VND_A_USD = 25_450
MARKET_VND = 20_500_000_000 * VND_A_USD
"""What stands of the turnover of 2024 at its end. Source: the conference on Project 06, as in docs/systems.md."""
OF_2024 = {2022: 0.8, 2023: 0.8, 2024: 1.0, 2025: 1.5}
"""The market of a year against that of 2024: 30.5 billion USD were expected for 2025."""
_REPORTS = 900  # of a year at scale 1
_SELLERS = 100_000  # whom one of the cast stands for at scale 1, whose invoices are as much larger


def mean_report_vnd(year: int, scale: float) -> float:
    """Give what a seller's turnover of a month is in the mean."""
    return OF_2024.get(year, OF_2024[2025]) * MARKET_VND / (_REPORTS * scale)


def stands_for(scale: float) -> float:
    """Give for how many sellers of the country one of the cast stands."""
    return _SELLERS / scale
