"""Why a server's certificate is not trusted, in words, by the number that OpenSSL gives for it."""

from __future__ import annotations

from typing import NamedTuple


class Distrust(NamedTuple):
    """What is wrong with a server's certificate, and what helps."""

    what: str
    remedy: str


_ASK = "ask the agency for the certificate that signs its server's, and name its file in `source.certificate`"
_WHY = {
    9: Distrust(
        "the certificate of the source's server is not valid yet",
        "compare the clock of this machine with the agency's; ask since when its certificate is to count",
    ),
    10: Distrust(
        "the certificate of the source's server, or one that signs it, has expired",
        "ask the agency to renew its certificate; where the one that signs it is another now, for that one too",
    ),
    62: Distrust(
        "the certificate of the source's server is one of another host",
        "write the host as the certificate names it into the variable of `source.url`, or ask the agency for one "
        "that names this host",
    ),
}
_WHY[64] = _WHY[62]  # the same of an address by numbers
UNREADABLE = Distrust(
    "the file of certificates cannot be read",
    "see that the variable of `source.certificate` names a file with certificates in PEM, which the hub may read",
)


def distrust(number: int) -> Distrust:
    """Say why a certificate is not trusted.

    >>> distrust(10).what
    "the certificate of the source's server, or one that signs it, has expired"
    >>> distrust(20).what
    "the certificate of the source's server is signed by nobody that the hub was told to trust"
    """
    unsigned = Distrust(
        "the certificate of the source's server is signed by nobody that the hub was told to trust", _ASK
    )
    return _WHY.get(number, unsigned)
