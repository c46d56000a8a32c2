"""The child process of the local OCR engine: it comes, is replaced, and goes with its parent."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from cloud.adapters.local.ocr_engine import RapidOcrEngine
from cloud.errors import RetryLaterError

pytestmark = pytest.mark.slow

HEAVY = ("cv2", "numpy", "onnxruntime", "rapidocr")


def blank() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), "white").save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def engine() -> Iterator[RapidOcrEngine]:
    made = RapidOcrEngine(threads=1)
    yield made
    made.close()


def ended(process_id: int) -> bool:
    """Whether the process is gone; waits for it up to ten seconds."""
    for _ in range(1000):
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_no_process_runs_before_the_first_page(engine):
    assert engine.child_pid is None


def test_one_process_reads_page_after_page(engine):
    engine.read(blank())
    first = engine.child_pid
    engine.read(blank())
    assert engine.child_pid == first


def test_a_process_that_has_read_its_share_is_replaced():
    engine = RapidOcrEngine(threads=1, pages_per_process=1)
    engine.read(blank())
    assert engine.child_pid is None
    engine.read(blank())
    engine.close()


def test_a_killed_process_means_try_later_and_the_next_page_gets_a_new_one(engine):
    engine.read(blank())
    killed = engine.child_pid
    os.kill(killed, signal.SIGKILL)
    with pytest.raises(RetryLaterError, match="ended while reading"):
        engine.read(blank())
    engine.read(blank())
    assert engine.child_pid != killed


def test_a_process_that_takes_too_long_is_killed():
    engine = RapidOcrEngine(threads=1, timeout_s=0.01)
    with pytest.raises(RetryLaterError, match=r"no answer within 0\.01 s"):
        engine.read(blank())
    assert engine.child_pid is None
    engine.close()


def test_the_process_outlives_the_thread_that_asked_for_the_first_page(engine):
    asking = threading.Thread(target=engine.read, args=(blank(),))
    asking.start()
    asking.join()
    first = engine.child_pid
    engine.read(blank())
    assert engine.child_pid == first


def test_a_closed_engine_leaves_no_process(engine):
    engine.read(blank())
    child = engine.child_pid
    engine.close()
    assert ended(child)


def test_closing_does_not_wait_for_a_page_that_goes_on_for_long():
    engine = RapidOcrEngine(threads=1, close_grace_s=0.01)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(engine.read, blank())
        while engine.child_pid is None:
            time.sleep(0.001)
        # The process is loading its models now, which takes a hundred times the grace.
        engine.close()
        with pytest.raises(RetryLaterError, match="the OCR process ended while reading"):
            reading.result()
    assert engine.child_pid is None


PARENT = """
import sys
from cloud.adapters.local.ocr_engine import RapidOcrEngine
engine = RapidOcrEngine(threads=1)
engine.read(bytes.fromhex(sys.argv[1]))
print(engine.child_pid, [name for name in {heavy} if name in sys.modules], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen]:
    script = PARENT.format(heavy=HEAVY)
    started = subprocess.Popen(
        [sys.executable, "-c", script, blank().hex()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with started:
        yield started
        started.kill()


def test_the_server_process_never_loads_the_vision_libraries(parent):
    assert parent.stdout.readline().split(" ", 1)[1].strip() == "[]"


def test_the_process_dies_with_a_parent_that_is_killed(parent):
    child = int(parent.stdout.readline().split()[0])
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert ended(child)
