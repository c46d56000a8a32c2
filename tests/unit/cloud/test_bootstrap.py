"""Putting the server together: one server a data folder, its keys, its certificates."""

import stat
from contextlib import closing

import pytest
from cryptography import x509

from cloud import bootstrap
from cloud.errors import ConfigurationError
from tests.conftest import settings_for


def test_a_second_server_on_the_same_data_is_refused(tmp_path):
    with bootstrap.lock(tmp_path / "data"), pytest.raises(ConfigurationError, match="another Pillarbox server uses it"):
        bootstrap.lock(tmp_path / "data")
    with bootstrap.lock(tmp_path / "data") as again:
        assert again


def test_a_folder_that_cannot_be_made_is_a_clear_refusal(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="expected a folder to write to at"):
        bootstrap.lock(tmp_path / "file" / "data")


def test_what_a_killed_server_left_half_written_is_deleted(tmp_path):
    images = tmp_path / "data" / "images" / "household" / "ab"
    images.mkdir(parents=True)
    (images / ".abc.jpg.1234.part").write_bytes(b"half")
    (images / "abc.jpg").write_bytes(b"whole")
    with bootstrap.lock(tmp_path / "data"):
        assert [file.name for file in images.iterdir()] == ["abc.jpg"]


def test_nobody_else_may_read_what_the_server_keeps(tmp_path):
    app = bootstrap.build(settings_for(tmp_path))
    app.authority.issue_device("board-1")
    app.ports.image_store.put("household", "ab" * 32, b"image")
    app.database.close()
    data = tmp_path / "data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    secrets = ["pillarbox.db", "keys/upload.key", "pki/ca.key.pem", f"images/household/ab/{'ab' * 32}.jpg"]
    assert {stat.S_IMODE((data / name).stat().st_mode) for name in secrets} == {0o600}


def names_in(file):
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_certificate_files_are_made_once(tmp_path):
    settings = settings_for(tmp_path)
    first = [file.read_bytes() for file in bootstrap.certificate_files(settings, "server")]
    assert [file.read_bytes() for file in bootstrap.certificate_files(settings, "server")] == first


def test_another_host_gets_a_certificate_that_names_it(tmp_path):
    _, home, _ = bootstrap.certificate_files(settings_for(tmp_path), "server")
    lan = settings_for(tmp_path, host="192.168.1.5", public_url="https://box.example.org:8000")
    _, wide, _ = bootstrap.certificate_files(lan, "server")
    assert names_in(home) == {"localhost", "127.0.0.1"}
    assert names_in(wide) == {"localhost", "127.0.0.1", "192.168.1.5", "box.example.org"}


def test_the_servers_own_client_certificate_is_no_server_certificate(tmp_path):
    _, file, _ = bootstrap.certificate_files(settings_for(tmp_path), "_server")
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_data_folders_of_any_name_work(tmp_path):
    odd = tmp_path / "a?b#c %20 ü"
    app = bootstrap.build(settings_for(odd))
    with app.database.write() as unit_of_work:
        assert unit_of_work.now
    app.database.close()
    assert (odd / "data" / "pillarbox.db").exists()


def asked_for(tmp_path, **settings):
    with closing(bootstrap.open_database(settings_for(tmp_path, **settings))) as database:
        return type(database).__name__


def test_the_database_is_sqlite_unless_a_mysql_server_is_named(tmp_path, monkeypatch):
    assert asked_for(tmp_path) == "SqliteDatabase"
    assert asked_for(tmp_path, database_url="mysql://me:secret@db.example/pillarbox") == "MysqlDatabase"
    assert asked_for(tmp_path, database_url="mariadb+pymysql://me@db.example/pillarbox") == "MysqlDatabase"
    monkeypatch.setenv("MYSQL_HOST", "db.example")
    monkeypatch.setenv("MYSQL_PORT", "3307")
    monkeypatch.setenv("MYSQL_PASSWORD", "secret")
    assert asked_for(tmp_path) == "MysqlDatabase"
    assert "secret" not in repr(settings_for(tmp_path))


def test_mails_are_files_unless_a_mail_server_is_named(tmp_path):
    by_smtp = {"smtp_url": "smtps://me:secret@mail.example", "SES_SOURCE_EMAIL": "Box <box@example.org>"}
    assert type(bootstrap.open_mailer(settings_for(tmp_path))).__name__ == "FolderMailer"
    assert type(bootstrap.open_mailer(settings_for(tmp_path, **by_smtp))).__name__ == "SmtpMailer"
    assert bootstrap.mails_leave_by(settings_for(tmp_path)) == str(tmp_path / "data" / "outbox")
    assert bootstrap.mails_leave_by(settings_for(tmp_path, **by_smtp)) == "mail.example:465"
    assert "secret" not in repr(settings_for(tmp_path, **by_smtp))


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"smtp_url": "smtp://me:secret@mail.example?tls=none"}, "expected PILLARBOX_SMTP_URL as smtps://"),
        ({"smtp_url": "smtps://me:secret@mail.example"}, "expected PILLARBOX_MAIL_FROM"),
        ({"smtp_url": "smtp://localhost", "smtp_ca": "/no/such/file"}, "expected PILLARBOX_SMTP_CA"),
    ],
)
def test_a_server_does_not_start_with_a_mail_server_that_cannot_be_meant(tmp_path, changed, fault):
    with pytest.raises(ConfigurationError, match=fault) as caught:
        bootstrap.build(settings_for(tmp_path, **changed))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["postgresql://me:secret@db.example/x", "mysql://me:secret@db.example", "secret"])
def test_another_address_is_refused_without_telling_its_password(tmp_path, url):
    with pytest.raises(ConfigurationError, match="expected PILLARBOX_DATABASE_URL as mysql://") as caught:
        bootstrap.open_database(settings_for(tmp_path, database_url=url))
    assert "secret" not in str(caught.value)
