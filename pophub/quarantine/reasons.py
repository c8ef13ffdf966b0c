"""Failed rules in words, in both languages, from the codes of the project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pophub.contracts.rule_codes import Words


def in_words(failure: dict[str, Any], words: Words) -> dict[str, Any]:
    """Give a failed rule with its meaning and remedy; a code that no suite has any more keeps the words of then."""
    entry, reason = words.get(failure["code"]), failure["reason"]
    # the legal basis in force, which a rule's reason names behind its words
    cited = reason[len(entry.en) :] if entry and reason.startswith(entry.en) else ""
    return {
        "gate": failure["gate"],
        "code": failure["code"],
        "field": failure["field"],
        "severity": failure["severity"],
        "reason": reason,
        "en": entry.en + cited if entry else reason,
        "vi": entry.vi + cited if entry else reason,
        "remedy": entry.remedy if entry else "",
    }


def meaning(code: str, words: Words, language: str = "en") -> str:
    """Give a code's meaning, or the code itself where no suite has it any more."""
    entry = words.get(code)
    return code if entry is None else entry.vi if language == "vi" else entry.en


def codes_of(failures: Sequence[dict[str, Any]]) -> str:
    """Give the codes of failed rules with their fields, in one line."""
    return ", ".join(f["code"] if f["field"] is None else f"{f['code']} ({f['field']})" for f in failures)


def masked(key: str) -> str:
    """Give enough of a key that its owner knows it, and no more.

    >>> masked("001090123456")
    '001…456'
    """
    return f"{key[:3]}…{key[-3:]}" if len(key) > 8 else "…"
