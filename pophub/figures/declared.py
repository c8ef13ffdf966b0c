"""Read `figures/<name>.sql`: a head of YAML in a comment, and the SELECT that counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field

from pophub.contracts.flaws import Flaws
from pophub.contracts.model import Text
from pophub.contracts.patterns import NAME, WORDS, is_name
from pophub.contracts.refusals import read_model
from pophub.contracts.source_model import Model, Name
from pophub.contracts.strict_yaml import Document, load_document, parse_document
from pophub.contracts.suite import refuse
from pophub.domain.errors import ConfigError

FOLDER = "figures"
_HEAD = re.compile(r"\A/\*\n(.*?)^\*/\n", re.M | re.S)


class ReportedNumber(Model):
    """A number that a report has: the demo compares it with what is found."""

    by: Name | None = Field(None, description="what the rows stand for; the first of `by` when left out")
    row: str = Field(description="text of the row's first column")
    column: Name = Field(description="column of the number")
    value: float = Field(description="what the report says")
    as_of: date | None = Field(None, description="the day at whose end the report stands; none: now")


class FigureTarget(Model):
    """What a column is to reach: each row says whether it does."""

    column: Name
    at_least: float
    due: date = Field(description="the day by which it is to be reached")


class OwnRows(Model):
    """What of a figure the pack of one agency holds: of the rows that stand for agencies its own, or the whole."""

    by: Name | None = Field(None, description="the way to count whose rows stand for agencies")
    agency: Name | None = Field(None, description="the one agency of which the whole figure tells")


class FigureFile(Model):
    """The head of one file `figures/<name>.sql`."""

    figure: Literal[1] = Field(description="version of this format")
    title: Text
    unit: Text
    source: Text = Field(description="who published it, or who asks for it")
    by: tuple[Name, ...] = Field(
        (), description="values of the parameter `$by`, the first when none is asked for"
    )
    chart: Name = Field(description="column that the chart draws")
    target: FigureTarget | None = None
    own: OwnRows | None = None
    wanted: tuple[ReportedNumber, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A figure as declared. Shape: `sql` has an empty line for each line of the head, so that lines are the file's."""

    name: str
    file: FigureFile
    sql: str
    document: Document

    def by(self, asked: str | None) -> str | None:
        """Give what the rows stand for."""
        return asked or (self.file.by[0] if self.file.by else None)


def figure_paths(project: Path) -> list[Path]:
    """Give the files of all figures, in the order of their names."""
    return sorted((project / FOLDER).glob("*.sql"))


def load_figures(project: Path) -> tuple[list[Figure], list[ConfigError]]:
    """Read every figure of a project; a broken one never hides the others."""
    found: list[Figure] = []
    errors: list[ConfigError] = []
    for path in figure_paths(project):
        try:
            found.append(_load(path, path.relative_to(project)))
        except ConfigError as error:
            errors += [error, *error.others]
    return found, errors


def _load(path: Path, shown: Path) -> Figure:
    if not is_name(path.stem):
        raise refuse("config.path", f"the file's name {path.stem!r} is not {WORDS[NAME]}", str(shown))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise refuse("figure.head", "the file cannot be read as UTF-8", str(shown)) from None
    head = _HEAD.match(text)
    if head is None:
        raise refuse(
            "figure.head", "it does not begin with a line /* and end its head with a line */", f"{shown}:1"
        )
    document = parse_document("\n" + head[1], shown)
    file = read_model(FigureFile, document)
    _check_by(document, file)
    return Figure(path.stem, file, "\n" * head[0].count("\n") + text[head.end() :], document)


class WordsFile(Model):
    """`figures/words.yaml`: what columns, rows and ways to count are called where a person reads them."""

    words: dict[Name, Text]


def load_words(project: Path) -> dict[str, Text]:
    """Read the words of a project's figures; none where it has no such file.

    Errors: ConfigError with file and line.
    """
    path = project / FOLDER / "words.yaml"
    return dict(read_model(WordsFile, load_document(path, project)).words) if path.exists() else {}


def _check_by(document: Document, file: FigureFile) -> None:
    flaws = Flaws()
    for at, wanted in enumerate(file.wanted):
        if wanted.by is not None and wanted.by not in file.by:
            what = f"{wanted.by} is none of by: {', '.join(file.by) or 'none'}"
            flaws.add(refuse("config.value", what, document.where("wanted", at, "by")))
    own = file.own
    if own is not None and (own.by is None) == (own.agency is None):
        flaws.add(refuse("config.value", "own has either by or agency", document.where("own")))
    if own is not None and own.by is not None and own.by not in file.by:
        what = f"{own.by} is none of by: {', '.join(file.by) or 'none'}"
        flaws.add(refuse("config.value", what, document.where("own", "by")))
    flaws.tell()
