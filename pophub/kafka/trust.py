"""Why a broker of an agency and the hub do not come to speak TLS: the client's library does not tell."""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path

from pophub.domain.trust import UNREADABLE, Distrust, distrust

LOOK_S = 5.0
_ASKED = struct.pack(">ihhih", 10, 18, 0, 0x706F70, -1)
"""A request ApiVersions 0: its length, kind and version, a number to be answered with, and no name of a client."""
_NO_TLS = Distrust(
    "the broker speaks no TLS",
    "begin the address with kafka:// where the agency means that; a login would go in the clear",
)
OTHER = Distrust(
    "the certificate of one of the brokers is not trusted",
    "ask the agency whether each of its brokers has a certificate under the name by which it makes itself known",
)


def look_at_trust(brokers: str, certificate: Path | None) -> Distrust | None:
    """Say what is wrong with the certificates of brokers, HOST:PORT with commas between; no login is sent.

    None where no broker answers, one is silent or hangs up as it starts or stops, or nothing is wrong.
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
    """Tell whether the first broker that answers speaks TLS; no login is sent, and nobody is trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return any(_greets(address, context) for address in brokers.split(","))


def _at(address: str, context: ssl.SSLContext) -> Distrust | None:
    try:
        return _NO_TLS if _greets(address, context) is False else None
    except ssl.SSLCertVerificationError as error:
        return distrust(error.verify_code)


def _greets(address: str, context: ssl.SSLContext) -> bool | None:
    """Tell whether a broker speaks TLS; None where none answers, or where it only hangs up or says nothing.

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
    except OSError as error:  # ssl.SSLError is one
        foreign = isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError)
        return False if foreign or _answers_in_the_clear(host, int(port)) else None


def _answers_in_the_clear(host: str, port: int) -> bool:
    """Ask a broker without TLS which requests it knows, as every client does before its login."""
    try:
        with socket.create_connection((host, port), timeout=LOOK_S) as plain:
            plain.sendall(_ASKED)
            return plain.recv(8, socket.MSG_WAITALL)[4:] == _ASKED[8:12]
    except OSError:
        return False
