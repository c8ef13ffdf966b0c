"""Why a broker of an agency and the hub do not come to speak TLS: the client's library does not tell."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from pophub.domain.trust import UNREADABLE, Distrust, distrust

LOOK_S = 5.0
_NO_TLS = Distrust(
    "the broker speaks no TLS",
    "begin the address with kafka:// where the agency means that; a login would go in the clear",
)
OTHER = Distrust(
    "the certificate of one of the brokers is not trusted",
    "ask the agency whether each of its brokers has a certificate under the name by which it makes itself known",
)


def look_at_trust(brokers: str, certificate: Path | None) -> Distrust | None:
    """Say what is wrong with the certificates of brokers, HOST:PORT with commas between; nothing is sent.

    None where no broker answers, or nothing is wrong with those that do.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if certificate is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(certificate)
    except (OSError, ssl.SSLError):
        return UNREADABLE
    found = [_at(address, context) for address in brokers.split(",")]
    return next((one for one in found if one is not None), None)


def speaks_tls(brokers: str) -> bool:
    """Tell whether the first broker that answers speaks TLS; nothing is sent, and nobody is trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return any(_greets(address, context) for address in brokers.split(","))


def _at(address: str, context: ssl.SSLContext) -> Distrust | None:
    try:
        return _NO_TLS if _greets(address, context) is False else None
    except ssl.SSLCertVerificationError as error:
        return distrust(error.verify_code)


def _greets(address: str, context: ssl.SSLContext) -> bool | None:
    """Tell whether a broker speaks TLS; None where none answers.

    Errors: ssl.SSLCertVerificationError where its certificate is not trusted.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        plain = socket.create_connection((host, int(port)), timeout=LOOK_S)
    except OSError:
        return None
    try:
        with plain, context.wrap_socket(plain, server_hostname=host):
            return True
    except ssl.SSLCertVerificationError:
        raise
    except OSError:  # ssl.SSLError is one
        return False
