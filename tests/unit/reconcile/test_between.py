"""What two datasets are compared by: names of either side, and exact numbers as numbers."""

from __future__ import annotations

from decimal import Decimal

from pophub.contracts.load import load_all
from pophub.reconcile.between import _digest, names_of
from pophub.settings import PROJECT

SECRET = "a secret of this test"


def test_every_name_that_a_connector_declares_is_one() -> None:
    connectors = {one.stem: one for one in load_all(PROJECT)[0]}
    for stem, name in (
        ("mps.citizens", "full_name"),  # by population: people has the number alone
        ("portal.parties", "full_name"),
        ("mof.taxpayers", "name"),
        ("mof.einvoices", "seller_name"),
    ):
        assert name in names_of(connectors[stem]), stem
    assert names_of(connectors["catalogue.targets"]) == set()


def test_a_number_is_the_same_however_many_zeros_end_it() -> None:
    def told(text: str) -> bytes:
        return _digest(SECRET, Decimal(text), False)

    assert told("1.50") == told("1.5") and told("1E+2") == told("100.00") and told("-0.0") == told("0")
    assert told("10") != told("1") and told("1.05") != told("1.5")
    long = "12345678901234567890123456789012345678"
    assert told(long) != told(long[:-1] + "9"), "no digit of a long number is rounded away"
