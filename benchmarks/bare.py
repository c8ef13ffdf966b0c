"""Great Expectations alone: twelve expectations of its own on data frames, through its documented way."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from typing import Any

COLUMNS = ("so_ddcn", "ho_ten", "ngay_sinh", "gioi_tinh", "ma_tinh", "ma_ho")


def judge_frames(rows: Sequence[tuple[Any, ...]], frame_rows: int) -> float:
    """Judge all rows in frames; give the seconds, imports and the first frame (warm-up) left out.

    Errors: RuntimeError when it finds a failure.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx
    import pandas as pd

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = context.data_sources.add_pandas("bench").add_dataframe_asset("people")
    definition = batch.add_batch_definition_whole_dataframe("frame")
    suite = context.suites.add(gx.ExpectationSuite("bench", expectations=_expectations(gx.expectations)))
    judge = context.validation_definitions.add(
        gx.ValidationDefinition(name="bench", data=definition, suite=suite)
    )
    frames = [
        pd.DataFrame(rows[start : start + frame_rows], columns=list(COLUMNS), dtype=object)
        for start in range(0, len(rows), frame_rows)
    ]
    seconds = 0.0
    for number, frame in enumerate([frames[0], *frames]):
        begun = time.monotonic()
        result = judge.run(batch_parameters={"dataframe": frame}, result_format="COMPLETE")
        seconds += (time.monotonic() - begun) if number else 0.0
        if not result.success:
            raise RuntimeError("Great Expectations finds a failure in sound rows")
    return seconds


def _expectations(shipped: Any) -> list[Any]:
    """Six columns present, and of the formats that the source has."""
    found = [shipped.ExpectColumnValuesToNotBeNull(column=name) for name in COLUMNS]
    found += [
        shipped.ExpectColumnValuesToMatchRegex(column=name, regex=regex)
        for name, regex in (
            ("so_ddcn", r"\A[0-9]{12}\Z"),
            ("ngay_sinh", r"\A[0-9]{2}/[0-9]{2}/[0-9]{4}\Z"),
            ("ma_tinh", r"\A[0-9]+\Z"),
        )
    ]
    return [
        *found,
        shipped.ExpectColumnValuesToBeInSet(column="gioi_tinh", value_set=["Nam", "Nữ"]),
        shipped.ExpectColumnValueLengthsToBeBetween(column="ho_ten", min_value=1, max_value=100),
        shipped.ExpectColumnValueLengthsToBeBetween(column="ma_ho", min_value=1, max_value=40),
    ]
