"""Write a drafted connector into a project: all its files or none, and never over one that is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pophub.contracts.load import load_connector
from pophub.contracts.model import Connector
from pophub.domain.codes import GATES
from pophub.domain.errors import ConfigError
from pophub.drafting.files import connector_text, sample_text, schema_text, suite_text
from pophub.drafting.plan import DraftPlan
from pophub.drafting.rules import draft_rules
from pophub.drafting.samples import draft_samples
from pophub.scoring.samples import fares_otherwise, judged, sample_folder


def write_draft(plan: DraftPlan, project: Path) -> tuple[list[Path], list[str]]:
    """Write the files; give them, and what a person has to decide.

    A sample is kept where it fares as it is named, by the rules and the mapping that were written.
    Errors: `connector.exists`; whatever the check of the files finds, after they are removed again.
    """
    stem, agency, dataset = plan.asked.stem, plan.asked.agency, plan.asked.dataset
    rules = draft_rules(plan)
    path = project / "connectors" / agency / f"{dataset}.yaml"
    texts = {
        path: connector_text(plan),
        project / "schemas" / agency / f"{dataset}.v1.avsc": schema_text(plan),
        project / "expectations" / agency / f"{dataset}.json": suite_text(plan, rules),
    }
    folder = sample_folder(project, stem)
    refuse_existing(project, [*texts, folder])
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    try:
        kept, missing = _faring(load_connector(path, project), draft_samples(plan, rules))
    except BaseException:
        for file in texts:
            file.unlink()
        raise
    folder.mkdir(parents=True)
    for name, sample in kept.items():
        texts[folder / f"{name}.json"] = text = sample_text(sample)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return list(texts), [*plan.decisions, *missing]


def _no_sample(gate: str) -> str:
    return f"sample: a row that fails at the gate {gate}: none could be made up"


def refuse_existing(project: Path, files: Sequence[Path]) -> None:
    """Refuse to write where something is.

    Errors: `connector.exists`.
    """
    for file in files:
        if file.exists():
            raise ConfigError(
                "connector.exists", "the file is there already, and is not written over",
                where=str(file.relative_to(project)), remedy="choose another dataset, or remove the file first",
            )  # fmt: skip


def _faring(
    connector: Connector, samples: Mapping[str, dict[str, Any]]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """Give the samples that fare as they are named, and what is missing in words."""
    found = judged(connector, list(samples.values()))
    kept = {
        name: sample
        for (name, sample), failures in zip(samples.items(), found, strict=True)
        if fares_otherwise(Path(f"{name}.json"), {failure.code for failure in failures}) is None
    }
    missing = (
        []
        if any(name.endswith(".pass") for name in kept)
        else ["sample: a row that passes: none could be made up"]
    )
    failing = {name.partition(".fail.")[2].partition(".")[0] for name in kept}
    return kept, [*missing, *(_no_sample(gate) for gate in GATES if gate not in failing)]
