"""A private certificate authority in a folder: EC P-256 throughout, so that a board can do the arithmetic."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cloud.adapters.local.files import alone, write_durably
from cloud.ports.certificate_authority import Credentials

AUTHORITY = "Pillarbox home authority"
# A mailbox has nobody to renew its certificate; deleting the device revokes it.
LIFETIME = dt.timedelta(days=20 * 365)
# Devices start with clocks that are behind.
BACKDATED = dt.timedelta(days=2)
# OpenSSL takes the newer of two lists by this time, which counts whole seconds, and none from the future.
LIST_STEP = dt.timedelta(seconds=1)


class FolderCertificateAuthority:
    """The authority whose key and certificate lie in ``folder``; both are made at first use."""

    def __init__(self, folder: Path) -> None:
        self._key_file, self._certificate_file = folder / "ca.key.pem", folder / "ca.pem"
        self._list_file = folder / "ca.crl.pem"

    def issue_device(self, thing: str) -> Credentials:
        """Return new client credentials whose common name is the thing's name."""
        return self._issue(thing, ExtendedKeyUsageOID.CLIENT_AUTH, [])

    def issue_server(self, hosts: Sequence[str]) -> Credentials:
        """Return credentials for the broker, valid for ``hosts``, localhost and 127.0.0.1."""
        names = [_alternative_name(host) for host in dict.fromkeys(("localhost", "127.0.0.1", *hosts))]
        return self._issue("localhost", ExtendedKeyUsageOID.SERVER_AUTH, names)

    def revoke(self, serial: str) -> None:
        """Put the certificate of this serial (hexadecimal) onto the revocation list; harmless to repeat."""
        self.revocation_list()
        with alone(self._list_file.parent):
            listed = x509.load_pem_x509_crl(self._list_file.read_bytes())
            if listed.get_revoked_certificate_by_serial_number(int(serial, 16)) is None:
                self._write_list([*listed, _revoked(serial)], listed.last_update_utc + LIST_STEP)

    def revocation_list(self) -> Path:
        """Return the file of the revocation list (PEM), made at first use: a broker refuses everybody without one."""
        self._authority()
        with alone(self._list_file.parent):
            if not self._list_file.exists():
                self._write_list([], dt.datetime.now(dt.UTC) - BACKDATED)
        return self._list_file

    def _write_list(self, revoked: Sequence[x509.RevokedCertificate], as_of: dt.datetime) -> None:
        key, authority = self._keys()
        # It never expires before the certificates do: a list that is out of date would shut everybody out.
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.subject)
            .last_update(as_of)
            .next_update(authority.not_valid_after_utc)
            .add_extension(x509.CRLNumber(len(revoked)), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        )
        for one in revoked:
            builder = builder.add_revoked_certificate(one)
        write_durably(self._list_file, _pem(builder.sign(key, hashes.SHA256())))

    def _issue(self, name: str, usage: x509.ObjectIdentifier, names: list[x509.GeneralName]) -> Credentials:
        authority_key, authority = self._authority()
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(name, key.public_key())
            .issuer_name(authority.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(is_authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(authority_key, hashes.SHA256())
        return Credentials(_pem(authority), _pem(certificate), _private_pem(key), f"{certificate.serial_number:x}")

    def _authority(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        with alone(self._certificate_file.parent):
            if not self._certificate_file.exists():
                self._make_authority()
        return self._keys()

    def _keys(self) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"expected an EC key in {self._key_file}, got {type(key).__name__}")
        return key, x509.load_pem_x509_certificate(self._certificate_file.read_bytes())

    def _make_authority(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(AUTHORITY, key.public_key())
            .issuer_name(_name(AUTHORITY))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(key_usage(is_authority=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_durably(self._key_file, _private_pem(key))
        write_durably(self._certificate_file, _pem(certificate))


def _builder(name: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def key_usage(*, is_authority: bool) -> x509.KeyUsage:
    """Return what the key is for; since Python 3.13 clients refuse an authority that does not say (RFC 5280)."""
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _revoked(serial: str) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(int(serial, 16))
    return builder.revocation_date(dt.datetime.now(dt.UTC)).build()


def _pem(signed: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    return signed.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
