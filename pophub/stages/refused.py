"""Files of a drop folder that are held, told together: each with its own reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pophub.domain.errors import ContractBreach, PophubError

TOLD = 20


class FilesRefused(ContractBreach):
    """Files are held, after everything that could be read was read.

    Code, place and remedy are the first one's. `refused` are all of them, `counts` what went through.
    """

    refused: tuple[PophubError, ...] = ()
    counts: dict[str, Any]


def refusal(refused: Sequence[PophubError], counts: dict[str, Any]) -> PophubError:
    """Give the error of an extract that refused files; what only a retry mends is one where there is no other."""
    breaches = [error for error in refused if isinstance(error, ContractBreach)]
    if not breaches:
        return refused[0]
    first = breaches[0]
    others = [f"{error.where}: {error.code}" for error in refused if error is not first]
    more = f", and {len(others) - TOLD} more" if len(others) > TOLD else ""
    what = f"{first.what}; held as well: {', '.join(others[:TOLD])}{more}" if others else first.what
    error = FilesRefused(first.code, what, where=first.where, remedy=first.remedy)
    error.refused, error.counts = tuple(refused), counts
    return error


def each(error: PophubError) -> tuple[PophubError, ...]:
    """Give the errors that an error tells together, or the one that it is."""
    return getattr(error, "refused", ()) or (error,)
