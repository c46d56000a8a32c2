"""Programs are looked for on the path first and must be recent enough."""

from dataclasses import replace
from pathlib import Path

import pytest

from tools.parts.apt_configuration import HostApt
from tools.parts.cache import PartError
from tools.parts.chromium import fetch_chromium, find_chromium
from tools.parts.mariadb import fetch_mariadb, find_mariadb
from tools.parts.micropython import fetch_micropython, find_micropython, host_32
from tools.parts.mosquitto import fetch_mosquitto, find_mosquitto
from tools.parts.mysql import fetch_mysql, find_mysql
from tools.parts.program_version import first_recent, program_version


def program(folder, name, script):
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("prints", "version"),
    [
        ("MicroPython v1.25.0+ds-1 on 2025-05-04; linux [GCC 14.2.0] version", (1, 25)),
        ("mosquitto version 2.0.11", (2, 0)),
        ("no number here", None),
    ],
)
def test_the_version_is_what_the_program_prints(tmp_path, prints, version):
    assert program_version(program(tmp_path, "it", f"echo '{prints}'"), "--version") == version


def test_the_exit_code_does_not_matter(tmp_path):
    assert program_version(program(tmp_path, "it", "echo version 2.0.11; exit 3"), "-h") == (2, 0)


def test_what_cannot_be_run_has_no_version(tmp_path):
    (tmp_path / "text").write_text("no program")
    assert program_version(tmp_path / "text", "--version") is None
    assert program_version(tmp_path / "missing", "--version") is None


def test_the_first_program_that_is_recent_enough_is_taken(tmp_path):
    old = program(tmp_path, "old", "echo v1.9.4")
    new = program(tmp_path, "new", "echo v1.26.0")
    newer = program(tmp_path, "newer", "echo v1.27.0")
    assert first_recent([old, new, newer], "--version", (1, 25)) == new
    assert first_recent([old], "--version", (1, 25)) is None


def test_micropython_on_the_path_is_preferred_to_fetching(tmp_path):
    mine = program(tmp_path, "micropython", "echo MicroPython v1.26.1")
    assert find_micropython(str(tmp_path)) == mine
    assert fetch_micropython(path=str(tmp_path)) == mine


def test_a_small_micropython_is_for_pcs_only():
    """Its processor runs the programs of its predecessors; another's does not."""
    amd64 = HostApt("amd64", "trixie", (), (), Path("keys"))
    assert host_32(amd64).architecture == "i386"
    with pytest.raises(PartError, match="got arm64"):
        host_32(replace(amd64, architecture="arm64"))


def test_a_micropython_that_is_too_old_is_passed_over(tmp_path):
    old = program(tmp_path, "micropython", "echo MicroPython v1.22.0")
    assert find_micropython(str(tmp_path)) != old


def test_mosquitto_on_the_path_is_preferred_to_fetching(tmp_path):
    mine = program(tmp_path, "mosquitto", "echo mosquitto version 2.0.21; exit 3")
    assert find_mosquitto(str(tmp_path)) == mine
    assert fetch_mosquitto(path=str(tmp_path)) == mine


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_chromium_is_found_under_any_of_its_names(tmp_path, name):
    browser = program(tmp_path, name, "echo Chromium 140")
    assert find_chromium(str(tmp_path)) == browser
    assert fetch_chromium(path=str(tmp_path), user=1000) == browser


def test_root_gets_chromium_from_apt(tmp_path):
    apt = program(
        tmp_path, "apt-get", f'echo "$@" >>{tmp_path}/calls; touch {tmp_path}/chromium; chmod +x {tmp_path}/chromium'
    )
    lines = []
    assert fetch_chromium(lines.append, path=str(tmp_path), user=0, apt=str(apt)) == tmp_path / "chromium"
    assert (tmp_path / "calls").read_text() == "update\ninstall -y --no-install-recommends chromium\n"
    assert lines == ["installing chromium with apt"]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo no network >&2; exit 100", "to succeed, got: no network"),
        ("true", "expected chromium on PATH after apt-get"),
    ],
)
def test_what_apt_could_not_do_is_told(tmp_path, script, reason):
    apt = program(tmp_path, "apt-get", script)
    with pytest.raises(PartError, match=reason):
        fetch_chromium(path=str(tmp_path), user=0, apt=str(apt))


def test_without_apt_that_is_told(tmp_path):
    with pytest.raises(PartError, match=r"expected .*apt-get update to succeed, got: .*No such file"):
        fetch_chromium(path=str(tmp_path), user=0, apt=str(tmp_path / "apt-get"))


def test_who_is_not_root_is_told_how_to_install_chromium(tmp_path):
    command = r"run: sudo apt-get install -y --no-install-recommends chromium$"
    with pytest.raises(PartError, match=command):
        fetch_chromium(path=str(tmp_path), user=1000)


def test_mariadb_on_the_path_is_preferred_to_fetching(tmp_path):
    program(tmp_path, "mariadb-install-db", "true")
    mine = program(tmp_path, "mariadbd", "echo mariadbd Ver 11.4.2-MariaDB")
    assert find_mariadb(str(tmp_path)) == mine
    assert fetch_mariadb(path=str(tmp_path), user=1000) == mine


def test_a_mariadb_that_knows_no_skip_locked_or_cannot_make_a_data_folder_is_passed_over(tmp_path):
    program(tmp_path, "mariadbd", "echo mariadbd Ver 10.5.2-MariaDB")
    assert find_mariadb(str(tmp_path)) is None
    program(tmp_path, "mariadbd", "echo mariadbd Ver 10.11.2-MariaDB")
    assert find_mariadb(str(tmp_path)) is None


def test_root_gets_mariadb_from_apt_while_no_service_may_start(tmp_path):
    policy = tmp_path / "policy-rc.d"
    program(tmp_path, "mariadb-install-db", "true")
    made = f"printf '#!/bin/sh\necho Ver 10.11.1' >{tmp_path}/mariadbd; chmod +x {tmp_path}/mariadbd"
    apt = program(tmp_path, "apt-get", f'echo "$@ $({policy}; echo $?)" >>{tmp_path}/calls; {made}')
    found = fetch_mariadb(path=str(tmp_path), user=0, apt=str(apt), policy=policy)
    assert found == tmp_path / "mariadbd"
    assert (tmp_path / "calls").read_text() == ("update 101\ninstall -y --no-install-recommends mariadb-server 101\n")
    assert not policy.exists()


def test_an_operators_own_rule_for_services_stays(tmp_path):
    policy = program(tmp_path, "policy-rc.d", "exit 101")
    program(tmp_path, "mariadb-install-db", "true")
    apt = program(tmp_path, "apt-get", "exit 1")
    with pytest.raises(PartError, match="to succeed"):
        fetch_mariadb(path=str(tmp_path), user=0, apt=str(apt), policy=policy)
    assert policy.exists()


def test_who_is_not_root_is_told_how_to_install_mariadb(tmp_path):
    with pytest.raises(PartError, match=r"run: sudo apt-get install -y --no-install-recommends mariadb-server$"):
        fetch_mariadb(path=str(tmp_path), user=1000)


def test_mysql_on_the_path_is_preferred_to_fetching_and_mariadb_by_its_name_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("PILLARBOX_CACHE", str(tmp_path / "cache"))
    (tmp_path / "mysqld").symlink_to(program(tmp_path, "mariadbd", "echo mariadbd Ver 11.4.2-MariaDB"))
    assert find_mysql(str(tmp_path)) is None
    (tmp_path / "mysqld").unlink()
    mine = program(tmp_path, "mysqld", "echo mysqld Ver 8.4.2 for Linux")
    assert find_mysql(str(tmp_path)) == mine
    assert fetch_mysql(path=str(tmp_path)) == mine
