"""What the tests of declarations share."""

from __future__ import annotations

from pathlib import Path

import pytest
from project_kit import copied


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a copy of the project's declarations."""
    return copied(tmp_path)
