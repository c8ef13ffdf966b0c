"""Letters that look like those of Vietnamese and minority names, and are others to a computer.

Source: Unicode's confusables (UTS 39) for the letters in use: Icelandic and African D with stroke, Cyrillic,
Greek, full-width and phonetic Latin letters, and the signs that stand for an apostrophe or a hyphen.
"""

from __future__ import annotations

import unicodedata

_ALIKE = {
    "Đ": "\u00d0\u0189",
    "đ": "\u00f0\u0256",
    "A": "\u0410\u0391", "B": "\u0412\u0392", "C": "\u0421\u03f9", "E": "\u0415\u0395", "G": "\u050c",
    "H": "\u041d\u0397", "I": "\u0406\u0399\u04c0", "J": "\u0408\u037f", "K": "\u041a\u039a\u212a",
    "M": "\u041c\u039c", "N": "\u039d", "O": "\u041e\u039f", "P": "\u0420\u03a1", "Q": "\u051a", "S": "\u0405",
    "T": "\u0422\u03a4", "V": "\u0474", "W": "\u051c", "X": "\u0425\u03a7", "Y": "\u04ae\u03a5", "Z": "\u0396",
    "a": "\u0430\u03b1\u0251", "c": "\u0441\u03f2", "d": "\u0501", "e": "\u0435", "g": "\u0261", "h": "\u04bb",
    "i": "\u0456\u0131\u03b9", "j": "\u0458\u03f3", "o": "\u043e\u03bf", "p": "\u0440\u03c1", "q": "\u051b",
    "s": "\u0455", "u": "\u028b", "v": "\u0475\u03bd", "w": "\u051d", "x": "\u0445", "y": "\u0443\u04af",
    "'": "\u2018\u2019\u201b\u02bb\u02bc\u02bd\u02b9\u02c8\u2032\u00b4\ua78c\uff07",
    "-": "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d",
}  # fmt: skip
_TABLE = {ord(sign): letter for letter, signs in _ALIKE.items() for sign in signs}
_TABLE |= {code + 0xFEE0: code for code in (*range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1))}
_COMPOSED = {  # letters that are one of those with a mark, such as Cyrillic a with breve
    chr(code)
    for code in (*range(0x370, 0x530),)
    if len(parts := unicodedata.normalize("NFD", chr(code))) > 1 and ord(parts[0]) in _TABLE
}
LOOKALIKES = frozenset(map(chr, _TABLE)) | _COMPOSED


def as_in_names(text: str) -> str:
    """Give a text in NFC with the letters that its look-alikes stand for.

    >>> as_in_names("Nguyễn Ðức Anh") == "Nguyễn Đức Anh", as_in_names("H’Hen")
    (True, "H'Hen")
    """
    if text.isascii() or LOOKALIKES.isdisjoint(text):
        return text
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).translate(_TABLE))
