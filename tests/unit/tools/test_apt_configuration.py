import pytest

from tools.parts.apt_configuration import (
    Source,
    archive_keyring,
    debian_archives,
    parse_codename,
    parse_proxies,
    parse_sources,
    suites_of_host,
)
from tools.parts.cache import PartError

DEBIAN = "http://deb.debian.org/debian"
SECURITY = "http://deb.debian.org/debian-security"
RASPBERRY = "http://archive.raspberrypi.com/debian"
DOCKER = "https://download.docker.com/linux/debian"
PRINTED = f"""\
'{DEBIAN}/dists/bookworm/InRelease' deb.debian.org_debian_dists_bookworm_InRelease 0 
'{DEBIAN}/dists/bookworm-updates/InRelease' deb.debian.org_debian_dists_bookworm-updates_InRelease 0 
'{SECURITY}/dists/bookworm-security/InRelease' deb.debian.org_debian-security_dists_bookworm-security_InRelease 0 
'{DEBIAN}/dists/bookworm/main/binary-amd64/Packages.xz' deb.debian.org_debian_dists_bookworm_Packages 0 
"""  # noqa: W291 - as apt prints it


def test_every_suite_that_apt_would_read_is_a_source():
    assert parse_sources(PRINTED) == [
        Source(DEBIAN, "bookworm"),
        Source(DEBIAN, "bookworm-updates"),
        Source(SECURITY, "bookworm-security"),
    ]


def test_a_list_of_mirrors_is_a_source_like_any_other():
    printed = "'mirror+file:/etc/apt/mirrors/debian.list/dists/trixie/InRelease' etc_apt_trixie_InRelease 0 "
    assert parse_sources(printed) == [Source("mirror+file:/etc/apt/mirrors/debian.list", "trixie")]


def test_a_source_that_is_given_twice_counts_once():
    assert parse_sources(PRINTED + PRINTED) == parse_sources(PRINTED)


def test_only_proxies_are_taken_over():
    dumped = """\
Acquire::http "";
Acquire::http::Proxy "http://proxy.example:3128";
Acquire::http::Proxy::mirror.example "DIRECT";
Acquire::https::proxy "http://user:secret@proxy.example:3128";
Acquire::http::Proxy-Auto-Detect "/usr/bin/detect";
Acquire::http::Timeout "3";
Acquire::AllowInsecureRepositories "1";
APT::Get::AllowUnauthenticated "1";
Acquire::https::Verify-Peer "false";
"""
    assert parse_proxies(dumped) == [
        'Acquire::http::Proxy "http://proxy.example:3128";',
        'Acquire::http::Proxy::mirror.example "DIRECT";',
        'Acquire::https::proxy "http://user:secret@proxy.example:3128";',
        'Acquire::http::Proxy-Auto-Detect "/usr/bin/detect";',
    ]


@pytest.mark.parametrize(
    ("os_release", "codename"),
    [
        ("NAME=Debian\nVERSION_CODENAME=bookworm\n", "bookworm"),
        ('VERSION_CODENAME="trixie"\n', "trixie"),
        ("NAME=Debian\nID=debian\n", ""),
    ],
)
def test_the_codename_is_read_from_os_release(os_release, codename):
    assert parse_codename(os_release) == codename


def test_raspberry_pis_own_archives_are_never_taken_for_debians():
    sources = [Source(RASPBERRY, "bookworm"), Source("http://raspbian.raspberrypi.com/raspbian", "bookworm")]
    assert debian_archives(sources) == []
    assert debian_archives([*sources, Source(DEBIAN, "bookworm")]) == [DEBIAN]


def test_the_likeliest_archive_comes_first_and_each_comes_once():
    sources = [
        Source("https://packages.example.org/php", "bookworm"),
        Source(DOCKER, "bookworm"),
        Source(DEBIAN, "bookworm"),
        Source(DEBIAN, "bookworm-updates"),
        Source(SECURITY, "bookworm-security"),
    ]
    assert debian_archives(sources) == [DOCKER, DEBIAN, "https://packages.example.org/php"]


def test_a_cd_is_no_archive():
    assert debian_archives([Source("cdrom:[Debian 12]", "bookworm")]) == []


def test_the_hosts_release_comes_with_its_updates_and_its_security():
    assert suites_of_host(DEBIAN, parse_sources(PRINTED), "bookworm") == parse_sources(PRINTED)


def test_backports_and_other_releases_stay_away():
    sources = [Source(DEBIAN, suite) for suite in ("trixie", "bookworm", "bookworm-backports", "trixie-updates")]
    assert suites_of_host(DEBIAN, sources, "bookworm") == [Source(DEBIAN, "bookworm")]


def test_a_host_that_follows_stable_is_taken_at_its_word():
    sources = [Source(DEBIAN, "stable"), Source(SECURITY, "stable-security")]
    assert suites_of_host(DEBIAN, sources, "trixie") == sources


def test_the_first_keyring_that_is_installed_is_used(tmp_path):
    keyring = tmp_path / "debian-archive-keyring.pgp"
    keyring.touch()
    assert archive_keyring([tmp_path / "missing.gpg", keyring]) == keyring


def test_without_a_keyring_the_person_is_told_what_to_run(tmp_path):
    with pytest.raises(PartError, match=r"sudo apt-get install debian-archive-keyring"):
        archive_keyring([tmp_path / "missing.gpg"])


def test_this_machine_is_read_without_network_or_root(real_host):
    assert real_host.architecture
    assert all(source.uri and source.suite for source in real_host.sources)
