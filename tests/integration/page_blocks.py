"""The marked fences of the pages of docs/: files to write, commands to run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pophub.settings import PROJECT

BLOCK = re.compile(r"^<!-- (run|file: (?P<path>\S+)) -->\n```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A fence that is written to a file, or run."""

    page: str
    path: str | None
    kind: str
    text: str


def blocks(page: str) -> Iterator[Block]:
    """Give the marked fences of a page."""
    text = (PROJECT / "docs" / f"{page}.md").read_text()
    for found in BLOCK.finditer(text):
        yield Block(page, found["path"], found["kind"], found["text"])
    assert len(BLOCK.findall(text)) == len(re.findall(r"^<!-- (?:run|file:)", text, re.M)), page
