"""Examine the connectors of a project: errors of their declarations first, then what could be better."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pophub.contracts.load import connector_paths, read_all, stem_at, stem_of
from pophub.contracts.model import Connector
from pophub.domain.errors import ConfigError
from pophub.scoring.declared import score_files
from pophub.scoring.findings import Scored, part_of
from pophub.scoring.samples import score_samples
from pophub.scoring.source import score_source
from pophub.settings import Settings

AT_ONCE = 8  # sources asked at a time


def examine(
    settings: Settings, stem: str | None = None, *, sources: bool = True
) -> tuple[list[Scored], list[ConfigError]]:
    """Score each connector, or one; give besides the errors that belong to none of those.

    Shape: in the order of their stems; of one stem alone, the errors are those of files of no connector.
    """
    connectors, errors = read_all(settings.project)
    loaded = {one.stem: one for one in connectors}
    stems = sorted({*loaded, *(stem_at(path) for path in connector_paths(settings.project))})
    wanted = [one for one in stems if stem in (None, one)]
    scores = [_score(one, loaded.get(one), errors, settings) for one in wanted]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = pool.map(lambda one: _look(one, loaded.get(one.stem), settings, sources), scores)
    others = [error for error in errors if stem_of(error.where) not in stems]
    return list(done), others


def _score(
    stem: str, connector: Connector | None, errors: Sequence[ConfigError], settings: Settings
) -> Scored:
    scored = Scored(stem, loaded=connector is not None)
    for error in errors:
        if stem_of(error.where) == stem:
            scored.err(error, part_of(error.code, error.where))
    if connector is not None:
        score_files(connector, settings.project, scored)
        score_samples(connector, settings.project, scored)
    return scored


def _look(scored: Scored, connector: Connector | None, settings: Settings, sources: bool) -> Scored:
    if connector is not None and sources:
        score_source(connector, settings, scored)
    else:
        scored.unseen |= {"source", "marker"}
    return scored
