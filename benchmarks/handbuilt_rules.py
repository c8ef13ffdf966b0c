"""The 24 rules of the benchmark as one writes them for Great Expectations without pophub.

Only its own expectations; what they cannot say becomes a column beside the source's, made with pandas
for all rows at once.
"""

from __future__ import annotations

import logging
import os
from typing import Any

import pandas as pd

from pophub.contracts.code_tables import read_tables
from pophub.settings import PROJECT

TABLES = read_tables(PROJECT)[0].sound

NO_FRAME = pd.DataFrame(columns=["so_ddcn", "ho_ten", "ngay_sinh", "so_cmnd", "cap_nhat_luc"])
"""What no row is known of, by key and by old number."""
HIDDEN = "[\u0001-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufffd]"
OTHER = r"[^A-Za-zÀ-ỹ\u0300-\u0323 '\u2019\u02bc.\-\u0001-\u001f\u007f-\u009f\u200b-\u200f\ufeff]"
LONGEST, OLDEST, AHEAD = 2_000, pd.Timedelta(days=45), pd.Timedelta(days=1)


class Rules:
    """The suite, made once; judges any number of frames of the source's columns."""

    def __init__(self) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        logging.getLogger("great_expectations").setLevel(logging.WARNING)
        import great_expectations as gx

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        asset = context.data_sources.add_pandas("new").add_dataframe_asset("people")
        self._batch = asset.add_batch_definition_whole_dataframe("frame")
        self.suite = context.suites.add(
            gx.ExpectationSuite("people", expectations=_expectations(gx.expectations))
        )
        self._judge = context.validation_definitions.add(
            gx.ValidationDefinition(name="people", data=self._batch, suite=self.suite)
        )

    def failing(self, rows: pd.DataFrame, known: pd.DataFrame) -> dict[int, list[str]]:
        """Give the rows, by place, that fail, each with the codes of its rules; `known` are stored before.

        Errors: RuntimeError where a rule could not be judged.
        """
        now = pd.Timestamp.now("UTC")
        result = self._judge.run(
            batch_parameters={"dataframe": _prepared(rows, known)},
            expectation_parameters={"today": now.tz_convert("Asia/Ho_Chi_Minh").tz_localize(None).normalize(),
                                    "oldest": now - OLDEST, "latest": now + AHEAD},
            result_format={"result_format": "COMPLETE", "return_unexpected_index_query": False},
        )  # fmt: skip
        found: dict[int, list[str]] = {}
        for one in result.results:
            if one.exception_info.get("raised_exception", True):
                raise RuntimeError(f"not judged: {one.expectation_config.type}")
            for row in one.result.get("unexpected_index_list") or ():
                found.setdefault(row, []).append(one.expectation_config.meta["code"])
        return found


def _prepared(rows: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Give the source's columns, and beside them what the rules need that lies in no single one."""
    born = pd.to_datetime(rows["ngay_sinh"], format="%d/%m/%Y", errors="coerce")
    female = (rows["gioi_tinh"] == "Nữ").astype(int)
    number = rows["so_ddcn"].where(rows["so_ddcn"].str.fullmatch("[0-9]{12}"))
    return rows.assign(
        place=number.str[:3],
        born=born,
        digits_found=pd.to_numeric(number.str[3:6]),
        digits_due=((born.dt.year // 100 - 19) * 2 + female) * 100 + born.dt.year % 100,
        other_person=_other_person(rows, known),
        claimed=_claimed(rows, known),
        contradicts=_contradicts(rows, known),
    )


def _earlier(rows: pd.DataFrame, known: pd.DataFrame, by: str) -> pd.DataFrame:
    """Give for each row the first that has the same value of a column, of the known ones or of these."""
    columns = list(NO_FRAME.columns)
    both = pd.concat([known[columns], rows[columns]]) if len(known) else rows[columns]
    repeated = both[both[by].duplicated(keep=False) & both[by].notna()].drop_duplicates(by)
    return repeated.set_index(by, drop=False).reindex(rows[by]).set_axis(rows.index)


def _other_person(rows: pd.DataFrame, known: pd.DataFrame) -> pd.Series[bool]:
    first = _earlier(rows, known, "so_ddcn")
    return (
        first["so_ddcn"].notna()
        & (first["ho_ten"] != rows["ho_ten"])
        & (first["ngay_sinh"] != rows["ngay_sinh"])
    )


def _claimed(rows: pd.DataFrame, known: pd.DataFrame) -> pd.Series[bool]:
    first = _earlier(rows, known, "so_cmnd")
    return first["so_ddcn"].notna() & (first["so_ddcn"] != rows["so_ddcn"])


def _contradicts(rows: pd.DataFrame, known: pd.DataFrame) -> pd.Series[bool]:
    first = _earlier(rows, known, "so_ddcn")
    same = (first[["ho_ten", "ngay_sinh", "so_cmnd"]] == rows[["ho_ten", "ngay_sinh", "so_cmnd"]]).all(axis=1)
    return first["so_ddcn"].notna() & (first["cap_nhat_luc"] == rows["cap_nhat_luc"]) & ~same


def _expectations(shipped: Any) -> list[Any]:
    """Give the rules in the order of `benchmarks/project/expectations/bench/people.json`, each with its code."""
    provinces = sorted(code for code in TABLES["province"].values if code)
    no, has = shipped.ExpectColumnValuesToNotMatchRegex, shipped.ExpectColumnValuesToMatchRegex
    among, between = shipped.ExpectColumnValuesToBeInSet, shipped.ExpectColumnValuesToBeBetween
    present = [
        ("sufficient.missing", shipped.ExpectColumnValuesToNotBeNull, {"column": column})
        for column in ("ho_ten", "ngay_sinh", "gioi_tinh", "ma_tinh")
    ]
    control = [
        ("clean.text.control", no, {"column": column, "regex": HIDDEN})
        for column in ("ho_ten", "ma_ho", "so_cmnd")
    ]
    # fmt: off
    told: list[tuple[str, Any, dict[str, Any]]] = [
        ("correct.id.length", shipped.ExpectColumnValueLengthsToEqual, {"column": "so_ddcn", "value": 12}),
        ("correct.id.format", no, {"column": "so_ddcn", "regex": r"[^\s\d]"}),
        ("correct.id.digits", no, {"column": "so_ddcn", "regex": r"[^\x00-\x7f]"}),
        ("correct.id.whitespace", no, {"column": "so_ddcn", "regex": r"\s"}),
        ("correct.id.province", among, {"column": "place", "value_set": [f"0{code}" for code in provinces]}),
        ("correct.id.dob_mismatch", shipped.ExpectColumnPairValuesToBeEqual,
            {"column_A": "digits_found", "column_B": "digits_due", "ignore_row_if": "either_value_is_missing"}),
        ("correct.id.conflict", among, {"column": "other_person", "value_set": [False]}),
        ("correct.dob.future", between, {"column": "born", "max_value": {"$PARAMETER": "today"}}),
        ("correct.code.unknown", among, {"column": "ma_tinh", "value_set": provinces}),
        ("correct.code.unknown", among, {"column": "gioi_tinh", "value_set": sorted(TABLES["sex"].values)}),
        *present, *control,
        ("clean.text.length", shipped.ExpectColumnValueLengthsToBeBetween, {"column": "ho_ten", "max_value": LONGEST}),
        ("clean.name.empty", has, {"column": "ho_ten", "regex": r"\S"}),
        ("clean.name.letters", no, {"column": "ho_ten", "regex": OTHER}),
        ("clean.key.duplicate", among, {"column": "claimed", "value_set": [False]}),
        ("clean.contradiction", among, {"column": "contradicts", "value_set": [False]}),
        ("live.stale", between, {"column": "cap_nhat_luc", "min_value": {"$PARAMETER": "oldest"}}),
        ("live.future", between, {"column": "cap_nhat_luc", "max_value": {"$PARAMETER": "latest"}}),
    ]
    # fmt: on
    return [kind(**arguments, meta={"code": code}) for code, kind, arguments in told]
