"""What the spool expects of a disk, kept by the real one and by the fake that loses power."""

from pathlib import Path

import pytest

from edge_gateway.adapters.disk import LocalDisk, held_alone
from edge_gateway.errors import SpoolInUseError
from tests.unit.edge_gateway.fakes import FakeDisk


@pytest.fixture(params=[LocalDisk, FakeDisk])
def disk(request):
    return request.param()


@pytest.fixture
def folder(disk, tmp_path) -> Path:
    disk.sizes(tmp_path / "spool" / "entries")
    return tmp_path / "spool" / "entries"


def test_what_is_written_is_read(disk, folder) -> None:
    disk.write(folder / "a", b"one")
    disk.write(folder / "a", b"two, longer")
    assert disk.read(folder / "a") == b"two, longer"


def test_a_rename_replaces_the_target(disk, folder) -> None:
    disk.write(folder / "a.tmp", b"new")
    disk.write(folder / "a", b"old")
    disk.rename(folder / "a.tmp", folder / "a")
    assert disk.read(folder / "a") == b"new"
    assert disk.sizes(folder) == [("a", 3)]


def test_a_rename_may_cross_folders(disk, folder) -> None:
    other = folder.parent / "parked"
    disk.sizes(other)
    disk.write(folder / "a", b"x")
    disk.rename(folder / "a", other / "a")
    assert (disk.sizes(folder), disk.sizes(other)) == ([], [("a", 1)])


def test_a_missing_file_is_told(disk, folder) -> None:
    with pytest.raises(FileNotFoundError):
        disk.read(folder / "a")
    with pytest.raises(FileNotFoundError):
        disk.rename(folder / "a", folder / "b")


def test_a_removal_may_be_repeated(disk, folder) -> None:
    disk.write(folder / "a", b"x")
    for _ in range(2):
        disk.remove(folder / "a")
    assert disk.sizes(folder) == []


def test_files_are_listed_oldest_first_without_folders(disk, folder) -> None:
    for name in ("b", "c", "a"):
        disk.write(folder / name, name.encode() * 3)
    disk.sizes(folder / "deeper")
    assert disk.sizes(folder) == [("b", 3), ("c", 3), ("a", 3)]


def test_letters_are_for_the_owner_only(tmp_path) -> None:
    LocalDisk().sizes(tmp_path / "entries")
    assert (tmp_path / "entries").stat().st_mode & 0o077 == 0


def test_a_spool_belongs_to_one_gateway_at_a_time(tmp_path) -> None:
    with (
        held_alone(tmp_path / "spool"),
        pytest.raises(SpoolInUseError, match="another one at work"),
        held_alone(tmp_path / "spool"),
    ):
        pass
    with held_alone(tmp_path / "spool"):
        pass
