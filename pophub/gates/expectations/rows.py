"""The base of pophub's expectations: one table metric gives the failing rows of any of them.

Results carry row numbers only, never values, so nothing personal can leak from a result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from great_expectations.core.metric_domain_types import MetricDomainTypes
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

if TYPE_CHECKING:
    from great_expectations.execution_engine.execution_engine import ExecutionEngine
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
        frame, _, _ = execution_engine.get_compute_domain(
            domain_kwargs=metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
        )
        check = CHECKS[metric_value_kwargs["check"]]
        arguments = metric_value_kwargs["arguments"]
        return check(lambda name: frame[name].to_list(), arguments), len(frame)


class RowsExpectation(BatchExpectation):  # type: ignore[misc]
    """An expectation that names the rows that fail it; subclasses only declare their kwargs."""

    told: ClassVar[tuple[str, ...]] = ()
    success_keys: ClassVar[tuple[str, ...]] = ()

    def get_validation_dependencies(
        self,
        execution_engine: ExecutionEngine[Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> ValidationDependencies:
        """Ask for the one metric, with this expectation's kwargs."""
        needed = super().get_validation_dependencies(execution_engine, runtime_configuration)
        kwargs = self.configuration.kwargs
        needed.set_metric_configuration(
            METRIC,
            MetricConfiguration(
                METRIC,
                metric_domain_kwargs={"batch_id": kwargs.get("batch_id")},
                metric_value_kwargs={
                    "check": self.configuration.type,
                    "arguments": {name: kwargs.get(name) for name in self.told},
                },
            ),
        )
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
