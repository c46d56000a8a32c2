import pytest

from simulator.board.firmware_files import FIRMWARE, firmware_files
from tools.check.firmware import (
    MOST_COMPILED_BYTES,
    MOST_HEAP_BYTES,
    LiveHeap,
    compile_problems,
    import_problems,
    main,
    of_a_board,
)


def written(folder, name, text):
    file = folder / name
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    "line",
    ["import json", "from firmware.wire import codec", "import umqtt.simple", "from umqtt.simple import MQTTClient"],
)
def test_what_a_board_has_may_be_imported(tmp_path, line):
    assert list(import_problems(written(tmp_path, "door.py", line))) == []


@pytest.mark.parametrize("module", ["typing", "dataclasses", "requests", "pathlib", "__future__", "firmwares"])
def test_what_a_board_lacks_may_not_be_imported(tmp_path, module):
    problems = list(import_problems(written(tmp_path, "door.py", f"import os\n\n\nfrom {module} import name\n")))
    assert len(problems) == 1
    assert problems[0].startswith(f"{tmp_path}/door.py:4: expected one of asyncio, ")
    assert problems[0].endswith(f", got {module}")


def test_an_import_inside_a_function_counts_too(tmp_path):
    assert len(list(import_problems(written(tmp_path, "door.py", "def f():\n    import typing\n")))) == 1


def test_a_relative_import_is_refused(tmp_path):
    assert len(list(import_problems(written(tmp_path, "door.py", "from . import journal\n")))) == 1


@pytest.mark.parametrize("module", ["machine", "network", "esp32"])
def test_hardware_is_for_one_file_only(tmp_path, module):
    assert list(import_problems(written(tmp_path, "board.py", f"import {module}"))) == []
    assert len(list(import_problems(written(tmp_path, "door.py", f"import {module}")))) == 1


def test_what_micropython_cannot_compile_is_reported(tmp_path):
    file = written(tmp_path, "door.py", "match 1:\n    case 1:\n        pass\n")
    assert "SyntaxError" in next(compile_problems(file))
    assert list(compile_problems(written(tmp_path, "good.py", "x: int = 1\n"))) == []


def test_the_exit_code_says_whether_there_is_a_problem(tmp_path, capsys):
    written(tmp_path, "good.py", "import json\n")
    assert main(tmp_path) == 0
    written(tmp_path, "bad.py", "import typing\n")
    assert main(tmp_path) == 1
    assert "firmware: 2 files, 1 problems" in capsys.readouterr().out


def test_the_firmware_has_no_problem(capsys):
    assert main() == 0, capsys.readouterr().out


def test_what_gateways_say_is_no_part_of_a_board():
    messages = FIRMWARE / "wire" / "messages.py"
    assert of_a_board([messages, FIRMWARE / "main.py", FIRMWARE / "chooser.py"]) == [FIRMWARE / "main.py"]
    assert "firmware/wire/messages.py" not in [name for _, name in firmware_files()]


def test_a_firmware_that_needs_too_much_heap_is_a_problem(tmp_path, capsys):
    written(tmp_path, "good.py", "import json\n")
    assert main(tmp_path, LiveHeap(64, lambda: MOST_HEAP_BYTES, MOST_HEAP_BYTES)) == 0
    assert main(tmp_path, LiveHeap(64, lambda: MOST_HEAP_BYTES + 1, MOST_HEAP_BYTES)) == 1
    assert f"got {MOST_HEAP_BYTES + 1}" in capsys.readouterr().out


def test_a_firmware_that_is_too_large_for_its_slots_is_a_problem(tmp_path, capsys):
    written(tmp_path, "large.py", f"DATA = {'x' * MOST_COMPILED_BYTES!r}\n")
    assert main(tmp_path) == 1
    assert f"at most {MOST_COMPILED_BYTES} bytes" in capsys.readouterr().out
