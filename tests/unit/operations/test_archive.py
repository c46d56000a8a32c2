"""The file of a backup is checked to the last byte before anything is restored from it."""

import io
import json
import tarfile
from contextlib import closing

import pytest

from cloud.errors import RefusedError
from cloud.operations.archive import MANIFEST, Archive, ArchiveWriter, Manifest
from cloud.operations.restore import restore
from tests.conftest import settings_for
from tests.unit.operations.stock import silent

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def whole(tmp_path):
    return written(tmp_path / "whole.tar", Manifest("0001", 5, {"letters": 1}))


def written(path, manifest):
    with path.open("wb") as file:
        writer = ArchiveWriter(file, manifest)
        for name in ("images/household/ab/abc.jpg", "keys/upload.key"):
            writer.add(name, io.BytesIO(CONTENT), len(CONTENT))
        writer.finish()
    return path


def checked(path):
    with closing(Archive(path)) as archive:
        return list(archive.check())


def test_what_was_added_is_read_back(whole):
    with closing(Archive(whole)) as archive:
        assert list(archive.check()) == ["images/household/ab/abc.jpg", "keys/upload.key"]
        assert archive.open("keys/upload.key").read() == CONTENT
        assert (archive.manifest.revision, archive.manifest.tables) == ("0001", {"letters": 1})


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6, 0.7])
def test_a_file_that_was_cut_is_no_backup(whole, share):
    whole.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * share)])
    with pytest.raises(RefusedError, match="cut off or none"):
        checked(whole)


def test_a_file_that_is_not_there_or_is_a_folder_is_told_as_that(tmp_path):
    for path, reason in ((tmp_path / "none.tar", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(RefusedError, match=f"expected a whole backup in {path}: {reason}"):
            checked(path)


def test_any_altered_byte_is_noticed(whole):
    content = whole.read_bytes()
    with tarfile.open(whole) as tar:
        starts = [(member.offset_data, member.size) for member in tar]
    for offset, size in starts:
        for place in (offset, offset + size // 2, offset + size - 2):
            altered = bytearray(content)
            altered[place] ^= 0x01
            whole.write_bytes(altered)
            with pytest.raises(RefusedError, match=r"altered|manifest is none|version"):
                checked(whole)


def test_a_file_that_was_added_or_taken_out_is_noticed(whole, tmp_path):
    for kept in (0, 1):
        with tarfile.open(whole) as tar, tarfile.open(tmp_path / "less.tar", "w") as less:
            members = tar.getmembers()
            for member in (members[kept], members[-1]):
                less.addfile(member, tar.extractfile(member))
        with pytest.raises(RefusedError, match="is missing"):
            checked(tmp_path / "less.tar")
    with tarfile.open(whole, "a") as tar:
        tar.addfile(tarfile.TarInfo("keys/another.key"), io.BytesIO())
    with pytest.raises(RefusedError, match=r"keys/another\.key"):
        checked(whole)


@pytest.mark.parametrize("name", ["/etc/passwd", "keys/../../passwd", "images/.ssh/key", "else/where", "keys"])
def test_no_file_leaves_the_data_folder(whole, name):
    with tarfile.open(whole, "a") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(RefusedError, match="expected a file of Pillarbox's data folder"):
        checked(whole)


def test_a_link_is_no_file(whole):
    link = tarfile.TarInfo("keys/link.key")
    link.type = tarfile.SYMTYPE
    with tarfile.open(whole, "a") as tar:
        tar.addfile(link)
    with pytest.raises(RefusedError, match=r"keys/link\.key"):
        checked(whole)


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        (b"no JSON", "its manifest is none"),
        (b"[]", "its manifest is none"),
        (b'{"format": "x", "version": 1, "manifest": {}}', "got 'x' of version 1"),
        (b'{"format": "pillarbox-backup", "version": 9, "manifest": {}}', "got 'pillarbox-backup' of version 9"),
    ],
)
def test_a_foreign_or_newer_file_is_named(tmp_path, manifest, told):
    header = tarfile.TarInfo(MANIFEST)
    header.size = len(manifest)
    with tarfile.open(tmp_path / "foreign.tar", "w") as tar:
        tar.addfile(header, io.BytesIO(manifest))
    with pytest.raises(RefusedError, match=told):
        Archive(tmp_path / "foreign.tar")


def test_no_backup_at_all_is_named(tmp_path):
    (tmp_path / "letter.txt").write_text(json.dumps({"dear": "Sir"}) * 100)
    for name in ("letter.txt", "nothing.tar"):
        with pytest.raises(RefusedError, match="expected a whole backup"):
            Archive(tmp_path / name)


def test_nothing_is_touched_for_a_backup_that_is_refused(whole, tmp_path):
    place = settings_for(tmp_path / "place")
    newer = written(tmp_path / "newer.tar", Manifest("9999", 5))
    with pytest.raises(Exception, match="or older, got 9999"):
        restore(place, newer, silent)
    content = bytearray(whole.read_bytes())
    content[600] ^= 1
    whole.write_bytes(content)
    with pytest.raises(RefusedError):
        restore(place, whole, silent, overwrite=True)
    assert not place.data.exists()
