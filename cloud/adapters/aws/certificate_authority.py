"""IoT Core as certificate authority: it signs what a device's own key asks for, and takes the device as its thing."""

import contextlib
import hashlib
import json
import re
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import botocore
from botocore.exceptions import BotoCoreError, ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloud.errors import ConfigurationError
from cloud.ports.certificate_authority import Credentials
from firmware.wire import topics

# SHA-256 of Amazon Root CA 1 (www.amazontrust.com/repository), which signs every ATS endpoint; botocore ships it.
ROOT_SHA256 = "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e"
# A certificate's id has 64 digits, of which a device's row keeps this many.
SERIAL_DIGITS = 40

_THING = "${iot:Connection.Thing.ThingName}"


class IotCertificateAuthority:
    """The account and region of boto3's client ``iot``; devices may do what ``policy`` allows, made at first use."""

    def __init__(self, iot: Any, policy: str) -> None:
        self._iot = iot
        self._policy = policy

    def issue_device(self, thing: str) -> Credentials:
        """Make the thing and return its credentials; the key stays here, IoT Core sees the request for a certificate.

        The certificate works from the last step on: what a failure leaves behind opens nothing. Raises
        ConfigurationError.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        with _clear_errors():
            arn = self._iot.create_thing(thingName=thing)["thingArn"]
            self._ensure_policy(arn.rpartition(":thing/")[0])
            made = self._iot.create_certificate_from_csr(certificateSigningRequest=_request(thing, key))
            self._iot.attach_policy(policyName=self._policy, target=made["certificateArn"])
            self._iot.attach_thing_principal(thingName=thing, principal=made["certificateArn"])
            self._iot.update_certificate(certificateId=made["certificateId"], newStatus="ACTIVE")
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        serial = made["certificateId"][:SERIAL_DIGITS]
        return Credentials(root_certificate(), made["certificatePem"].encode(), key.private_bytes(*form), serial)

    def issue_server(self, hosts: Sequence[str]) -> Credentials:
        """Raise ConfigurationError: IoT Core is the broker, with a certificate that Amazon signed."""
        raise ConfigurationError(f"expected IoT Core to be the broker, got a wish for one at {', '.join(hosts)}")

    def revoke(self, serial: str) -> None:
        """Revoke the certificate whose id begins with ``serial``, which is looked for among all; harmless to repeat."""
        with _clear_errors():
            for page in self._iot.get_paginator("list_certificates").paginate():
                for one in page["certificates"]:
                    if one["certificateId"].startswith(serial) and one["status"] != "REVOKED":
                        self._iot.update_certificate(certificateId=one["certificateId"], newStatus="REVOKED")

    def endpoint(self) -> str:
        """Return the host name at which devices of this account reach IoT Core."""
        with _clear_errors():
            return str(self._iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"])

    def has_policy(self) -> bool:
        """Return whether the policy is there already."""
        with _clear_errors():
            pages = self._iot.get_paginator("list_policies").paginate()
            return any(one["policyName"] == self._policy for page in pages for one in page["policies"])

    def _ensure_policy(self, prefix: str) -> None:
        if not self.has_policy():
            self._iot.create_policy(policyName=self._policy, policyDocument=json.dumps(policy_document(prefix)))


def connect(region: str | None, policy: str) -> IotCertificateAuthority:
    """Return IoT Core of the account that the environment names; raises ConfigurationError without a region."""
    with _clear_errors():
        return IotCertificateAuthority(boto3.client("iot", region_name=region), policy)


def policy_document(prefix: str) -> dict[str, object]:
    """Return what a device may do: connect as itself, and speak and listen under its own name.

    ``prefix`` is that of the account's resources, ``arn:aws:iot:REGION:ACCOUNT``.
    """

    def own(kind: str, names: Sequence[str]) -> list[str]:
        return [f"{prefix}:{kind}/{topics.PREFIX}/{_THING}/{name}" for name in names]

    allowed: list[tuple[list[str], list[str]]] = [
        (["iot:Connect"], [f"{prefix}:client/{_THING}"]),
        (["iot:Publish", "iot:RetainPublish"], own("topic", topics.UP)),
        (["iot:Subscribe"], own("topicfilter", topics.DOWN)),
        (["iot:Receive"], own("topic", topics.DOWN)),
    ]
    statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in allowed]
    return {"Version": "2012-10-17", "Statement": statements}


def root_certificate() -> bytes:
    """Return Amazon Root CA 1 (PEM); raises ConfigurationError when botocore does not ship it any more."""
    bundle = Path(botocore.__file__).with_name("cacert.pem").read_text()
    for pem in re.findall(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n", bundle):
        if hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest() == ROOT_SHA256:
            return str(pem).encode()
    raise ConfigurationError(
        "expected Amazon Root CA 1 among botocore's certificates, found none; install a newer boto3"
    )


def _request(thing: str, key: ec.EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, thing)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


@contextlib.contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ConfigurationError(
            f"expected AWS to do as asked, got: {error}; look at credentials, region and rights"
        ) from error
