"""The base of pophub's expectations: one table metric gives the failing rows of any of them.

Results carry row numbers only, never values, so nothing personal can leak from a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from great_expectations.compatibility import pydantic
from great_expectations.execution_engine.pandas_execution_engine import (
    PandasExecutionEngine,
)
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import (
    TableMetricProvider,
)
from great_expectations.validator.metric_configuration import MetricConfiguration

from pophub.gates.checks import CHECKS
from pophub.gates.expectations.batch import FrameData

if TYPE_CHECKING:
    from great_expectations.execution_engine.execution_engine import ExecutionEngine
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.validator.validator import ValidationDependencies

METRIC = "table.pophub_failing_rows"


class FailingRows(TableMetricProvider):  # type: ignore[misc]
    """Row numbers that fail a check of `pophub.gates.checks`, and the number of rows judged."""

    metric_name = METRIC
    value_keys = ("check", "arguments")

    @metric_value(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(
        cls,
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ) -> tuple[list[int], int]:
        data: FrameData = execution_engine.batch_manager.batch_data_cache[metric_domain_kwargs["batch_id"]]
        check = CHECKS[metric_value_kwargs["check"]]
        return check(data.frame, metric_value_kwargs["arguments"]), data.frame.rows


class RowsExpectation(BatchExpectation):  # type: ignore[misc]
    """An expectation that names the rows that fail it; `expectations.made` declares the kwargs of each."""

    told: ClassVar[tuple[str, ...]] = ()
    success_keys: ClassVar[tuple[str, ...]] = ()
    _configuration: Any = pydantic.PrivateAttr(None)
    _metric: Any = pydantic.PrivateAttr(None)

    @property
    def configuration(self) -> ExpectationConfiguration:
        """Give the configuration, made once: Great Expectations asks eleven times a frame, and nothing
        changes an expectation once it is made.
        """
        if self._configuration is None:
            self._configuration = super().configuration
        return self._configuration

    def get_validation_dependencies(
        self,
        execution_engine: ExecutionEngine[Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> ValidationDependencies:
        """Ask for the one metric, with this expectation's kwargs."""
        needed = super().get_validation_dependencies(execution_engine, runtime_configuration)
        if self._metric is None:
            kwargs = self.configuration.kwargs
            arguments = {name: kwargs.get(name) for name in self.told}
            self._metric = MetricConfiguration(
                METRIC,
                metric_domain_kwargs={"batch_id": kwargs.get("batch_id")},
                metric_value_kwargs={"check": self.configuration.type, "arguments": arguments},
            )
        needed.set_metric_configuration(METRIC, self._metric)
        return needed

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine[Any] | None = None,
    ) -> dict[str, Any]:
        rows, judged = metrics[METRIC]
        return {
            "success": not rows,
            "result": {
                "element_count": judged,
                "unexpected_count": len(rows),
                "unexpected_index_list": rows,
            },
        }
