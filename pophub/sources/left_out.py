"""Files of drop folders that nothing reads, since the declared pattern is none of theirs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from pophub.contracts.model import Connector
from pophub.domain.errors import PophubError
from pophub.settings import Settings
from pophub.sources import open_source

NAMED = 10


def left_out(settings: Settings, connectors: Iterable[Connector]) -> dict[str, list[str]]:
    """Give stem -> names of the files that are left out; a folder that cannot be listed tells nothing here."""
    found: dict[str, list[str]] = {}
    for connector in connectors:
        if connector.file.source.kind == "files":
            with suppress(PophubError):
                names = open_source(connector, settings).left_out()  # type: ignore[union-attr]
                if names:
                    found[connector.stem] = list(names)
    return found


def in_words(names: Sequence[str]) -> str:
    """Say which files are left out.

    >>> in_words(["HO_SO_1.csv"])
    '1 file is left out by source.pattern, which also tells apart case and Unicode form: HO_SO_1.csv'
    """
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    verb = "file is" if len(names) == 1 else "files are"
    told = f"{len(names)} {verb} left out by source.pattern, which also tells apart case and Unicode form"
    return f"{told}: {', '.join(names[:NAMED])}{more}"
