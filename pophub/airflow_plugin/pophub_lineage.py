"""What a stage tells OpenLineage: the datasets that it read and wrote, with counts, and no value of any record.

Airflow's provider sends it, where a transport is declared; without one nothing is made and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.openlineage.extractors import OperatorLineage
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import input_statistics_input_dataset, output_statistics_output_dataset

ROOT = "pophub://"


def lineage(stage: str, stem: str, counts: Mapping[str, Any]) -> OperatorLineage:
    """Give what a stage of a dataset read and wrote, by its counts; none where it was paused or stopped."""
    if stage == "extract":
        read, wrote = {"source": counts.get("rows", 0)}, {"raw": counts.get("rows", 0)}
    elif stage == "judge":
        read = {"raw": counts.get("read", 0)}
        wrote = {"history": counts.get("shared", 0), "quarantine": counts.get("quarantined", 0)}
    else:
        given = {to: number for to, number in counts.items() if isinstance(number, int)}
        wrote = {to if to == "shared" else f"sub.{to}": number for to, number in given.items()}
        read = {"history": max(given.values(), default=0)}
    return OperatorLineage(
        inputs=[_input(place, stem, number) for place, number in read.items()],
        outputs=[_output(place, stem, number) for place, number in wrote.items()],
    )


def _input(place: str, stem: str, number: int) -> InputDataset:
    told = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rowCount=number)
    return InputDataset(ROOT + place, stem, inputFacets={"inputStatistics": told})


def _output(place: str, stem: str, number: int) -> OutputDataset:
    told = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=number)
    return OutputDataset(ROOT + place, stem, outputFacets={"outputStatistics": told})
