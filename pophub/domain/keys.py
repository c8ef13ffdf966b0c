"""Keys as text: the parts of a record's key, or of a reference to one, joined."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pophub.domain.record import Columns

_PART = re.compile(r"(?:^|\|)((?:[^|\\]|\\.)*)", re.S)
_ESCAPED = re.compile(r"\\(.)", re.S)


def joined_keys(columns: Columns, fields: Sequence[str]) -> list[str | None]:
    r"""Join the fields of each row by "|", with "|" and the backslash inside a part escaped by a backslash.

    Shape: a single field is the key as it is; None where a part is missing.

    >>> joined_keys({"a": ["x|y", None], "b": [1, 2]}, ["a", "b"])
    ['x\\|y|1', None]
    """
    if len(fields) == 1:
        return [None if value is None else str(value) for value in columns[fields[0]]]
    keys: list[str | None] = []
    for values in zip(*(columns[name] for name in fields), strict=True):
        absent = any(value is None for value in values)
        keys.append(None if absent else "|".join(_escape(value) for value in values))
    return keys


def parts_of(key: str, count: int) -> list[str]:
    r"""Give the parts of a key that `joined_keys` joined, as text.

    Shape: `count` is how many fields the key has; a single one is the key as it is.

    >>> parts_of("x\\|y|1", 2)
    ['x|y', '1']
    """
    if count == 1:
        return [key]
    return [_ESCAPED.sub(r"\1", part) for part in _PART.findall(key)]


def _escape(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace("|", "\\|")
