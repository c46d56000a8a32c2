"""umqtt.simple comes out of a source archive that is known by its checksum."""

import hashlib
import io
import tarfile

import pytest

from tools.parts import umqtt
from tools.parts.cache import PartError
from tools.parts.pip_configuration import PackageIndexes
from tools.parts.umqtt import SHA256, download, fetch_umqtt, find_umqtt, read_module


def source_archive(members):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return content.getvalue()


def index(folder, archive):
    """Return the address of a package index with this one archive."""
    page = folder / "simple" / "micropython-umqtt-simple" / "index.html"
    page.parent.mkdir(parents=True)
    (page.parent / "micropython-umqtt.simple-1.3.4.tar.gz").write_bytes(archive)
    page.write_text('<a href="micropython-umqtt.simple-1.3.4.tar.gz">micropython-umqtt.simple-1.3.4.tar.gz</a>')
    return f"file://{folder}/simple"


def test_the_module_is_read_and_nothing_else_of_the_archive():
    archive = source_archive(
        {"../../evil.py": b"evil", "micropython-umqtt.simple-1.3.4/umqtt/simple.py": b"class MQTTClient: ..."}
    )
    assert read_module(archive) == b"class MQTTClient: ..."


def test_an_archive_without_the_module_is_refused():
    with pytest.raises(PartError, match=r"expected umqtt/simple.py in the source archive"):
        read_module(source_archive({"micropython-umqtt.simple-1.3.4/setup.cfg": b""}))


def test_a_module_that_is_too_large_is_refused():
    huge = b"#" * (umqtt.MAX_BYTES + 1)
    with pytest.raises(PartError, match=r"expected umqtt/simple.py"):
        read_module(source_archive({"x/umqtt/simple.py": huge}))


def test_an_archive_with_another_checksum_is_refused(tmp_path):
    archive = source_archive({"x/umqtt/simple.py": b"changed"})
    came = hashlib.sha256(archive).hexdigest()
    with pytest.raises(PartError, match=rf"expected .* with SHA-256 {SHA256}, got {came} from file://"):
        download(PackageIndexes(urls=(index(tmp_path, archive),)))


def test_an_index_without_the_package_is_named(tmp_path):
    with pytest.raises(
        PartError, match=rf"got no such package; looked at file://{tmp_path}/simple: check pip's index-url"
    ):
        download(PackageIndexes(urls=(f"file://{tmp_path}/simple",)))


def test_a_password_in_the_index_is_not_shown():
    with pytest.raises(PartError) as refusal:
        download(PackageIndexes(urls=("http://user:secret@127.0.0.1:9/simple",)))
    assert "127.0.0.1:9" in str(refusal.value)
    assert "secret" not in str(refusal.value)


def test_certificates_that_are_missing_are_named(tmp_path):
    indexes = PackageIndexes(certificates=str(tmp_path / "missing.crt"))
    with pytest.raises(PartError, match=r"expected certificates in pip's cert .*missing.crt"):
        download(indexes)


def test_the_module_is_fetched_once_into_the_cache(tmp_path):
    archive = source_archive({"x/umqtt/simple.py": b"class MQTTClient: ..."})
    indexes = PackageIndexes(urls=(f"file://{tmp_path}/elsewhere", index(tmp_path, archive)))
    lines = []
    for _ in range(2):
        folder = fetch_umqtt(
            lines.append, cache=tmp_path / "cache", indexes=indexes, sha256=hashlib.sha256(archive).hexdigest()
        )
    assert (folder / "umqtt" / "simple.py").read_bytes() == b"class MQTTClient: ..."
    assert lines == ["fetching micropython-umqtt.simple==1.3.4"]


def test_what_set_up_fetched_is_the_release_that_is_known():
    folder = find_umqtt()
    assert folder is not None, "expected umqtt; run: pillarbox setup --for-tests"
    assert b"class MQTTClient" in (folder / "umqtt" / "simple.py").read_bytes()
