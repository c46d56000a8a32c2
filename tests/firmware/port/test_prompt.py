"""The prompt as a person, or any other program than mpremote, meets it."""

import json

import pytest
from typer.testing import CliRunner

from simulator.board.flash_image import FlashError
from tools.cli import app as program

CTRL_A, CTRL_B, CTRL_C, CTRL_D, CTRL_E = b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"
UP, DOWN, BACKSPACE = b"\x1b[A", b"\x1b[B", b"\x7f"


def test_a_person_types_expressions_blocks_and_corrections(board, terminal_of):
    terminal = terminal_of(board)
    assert terminal.ask(b"40 + 2\r") == b"40 + 2\r\n42\r\n>>> "
    assert terminal.ask(b"x = (1,\r", b"... ") == b"x = (1,\r\n... "
    terminal.ask(b" 2)\r")
    assert terminal.ask(b"for i in x:\r", b"... ") == b"for i in x:\r\n... "
    terminal.ask(b"    print(i)\r", b"... ")
    assert terminal.ask(b"\r") == b"\r\n1\r\n2\r\n>>> "
    assert terminal.ask(b"5\xc3\xa4" + BACKSPACE + b"6\r").endswith(b"6\r\n56\r\n>>> ")
    assert terminal.ask(UP + UP + DOWN + b"7\r").endswith(b"567\r\n>>> ")
    assert b"divide by zero\r\n>>> " in terminal.ask(b"1/0\r")
    assert terminal.ask(b"'''\r", b"... ") == b"'''\r\n... "
    assert terminal.ask(b"nothing" + CTRL_C) == b"nothing\r\n>>> "


def test_a_person_pastes(board, terminal_of):
    terminal = terminal_of(board)
    assert b"Ctrl-D to finish" in terminal.ask(CTRL_E, b"=== ")
    said = terminal.ask(b"if True:\r    print('pasted')\r" + CTRL_D)
    assert said.endswith(b"\r\npasted\r\n>>> ")
    terminal.ask(CTRL_E, b"=== ")
    assert b"again" not in terminal.ask(b"print('ag' + 'ain')" + CTRL_C)


def test_a_program_uses_the_raw_repl_without_raw_paste(board, terminal_of):
    terminal = terminal_of(board)
    terminal.ask(CTRL_A, b"raw REPL; CTRL-B to exit\r\n>")
    assert terminal.ask(b"print('raw')" + CTRL_D, b"\x04>") == b"OKraw\r\n\x04\x04>"
    assert terminal.ask(CTRL_E + b"B" + CTRL_A, b">") == b"R\x00>"
    assert terminal.ask(b"half a" + CTRL_C + b"print(1)" + CTRL_D, b"\x04>") == b"OK1\r\n\x04\x04>"
    assert b"KeyboardInterrupt" in interrupted(terminal)
    assert terminal.ask(CTRL_D, b"raw REPL; CTRL-B to exit\r\n>").startswith(b"OK\r\nMPY: soft reboot\r\n")
    assert b"MicroPython v1." in terminal.ask(CTRL_B)


@pytest.mark.parametrize(
    "body",
    [
        "f = open('busy', 'w'); f.write('z' * 500); f.close()",
        "machine.Pin(27).value()",
        "print('much')",
        "time.sleep(9)",
        "pass",
        "garbage = [bytearray(100), 5]",
    ],
)
def test_ctrl_c_interrupts_whatever_a_program_does(board, terminal_of, body):
    terminal = terminal_of(board)
    for _ in range(10):
        terminal.ask(CTRL_E, b"=== ")
        terminal.ask(b"import machine, time\rprint('go')\rwhile True: " + body.encode() + CTRL_D, b"go\r\n")
        assert b"KeyboardInterrupt: \r\n" in terminal.ask(CTRL_C)
    terminal.ask(b"f = open('busy', 'w'); n = f.write('done'); f.close()\r")
    assert terminal.ask(b"open('busy').read()\r").endswith(b"'done'\r\n>>> ")


def test_an_interrupt_may_be_caught_and_come_again(board, terminal_of):
    terminal = terminal_of(board)
    terminal.ask(CTRL_E, b"=== ")
    terminal.type(b"for i in range(2):\r  try:\r    print('round', i)\r    while True: pass\r")
    terminal.ask(b"  except KeyboardInterrupt: print('caught')\r" + CTRL_D, b"round 0\r\n")
    terminal.ask(CTRL_C, b"caught\r\nround 1\r\n")
    terminal.ask(CTRL_C, b"caught\r\n>>> ")


def test_ctrl_d_starts_boot_and_main_anew(make_board, terminal_of):
    board = make_board()
    terminal = terminal_of(board)
    terminal.ask(b"open('main.py', 'w').write('import time\\nprint(\"in main\", __name__)\\nvalue = 9\\n')\r")
    said = terminal.ask(CTRL_D)
    assert b"MPY: soft reboot\r\nin main __main__\r\n" in said
    assert terminal.ask(b"value\r").endswith(b"9\r\n>>> ")
    assert b"soft reboot" in terminal.ask(b"raise SystemExit\r")


def test_a_program_that_exits_or_fails_leaves_the_prompt(make_board, terminal_of):
    board = make_board()
    terminal = terminal_of(board)
    terminal.ask(b"open('main.py', 'w').write('raise ValueError(7)')\r")
    assert b'File "main.py", line 1, in <module>\r\nValueError: 7\r\n' in terminal.ask(CTRL_D)


def test_what_nobody_reads_does_not_stop_the_board(make_board, terminal_of):
    board = make_board()
    terminal = terminal_of(board)
    terminal.type(b"for i in range(3000): print('unread', i)\r\r")
    board.until("log", "unread 2999")


def test_a_flash_without_bundle_keeps_its_size_and_its_files(make_board, terminal_of):
    board = make_board(flash_bytes=128 * 1024)
    terminal = terminal_of(board)
    terminal.ask(b"import os; f = open('mine', 'w'); f.write('kept'); f.close()\r")
    assert terminal.ask(b"os.statvfs('/')[:3]\r").endswith(b"(4096, 4096, 32)\r\n>>> ")
    board.virtual.stop()
    again = make_board()
    assert terminal_of(again).ask(b"open('mine').read()\r").endswith(b"'kept'\r\n>>> ")


def test_a_flash_of_another_size_than_asked_for_is_refused(make_board):
    make_board(flash_bytes=128 * 1024).virtual.stop()
    with pytest.raises(FlashError, match=r"expected a flash of 256 KB, got .* of 128 KB"):
        make_board(flash_bytes=256 * 1024)


def test_a_flash_that_another_board_uses_is_refused_until_that_has_stopped(make_board):
    first = make_board()
    with pytest.raises(FlashError, match="another virtual board"):
        make_board()
    first.virtual.stop()
    make_board()


def test_a_door_moves_while_somebody_is_at_the_prompt(make_board, terminal_of):
    board = make_board()
    terminal = terminal_of(board)
    terminal.ask(b"import machine, time\r")
    board.virtual.open_door()
    terminal.ask(CTRL_E, b"=== ")
    assert b"open" in terminal.ask(b"while not machine.Pin(27).value(): time.sleep_ms(1)\rprint('open')\r" + CTRL_D)


def test_a_scenario_is_played_before_what_is_typed(tmp_path):
    scenario = tmp_path / "scenario"
    scenario.write_text(
        "# a board without firmware\nuntil port\nbattery 3300 # nearly empty\nnetwork off\ncut\nuntil off\n"
    )
    reports, status = simulated(tmp_path, scenario, "restore\nuntil awake\nshut\nquit\n")
    kinds = [report["kind"] for report in reports if report["kind"] != "log"]
    assert (kinds, status) == (["port", "awake", "off", "awake", "refused"], 0)
    hardware = json.loads((tmp_path / "flash.img.state.json").read_text())
    assert (hardware["battery_mv"], hardware["network_up"]) == (3300, False)


def test_a_scenario_with_an_error_is_not_begun(tmp_path):
    scenario = tmp_path / "scenario"
    scenario.write_text("open\nslam\n")
    done = simulate(tmp_path, "--scenario", scenario)
    assert (done.stdout, done.exit_code) == ("", 1)
    assert "line 2: expected open, close, cut" in done.stderr
    assert not (tmp_path / "flash.img.state.json").exists()


@pytest.mark.parametrize("content", [b"hello\n", b"\x00" * 8192, b""])
def test_a_file_that_is_no_flash_is_left_alone(tmp_path, content):
    (tmp_path / "flash.img").write_bytes(content)
    done = simulate(tmp_path)
    assert (done.stdout, done.exit_code) == ("", 1)
    assert f"got {len(content)} bytes without the file system" in done.stderr
    assert (tmp_path / "flash.img").read_bytes() == content
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_is_no_flash_and_what_is_no_text_no_scenario(tmp_path):
    (tmp_path / "flash.img").mkdir()
    assert "got a folder" in simulate(tmp_path).stderr
    scenario = tmp_path / "scenario"
    scenario.write_bytes(b"open\n\xff\xfe")
    assert "to be commands as text" in simulate(tmp_path, "--scenario", scenario).stderr


def test_a_board_without_bundle_has_the_chip_that_is_asked_for(make_board, terminal_of):
    terminal = terminal_of(make_board(chip="pico_w"))
    assert b"Pico W" in terminal.ask(b"import sys; sys.implementation._machine\r")


def test_an_interpreter_says_what_it_is_as_that_of_a_real_board_does(make_board, terminal_of):
    terminal = terminal_of(make_board(chip="esp32c3"))
    told = terminal.ask(b"import sys; sys.implementation\r")
    assert b"(name='micropython', version=(1, " in told
    assert b", _machine='ESP32C3 module with ESP32C3', _mpy=" in told
    assert b", _build='ESP32_GENERIC_C3')" in told
    # Bytecode of version 6, machine code for RV32IMC (py/persistentcode.h).
    assert b"(6, 11)" in terminal.ask(b"sys.implementation[3] & 255, sys.implementation._mpy >> 10\r")


def test_a_chip_that_is_none_or_not_the_bundle_s_is_refused(tmp_path):
    assert "expected a chip of esp32, esp32s3, esp32c3, pico_w, got z80" in simulate(tmp_path, "--chip", "z80").stderr
    (tmp_path / "device.json").write_text(json.dumps({"kind": "board", "chip": "esp32c3"}))
    refused = simulate(tmp_path, "--chip", "pico_w", "--bundle", tmp_path).stderr
    assert "expected the chip of the bundle, esp32c3, got pico_w" in refused


def test_a_flash_without_a_name_is_board_flash_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(program, ["simulate", "board"], input="until port\nquit\n")
    assert (json.loads(done.stdout.splitlines()[0])["kind"], done.exit_code) == ("port", 0)
    assert "mpremote connect board.flash.port" in done.stderr
    assert (tmp_path / "board.flash").stat().st_size == 1024 * 1024


def interrupted(terminal):
    terminal.ask(b"print('looping')\nwhile True: pass" + CTRL_D, b"looping\r\n")
    return terminal.ask(CTRL_C, b"\x04>")


def simulated(folder, scenario, typed):
    done = simulate(folder, "--scenario", scenario, typed=typed)
    return [json.loads(line) for line in done.stdout.splitlines()], done.exit_code


def simulate(folder, *options, typed=""):
    arguments = ["simulate", "board", "--flash", folder / "flash.img", *options]
    return CliRunner().invoke(program, list(map(str, arguments)), input=typed)
