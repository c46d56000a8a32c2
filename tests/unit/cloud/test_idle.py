"""What an idle server must not load: the vision libraries alone would take most of the memory it may use."""

import subprocess
import sys

HEAVY = ("cv2", "onnxruntime", "rapidocr", "numpy", "alembic", "shapely", "playwright")


def test_the_server_loads_no_library_that_only_reading_or_migrating_needs():
    program = f"import sys, cloud.worker.serve; print([name for name in {HEAVY} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
