"""docs/way.md leads to the functions that a record goes through, at the lines where they begin."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pophub.commands.way_page import SPINE, find, way_page
from pophub.domain.errors import ConfigError
from pophub.settings import PROJECT


def test_each_line_of_the_page_is_where_its_function_begins() -> None:
    page = (PROJECT / "docs/way.md").read_text()
    assert page == way_page(PROJECT)
    told = re.findall(
        r"^\| \d+ \| `([\w.]+)` \| \[(.*?):(\d+)\]\(\.\./(.*?)#L(\d+)\) \| (.+?) \|", page, re.M
    )
    assert [name for name, *_ in told] == [step.function.partition(":")[2] for step in SPINE]
    for name, path, line, target, anchor, says in told:
        assert (path, line) == (target, anchor)
        text = (PROJECT / path).read_text().splitlines()[int(line) - 1]
        assert re.match(rf"\s*def {name.rpartition('.')[2]}\(", text), (name, text)
        assert says.endswith("."), f"{name} does not say what it does"


@pytest.mark.parametrize("gone", ["pophub.nowhere:run", "pophub.wiring:Hub.nothing", "pophub.wiring:Hub"])
def test_a_function_that_moved_makes_the_page_stale(gone: str) -> None:
    with pytest.raises(ConfigError) as told:
        find(PROJECT, gone)
    assert told.value.code == "docs.stale" and gone in told.value.what


def test_a_line_above_a_function_moves_it(tmp_path: Path) -> None:
    text = (PROJECT / "pophub/wiring.py").read_text()
    (tmp_path / "pophub").mkdir()
    (tmp_path / "pophub/wiring.py").write_text("#\n" + text)
    before, after = (find(project, "pophub.wiring:Hub.judge") for project in (PROJECT, tmp_path))
    assert after == before._replace(line=before.line + 1)
