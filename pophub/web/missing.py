"""What a page says that is not there: 404, and which there are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pophub.contracts.load import connector_paths, stem_at
from pophub.web import counts as sql
from pophub.web.counts import Counts

MOST_NAMED = 50


class NotThere(Exception):
    """A dataset or run that the hub does not know.

    Shape: `there` holds the links of what is there, as parts of a path; the last part is the name.
    """

    def __init__(self, kind: str, name: str, there: Iterable[tuple[str, ...]]) -> None:
        super().__init__(kind)
        self.kind, self.name, self.there = kind, name, list(there)[:MOST_NAMED]


def demand_dataset(counts: Counts, project: Path, stem: str) -> None:
    """Go on where a dataset is declared, or was read or held before.

    Errors: `NotThere`, naming all that are.
    """
    declared = {stem_at(path) for path in connector_paths(project)}
    known = declared | {row["stem"] for row in counts.figures((sql.STEMS,)).rows[0]}
    if stem not in known:
        raise NotThere("no_dataset", stem, [("datasets", name) for name in sorted(known)])


def demand_run(counts: Counts, stem: str, run: str) -> None:
    """Go on where the hub took a batch in a run of a dataset that it knows.

    Errors: `NotThere`, naming the dataset's newest runs: a run that took nothing leaves no trace in the database.
    """
    if "\0" in run or not counts.figures((sql.BATCHES,), stem=stem, run=run).rows[0]:
        runs = [("runs", stem, row["run"]) for row in counts.rows(sql.RUNS, stem=stem)]
        raise NotThere("no_run", run, runs)
