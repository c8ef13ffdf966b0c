"""Vietnamese in the encodings before Unicode, read as Western European letters: TCVN3 and VNI.

Told word by word: one that is no Vietnamese syllable as it stands, and is one when read in either encoding.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

_TCVN3 = dict(zip(
    "µ¸¶·¹¨»¾¼½Æ©ÇÊÈÉËÌÐÎÏÑªÒÕÓÔÖ×ÝØÜÞßãáâä«åèæçé¬êíëìîïóñòô\u00adõøö÷ùúýûüþ®§¡¢£¤¥¦",
    "àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđĐĂÂÊÔƠƯ",
    strict=True,
))  # fmt: skip
_MARKS = dict(zip("ùøûõïâáàåãäêéèúüë", (
    "\u0301", "\u0300", "\u0309", "\u0303", "\u0323",
    "\u0302", "\u0302\u0301", "\u0302\u0300", "\u0302\u0309", "\u0302\u0303", "\u0302\u0323",
    "\u0306", "\u0306\u0301", "\u0306\u0300", "\u0306\u0309", "\u0306\u0303", "\u0306\u0323",
), strict=True))  # fmt: skip
_ALONE = dict(zip("ñöôæóòî", ("đ", "ư", "ơ", "ỉ", "ĩ", "ị", "ỵ"), strict=True))
_VNI = re.compile(f"([aeouyöô])([{''.join(_MARKS)}])")
_VOWELS = (
    "ươi ươu iêu yêu oai oao oay oeo uao uây uôi uya uyê uyu ai ao au ay âu ây eo êu ia iu iê oa oă oe oi ôi ơi oo ua "
    "uâ uê ui uô uơ uy ưa ưi ươ ưu yê a ă â e ê i o ô ơ u ư y"
)
_SYLLABLE = re.compile(
    r"(ngh|ng|nh|gh|gi|kh|ph|th|tr|ch|qu|[bcdđghklmnprstvx])?"
    rf"({'|'.join(_VOWELS.split())})(ng|nh|ch|[cmnpt])?\Z"
)
_TONES = str.maketrans("", "", "\u0300\u0301\u0303\u0309\u0323")


def in_legacy_font(name: str) -> bool:
    """Say whether a word of a name is Vietnamese in TCVN3 or VNI.

    >>> [in_legacy_font(name) for name in ("TrÇn ThÞ Hång", "Nguyeãn Vaên Huøng", "Trần Thị Hồng", "Müller", "H'Hen")]
    [True, True, False, False, False]
    """
    return not name.isascii() and any(map(_is_legacy, name.split()))


def legacy_share(texts: Iterable[str]) -> float:
    """Give the share of words in TCVN3 or VNI among those with a letter beyond ASCII, each counted once.

    >>> legacy_share(["TrÇn ThÞ Hång", "Trần An"]), legacy_share(["An"])
    (0.75, 0.0)
    """
    words = {word for text in texts for word in text.split() if not word.isascii()}
    return sum(map(_is_legacy, words)) / len(words) if words else 0.0


@lru_cache(100_000)
def _is_legacy(word: str) -> bool:
    if word.isascii() or (_is_syllable(word) and not _mixed(word)):
        return False
    tcvn3 = "".join(_TCVN3.get(letter, letter) for letter in word)
    vni = _VNI.sub(lambda found: _letter(found[1]) + _MARKS[found[2]], word.lower())
    vni = "".join(_ALONE.get(letter, letter) for letter in vni)
    return any(read.lower() != word.lower() and _is_syllable(read) for read in (tcvn3, vni))


def _letter(letter: str) -> str:
    return _ALONE.get(letter, letter)


def _mixed(word: str) -> bool:
    """Say whether a capital with a mark stands behind a small letter, as in Th\u00d5."""
    return any(a.islower() and b.isupper() and not b.isascii() for a, b in pairwise(word))


def _is_syllable(word: str) -> bool:
    bare = unicodedata.normalize("NFD", word.lower().replace("ñ", "?")).translate(
        _TONES
    )  # no tone, its tilde
    return _SYLLABLE.match(unicodedata.normalize("NFC", bare)) is not None
