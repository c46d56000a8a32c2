"""``python -m tools`` is ``pillarbox``."""

from tools.cli import app

app(prog_name="pillarbox")
