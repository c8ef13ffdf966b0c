"""What a command says where it cannot write."""

from __future__ import annotations

import doctest
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pophub.cli.program import app
from pophub.commands import output, shown
from pophub.commands.growth import _put
from pophub.commands.output import writing
from pophub.domain.errors import ConfigError


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    out = tmp_path / "nosuch" / "growth.csv"
    with pytest.raises(ConfigError, match="no such file or directory") as refused:
        _put(out, "period\n")
    assert (refused.value.code, refused.value.where) == ("cli.out", str(out))


def test_an_error_of_the_hub_passes_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused, writing(tmp_path):
        raise ConfigError("ledger.pack_exists", "the folder of the pack is not empty")
    assert refused.value.code == "ledger.pack_exists"


@pytest.mark.parametrize("module", [output, shown])
def test_the_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_the_version_is_told() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.stdout) == (0, f"pophub {version('pophub')}\n")


def test_a_time_that_no_calendar_in_viet_nam_holds_is_shown_as_it_is() -> None:
    last = datetime(9999, 12, 31, 23, tzinfo=UTC)
    assert shown.local_time(last) == "9999-12-31 23:00:00+00:00"
    assert shown.time_of(1 << 62) is None
