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


def test_what_other_servers_keep_in_the_shared_folder_of_temporary_files_is_left_alone(tmp_path, monkeypatch):
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setenv("TMPDIR", str(shared))
    table = shared / "#sql-temptable-1-1-1.MAI"
    table.write_text("of another server, which is at work")
    server = MariadbServer(fetch_mariadb(), tmp_path / "a")
    server.start()
    server.stop()
    assert table.exists()
