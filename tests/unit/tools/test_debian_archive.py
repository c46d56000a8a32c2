"""Debian packages are unpacked by the real apt and dpkg out of an archive of our own."""

import hashlib
import subprocess
from dataclasses import replace

import pytest

from tools.parts.apt_configuration import Source
from tools.parts.cache import PartError, silent
from tools.parts.debian_archive import DebianProgram, apt_files, unpack_program, wrapper_path, write_wrapper

GREETER = DebianProgram(
    "greeter",
    package="greeter",
    path="usr/bin/greeter",
    remedy="run: sudo apt-get install greeter",
    only_for_scripts=("adduser",),
)


def fetch(archive, cache, program=GREETER, progress=silent, host=None):
    wrapper = wrapper_path(program, cache)
    return unpack_program(program, cache, wrapper.is_file, progress, lambda: host or archive.host)


def greeting_of(wrapper):
    return subprocess.run([wrapper, "you there"], check=True, capture_output=True, text=True, timeout=20).stdout


def test_the_wrapper_runs_the_program_through_the_unpacked_loader(archive, tmp_path):
    wrapper = fetch(archive, tmp_path / "cache")
    assert wrapper == tmp_path / "cache/greeter/greeter"
    assert greeting_of(wrapper) == "hello you there\n"


def test_a_folder_with_blanks_and_quotes_is_no_obstacle(archive, tmp_path):
    assert greeting_of(fetch(archive, tmp_path / "the owner's cache")) == "hello you there\n"


def test_no_maintainer_script_runs(archive, tmp_path):
    fetch(archive, tmp_path / "cache")
    assert not (archive.folder / "a-maintainer-script-ran").exists()


def test_the_checksum_of_every_package_is_kept(archive, tmp_path):
    fetch(archive, tmp_path / "cache")
    kept = (tmp_path / "cache/greeter/SHA256SUMS").read_text()
    for name in ("greeter", "libgreet"):
        package = archive.package(name)
        assert f"{hashlib.sha256(package.read_bytes()).hexdigest()}  {package.name}\n" in kept


def test_what_is_there_is_not_fetched_again(archive, tmp_path):
    fetch(archive, tmp_path / "cache")
    lines = []
    fetch(archive, tmp_path / "cache", progress=lines.append)
    assert lines == []


def test_every_step_is_told(archive, tmp_path):
    lines = []
    fetch(archive, tmp_path / "cache", progress=lines.append)
    assert lines == [
        "reading Debian's package lists for greeter",
        "downloading greeter and what it needs",
        "unpacking 2 packages of greeter",
    ]


def test_an_archive_signed_by_another_key_is_refused(archive, tmp_path, signing_key):
    archive.host.keyring.write_bytes(type(signing_key)().keyring())
    with pytest.raises(PartError, match=r"expected the signed package greeter of Debian.*sudo apt-get install greeter"):
        fetch(archive, tmp_path / "cache")
    assert not (tmp_path / "cache/greeter").exists()


def test_an_archive_without_signature_is_refused(archive, tmp_path):
    (archive.folder / "dists/trixie/Release.gpg").unlink()
    with pytest.raises(PartError, match="not signed"):
        fetch(archive, tmp_path / "cache")


def test_a_changed_package_is_refused(archive, tmp_path):
    package = archive.package("libgreet")
    content = bytearray(package.read_bytes())
    content[-1] ^= 1
    package.write_bytes(content)
    with pytest.raises(PartError, match="Hash Sum mismatch"):
        fetch(archive, tmp_path / "cache")
    assert not (tmp_path / "cache/greeter").exists()


def test_a_missing_dependency_is_named(archive, tmp_path):
    demanding = replace(GREETER, only_for_scripts=())
    with pytest.raises(PartError, match=r"greeter : Depends: adduser"):
        fetch(archive, tmp_path / "cache", program=demanding)


def test_a_program_that_its_package_lacks_is_named(archive, tmp_path):
    with pytest.raises(PartError, match=r"expected usr/bin/waver and ld-linux in the packages of greeter"):
        fetch(archive, tmp_path / "cache", program=replace(GREETER, path="usr/bin/waver"))


def test_the_next_archive_is_tried_when_one_is_not_debians(archive, tmp_path):
    foreign = Source(f"file:{tmp_path}/foreign/debian", "trixie")
    host = replace(archive.host, sources=(foreign, *archive.host.sources))
    assert greeting_of(fetch(archive, tmp_path / "cache", host=host)) == "hello you there\n"


def test_without_an_archive_of_debian_the_person_is_told_what_to_run(archive, tmp_path):
    raspbian = Source("http://raspbian.raspberrypi.com/raspbian", "bookworm")
    with pytest.raises(
        PartError, match=r"got http://raspbian.raspberrypi.com/raspbian; run: sudo apt-get install greeter"
    ):
        fetch(archive, tmp_path / "cache", host=replace(archive.host, sources=(raspbian,)))


def test_the_private_apt_takes_over_the_proxies_and_nothing_else(archive, tmp_path):
    proxy = 'Acquire::http::Proxy "http://proxy.example:3128";'
    files = apt_files(
        tmp_path, GREETER, [Source("http://a.example/debian", "trixie")], replace(archive.host, proxies=(proxy,))
    )
    settings = files[tmp_path / "apt.conf"].splitlines()
    assert settings[0] == f'Dir "{tmp_path}";'
    assert proxy in settings
    assert "trusted" not in "".join(files.values()).lower()


def test_a_loader_that_is_a_link_into_the_host_is_not_used(tmp_path):
    for path in ("root/usr/bin/greeter", "root/lib/here/ld-linux-test.so.1", "root/lib64/nothing"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    (tmp_path / "root/lib64/ld-linux-test.so.1").symlink_to("/bin/sh")
    write_wrapper(tmp_path, GREETER, tmp_path)
    assert "lib64" not in (tmp_path / "greeter").read_text()


def test_the_wrapper_names_the_place_after_the_move(tmp_path):
    folder, final = tmp_path / "unfinished", tmp_path / "final"
    for path in ("root/usr/bin/greeter", "root/lib/here/ld-linux-test.so.1"):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).touch()
    write_wrapper(folder, GREETER, final)
    shebang, command = (folder / "greeter").read_text().splitlines()
    assert shebang == "#!/bin/sh"
    assert command == (
        f"exec {final}/root/lib/here/ld-linux-test.so.1 --library-path"
        f' {final}/root/lib/here:{final}/root/usr/lib/here {final}/root/usr/bin/greeter "$@"'
    )
