"""Flaws of declarations, gathered: whoever mends a file sees all of them at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pophub.domain.errors import ConfigError


class Flaws:
    """What was found wrong so far, in the order of finding."""

    def __init__(self) -> None:
        self.found: list[ConfigError] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Keep what a look finds, and go on behind it."""
        try:
            yield
        except ConfigError as error:
            self.add(error)

    def add(self, error: ConfigError) -> None:
        """Keep an error with what it brings along, each once."""
        known = {str(one) for one in self.found}
        self.found += [one for one in (error, *error.others) if str(one) not in known]

    def tell(self) -> None:
        """Raise the first with the others, where there is one."""
        if self.found:
            first, *others = self.found
            first.others = tuple(others)
            raise first from None
