import pytest

from tools.parts.pip_configuration import PYPI, PackageIndexes, configured_indexes, parse_indexes, variables_as_listed


def test_without_configuration_the_index_is_pypi():
    assert parse_indexes("") == PackageIndexes(urls=(PYPI,))


def test_what_pip_is_configured_with_is_taken_over():
    listed = """\
global.cert='/etc/ssl/certs/ca.crt'
global.index-url='https://mirror.example/simple'
global.extra-index-url='https://a.example/simple\\nfile:///srv/simple'
global.trusted-host='mirror.example a.example:8080'
global.timeout='60'
freeze.timeout='10'
"""
    assert parse_indexes(listed) == PackageIndexes(
        urls=("https://mirror.example/simple", "https://a.example/simple", "file:///srv/simple"),
        trusted_hosts=("mirror.example", "a.example:8080"),
        certificates="/etc/ssl/certs/ca.crt",
    )


@pytest.mark.parametrize(
    "lines",
    [
        ["global.index-url='https://global'", "install.index-url='https://install'", ":env:.index-url='https://won'"],
        [":env:.index-url='https://won'", "global.index-url='https://global'"],
        ["global.index-url='https://global'", "install.index-url='https://won'"],
    ],
)
def test_a_variable_beats_the_commands_section_which_beats_the_global_one(lines):
    assert parse_indexes("\n".join(lines)).urls == ("https://won",)


def test_without_an_index_only_the_extra_ones_are_asked():
    assert parse_indexes(":env:.no-index='1'\nglobal.extra-index-url='https://a'").urls == ("https://a",)


def test_variables_are_read_the_same_way_where_pip_is_missing():
    environment = {"PIP_INDEX_URL": "https://it's.example", "PIP_EXTRA_INDEX_URL": "https://a", "PATH": "/bin"}
    assert parse_indexes(variables_as_listed(environment)).urls == ("https://it's.example", "https://a")


def test_this_machines_pip_answers():
    assert configured_indexes().urls
