"""The one place that runs Great Expectations: rules and columns in, failing rows out.

It drives the validator on an execution engine made for one frame: a data context would hash
every column of the frame twice and keep results, with values in them, for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from great_expectations.execution_engine.pandas_execution_engine import (
    PandasExecutionEngine,
)
from great_expectations.expectations.expectation_configuration import (
    ExpectationConfiguration,
)
from great_expectations.validator.validator import Validator

import pophub.gates.expectations  # noqa: F401  registers the custom expectations
from pophub.contracts.model import Rule
from pophub.domain.record import Columns
from pophub.gates.checks import CHECKS
from pophub.gates.expectations.batch import FrameData
from pophub.gates.judged import RuleResult

_COMPLETE = {"result_format": {"result_format": "COMPLETE", "include_unexpected_rows": False}}


_BATCH = "frame"


class _Made(ExpectationConfiguration):  # type: ignore[misc]
    """The configuration of one of pophub's expectations with its object, both made once.

    Great Expectations copies a configuration and makes two objects of it for each frame. Neither
    holds anything of a frame: what a frame gives goes by way of the metrics.
    """

    def __init__(self, **told: Any) -> None:
        super().__init__(**told)
        self.kwargs["batch_id"] = _BATCH
        self._expectation = super().to_domain_obj()

    def __deepcopy__(self, memo: dict[int, Any]) -> _Made:
        return self

    def to_domain_obj(self) -> Any:
        return self._expectation


def prepare(rules: Sequence[Rule]) -> list[ExpectationConfiguration]:
    """Make what is the same for every frame of a connector."""
    return [_configured(place, rule) for place, rule in enumerate(rules)]


def _configured(place: int, rule: Rule) -> ExpectationConfiguration:
    kind = _Made if rule.expectation in CHECKS else ExpectationConfiguration
    listed = {} if rule.listed is None else {"listed": sorted(rule.listed)}
    return kind(type=rule.expectation, kwargs={**rule.kwargs, **listed}, meta={"rule": place})


def validate(suite: Sequence[ExpectationConfiguration], frame: Columns) -> list[RuleResult]:
    """Run every rule over the frame and keep nothing but row numbers."""
    engine = PandasExecutionEngine()
    engine.load_batch_data(_BATCH, FrameData(engine, frame))
    validator = Validator(execution_engine=engine)
    validator.metrics_calculator.show_progress_bars = False
    try:
        results = validator.graph_validate(configurations=list(suite), runtime_configuration=_COMPLETE)
        return [_judged(result) for result in results]
    finally:  # engine and validator hold one another: the frame must not wait for the collector with them
        engine.batch_manager.batch_data_cache.clear()


def _judged(result: Any) -> RuleResult:
    """Keep the rows of one result; a result without them judged nothing."""
    place = int(result.expectation_config.meta["rule"])
    found = result.result or {}
    judged, rows = found.get("element_count"), found.get("unexpected_index_list")
    raised = _raised(result.exception_info)
    if raised is None and rows is None and result.success and found.get("unexpected_count") == 0:
        rows = []
    if rows is not None and len(rows) != found.get("unexpected_count"):
        rows = None
    return RuleResult(place, None if rows is None else [int(row) for row in rows], judged, raised)


def _raised(info: Any) -> str | None:
    """Name the kind of error that an expectation raised; its message may hold values."""
    entries = [info] if info and "raised_exception" in info else list((info or {}).values())
    for entry in entries:
        if entry.get("raised_exception"):
            lines = str(entry.get("exception_traceback") or "").strip().splitlines()
            return lines[-1].split(":", 1)[0] if lines else "an error"
    return None
