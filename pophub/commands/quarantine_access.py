"""What the commands of quarantine and holds open and show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pophub.commands.choices import demand
from pophub.commands.output import talk
from pophub.commands.shown import local_time
from pophub.contracts.load import connector_paths, load_all, load_connector, stem_at
from pophub.contracts.model import Connector
from pophub.contracts.rule_codes import Words, project_codes
from pophub.postgres import Connection, connect
from pophub.settings import Settings


def connectors_here() -> dict[str, Connector]:
    """Give the project's sound connectors."""
    return {c.stem: c for c in load_all(Settings.load().project)[0]}


def words_here() -> Words:
    """Give the words of every code of the project."""
    return project_codes(Settings.load().project)


def connector_here(stem: str) -> Connector:
    """Give one connector; the others are not read.

    Errors: `config.unknown_stem`; those of its files.
    """
    project = Settings.load().project
    paths = {stem_at(path): path for path in connector_paths(project)}
    demand("connector", stem, paths, "config.unknown_stem")
    return load_connector(paths[stem], project)


@contextmanager
def reading() -> Iterator[Connection]:
    """Open a connection that sees no personal data."""
    with closing(connect(Settings.load(), "pophub_read")) as connection:
        yield connection


@contextmanager
def judging() -> Iterator[Connection]:
    """Open a connection that sees what was sent, and writes decisions of the quarantine."""
    with closing(connect(Settings.load(), "pophub_judge")) as connection:
        yield connection


@contextmanager
def progress_of(what: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal; elsewhere a line each 10 s."""
    spoken, done = datetime.now(UTC), 0
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=talk,
                  disable=not talk.is_terminal) as bar:  # fmt: skip
        task = bar.add_task(what, total=total)

        def moved(rows: int, of: int) -> None:
            nonlocal spoken, done
            done += rows
            bar.update(task, advance=rows, total=max(of, done))
            if not talk.is_terminal and datetime.now(UTC) - spoken > timedelta(seconds=10):
                spoken = datetime.now(UTC)
                talk.print(f"{what}: {done:,} of {of:,}", markup=False)

        yield moved


def when(moment: datetime) -> str:
    """Show a time in Vietnam's zone."""
    return local_time(moment)
