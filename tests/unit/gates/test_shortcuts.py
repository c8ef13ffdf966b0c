"""A look at a whole column gives the rows that a look at each value by itself gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pophub.domain.dates import DAY_US, ZONE_US
from pophub.domain.names import fold_name
from pophub.domain.tax_codes import TAX_CODE
from pophub.gates.checks import CHECKS, Arguments
from pophub.gates.frame import Frame
from pophub.gates.personal_id import contradicts, flaw
from pophub.gates.texts import EMPTY, HIDDEN, MAX_TEXT_CHARS, OTHER

STRANGE = ["٠٣٨٠٩٠٠٠٠١٢٣", "０３８０９００００１２３", "038090000123\n", "\n38090000123", "038\u00a0090000123", "0380900001²3",
           "038090000123\u200b", "", " ", "\u00a0", "\u3000", "\0", "\ud800", "\U0001f600", "000000000123", "03809000012",
           "09909000012", "099090000123", "\x1f"]  # fmt: skip
SOUND = st.tuples(st.sampled_from(["038", "001", "096"]), st.integers(0, 999), st.integers(0, 999_999)).map(
    lambda parts: f"{parts[0]}{parts[1]:03d}{parts[2]:06d}"
)
NUMBERS = st.one_of(SOUND, st.sampled_from(STRANGE), st.text(max_size=14), st.none())
BIRTHS = st.one_of(st.integers(-30_000, 30_000), st.none())
SEXES = st.sampled_from(["M", "F", None, "x", ""])
LETTERS = st.text(
    st.sampled_from("aễe\u0302 Đ\u00a0\t\n\u200b\0\ud8007_-.\u3000\ufe0f\U0001f600\U000e0001"), max_size=6
)
TEXTS = st.one_of(st.none(), LETTERS, st.text(max_size=4), st.sampled_from(["x" * 2000, "x" * 2001]))

GOOD_TEXTS: dict[str, Callable[[str], bool]] = {
    "control": lambda text: HIDDEN.search(text) is None,
    "letters": lambda text: OTHER.search(text) is None,
    "visible": lambda text: re.fullmatch(f"{EMPTY.pattern}*", text) is None,
    "length": lambda text: len(text) <= MAX_TEXT_CHARS,
    "tax_code": lambda text: TAX_CODE.match(text) is not None,
}


def column(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=8)


def found(check: str, told: Arguments, **columns: list[Any]) -> list[int]:
    return CHECKS[check](Frame(columns), told)


@given(numbers=st.one_of(column(NUMBERS), column(SOUND)))
def test_flaws_of_form(numbers: list[Any]) -> None:
    for check in ("length", "format", "digits", "whitespace", "province"):
        plain = [row for row, number in enumerate(numbers) if number is not None and flaw(number) == check]
        assert found("expect_personal_id", {"column": "n", "check": check}, n=numbers) == plain


@given(
    rows=st.one_of(
        column(st.tuples(NUMBERS, BIRTHS, SEXES)),
        column(st.tuples(SOUND, st.integers(-25_000, 20_000), SEXES)),
    ),
    of=st.sampled_from([("birth_date", "sex"), ("birth_date",), ("sex",), ()]),
)
def test_digits_against_the_person(rows: list[Any], of: tuple[str, ...]) -> None:
    numbers, births, sexes = (list(values) for values in zip(*rows, strict=True))
    plain = [
        row
        for row, (number, birth, sex) in enumerate(rows)
        if contradicts(number, birth if "birth_date" in of else None, sex if "sex" in of else None)
    ]
    told = {"column": "n", "check": "dob_mismatch", **{name: name for name in of}}
    assert found("expect_personal_id", told, n=numbers, birth_date=births, sex=sexes) == plain


@given(
    births=column(
        st.one_of(
            st.integers(-30_000, 30_000), st.integers(-(10**9), 10**9), st.floats(), st.text(max_size=2)
        )
    )
)
def test_a_birth_that_is_no_day_raises_where_it_is_asked_for(births: list[Any]) -> None:
    numbers = ["038090000123"] * len(births)
    told = {"column": "n", "check": "dob_mismatch", "birth_date": "b"}
    try:
        plain = [row for row, birth in enumerate(births) if contradicts(numbers[row], birth, None)]
    except (TypeError, ValueError, OverflowError):
        with pytest.raises((TypeError, ValueError, OverflowError)):
            found("expect_personal_id", told, n=numbers, b=births)
    else:
        assert found("expect_personal_id", told, n=numbers, b=births) == plain


@given(texts=st.one_of(column(TEXTS), column(st.text(st.sampled_from("aễ Đ"), min_size=1, max_size=6))))
def test_characters(texts: list[Any]) -> None:
    for check, good in GOOD_TEXTS.items():
        plain = [row for row, text in enumerate(texts) if text is not None and not good(text)]
        assert found("expect_text", {"column": "t", "check": check}, t=texts) == plain


@given(values=st.one_of(column(TEXTS), column(st.integers()), column(st.one_of(st.none(), st.integers()))))
def test_presence(values: list[Any]) -> None:
    plain = [row for row, value in enumerate(values) if value is None or value == ""]
    assert found("expect_present", {"column": "v"}, v=values) == plain


@pytest.mark.parametrize("check", ["letters", "control", "visible", "length", "tax_code"])
@pytest.mark.parametrize("strange", [7, 0, False, 1.5, object()])
def test_what_is_no_text_raises(check: str, strange: Any) -> None:
    with pytest.raises(TypeError):
        found("expect_text", {"column": "t", "check": check}, t=["Hòa", None, strange])


@given(
    rows=column(st.tuples(st.one_of(st.none(), st.integers(-3, 3)), st.integers(-3, 3))),
    days=st.integers(0, 2),
    holds=st.sampled_from(["date", "time"]),
)
def test_times(rows: list[Any], days: int, holds: str) -> None:
    stamps = [stamp * DAY_US for _, stamp in rows]
    times = [at if at is None or holds == "date" else at * DAY_US for at, _ in rows]
    told = {"column": "at", "days": days, "holds": holds}

    def limit(stamp: int, days: int) -> int:
        return (stamp + ZONE_US) // DAY_US + days if holds == "date" else stamp + days * DAY_US

    pairs = list(zip(times, stamps, strict=True))
    late = [row for row, (at, stamp) in enumerate(pairs) if at is not None and at > limit(stamp, days)]
    old = [row for row, (at, stamp) in enumerate(pairs) if at is not None and at < limit(stamp, -days)]
    assert found("expect_not_future", told, at=times, hub_exchanged_at=stamps) == late
    assert found("expect_fresh", told, at=times, hub_exchanged_at=stamps) == old


NAMES = st.sampled_from(["Hòa", "HOÀ", "Lan", "", None])
DAYS = st.sampled_from([1, 2, None])


@given(rows=column(st.tuples(st.sampled_from(["1", "2", "3", None]), NAMES, DAYS, NAMES, DAYS)))
def test_people_who_stay_the_same(rows: list[Any]) -> None:
    first: dict[Any, Any] = {}
    other_people, other_names, other_births = [], [], []
    for row, (number, own, born, known, known_born) in enumerate(rows):
        if own is not None and known is not None and fold_name(own) != fold_name(known):
            other_names.append(row)
        if born is not None and known_born is not None and born != known_born:
            other_births.append(row)
        if own is None or born is None:
            continue
        one = (known, known_born) if known_born is not None else first.setdefault(number, (own, born))
        if born != one[1] and one[0] is not None and fold_name(own) != fold_name(one[0]):
            other_people.append(row)
    n, name, birth, hub_n_name, hub_n_birth_date = (list(values) for values in zip(*rows, strict=True))
    columns = {
        "n": n,
        "name": name,
        "birth": birth,
        "hub_n_name": hub_n_name,
        "hub_n_birth_date": hub_n_birth_date,
    }
    told = {"column": "n", "name": "name", "birth_date": "birth"}
    assert found("expect_one_person", told, **columns) == other_people
    agrees = "expect_person_agrees"
    assert found(agrees, {"column": "name", "person": "n", "on": "name"}, **columns) == other_names
    assert found(agrees, {"column": "birth", "person": "n", "on": "birth_date"}, **columns) == other_births


@given(rows=column(st.tuples(*[st.sampled_from(["a", "b", None])] * 4)))
def test_versions_and_claims(rows: list[Any]) -> None:
    key, hub_v_holder, own, rival = (list(values) for values in zip(*rows, strict=True))
    claimed = [row for row, (mine, holder, *_) in enumerate(rows) if holder is not None and holder != mine]
    columns = {"hub_key": key, "hub_v_holder": hub_v_holder, "hub_content": own, "hub_rival_content": rival}
    assert found("expect_unclaimed", {"column": "v"}, **columns) == claimed
    other = [row for row, (_, _, mine, theirs) in enumerate(rows) if theirs is not None and mine != theirs]
    assert found("expect_no_contradiction", {}, **columns) == other


@given(values=column(st.sampled_from(["M", "F", "m", "", None, 1, True])))
def test_codes(values: list[Any]) -> None:
    plain = [row for row, value in enumerate(values) if value not in {None, "F", "M"}]
    assert found("expect_code", {"column": "v", "codes": "sex", "listed": ["F", "M"]}, v=values) == plain


def test_years_agree_where_the_birth_date_has_that_year() -> None:
    born = [
        (date(1938, 12, 31) - date(1970, 1, 1)).days,
        None,
        (date(1939, 1, 1) - date(1970, 1, 1)).days,
        1938,
    ]
    told = {"column": "y", "person": "p"}
    assert found("expect_birth_year_agrees", told, y=[1938, 1938, 1938, 1938], hub_p_birth_date=born) == [
        2,
        3,
    ]
