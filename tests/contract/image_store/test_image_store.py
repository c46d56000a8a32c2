"""The promises of every image store."""

import hashlib
import stat
import threading
from urllib.parse import parse_qs, urlsplit

import pytest

from cloud import correlation
from cloud.adapters.local.files import write_durably
from cloud.adapters.local.image_store import KEY_BYTES, FolderImageStore, load_key
from cloud.errors import ConfigurationError, NotFoundError, RetryLaterError, SignatureError
from cloud.ports.image_store import UploadTerms

HOUSEHOLD, OTHER = "household-1", "household-2"
CONTENT = b"\xff\xd8 some image"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
TERMS = UploadTerms("upload-1", SHA256, len(CONTENT), "image/jpeg", 2_000_000)


@pytest.fixture(params=["folder"])
def store(request, tmp_path):
    return {"folder": lambda: FolderImageStore(tmp_path / "images", b"k" * KEY_BYTES, "http://localhost:8000")}[
        request.param
    ]()


def signature(grant):
    return parse_qs(urlsplit(grant.url).query)["signature"][0]


def test_what_is_put_is_read(store):
    store.put(HOUSEHOLD, SHA256, CONTENT)
    assert store.read(HOUSEHOLD, SHA256) == CONTENT


def test_putting_again_is_harmless(store):
    for _ in range(3):
        store.put(HOUSEHOLD, SHA256, CONTENT)
    assert store.read(HOUSEHOLD, SHA256) == CONTENT


def test_what_is_not_there_is_not_found(store):
    with pytest.raises(NotFoundError, match="its file is gone"):
        store.read(HOUSEHOLD, SHA256)


def test_a_household_does_not_find_the_image_of_another(store):
    store.put(HOUSEHOLD, SHA256, CONTENT)
    with pytest.raises(NotFoundError):
        store.read(OTHER, SHA256)


def test_an_empty_and_a_large_image_survive(store):
    for content in (b"", bytes(5_000_000)):
        name = hashlib.sha256(content).hexdigest()
        store.put(HOUSEHOLD, name, content)
        assert store.read(HOUSEHOLD, name) == content


def test_what_is_deleted_is_gone_for_good_and_deleting_again_is_harmless(store):
    store.put(HOUSEHOLD, SHA256, CONTENT)
    for _ in range(2):
        store.delete(HOUSEHOLD, SHA256)
        with pytest.raises(NotFoundError):
            store.read(HOUSEHOLD, SHA256)
    store.put(HOUSEHOLD, SHA256, CONTENT)
    assert store.read(HOUSEHOLD, SHA256) == CONTENT


def test_deleting_leaves_other_images_and_other_households_alone(store):
    other = hashlib.sha256(b"other").hexdigest()
    store.put(HOUSEHOLD, SHA256, CONTENT)
    store.put(HOUSEHOLD, other, b"other")
    store.put(OTHER, SHA256, CONTENT)
    store.delete(HOUSEHOLD, SHA256)
    assert (store.read(HOUSEHOLD, other), store.read(OTHER, SHA256)) == (b"other", CONTENT)


def test_a_grant_is_for_its_terms(store):
    with correlation.story("story-1"):
        grant = store.grant(TERMS)
    headers = {"Content-Type": "image/jpeg", "X-Request-ID": "story-1"}
    assert (grant.method, dict(grant.headers), grant.expires_at) == ("PUT", headers, 2_000_000)
    store.check(TERMS, signature(grant), now=1_999_999)
    store.check(TERMS, signature(grant), now=2_000_000)


def test_a_grant_is_for_nothing_else(store):
    granted = signature(store.grant(TERMS))
    others = (
        UploadTerms("upload-2", SHA256, len(CONTENT), "image/jpeg", 2_000_000),
        UploadTerms("upload-1", "0" * 64, len(CONTENT), "image/jpeg", 2_000_000),
        UploadTerms("upload-1", SHA256, len(CONTENT) + 1, "image/jpeg", 2_000_000),
        UploadTerms("upload-1", SHA256, len(CONTENT), "text/html", 2_000_000),
        UploadTerms("upload-1", SHA256, len(CONTENT), "image/jpeg", 2_000_001),
    )
    for terms in others:
        with pytest.raises(SignatureError, match="altered"):
            store.check(terms, granted, now=1)


@pytest.mark.parametrize("made_up", ["", "0" * 64, "ü" * 64, "\x00"])
def test_a_made_up_signature_is_refused(store, made_up):
    with pytest.raises(SignatureError, match="altered"):
        store.check(TERMS, made_up, now=1)


def test_an_expired_grant_is_refused(store):
    with pytest.raises(SignatureError, match="expired"):
        store.check(TERMS, signature(store.grant(TERMS)), now=2_000_001)


def test_many_uploads_of_the_same_image_at_once_leave_it_whole(store):
    content = bytes(300_000)
    name = hashlib.sha256(content).hexdigest()
    faults = []

    def put():
        try:
            for _ in range(10):
                store.put(HOUSEHOLD, name, content)
                assert store.read(HOUSEHOLD, name) == content
        except BaseException as fault:
            faults.append(fault)
            raise

    threads = [threading.Thread(target=put) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_the_folder_keeps_files_for_its_owner_only_and_leaves_nothing_half_written(tmp_path):
    store = FolderImageStore(tmp_path / "images", b"k" * KEY_BYTES, "http://localhost:8000")
    store.put(HOUSEHOLD, SHA256, CONTENT)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert [file.name for file in files] == [f"{SHA256}.jpg"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700


def test_a_disk_that_takes_nothing_is_a_passing_fault(tmp_path):
    (tmp_path / "images").write_text("no folder")
    store = FolderImageStore(tmp_path / "images", b"k" * KEY_BYTES, "http://localhost:8000")
    with pytest.raises(RetryLaterError, match=r"expected to write .*, the disk said"):
        store.put(HOUSEHOLD, SHA256, CONTENT)


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    write_durably(tmp_path / "file", b"old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").write_text("")
    with pytest.raises(RetryLaterError):
        write_durably(tmp_path / "folder", b"a folder cannot be replaced by a file")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]


def test_the_signing_key_is_made_once(tmp_path):
    first = load_key(tmp_path / "keys" / "upload.key")
    assert len(first) == KEY_BYTES
    assert load_key(tmp_path / "keys" / "upload.key") == first


def test_many_who_make_the_signing_key_at_once_get_the_same(tmp_path):
    keys = []
    threads = [threading.Thread(target=lambda: keys.append(load_key(tmp_path / "upload.key"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8
    assert len(set(keys)) == 1


@pytest.mark.parametrize("content", [b"", b"half"])
def test_half_a_signing_key_is_refused(tmp_path, content):
    (tmp_path / "upload.key").write_bytes(content)
    with pytest.raises(ConfigurationError, match="expected a key of 32 bytes"):
        load_key(tmp_path / "upload.key")
