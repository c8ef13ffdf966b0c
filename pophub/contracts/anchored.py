"""Whether a pattern of a suite judges the whole text: its two anchors, and what would escape them."""

from __future__ import annotations

import re
from functools import cache

_PARTS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
_CLASS = re.compile(r"\\.", re.DOTALL)


@cache
def escape_of(pattern: str) -> str | None:
    r"""Say how a text could pass that is not wholly of the pattern's form; None where none can.

    >>> escape_of(r"\A(?:01|02)\Z"), escape_of(r"\A[|]a\|b\Z")
    (None, None)
    >>> escape_of(r"\A01|02\Z")
    'a | outside of brackets parts \\A from \\Z: write \\A(?:...|...)\\Z'
    """
    parts, depth = _PARTS.findall(pattern), 0
    if len(parts) < 2 or parts[0] != r"\A" or parts[-1] != r"\Z":
        return "the pattern is not anchored"
    for part in parts:
        depth += (part == "(") - (part == ")")
        if part == "|" and depth == 0:
            return r"a | outside of brackets parts \A from \Z: write \A(?:...|...)\Z"
        if r"\d" in _CLASS.findall(part):
            return r"\d takes the digits of every script: write [0-9]"
    return None
