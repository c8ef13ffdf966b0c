"""A frame as Great Expectations holds it: columns as they are, a pandas frame only if one is asked for."""

from __future__ import annotations

from typing import Any

import pandas as pd
from great_expectations.execution_engine.pandas_batch_data import PandasBatchData

from pophub.domain.record import Columns
from pophub.gates.frame import Frame


class FrameData(PandasBatchData):  # type: ignore[misc]
    """Batch data of an engine; pophub's metric reads `frame`, Great Expectations' own `dataframe`."""

    def __init__(self, execution_engine: Any, columns: Columns) -> None:
        super().__init__(execution_engine, None)
        self.frame = Frame(columns)
        self._pandas: pd.DataFrame | None = None

    @property
    def dataframe(self) -> pd.DataFrame:
        """Give the frame to metrics of Great Expectations' own; most suites have none."""
        if self._pandas is None:
            # dtype=object: pandas would make text of its own of it, and NaN of None
            self._pandas = pd.DataFrame(self.frame.columns, index=range(self.frame.rows), dtype=object)
        return self._pandas
