"""Expectations about versions: one content for one version, one key for one value."""

from __future__ import annotations

from typing import ClassVar

from pophub.gates.expectations.rows import RowsExpectation


class ExpectNoContradiction(RowsExpectation):
    """Expect no other content under the same key and marker."""

    told: ClassVar[tuple[str, ...]] = ()


class ExpectUnclaimed(RowsExpectation):
    """Expect that no other key holds the value."""

    column: str
    told: ClassVar[tuple[str, ...]] = ("column",)
