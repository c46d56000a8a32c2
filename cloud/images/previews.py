"""Previews for the API and the pages, few made at a time."""

from fastapi.concurrency import run_in_threadpool

from cloud.images.model import Image, preview
from cloud.images.turns import Turns
from cloud.ports.image_store import ImageStore

# Each takes up to 200 MB: what is decoded, the same turned, and the file.
MADE_AT_ONCE = 2


class Previews:
    """Makes previews of stored images; an image is read when it is its turn, not before."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        self._turns = Turns(MADE_AT_ONCE)

    async def make(self, image: Image, side: int, *, rotation: int = 0, quality: int = 72) -> bytes:
        """Return an image as ``preview`` makes it; raises NotFoundError, RetryLaterError or RefusedError."""

        def made() -> bytes:
            content = self._store.read(image.household_id, image.sha256)
            return preview(content, side, rotation=rotation, quality=quality)

        async with self._turns.taken(image.household_id):
            return await run_in_threadpool(made)
