"""``python -m tools.check.openapi [--check]``: docs/openapi.json is what the web application says of itself."""

import json
import sys
import tempfile
from pathlib import Path

from cloud import bootstrap
from cloud.settings import Settings
from cloud.web.app import create_app

SNAPSHOT = Path(__file__).parents[2] / "docs" / "openapi.json"


def described() -> str:
    """Return the description as the file has it: sorted, so that a difference is a difference."""
    with tempfile.TemporaryDirectory() as folder:
        app = bootstrap.build(Settings(data=Path(folder)))
        whole = create_app(app, lambda _: None).openapi()
        app.database.close()
    return json.dumps(whole, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or with ``--check`` only say whether it is up to date."""
    current = described()
    if "--check" not in arguments:
        SNAPSHOT.write_text(current, encoding="utf-8")
        return 0
    if SNAPSHOT.exists() and SNAPSHOT.read_text(encoding="utf-8") == current:
        return 0
    print(f"{SNAPSHOT.name} is not what the application says of itself; run python -m tools.check.openapi")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
