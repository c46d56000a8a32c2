import threading

import pytest

from tools.parts.cache import PartError, cache_folder, install_part, silent


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"PILLARBOX_CACHE": "/srv/parts", "XDG_CACHE_HOME": "/x"}, "/srv/parts"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/pillarbox"),
    ],
)
def test_the_cache_is_where_the_environment_says(environment, folder):
    assert str(cache_folder(environment)) == folder


@pytest.mark.parametrize("ignored", [{}, {"PILLARBOX_CACHE": ""}, {"XDG_CACHE_HOME": "relative"}])
def test_the_cache_is_else_in_the_home_folder(ignored):
    assert cache_folder(ignored).parts[-2:] == (".cache", "pillarbox")


def writer(text):
    return lambda folder: (folder / "content").write_text(text) and None


def test_a_part_is_built_aside_and_moved_in_whole(tmp_path):
    folder = tmp_path / "deep" / "part"
    seen = []

    def build(unfinished):
        seen.append((unfinished.parent == folder.parent, folder.exists()))
        (unfinished / "content").write_text("made")

    install_part(folder, build, (folder / "content").is_file, silent)
    assert seen == [(True, False)]
    assert (folder / "content").read_text() == "made"
    assert sorted(path.name for path in folder.parent.iterdir()) == [".part.lock", "part"]


def test_a_usable_part_is_left_alone(tmp_path):
    folder = tmp_path / "part"
    install_part(folder, writer("first"), folder.exists, silent)
    install_part(folder, writer("second"), folder.exists, silent)
    assert (folder / "content").read_text() == "first"


def test_a_broken_part_is_replaced(tmp_path):
    folder = tmp_path / "part"
    folder.mkdir()
    (folder / "remains").touch()
    install_part(folder, writer("new"), (folder / "content").is_file, silent)
    assert [path.name for path in folder.iterdir()] == ["content"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    folder = tmp_path / "part"
    unfinished = tmp_path / ".part.unfinished"
    unfinished.mkdir()
    (unfinished / "half").touch()
    install_part(folder, writer("whole"), folder.exists, silent)
    assert [path.name for path in folder.iterdir()] == ["content"]


def test_a_failed_build_leaves_nothing(tmp_path):
    folder = tmp_path / "part"

    def fail(unfinished):
        (unfinished / "half").touch()
        raise PartError("expected a network, got none")

    with pytest.raises(PartError, match="expected a network"):
        install_part(folder, fail, folder.exists, silent)
    assert [path.name for path in tmp_path.iterdir()] == [".part.lock"]


def test_a_full_disk_is_a_part_error(tmp_path):
    def fail(_unfinished):
        raise OSError(28, "No space left on device")

    with pytest.raises(PartError, match=r"expected room and permission to write .*part, got .*No space left"):
        install_part(tmp_path / "part", fail, lambda: False, silent)


def test_a_built_part_that_does_not_work_is_reported(tmp_path):
    with pytest.raises(PartError, match="delete the folder and try again"):
        install_part(tmp_path / "part", writer("x"), lambda: False, silent)


def test_a_cache_that_cannot_be_written_is_reported_with_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PartError, match="set PILLARBOX_CACHE to another"):
        install_part(tmp_path / "file" / "part", writer("x"), lambda: False, silent)


def test_of_two_at_once_one_builds_and_the_other_waits(tmp_path):
    folder = tmp_path / "part"
    building, waiting = threading.Event(), threading.Event()
    builds, lines = [], []

    def build(unfinished):
        builds.append(unfinished)
        building.set()
        assert waiting.wait(20)

    def second_progress(line):
        lines.append(line)
        waiting.set()

    first = threading.Thread(target=install_part, args=(folder, build, folder.exists, silent))
    second = threading.Thread(target=install_part, args=(folder, build, folder.exists, second_progress))
    first.start()
    assert building.wait(20)
    second.start()
    first.join(20)
    second.join(20)
    assert len(builds) == 1
    assert lines == ["waiting for another process that fetches part"]
