"""A real image over the air on the virtual board: fetched, started from the other slot, proved or given up."""

import http.server
import threading

import pytest

from firmware.version import VERSION
from tools.firmware_image import board_key, build_image, load_key, pack_image, sign_update


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return load_key(tmp_path_factory.mktemp("keys") / "update.pem")


@pytest.fixture(scope="module")
def image():
    return build_image("9.0.0")


@pytest.fixture
def serve():
    """Serve an image over HTTP; return its address."""
    servers = []

    def begin(image):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(image)))
                self.end_headers()
                self.wfile.write(image)

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/firmware.img"

    yield begin
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def keyed_board(make_board, broker, cloud, key):  # noqa: ARG001 - the cloud must listen first
    board = make_board(broker.port, update_key=board_key(key))
    board.asleep()
    return board


def test_a_board_updates_itself_and_reports_by_its_new_firmware(keyed_board, cloud, key, image, serve):
    cloud.wish(update=sign_update(key, "9.0.0", image, serve(image)).as_json())
    keyed_board.virtual.open_door()
    report, _ = keyed_board.asleep()
    assert report.sleep_ms == 1000
    keyed_board.asleep()
    cloud.wait_for(lambda cloud: cloud.heartbeats[-1]["fw"] == "9.0.0", "a heartbeat of the new firmware")
    assert any("version 9.0.0 has proved itself" in line for line in keyed_board.log)
    keyed_board.virtual.close_door()
    keyed_board.asleep()
    assert cloud.batches[-1]["fw"] == "9.0.0"
    assert cloud.movements == ["open", "close"]


@pytest.mark.parametrize("content", [b"import nothing_of_the_kind\n", b"def (", b"\0" * 100])
def test_a_firmware_that_cannot_be_loaded_is_given_up_and_the_old_one_goes_on(content, keyed_board, cloud, key, serve):
    broken = pack_image({"firmware/__init__.py": b"", "firmware/boot.py": content})
    cloud.wish(update=sign_update(key, "9.0.0", broken, serve(broken)).as_json())
    keyed_board.virtual.open_door()
    for _ in range(4):
        assert keyed_board.until("asleep").sleep_ms == 1000
    keyed_board.asleep()
    keyed_board.virtual.close_door()
    keyed_board.asleep()
    assert cloud.batches[-1]["fw"] == VERSION
    assert cloud.movements == ["open", "close"]
    assert sum("expected a firmware in b" in line for line in keyed_board.log) == 3
