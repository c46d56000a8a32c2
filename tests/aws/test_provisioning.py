"""``pillarbox provision --aws`` against IoT Core as moto plays it: thing, certificate from a CSR, policy, endpoint."""

import json
import re
import stat

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto import mock_aws
from typer.testing import CliRunner

from cloud.accounts.service import ensure_household
from cloud.adapters.aws.certificate_authority import IotCertificateAuthority, connect, policy_document
from cloud.errors import ConfigurationError
from firmware.wire import topics
from tests.databases import SQLITE, Dialect
from tests.unit.cloud.messages import rows
from tools.cli import app as program

REGION = "eu-central-1"
POLICY = "pillarbox-device"
ENDPOINT = rf"\w+-ats\.iot\.{REGION}\.amazonaws\.com"


@pytest.fixture
def dialect():
    """Commands find the server's database by its settings; here that is the one in the data folder."""
    return Dialect(SQLITE)


@pytest.fixture
def iot():
    with mock_aws():
        yield boto3.client("iot", region_name=REGION)


@pytest.fixture
def provision(app, tmp_path, iot):  # noqa: ARG001 - AWS is played from here on
    def run(kind, *options):
        bundle = tmp_path / f"{kind} bundle"
        arguments = ["provision", kind, "--bundle", bundle, "--data", app.settings.data, "--aws", "--region", REGION]
        answer = CliRunner().invoke(program, [*map(str, arguments), *options])
        return answer, bundle

    return run


def test_a_board_is_a_thing_with_a_certificate_for_a_key_that_never_left(app, iot, provision):
    with app.database.write() as unit_of_work:
        ensure_household(unit_of_work, "you@example.org", "You")
    answer, bundle = provision("board", "--email", "you@example.org")
    assert answer.exit_code == 0, answer.output
    device = json.loads((bundle / "device.json").read_text())
    assert re.fullmatch(ENDPOINT, device["host"])
    assert (device["server_name"], device["port"], device["ack_wait_ms"]) == (device["host"], 8883, 0)
    (principal,) = iot.list_thing_principals(thingName=device["thing"])["principals"]
    described = iot.describe_certificate(certificateId=principal.rsplit("/", 1)[1])["certificateDescription"]
    assert described["status"] == "ACTIVE"
    assert described["certificatePem"].encode() == (bundle / "cert.pem").read_bytes()
    assert [one["policyName"] for one in iot.list_attached_policies(target=principal)["policies"]] == [POLICY]
    key = serialization.load_der_private_key((bundle / "key.der").read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert rows(app, "SELECT thing FROM devices") == [(device["thing"],)]


def test_who_is_not_known_costs_no_thing_at_iot_core(app, iot, provision):
    answer, bundle = provision("board", "--email", "yuo@example.org")
    assert (answer.exit_code, "pillarbox admin user create" in answer.output) == (1, True)
    assert iot.list_things()["things"] == iot.list_certificates()["certificates"] == []
    assert not bundle.exists()
    assert rows(app, "SELECT count(*) FROM users") == [(0,)]


def test_a_bundle_trusts_amazons_root_and_is_its_owners_only(provision):
    _, bundle = provision("gateway", "--unclaimed")
    root = x509.load_pem_x509_certificate((bundle / "ca.pem").read_bytes())
    assert "Amazon Root CA 1" in root.subject.rfc4514_string()
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in bundle.iterdir()} == {0o600}


def test_the_policy_is_made_once(iot, provision):
    assert provision("board", "--unclaimed")[0].exit_code == 0
    assert provision("gateway", "--unclaimed")[0].exit_code == 0
    (made,) = iot.list_policies()["policies"]
    document = json.loads(iot.get_policy(policyName=made["policyName"])["policyDocument"])
    assert document == policy_document(f"arn:aws:iot:{REGION}:123456789012")


def test_a_device_may_speak_and_listen_under_its_own_name_only():
    allowed = {
        action: statement["Resource"]
        for statement in policy_document("arn")["Statement"]
        for action in statement["Action"]
    }
    own = "pillarbox/v1/${iot:Connection.Thing.ThingName}/"
    assert allowed["iot:Connect"] == ["arn:client/${iot:Connection.Thing.ThingName}"]
    up, down = topics.UP, topics.DOWN
    assert allowed["iot:Publish"] == [f"arn:topic/{own}{kind}" for kind in up]
    assert allowed["iot:Subscribe"] == [f"arn:topicfilter/{own}{kind}" for kind in down]
    assert allowed["iot:Receive"] == [f"arn:topic/{own}{kind}" for kind in down]


def test_a_dry_run_says_everything_and_makes_nothing(app, iot, provision):
    answer, bundle = provision("board", "--unclaimed", "--dry-run")
    assert answer.exit_code == 0, answer.output
    assert f"would make the policy {POLICY}" in answer.output
    assert re.search(ENDPOINT + ":8883", answer.output)
    assert not bundle.exists()
    assert (
        iot.list_things()["things"] == iot.list_certificates()["certificates"] == iot.list_policies()["policies"] == []
    )
    assert rows(app, "SELECT count(*) FROM unclaimed_devices") == [(0,)]


class Refusing:
    """IoT Core that attaches no certificate to a thing, which moto cannot refuse."""

    def __init__(self, iot):
        self._iot = iot

    def __getattr__(self, name):
        return getattr(self._iot, name)

    def attach_thing_principal(self, **_):
        raise ClientError({"Error": {"Code": "LimitExceededException", "Message": "too many"}}, "AttachThingPrincipal")


def test_what_fails_half_way_leaves_no_certificate_that_works(iot):
    authority = IotCertificateAuthority(Refusing(iot), POLICY)
    with pytest.raises(ConfigurationError, match="too many"):
        authority.issue_device("board-1")
    assert [one["status"] for one in iot.list_certificates()["certificates"]] == ["INACTIVE"]


def test_a_deleted_devices_certificate_is_revoked(iot):
    authority = IotCertificateAuthority(iot, POLICY)
    first, second = authority.issue_device("board-1"), authority.issue_device("board-2")
    for _ in range(2):
        authority.revoke(first.serial)
    status = {one["certificateId"][:40]: one["status"] for one in iot.list_certificates()["certificates"]}
    assert status == {first.serial: "REVOKED", second.serial: "ACTIVE"}


def test_iot_core_needs_no_certificate_of_ours(iot):
    with pytest.raises(ConfigurationError, match="IoT Core to be the broker"):
        IotCertificateAuthority(iot, POLICY).issue_server(["here"])


def test_without_a_region_the_fault_is_said(monkeypatch):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(ConfigurationError, match="region"):
        connect(None, POLICY)
