"""MariaDB as tests and benches run it."""

from tools.parts.mariadb import fetch_mariadb
from tools.parts.mariadb_server import MariadbServer


def test_a_port_that_another_server_has_taken_since_is_left_to_it(tmp_path):
    program = fetch_mariadb()
    first, second = MariadbServer(program, tmp_path / "a"), MariadbServer(program, tmp_path / "b")
    first.start()
    second.port = first.port
    second.start()
    try:
        assert second.port != first.port
    finally:
        second.stop()
        first.stop()
