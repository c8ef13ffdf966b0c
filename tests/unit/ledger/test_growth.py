"""Growth counted from a checkpoint's tally: percents, periods, scopes, the chart."""

from __future__ import annotations

import doctest
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from pophub.commands.growth import refuse_backwards
from pophub.domain.dates import HO_CHI_MINH
from pophub.domain.errors import ConfigError
from pophub.ledger import standing
from pophub.ledger.chart import chart, grown
from pophub.ledger.checkpoint import Checkpoint
from pophub.ledger.growth import Changed, Growth, Scope, agencies_as_of, growth_as_of, percent
from pophub.ledger.periods import moment, months_of

TALLY = [
    ["population", "mps.citizens", "2023-01", 60], ["population", "mps.citizens", "2023-03", 20],
    ["portal", "mps.citizens", "2023-03", 20], ["population", "moj.civil_status", "2024-01", 57],
    ["portal", "mps.citizens", "2024-02", 100],
]  # fmt: skip
POINT = Checkpoint(1, {"tally": TALLY, "heads": [], "at": 0, "id": 1}, b"", b"")


def told(scope: Scope, by: str = "year") -> list[tuple[str, int, Decimal | None]]:
    return [(g.period, g.transactions, g.percent) for g in growth_as_of(POINT, by, scope)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "before", "wanted"),
    [(157, 100, "57.0"), (0, 4, "-100.0"), (1005, 1000, "0.5"), (20_005, 20_000, "0.0"), (2001, 2000, "0.1"),
     (1, 3, "-66.7"), (10_814, 6_888, "57.0")],
)  # fmt: skip
def test_percent_has_one_decimal_half_up(now: int, before: int, wanted: str) -> None:
    assert percent(now, before) == Decimal(wanted)


def test_there_is_no_percent_of_nothing() -> None:
    assert percent(5, 0) is None


def test_years_quarters_and_months_count_the_same() -> None:
    assert told(Scope()) == [("2023", 100, None), ("2024", 157, Decimal("57.0"))]
    for by in ("quarter", "month"):
        assert sum(n for _, n, _ in told(Scope(), by)) == 257
    assert [p for p, _, _ in told(Scope(), "quarter")] == [
        "2023-Q1",
        "2023-Q2",
        "2023-Q3",
        "2023-Q4",
        "2024-Q1",
    ]


def test_months_grow_on_the_month_and_on_the_year() -> None:
    by_month = {g.period: g for g in growth_as_of(POINT, "month", Scope())}
    assert by_month["2023-02"].transactions == 0
    assert by_month["2024-02"].percent == Decimal("75.4")
    assert by_month["2024-01"].year_on_year == Decimal("-5.0")


def test_a_period_without_data_has_no_percent_instead_of_a_fall_to_nothing() -> None:
    by_quarter = {g.period: g for g in growth_as_of(POINT, "quarter", Scope())}
    assert (by_quarter["2023-Q2"].transactions, by_quarter["2023-Q2"].percent) == (0, None)
    assert [grown(by_quarter[p], by_quarter[p].percent) for p in ("2023-Q2", "2024-Q1")] == ["none", ""]
    assert by_quarter["2024-Q1"].year_on_year == Decimal("57.0")
    assert "2023-Q2: 0 none" in chart("Growth", "", list(by_quarter.values()))


def test_open_and_changed_periods_are_marked_in_the_chart() -> None:
    rows = [
        Growth("2025", 105, None, changed=Changed(3, datetime(2026, 1, 1, tzinfo=UTC), 100)),
        Growth("2026", 60, Decimal("20.0"), open=True, span_before=50),
    ]
    drawn = chart("Growth", "as of checkpoint 9", rows)
    assert "2025*: 105 (100 when signed, in checkpoint 3); 2026 (so far): 60 +20.0 %" in drawn
    assert "* changed since it was signed" in drawn and drawn.count('class="bar open"') == 1
    ElementTree.fromstring(drawn)


def test_the_examples_in_docstrings_hold() -> None:
    assert doctest.testmod(standing).failed == 0


def test_a_scope_counts_its_part() -> None:
    assert told(Scope(recipient="portal")) == [("2023", 20, None), ("2024", 100, Decimal("400.0"))]
    assert told(Scope(dataset="moj.civil_status")) == [("2024", 57, None)]
    assert told(Scope(agency="nobody")) == []


def test_agencies_have_their_share_of_a_period() -> None:
    shares = {(p, a): s for p, a, _, s in agencies_as_of(POINT, "year", Scope())}
    assert shares == {("2023", "mps"): Decimal(100), ("2024", "mps"): Decimal("63.7"), ("2024", "moj"): Decimal("36.3")}  # fmt: skip


def test_the_chart_is_svg_for_light_and_dark_and_tells_its_figures_in_words() -> None:
    drawn = chart("Growth <of> sharing", "as of checkpoint 1", growth_as_of(POINT, "month", Scope()))
    root = ElementTree.fromstring(drawn)
    assert root.tag.endswith("svg")
    assert "prefers-color-scheme: dark" in drawn
    assert "2024-02: 100 +75.4 %" in drawn
    assert drawn.count("<rect") == 14
    assert ElementTree.fromstring(chart("Nothing", "", [])) is not None


@pytest.mark.parametrize("text", ["2024-Q5", "2024-13", "24", "2024-1", "0000", "9999-12", "２０２４"])
def test_a_period_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"cli\.period"):
        months_of(text)


def test_a_moment_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cli\.as_of"):
        moment("yesterday")


def test_a_day_that_is_not_over_cannot_be_compared_with_now_and_is_told_so() -> None:
    today = datetime.now(HO_CHI_MINH).date().isoformat()
    with pytest.raises(ConfigError, match="means the end of that day, which is still to come"):
        refuse_backwards(today, "now")
    with pytest.raises(ConfigError, match=f"{today}T23:59:59 is still to come"):
        refuse_backwards(f"{today}T23:59:59", "now")
    with pytest.raises(ConfigError, match="lies before"):
        refuse_backwards("#4", "#3")
    refuse_backwards("2024-12-31", "now")
