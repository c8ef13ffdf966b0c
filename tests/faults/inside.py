"""Faults that only the process of a stage can have: what a worker of the fork server calls first.

`Project.run(..., POPHUB_TEST_INSIDE="tests.faults.inside:steps")`.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

from pophub import adapters, wiring
from pophub.domain.record import Columns
from pophub.sources import open_source


def steps() -> None:
    """Let a worker also do what is no stage: look at sources, rebuild from the topics, bring in late rows."""
    wiring.Hub.watch_once = _watch  # type: ignore[attr-defined]
    wiring.Hub.rebuild = _rebuild  # type: ignore[attr-defined]
    wiring.Hub.mend = _mend  # type: ignore[attr-defined]


def _watch(hub: wiring.Hub, stem: str, run: str) -> list[str]:
    """Look once, as the DAG `pophub_live` does; give the codes of sinks that could not be told."""
    return [error.code for error in hub.watch().failed]


def _rebuild(hub: wiring.Hub, stem: str, run: str) -> list[Any]:
    """Rebuild a dataset from its topic into the schema `again_<agency>`."""
    from pophub.reconcile.rebuild import Rebuild

    connector = hub.connector(stem)
    tables = Rebuild(hub.settings, [connector], f"again_{connector.file.agency}").run()
    return [vars(table) for table in tables]


def _mend(hub: wiring.Hub, stem: str, run: str) -> int:
    """Do what `pophub reconcile STEM --mend --yes` does; give how many rows were late."""
    from pophub.commands.reconcile import examine
    from pophub.reconcile.examine import mends
    from pophub.reconcile.mend import bring_in

    late = set(mends(examine(hub, stem).findings))
    if not late:
        return 0
    with hub.open_extract(stem, run, at_once=True) as (stage, _):
        return bring_in(stage, late)


def drift() -> None:
    """Let the source rename a column after so many fetches, as one without a snapshot would show it.

    `POPHUB_TEST_DRIFT`: the column and the number of fetches.
    """
    column, _, fetches = os.environ["POPHUB_TEST_DRIFT"].partition(" ")

    class Drifting:
        def __init__(self, source: Any) -> None:
            self._source = source

        @property
        def ordered(self) -> bool:
            return bool(self._source.ordered)

        def columns(self) -> Any:
            return self._source.columns()

        def read(self, since: int | None, most: int) -> Iterator[Columns]:
            chunks = list(self._source.read(since, most))
            for number, chunk in enumerate(chunks):
                if number == int(fetches):
                    _rename(column)
                if number >= int(fetches):
                    chunk = {f"{n}_moi" if n == column else n: v for n, v in chunk.items()}
                yield chunk

    drifting = patch.object(adapters, "open_source", lambda *of, **more: Drifting(open_source(*of, **more)))
    drifting.start()


def _rename(column: str) -> None:
    from sqlalchemy import create_engine, text

    with create_engine(os.environ["POPHUB_SOURCE_MPS_URL"]).begin() as connection:
        connection.execute(text(f"alter table dancu.cong_dan rename column {column} to {column}_moi"))


def gates_check_raises() -> None:
    """Let one check of the suite raise, its message holding a value, as a defect of its own would."""
    from pophub.gates.checks import CHECKS

    def raising(*_: Any) -> list[int]:
        raise ValueError("Nguyễn Văn An")

    CHECKS["expect_code"] = raising


def gates_validator_raises() -> None:
    """Let Great Expectations itself raise."""
    from pophub.gates import validator

    def raising(*_: Any) -> list[Any]:
        raise RuntimeError("Nguyễn Văn An")

    validator.validate = raising


def gates_says_nothing() -> None:
    """Let Great Expectations give no result at all."""
    from pophub.gates import validator

    validator.validate = lambda *_: []


def gates_judges_too_few() -> None:
    """Let each rule judge all rows but one."""
    from pophub.gates import validator

    whole = validator.validate

    def short(suite: Any, frame: Columns) -> list[Any]:
        return [found._replace(judged=(found.judged or 0) - 1) for found in whole(suite, frame)]

    validator.validate = short


def gates_column_missing() -> None:
    """Take a column that a rule reads out of the frame."""
    from pophub.gates.rules import GreatExpectationsRules

    whole = GreatExpectationsRules.judge

    def without(self: GreatExpectationsRules, frame: Columns) -> Any:
        return whole(self, {name: values for name, values in frame.items() if name != "sex"})

    GreatExpectationsRules.judge = without  # type: ignore[method-assign]


def forking() -> None:
    """Let a worker fork stages."""
    from tests.faults.inside_processes import fork

    wiring.Hub.fork = fork  # type: ignore[attr-defined]


def soaking() -> None:
    """Let a worker run the stages many times over."""
    from tests.faults.inside_processes import soak

    wiring.Hub.soak = soak  # type: ignore[attr-defined]


def clock() -> None:
    """Shift the process's own clock by `POPHUB_TEST_SHIFT_S` seconds, as a machine's wrong clock would."""
    shift, true = float(os.environ["POPHUB_TEST_SHIFT_S"]), time.time
    time.time = lambda: true() + shift


def stop_before_sending() -> None:
    """Stop this process (SIGSTOP) once, when it holds a chunk that it has not sent yet."""
    from pophub.stages.extract import Extract

    send = Extract._send

    def stopping(self: Extract, rows: Any, done: Any) -> None:
        Extract._send = send  # type: ignore[method-assign]
        os.kill(os.getpid(), signal.SIGSTOP)
        send(self, rows, done)

    Extract._send = stopping  # type: ignore[method-assign]


def gates_suite_empty() -> None:
    """Let judge have no rule at all, as if a suite without any had come past the check of the files."""
    from pophub.gates.rules import GreatExpectationsRules

    make = GreatExpectationsRules.__init__

    def without(self: GreatExpectationsRules, *given: Any, **named: Any) -> None:
        make(self, *given, **named)
        self._rules = ()

    GreatExpectationsRules.__init__ = without  # type: ignore[method-assign]
