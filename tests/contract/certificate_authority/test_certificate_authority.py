"""The promises of every certificate authority: certificates that strict clients take, and names of one's own."""

import datetime as dt
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cloud.adapters.local.certificate_authority import FolderCertificateAuthority


@pytest.fixture(params=["folder"])
def authority(request, tmp_path):
    return {"folder": lambda: FolderCertificateAuthority(tmp_path / "pki")}[request.param]()


def common_name(credentials):
    certificate = x509.load_pem_x509_certificate(credentials.certificate)
    return certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def test_a_certificate_carries_the_things_name_and_its_serial(authority):
    credentials = authority.issue_device("board-1")
    certificate = x509.load_pem_x509_certificate(credentials.certificate)
    assert common_name(credentials) == "board-1"
    assert f"{certificate.serial_number:x}" == credentials.serial
    assert len(credentials.serial) <= 40


def test_keys_are_small_enough_for_a_board(authority):
    key = serialization.load_pem_private_key(authority.issue_device("board-1").key, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert key.curve.name == "secp256r1"


def test_every_certificate_has_a_key_and_a_serial_of_its_own(authority):
    first, second = (authority.issue_device("board-1") for _ in range(2))
    assert first.serial != second.serial
    assert first.key != second.key
    assert first.authority == second.authority


def files_of(folder, credentials):
    folder.mkdir()
    for name, content in (("ca", credentials.authority), ("cert", credentials.certificate), ("key", credentials.key)):
        (folder / name).write_bytes(content)
    return folder


def handshake(tmp_path, server, client, host):
    """Return the name that the server sees of the client after a TLS handshake as strict as Python 3.13's."""
    theirs, ours = files_of(tmp_path / "server", server), files_of(tmp_path / "client", client)
    listening = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=theirs / "ca")
    listening.load_cert_chain(theirs / "cert", theirs / "key")
    listening.verify_mode = ssl.CERT_REQUIRED
    calling = ssl.create_default_context(cafile=ours / "ca")
    calling.load_cert_chain(ours / "cert", ours / "key")
    for context in (listening, calling):
        context.verify_flags |= ssl.VERIFY_X509_STRICT
    one, other = socket.socketpair()
    with one, other:
        seen = []

        def serve():
            try:
                with listening.wrap_socket(one, server_side=True) as secure:
                    seen.append(dict(part[0] for part in secure.getpeercert()["subject"])["commonName"])
                    secure.sendall(b"hello")
            except ssl.SSLError as error:
                seen.append(error.reason)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with calling.wrap_socket(other, server_hostname=host) as secure:
                secure.recv(5)
        finally:
            thread.join(30)
        return seen[0]


def test_a_strict_server_and_a_strict_client_trust_each_other(authority, tmp_path):
    server, client = authority.issue_server(["192.168.1.5", "box.example.org"]), authority.issue_device("board-1")
    for number, host in enumerate(("localhost", "127.0.0.1", "192.168.1.5", "box.example.org")):
        (tmp_path / str(number)).mkdir()
        assert handshake(tmp_path / str(number), server, client, host) == "board-1"


def test_a_server_is_trusted_for_its_own_names_only(authority, tmp_path):
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate is not valid for"):
        handshake(tmp_path, authority.issue_server([]), authority.issue_device("board-1"), "elsewhere.example")


def test_a_device_cannot_pose_as_the_server(authority, tmp_path):
    with pytest.raises(ssl.SSLError):
        handshake(tmp_path, authority.issue_device("board-1"), authority.issue_device("board-2"), "board-1")


def test_the_server_cannot_pose_as_a_device(authority, tmp_path):
    server = authority.issue_server([])
    try:
        seen = handshake(tmp_path, server, server, "localhost")
    except (ssl.SSLError, ConnectionError):
        return
    assert seen != "localhost"


def test_certificates_are_valid_for_clocks_that_are_behind_and_for_the_life_of_a_mailbox(authority):
    certificate = x509.load_pem_x509_certificate(authority.issue_device("board-1").certificate)
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days > 15 * 365


def test_the_authority_is_made_once_and_stays(tmp_path):
    first = FolderCertificateAuthority(tmp_path / "pki").issue_device("a").authority
    assert FolderCertificateAuthority(tmp_path / "pki").issue_device("b").authority == first


def test_many_who_make_the_authority_at_once_get_the_same(tmp_path):
    issued = []

    def issue():
        issued.append(FolderCertificateAuthority(tmp_path / "pki").issue_device("a"))

    threads = [threading.Thread(target=issue) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(issued) == 6
    assert len({one.authority for one in issued}) == 1
    authority = x509.load_pem_x509_certificate(issued[0].authority)
    for one in issued:
        x509.load_pem_x509_certificate(one.certificate).verify_directly_issued_by(authority)


def test_a_revoked_certificate_is_listed_once_and_signed_for_and_the_others_are_not(authority):
    revoked, good = authority.issue_device("board-1"), authority.issue_device("board-2")
    for _ in range(2):
        authority.revoke(revoked.serial)
    listed = x509.load_pem_x509_crl(authority.revocation_list().read_bytes())
    signer = x509.load_pem_x509_certificate(revoked.authority)
    assert listed.is_signature_valid(signer.public_key())
    assert [f"{one.serial_number:x}" for one in listed] == [revoked.serial]
    assert good.serial != revoked.serial


def test_each_revocation_list_is_newer_than_the_one_before_and_outlives_every_certificate(authority):
    seen = []
    for name in ("a", "b", "c"):
        seen.append(x509.load_pem_x509_crl(authority.revocation_list().read_bytes()))
        authority.revoke(authority.issue_device(name).serial)
    seen.append(x509.load_pem_x509_crl(authority.revocation_list().read_bytes()))
    times = [one.last_update_utc for one in seen]
    assert times == sorted(set(times))
    assert times[-1] < dt.datetime.now(dt.UTC)
    signer = x509.load_pem_x509_certificate(authority.issue_device("d").authority)
    assert {one.next_update_utc for one in seen} == {signer.not_valid_after_utc}
    assert [len(list(one)) for one in seen] == [0, 1, 2, 3]


def test_many_who_revoke_at_once_lose_no_revocation(authority, tmp_path):
    serials = [authority.issue_device(f"board-{number}").serial for number in range(6)]
    threads = [
        threading.Thread(target=FolderCertificateAuthority(tmp_path / "pki").revoke, args=(serial,))
        for serial in serials
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    listed = x509.load_pem_x509_crl(authority.revocation_list().read_bytes())
    assert sorted(f"{one.serial_number:x}" for one in listed) == sorted(serials)
