"""Names of people, folded for comparison."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from pophub.domain.lookalikes import as_in_names

_TONES = {"\u0300", "\u0301", "\u0303", "\u0309", "\u0323"}


def fold_name(name: str) -> str:
    """Fold a name so that two right spellings of it are equal.

    Case, runs of white space, Unicode form and the placement of the tone mark in "oa", "oe" and
    "uy" (Hòa = Hoà) do not count, nor do look-alikes (Ð = Đ); every letter and tone does.

    >>> fold_name("Nguyễn  Thị HOÀ") == fold_name("nguyễn thị hòa")
    True
    >>> fold_name("Hòa") == fold_name("Hoa")
    False
    """
    return " ".join(map(_fold_word, as_in_names(name).casefold().split()))


@lru_cache(100_000)
def _fold_word(word: str) -> str:
    """Move the tone of a word behind its letters: its place within the vowels carries no meaning."""
    letters = unicodedata.normalize("NFD", word)
    tones = [c for c in letters if c in _TONES]
    bare = unicodedata.normalize("NFC", "".join(c for c in letters if c not in _TONES))
    return bare + "".join(tones)
