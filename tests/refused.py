"""How a test expects an error: by its code, the one thing about it that does not change."""

from __future__ import annotations

import pytest

from pophub.domain.errors import PophubError


def refused(code: str) -> pytest.RaisesExc[PophubError]:
    """Expect that the block raises the error of this code."""
    return pytest.RaisesExc(PophubError, check=lambda error: error.code == code)
