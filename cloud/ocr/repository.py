"""All SQL about OCR runs and their lines."""

import json
from collections.abc import Sequence

from sqlalchemy import select

from cloud.ports.database import UnitOfWork
from cloud.ports.ocr_engine import OcrLine, OcrPage
from cloud.ports.own_rows import expect_own
from cloud.tables import images, ocr_lines, ocr_runs


class OcrRepository:
    """OCR runs of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection

    def add(self, run_id: str, household_id: str, image_id: str, page: OcrPage, now: int) -> None:
        """Insert a run with its lines; raises NotFoundError for an image of another household."""
        expect_own(self._connection, household_id, (images, image_id))
        self._connection.execute(
            ocr_runs.insert().values(
                id=run_id,
                household_id=household_id,
                image_id=image_id,
                engine=page.engine,
                version=page.version,
                width=page.width,
                height=page.height,
                rotation=page.rotation,
                elapsed_ms=page.elapsed_ms,
                created_at=now,
            )
        )
        rows = [
            {
                "ocr_run_id": run_id,
                "seq": seq,
                "household_id": household_id,
                "text": line.text,
                "confidence": line.confidence,
                "polygon": json.dumps(line.polygon),
            }
            for seq, line in enumerate(page.lines)
        ]
        if rows:
            self._connection.execute(ocr_lines.insert(), rows)

    def newest(self, household_id: str, image_id: str) -> OcrPage | None:
        """Return the newest reading of an image."""
        query = select(ocr_runs).where(ocr_runs.c.household_id == household_id, ocr_runs.c.image_id == image_id)
        run = self._connection.execute(query.order_by(ocr_runs.c.id.desc()).limit(1)).first()
        if run is None:
            return None
        of_run = (ocr_lines.c.household_id == household_id) & (ocr_lines.c.ocr_run_id == run.id)
        lines = self._connection.execute(select(ocr_lines).where(of_run).order_by(ocr_lines.c.seq))
        return OcrPage(
            width=run.width,
            height=run.height,
            rotation=run.rotation,
            lines=tuple(OcrLine(line.text, line.confidence, _polygon(line.polygon)) for line in lines),
            engine=run.engine,
            version=run.version,
            elapsed_ms=run.elapsed_ms,
        )

    def rotations(self, household_id: str, image_ids: Sequence[str]) -> dict[str, int]:
        """Return by image how many degrees clockwise its newest reading turned it; an unread image is absent."""
        query = select(ocr_runs.c.image_id, ocr_runs.c.rotation).where(
            ocr_runs.c.household_id == household_id, ocr_runs.c.image_id.in_(image_ids)
        )
        return {row.image_id: row.rotation for row in self._connection.execute(query.order_by(ocr_runs.c.id))}


def _polygon(stored: str) -> tuple[tuple[float, float], ...]:
    return tuple((x, y) for x, y in json.loads(stored))
