"""What a command says where it cannot write."""

from __future__ import annotations

from pathlib import Path

import pytest

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
