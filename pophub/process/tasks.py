"""A task of a scheduler: which of its errors it may try again, and what its log may say of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pophub.domain.errors import PophubError


@contextmanager
def told_to(final: type[Exception]) -> Iterator[None]:
    """Let an error of the block end a task: as `final` at once where a retry cannot mend it.

    Causes are left out of the task's log, since vendors' messages may hold values of records.
    """
    try:
        yield
    except PophubError as error:
        if error.retry_after_s is None:
            raise final(str(error)) from None
        raise error from None
