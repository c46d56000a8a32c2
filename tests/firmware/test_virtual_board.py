"""The virtual board itself: it sleeps on over restarts, dies with its parent, gives up in the end, and obeys lines."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.board.console import COMMANDS, Console, ScenarioError
from simulator.board.flash_image import FlashError
from simulator.board.virtual_board import VirtualBoard

ROOT = Path(__file__).parents[2]


def test_a_board_sleeps_on_while_its_simulator_is_started_again(board, make_board, broker, cloud):
    board.virtual.open_door()
    board.asleep()
    board.stop()
    again = make_board(broker.port)
    again.until("asleep")
    again.virtual.close_door()
    assert again.until("awake").cause == "ext1"
    again.asleep()
    assert [report.kind for report in again.history if report.kind != "log"] == ["asleep", "awake", "asleep"]
    ids = [event["event_id"].split("-")[1:] for event in cloud.events]
    assert ids == [["1", "1"], ["1", "2"], ["1", "3"]]
    assert cloud.movements == ["open", "close"]


def test_a_bundle_that_points_elsewhere_is_flashed_at_the_next_start(
    board, make_board, make_broker, cloud_of, tmp_path
):
    board.stop()
    other = make_broker()
    other.start()
    new_cloud = cloud_of(other)
    file = tmp_path / "bundle" / "device.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "port": other.port}))
    again = make_board(other.port)
    again.until("asleep")
    again.virtual.open_door()
    assert again.asleep()[1] == 0
    assert [event["seq"] for event in new_cloud.events] == [2]


def test_a_simulator_that_ends_in_the_middle_of_a_wake_is_a_power_cut(board, make_board, broker, cloud):
    cloud.acknowledges = False
    board.virtual.open_door()
    board.until("log", "published")
    board.stop()
    cloud.acknowledges = True
    again = make_board(broker.port)
    assert again.until("awake").cause == "power"
    assert again.asleep()[1] == 0
    assert cloud.movements == ["open"]


def test_a_board_without_power_stays_without_when_its_simulator_is_started_again(board, make_board, broker, cloud):
    board.virtual.cut_power()
    board.until("off")
    board.stop()
    again = make_board(broker.port)
    again.until("off")
    again.virtual.restore_power()
    assert again.asleep()[1] == 0
    assert [event["event_type"] for event in cloud.events] == ["boot", "boot"]


def test_the_timer_that_ran_out_while_the_simulator_was_off_ends_the_sleep_at_once(board, make_board, broker, tmp_path):
    board.stop()
    sidecar = tmp_path / "flash.img.state.json"
    state = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**state, "wake_at_ms": 1}))
    again = make_board(broker.port)
    again.until("asleep")
    assert again.until("awake").cause == "timer"
    again.asleep()


def test_a_firmware_that_does_not_start_is_given_up_with_a_reason(make_broken_board):
    board = make_broken_board("raise SystemExit('no firmware here')")
    assert "5 restarts" in board.until("crashed", "gave up").text
    assert "no firmware here" in board.log
    assert [report.cause for report in board.history if report.kind == "awake"] == ["ext1", *["reset"] * 5]
    board.virtual.restore_power()
    assert board.until("awake").cause == "power"


def test_a_firmware_that_hangs_is_restarted_by_its_watchdog(make_broken_board):
    board = make_broken_board("import machine\nmachine.WDT(timeout=50)\nwhile True: pass")
    assert "watchdog" in board.until("crashed").text
    assert board.until("awake").cause == "watchdog"
    board.until("crashed", "gave up")


def test_an_interpreter_that_cannot_make_a_flash_is_an_error_that_says_so(make_board, broker, tmp_path):
    with pytest.raises(FlashError, match="/bin/false"):
        make_board(broker.port, Path("/bin/false"))
    assert not (tmp_path / "flash.img").exists()


def test_the_process_obeys_one_command_a_line_and_reports_one_object_a_line(process, cloud):
    process.until("asleep")
    process.tell("open")
    assert process.until("awake")["cause"] == "ext1"
    process.until("asleep")
    process.tell("shut")
    assert process.until("refused")["text"] == f"expected {COMMANDS}, got 'shut'"
    process.tell("close")
    process.until("asleep")
    process.tell("cut")
    process.until("off")
    process.tell("restore")
    assert process.until("awake")["cause"] == "power"
    process.until("asleep")
    process.tell("quit")
    assert process.wait() == 0
    assert cloud.movements == ["open", "close"]


def test_commands_given_before_the_board_first_watches_its_door_are_not_lost(process, cloud):
    process.tell("open")
    process.tell("close")
    process.until("asleep")
    assert cloud.movements == ["open", "close"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_whoever_waits_for_a_board_is_told_when_the_machine_cannot_play_it(
    tmp_path, make_bundle, broker, micropython, umqtt, monkeypatch
):
    def no_process(*_, **__):
        raise BlockingIOError("no more processes")

    monkeypatch.setattr("simulator.board.supervisor.Processor", no_process)
    parts, told = (tmp_path / "flash.img", make_bundle(broker.port), micropython, umqtt), io.StringIO()
    console = Console(lambda report: VirtualBoard(*parts, report), told)
    with pytest.raises(ScenarioError, match="its simulation has failed"):
        console.run(["until awake", "until asleep"], ["open"])
    assert json.loads(told.getvalue().splitlines()[-1])["text"] == "BlockingIOError: no more processes"


def test_the_end_of_its_input_ends_the_process(process):
    process.until("asleep")
    process.hang_up()
    assert process.wait() == 0


def test_the_processor_dies_with_its_supervisor(process, cloud, patiently):
    process.until("asleep")
    cloud.acknowledges = False  # so the board stays awake for as long as it waits for the cloud
    process.tell("open")
    process.until("awake")
    (processor,) = patiently(process.children, "the processor runs")
    process.kill()
    patiently(lambda: not is_alive(processor), "the processor is gone")


class BoardProcess:
    """``simulator.board.console`` as a program of its own."""

    def __init__(self, arguments):
        code = "import sys; from pathlib import Path; from simulator.board.console import Console;"
        code += "from simulator.board.virtual_board import VirtualBoard; parts = map(Path, sys.argv[1:]);"
        code += "Console(lambda report: VirtualBoard(*parts, report), sys.stdout).run([], sys.stdin)"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )

    def tell(self, command):
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def until(self, kind):
        for line in self._process.stdout:
            report = json.loads(line)
            if report["kind"] == kind:
                return report
        raise AssertionError(f"expected {kind}, got the end")

    def hang_up(self):
        self._process.stdin.close()

    def children(self):
        """Return the process ids whose parent this process is."""
        stats = {path.parent.name: path for path in Path("/proc").glob("[0-9]*/stat")}
        return [int(pid) for pid, path in stats.items() if parent_of(path) == self._process.pid]

    def wait(self):
        return self._process.wait(timeout=20)

    def kill(self):
        self._process.kill()
        self._process.wait()

    def close(self):
        self.kill()
        self._process.stdin.close()
        self._process.stdout.close()


def parent_of(stat):
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # before it was opened, before it was read
        return False


@pytest.fixture
def make_broken_board(make_board, broker, cloud, tmp_path):  # noqa: ARG001 - the cloud must listen first
    """Make a board, on CPython, whose main.py broke while it slept, and open its door."""

    def make(main):
        board = make_board(broker.port, None)
        board.asleep()
        board.stop()
        (tmp_path / "flash.img.files" / "main.py").write_text(main + "\n")
        again = make_board(broker.port, None)
        again.virtual.open_door()
        return again

    return make


@pytest.fixture
def process(tmp_path, make_bundle, broker, cloud, micropython, umqtt):  # noqa: ARG001 - the cloud must listen first
    bundle = make_bundle(broker.port, ack_wait_ms=10_000)
    process = BoardProcess((tmp_path / "flash.img", bundle, micropython, umqtt))
    yield process
    process.close()
