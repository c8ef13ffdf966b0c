"""The forms of names in connector and subscription files, and each in words."""

from __future__ import annotations

import re

NAME = r"\A[a-z][a-z0-9_]{0,62}\z"
STEM = r"\A[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\z"
REFERENCE = r"\A\$\{[A-Z][A-Z0-9_]*\}\z"
_QUOTED = r'"(?:[^"\x00-\x1f\x7f]|"")+"'
_END = r"""[^".;'\\\s\x00-\x1f\x7f]"""
_BARE = rf"""{_END}(?:[^".;'\\\x00-\x1f\x7f]*{_END})?"""
_PART = f"(?:{_QUOTED}|{_BARE})"
TABLE = rf"\A{_PART}(?:\.{_PART})?\z"
TOPIC = r"\A[A-Za-z0-9._-]{1,249}\z"

WORDS = {
    NAME: "a name: `a` to `z`, digits and `_`, 63 at most",
    STEM: "a stem: two names and a dot",
    TOPIC: "a topic: letters, digits and `.`, `_`, `-`, 249 at most",
    REFERENCE: "a variable: `${` capitals `}`",
    TABLE: "a table, or schema and table; a part with `.`, `;` or a quotation mark stands in double quotes",
}


_NAME = re.compile(NAME.replace(r"\z", r"\Z"))


def is_name(text: str) -> bool:
    """Tell whether a text is a name, as that of a file has to be.

    >>> is_name("don_vi_2"), is_name("2_don_vi"), is_name("Đơn vị"), is_name("a\\n"), is_name("a" * 64)
    (True, False, False, False, False)
    """
    return _NAME.match(text) is not None


def table_parts(text: str) -> tuple[str | None, str]:
    """Give schema and name of a table as the file names it.

    >>> table_parts("dancu.cong_dan"), table_parts("Trường học"), table_parts('"a.b"."say ""so\"""')
    (('dancu', 'cong_dan'), (None, 'Trường học'), ('a.b', 'say "so"'))
    """
    parts = [
        part[1:-1].replace('""', '"') if part.startswith('"') else part for part in re.findall(_PART, text)
    ]
    return (parts[0] if len(parts) > 1 else None), parts[-1]
