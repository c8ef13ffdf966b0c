"""Judge mapped columns by a connector's suite; fails closed. Great Expectations loads lazily."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from pophub.contracts.model import Connector, Rule
from pophub.contracts.shapes import judges_deletes, read_columns
from pophub.domain.codes import explain
from pophub.domain.dates import today
from pophub.domain.errors import ValidatorFailed
from pophub.domain.record import Columns, Failure
from pophub.gates.judged import RuleResult


def preload() -> None:
    """Import Great Expectations (seconds); worth doing before a process forks."""
    import pophub.gates.validator  # noqa: F401


class GreatExpectationsRules:
    """The suite of one connector, ready to judge any number of frames.

    Units: `deadline_s` seconds for one frame.
    """

    def __init__(self, connector: Connector, *, deadline_s: float = 120.0) -> None:
        self._stem = connector.stem
        self._rules = connector.contract.rules
        self._deadline_s = deadline_s
        self._late = False
        self._suite: Any = None  # made by the validator at the first frame
        self.columns = tuple(
            dict.fromkeys(
                name for rule in self._rules for name in read_columns(rule.expectation, rule.kwargs)
            )
        )
        self._for_deletes = [
            judges_deletes(rule.expectation, rule.kwargs, connector.file.key) for rule in self._rules
        ]

    def judge(self, frame: Columns) -> list[Failure]:
        """Judge every row of a non-empty frame; a delete only by rules on key and marker.

        Errors: ValidatorFailed with gate.column_missing, gate.expectation_raised,
        gate.rows_short, gate.suite_empty, gate.timeout.
        """
        rows = self._check(frame)
        wanted = {name: frame[name] for name in self.columns}
        judged = {found.rule: found for found in self._run(wanted)}
        operations = frame.get("hub_operation", [])
        failures: list[Failure] = []
        for place, rule in enumerate(self._rules):
            failing = self._trusted(judged.get(place), rule, rows)
            if failing and operations and not self._for_deletes[place]:
                failing = [row for row in failing if operations[row] != "delete"]
            failures.extend(_failures(rule, failing))
        return failures

    def _check(self, frame: Columns) -> int:
        """Give the number of rows, or refuse a frame or suite that cannot be judged."""
        if not self._rules:
            raise self._failed("gate.suite_empty", "the suite has no rules")
        if self._late:
            raise self._failed("gate.timeout", "an earlier frame passed the deadline")
        missing = [name for name in self.columns if name not in frame]
        if missing:
            raise self._failed("gate.column_missing", f"no column {', '.join(missing)}")
        lengths = {len(values) for values in frame.values()}
        if len(lengths) != 1:
            raise self._failed("gate.rows_short", "columns differ in length")
        rows = lengths.pop()
        if rows == 0:
            raise self._failed("gate.suite_empty", "the frame has no rows")
        return rows

    def _run(self, frame: Columns) -> Sequence[RuleResult]:
        """Validate in a thread of its own, so that a deadline can be kept."""
        from pophub.gates import validator  # takes seconds; not part of the deadline

        done: list[Sequence[RuleResult]] = []
        raised: list[BaseException] = []

        def work() -> None:
            try:
                self._suite = self._suite or validator.prepare(self._rules)
                done.append(validator.validate(self._suite, frame))
            except BaseException as error:  # carried to the caller's thread
                raised.append(error)

        worker = threading.Thread(target=work, name=f"judge {self._stem}", daemon=True)
        worker.start()
        worker.join(self._deadline_s)
        if worker.is_alive():
            self._late = True
            raise self._failed("gate.timeout", f"not done after {self._deadline_s:g} s")
        if raised:
            kind = type(raised[0]).__name__
            raise self._failed("gate.expectation_raised", f"the validator raised {kind}")
        return done[0]

    def _trusted(self, found: RuleResult | None, rule: Rule, rows: int) -> list[int]:
        """Give a rule's failing rows if it surely judged every row."""
        name = f"{rule.expectation} ({rule.code})"
        if found is None:
            raise self._failed("gate.rows_short", f"{name} gave no result")
        if found.raised is not None or found.rows is None:
            raise self._failed(
                "gate.expectation_raised",
                f"{name} raised {found.raised or 'nothing, judged none'}",
            )
        if found.judged != rows:
            raise self._failed("gate.rows_short", f"{name} judged {found.judged} of {rows} rows")
        if any(not 0 <= row < rows for row in found.rows):
            raise self._failed("gate.rows_short", f"{name} named rows that are not there")
        return found.rows

    def _failed(self, code: str, what: str) -> ValidatorFailed:
        return ValidatorFailed(code, what, where=self._stem, remedy=explain(code).remedy)


def _failures(rule: Rule, rows: list[int]) -> list[Failure]:
    cited = [basis.number for basis in rule.bases if basis.in_force(today())]
    reason = f"{rule.words.en} ({', '.join(cited)})" if cited else rule.words.en
    gate, code, field, severity = rule.gate, rule.code, rule.field, rule.severity
    return [Failure(row, gate, code, field, reason, severity) for row in rows]
