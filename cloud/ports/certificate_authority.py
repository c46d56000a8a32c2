"""Certificates of devices and of the broker."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Credentials:
    """A certificate with its private key and the authority that signed it, PEM; the key is a secret."""

    authority: bytes
    certificate: bytes
    key: bytes
    serial: str


class CertificateAuthority(Protocol):
    """Promises: a certificate's common name is the thing's name; one that is revoked stays so."""

    def issue_device(self, thing: str) -> Credentials:
        """Return new client credentials for a thing."""

    def issue_server(self, hosts: Sequence[str]) -> Credentials:
        """Return credentials for the broker; valid for ``hosts`` (names or addresses), localhost and 127.0.0.1."""

    def revoke(self, serial: str) -> None:
        """Put the certificate of this serial (hexadecimal) onto the list that brokers read; harmless to repeat."""
