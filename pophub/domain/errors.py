"""The errors of pophub, named by remedy.

    PophubError
    |-- ConfigError        our files or our machine are set up wrong; mend, never retry      exit 2
    |-- TransientError     a source, the broker or a database cannot be reached; retry later exit 3
    `-- PromiseBroken      something that the hub promises does not hold; stop and look      exit 1
        |-- ContractBreach     the source changed shape or volume: the batch is held
        |-- ValidatorFailed    the gates could not judge; nothing of the batch is decided
        |-- LaneMoved          another worker decided this lane meanwhile: read where it stands
        `-- LedgerDiverged     history, topic and ledger tell different stories

A bad record is a value with reasons (`Failure`), never one of these.
Each error has a code of `pophub.domain.codes`, says what, where and what to do next, and
carries no personal data.
"""

from __future__ import annotations


class PophubError(Exception):
    """An error with a closed code, the place and the next action.

    Units: `retry_after_s` seconds, None where a retry is useless.
    """

    exit_code = 1
    retry_after_s: float | None = None

    def __init__(self, code: str, what: str, *, where: str = "", remedy: str = "") -> None:
        self.code = code
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        mend = f". Next: {self.remedy}" if self.remedy else ""
        return f"{self.code}: {self.what}{place}{mend}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.code, self.what, self.where, self.remedy)


def _rebuild(kind: type[PophubError], code: str, what: str, where: str, remedy: str) -> PophubError:
    return kind(code, what, where=where, remedy=remedy)


class ConfigError(PophubError):
    """Our files, arguments or machine are wrong: mend them; a retry changes nothing.

    Shape: `others` are further flaws of the same files, in the order in which they were found.
    """

    exit_code = 2
    others: tuple[ConfigError, ...] = ()


class TransientError(PophubError):
    """Something outside cannot be reached now: try again after `retry_after_s`."""

    exit_code = 3
    retry_after_s = 10.0


class PromiseBroken(PophubError):
    """The hub would have to break a promise to go on: it stops instead."""


class ContractBreach(PromiseBroken):
    """The source changed shape or volume: the batch is held, the position stays."""


class ValidatorFailed(PromiseBroken):
    """The gates did not judge every row they were given: nothing is decided."""


class LaneMoved(PromiseBroken):
    """The lane row is not where this worker left it: another worker decided meanwhile."""

    retry_after_s = 1.0


class LedgerDiverged(PromiseBroken):
    """History, topic positions and ledger do not tell the same story."""
