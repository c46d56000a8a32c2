"""Image stored → e-mail in the outbox, beyond the OCR time: read from what a demo left in its folder.

``python -m tools.bench.latency DIR`` prints a line for each letter, in milliseconds, and the median.
"""

import statistics
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from cloud.bootstrap import build
from cloud.settings import Settings
from cloud.tables import images, letters, mail_outbox, ocr_runs


def main(data: Path) -> None:
    """Print the figures of every letter of the folder."""
    app = build(Settings(data=data))
    stored_at = func.max(images.c.uploaded_at, images.c.announced_at).label("stored_at")
    query = (
        select(letters.c.sender, stored_at, mail_outbox.c.sent_at, ocr_runs.c.elapsed_ms)
        .select_from(images.join(letters, letters.c.id == images.c.letter_id))
        .join(mail_outbox, mail_outbox.c.episode_id == images.c.episode_id)
        .join(ocr_runs, ocr_runs.c.image_id == images.c.id)
        .order_by(images.c.id)
    )
    with app.database.read() as unit_of_work:
        found = unit_of_work.connection.execute(query).all()
    app.database.close()
    print(f"{'stored → e-mail':>16} {'OCR':>8} {'beyond OCR':>12}  letter")
    for row in found:
        print(f"{row.sent_at - row.stored_at:16d} {row.elapsed_ms:8d} {_beyond(row):12d}  {row.sender}")
    if found:
        print(
            f"median beyond OCR: {statistics.median(map(_beyond, found)):.0f} ms of {len(found)} letters (to hold: 500)"
        )


def _beyond(row: Any) -> int:
    return int(row.sent_at - row.stored_at - row.elapsed_ms)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
