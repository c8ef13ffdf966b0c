"""How commands speak: answers on stdout, talk on stderr, errors with code and remedy."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from pophub.domain.errors import ConfigError, PophubError
from pophub.domain.exact import as_text

JSON = typer.Option(
    False, "--json", help="Print one JSON document on standard output and nothing else there."
)
WIDE = None if sys.stdout.isatty() else 120
answer = Console(highlight=False, soft_wrap=True, width=WIDE)
talk = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(document: Mapping[str, Any]) -> None:
    """Print one JSON object with the `version` of its shape, 1 where it says no other."""
    print_object({"version": 1, **document})


def print_object(document: Mapping[str, Any]) -> None:
    """Print a JSON object as it is; times in ISO 8601 with their zone, bytes in hexadecimal digits,
    exact numbers as text without an exponent.
    """
    sys.stdout.write(as_json(document) + "\n")
    sys.stdout.flush()


def as_json(document: Mapping[str, Any]) -> str:
    """Write a JSON object.

    >>> from datetime import UTC
    >>> as_json({"at": datetime(2026, 1, 31, 1, tzinfo=UTC)}).split()
    ['{', '"at":', '"2026-01-31T01:00:00+00:00"', '}']
    """
    return json.dumps(document, ensure_ascii=False, indent=2, default=_value)


def _value(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(as_text(value))


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    empty: str = "nothing yet",
    on: Console | None = None,
) -> None:
    """Print rows as a table, `on` another console than that of answers; numbers stand right."""
    console = on or answer
    if not rows:
        console.print(f"{title}: {empty}")
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for number, name in enumerate(columns):
        right = all(isinstance(row[number], (int, float)) for row in rows)
        table.add_column(name, justify="right" if right else "left")
    for row in rows:
        table.add_row(*("" if v is None else f"{v:,}" if isinstance(v, int) else str(v) for v in row))
    console.print(table)


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """Say of a file or folder that was named, and cannot be written, that it cannot.

    Errors: `cli.out`.
    """
    try:
        yield
    except OSError as error:
        raise ConfigError(
            "cli.out",
            f"it cannot be written: {(error.strerror or type(error).__name__).lower()}",
            where=str(out),
            remedy="name a file in a folder that is there and may be written",
        ) from error


@contextmanager
def errors_told(as_json: bool = False) -> Iterator[None]:
    """End the process with the error's exit code, saying code, what, where and what to do next."""
    try:
        yield
    except PophubError as error:
        tell(error, as_json)
        raise typer.Exit(error.exit_code) from None


def tell(error: PophubError, as_json: bool = False) -> None:
    """Print an error on stderr."""
    if as_json:
        talk.print_json(
            data={
                "version": 1,
                "code": error.code,
                "what": error.what,
                "where": error.where,
                "remedy": error.remedy,
            }
        )
        return
    talk.print(f"[bold red]error[/] [bold]{error.code}[/]: {_plain(error.what)}", markup=True)
    if error.where:
        talk.print(f"  where: {error.where}", markup=False)
    if error.remedy:
        talk.print(f"  next:  {error.remedy}", markup=False)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
