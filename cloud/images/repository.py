"""All SQL about images."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, func, select, update

from cloud.api.paging import Page
from cloud.devices.model import Device
from cloud.http_tables import image_numbers
from cloud.images.model import ENDED, FAILED, WAITING, Image, NumberedImage
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.database import UnitOfWork
from cloud.ports.given_rows import by
from cloud.ports.own_rows import expect_own
from cloud.tables import devices, episodes, households, images, letters, ocr_lines, ocr_runs


class ImageRepository:
    """Images of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._note_change = unit_of_work.note_change

    def add(self, image: Image) -> None:
        """Insert an image; raises NotFoundError for a device, an episode or a letter of another household."""
        referred = (devices, image.device_id), (episodes, image.episode_id), (letters, image.letter_id)
        expect_own(self._connection, image.household_id, *referred)
        values = {column.name: getattr(image, column.name) for column in images.columns}
        self._connection.execute(images.insert().values(**values))
        numbered = {"household_id": image.household_id, "image_id": image.id, "device_id": image.device_id}
        self._connection.execute(image_numbers.insert().values(**numbered))
        self._note(image)

    def named(self, device: Device, image_id: str) -> Image | None:
        """Return the image that the device calls by this name, be it from a household that the device has left."""
        return self._first(select(images).where(images.c.device_id == device.id, images.c.image_id == image_id))

    def for_upload(self, upload_id: str) -> Image | None:
        """Return the image of a signed upload URL; the signature is the permission."""
        return self._first(select(images).where(images.c.id == upload_id))

    def get(self, household_id: str, image_id: str) -> Image | None:
        """Return one image of a household by its row's id."""
        return self._first(select(images).where(images.c.household_id == household_id, images.c.id == image_id))

    def of_number(self, household_id: str, number: int) -> NumberedImage | None:
        """Return one image of a household by its number."""
        query = _NUMBERED.where(image_numbers.c.household_id == household_id, image_numbers.c.number == number)
        row = self._connection.execute(query).first()
        return _numbered(row) if row else None

    def number_of(self, image: Image) -> int:
        """Return the image's number."""
        query = select(image_numbers.c.number).where(
            image_numbers.c.household_id == image.household_id, image_numbers.c.image_id == image.id
        )
        return int(self._connection.execute(query).scalar_one())

    def numbers(self, household_id: str, image_ids: Sequence[str]) -> dict[str, int]:
        """Return the numbers of those of the images that are the household's, by their ids."""
        query = select(image_numbers.c.image_id, image_numbers.c.number).where(
            image_numbers.c.household_id == household_id, image_numbers.c.image_id.in_(image_ids)
        )
        return {row.image_id: row.number for row in self._connection.execute(query)}

    def listed(self, household_id: str, device_id: str, page: Page, state: str | None = None) -> list[NumberedImage]:
        """Return a page of the device's images whose bytes are here, newest first; ``state`` is that of all of them."""
        query = _NUMBERED.where(
            image_numbers.c.household_id == household_id,
            image_numbers.c.device_id == device_id,
            image_numbers.c.number < page.before[1],
            images.c.uploaded_at.is_not(None),
            images.c.captured_at >= page.since,
            images.c.captured_at < page.until,
            *([images.c.state == state] if state else ()),
        )
        rows = self._connection.execute(query.order_by(image_numbers.c.number.desc()).limit(page.limit))
        return [_numbered(row) for row in rows]

    def newest_of(self, household_id: str, device_ids: Collection[str]) -> list[NumberedImage]:
        """Return the newest image of each of the devices whose bytes are here, the newest first."""
        chosen = (devices.c.household_id == household_id) & devices.c.id.in_(sorted(device_ids))
        found = self._connection.execute(_NEWEST.where(chosen), {"household": household_id})
        numbers = [number for (number,) in found if number is not None]
        mine = (image_numbers.c.household_id == household_id) & image_numbers.c.number.in_(numbers)
        rows = self._connection.execute(_NUMBERED.where(mine).order_by(image_numbers.c.number.desc()))
        return [_numbered(row) for row in rows]

    def is_used(self, household_id: str, sha256: str) -> bool:
        """Return whether an image of the household whose bytes are here has these bytes."""
        return self._has(household_id, sha256, images.c.uploaded_at.is_not(None))

    def is_expected(self, household_id: str, sha256: str, since: int) -> bool:
        """Return whether these bytes were last asked for after ``since`` (Unix ms), and are not here yet."""
        waiting = images.c.uploaded_at.is_(None) & (images.c.state == WAITING)
        return self._has(household_id, sha256, waiting & (images.c.created_at > since))

    def abandoned(self, name_prefix: str, before: int, limit: int) -> list[Image]:
        """Return images of every household that were last asked for before a time (Unix ms) and never uploaded."""
        waiting = (images.c.household_id == households.c.id) & (images.c.state == WAITING)
        query = select(images).join(households, waiting).where(images.c.uploaded_at.is_(None))
        query = query.where(images.c.created_at < before, images.c.image_id.startswith(name_prefix))
        return [_image(row) for row in self._connection.execute(query.limit(limit))]

    def remove(self, image: Image) -> None:
        """Delete an image and what was read from it; its letter stays."""
        runs = select(ocr_runs.c.id).where(
            ocr_runs.c.household_id == image.household_id, ocr_runs.c.image_id == image.id
        )
        self._connection.execute(ocr_lines.delete().where(ocr_lines.c.ocr_run_id.in_(runs)))
        for table, column in (
            (ocr_runs, ocr_runs.c.image_id),
            (image_numbers, image_numbers.c.image_id),
            (images, images.c.id),
        ):
            self._connection.execute(
                table.delete().where(table.c.household_id == image.household_id, column == image.id)
            )
        self._note(image)

    def of_episode(self, household_id: str, episode_id: str) -> list[Image]:
        """Return the images of an episode in the order they were captured."""
        query = select(images).where(images.c.household_id == household_id, images.c.episode_id == episode_id)
        return [_image(row) for row in self._connection.execute(query.order_by(images.c.captured_at, images.c.id))]

    def of_letter(self, household_id: str, letter_id: str) -> list[Image]:
        """Return the images of a letter, the one it was read from first."""
        query = select(images).where(images.c.household_id == household_id, images.c.letter_id == letter_id)
        return [_image(row) for row in self._connection.execute(query.order_by(images.c.id))]

    def of_episodes(self, household_id: str, episode_ids: Sequence[str]) -> list[Image]:
        """Return the images of several episodes in the order they were captured."""
        query = select(images).where(images.c.household_id == household_id, images.c.episode_id.in_(episode_ids))
        return [_image(row) for row in self._connection.execute(query.order_by(images.c.captured_at, images.c.id))]

    def of_letters(self, household_id: str, letter_ids: Sequence[str]) -> list[Image]:
        """Return the images of several letters, oldest first."""
        query = select(images).where(images.c.household_id == household_id, images.c.letter_id.in_(letter_ids))
        return [_image(row) for row in self._connection.execute(query.order_by(images.c.id))]

    def failed(self, household_id: str, limit: int) -> list[Image]:
        """Return the images that could not be taken or read, newest first."""
        query = select(images).where(images.c.household_id == household_id, images.c.state == FAILED)
        return [_image(row) for row in self._connection.execute(query.order_by(images.c.id.desc()).limit(limit))]

    def letter_of(self, household_id: str, sha256: str) -> str | None:
        """Return the letter that this very image was read into before."""
        query = select(images.c.letter_id).where(
            images.c.household_id == household_id, images.c.sha256 == sha256, images.c.letter_id.is_not(None)
        )
        return self._connection.execute(query.limit(1)).scalar_one_or_none()

    def ended_in(self, household_id: str, episode_id: str) -> int:
        """Return how many images of an episode are read or failed."""
        query = select(func.count()).where(
            images.c.household_id == household_id, images.c.episode_id == episode_id, images.c.state.in_(ENDED)
        )
        return self._connection.execute(query).scalar_one()

    def change(self, image: Image, **values: object) -> None:
        """Update columns of an image."""
        chosen = (images.c.household_id == image.household_id) & (images.c.id == image.id)
        if self._connection.execute(update(images).where(chosen).values(**values)).rowcount:
            self._note(image)

    def _note(self, image: Image) -> None:
        self._note_change(Change(image.household_id, ChangeKind.IMAGE, image.id))

    def _has(self, household_id: str, sha256: str, further: ColumnElement[bool]) -> bool:
        chosen = (images.c.household_id == household_id) & (images.c.sha256 == sha256) & further
        return self._connection.execute(select(images.c.id).where(chosen).limit(1)).first() is not None

    def _first(self, query: Any) -> Image | None:
        row = self._connection.execute(query).first()
        return _image(row) if row else None


_NUMBERED = select(image_numbers.c.number, images).join(images, images.c.id == image_numbers.c.image_id)

_OWN = image_numbers.alias("own")
_NEWEST = select(
    select(_OWN.c.number)
    .join(images, images.c.id == _OWN.c.image_id)
    .with_hint(_OWN, by("mysql", "ix_image_numbers_device_id_number"), "mysql")
    .where(
        _OWN.c.household_id == bindparam("household"),
        _OWN.c.device_id == devices.c.id,
        images.c.uploaded_at.is_not(None),
        images.c.captured_at.is_not(None),
    )
    .order_by(_OWN.c.device_id.desc(), _OWN.c.number.desc())  # as the index is, see mailbox_events
    .limit(1)
    .scalar_subquery()
)


def _numbered(row: Row[Any]) -> NumberedImage:
    return NumberedImage(row.number, Image(**{column.name: getattr(row, column.name) for column in images.columns}))


def _image(row: Row[Any]) -> Image:
    return Image(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for the row as a mapping
