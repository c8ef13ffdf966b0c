"""A certificate authority of an agency, and the certificates that it signs."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pophub.runtime import places

DAY = timedelta(days=1)


class Authority:
    """A certificate authority of an agency."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(f"{name}.example")
        self.path = folder / f"{name}.pem"
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        built = (
            self._builder(self._name, self._key.public_key(), -10, 10)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .add_extension(usage, True)
        )
        self.path.write_bytes(_pem(built.sign(self._key, hashes.SHA256())))

    def sign(self, name: str, since: int, until_day: int, host: str) -> None:
        """Write a server's key and certificate, which counts between two days from today, into one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        built = (
            self._builder(_named("broker.example"), key.public_key(), since, until_day)
            .add_extension(alternative, False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        )
        form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        told = key.private_bytes(serialization.Encoding.PEM, *form)
        path = places.write_private(self._folder / f"{name}.pem", "")
        path.write_bytes(told + _pem(built.sign(self._key, hashes.SHA256())))

    def _builder(self, name: x509.Name, key: Any, since: int, until_day: int) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return x509.CertificateBuilder(
            self._name, name, key, x509.random_serial_number(), now + since * DAY, now + until_day * DAY
        )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
