"""Topics that the broker would not hold beside one another: to its metrics `.` and `_` are one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from pophub.contracts.suite import refuse
from pophub.domain.errors import ConfigError

T = TypeVar("T")


def apart(
    found: Iterable[T], topics: Callable[[T], Iterable[str]], where: Callable[[T], str]
) -> list[T | ConfigError]:
    """Give each in its order, or `config.topic_taken` in its place where an earlier one has its topic.

    Shape: `topics` are the ends of topics' names that are its own, `where` is its file.
    """
    holders: dict[str, str] = {}
    told: list[T | ConfigError] = []
    for one in found:
        named = {topic.replace(".", "_"): topic for topic in topics(one)}
        if taken := sorted(named.keys() & holders.keys()):
            what = f"the broker cannot tell the topics of {named[taken[0]]} from those of {holders[taken[0]]}"
            told.append(refuse("config.topic_taken", what, where(one)))
        else:
            holders |= named
            told.append(one)
    return told
