"""Few images are worked on at a time, whoever asks, and households take turns."""

import asyncio
import io
import threading
from contextlib import contextmanager

import httpx2
import pytest
from PIL import Image as PilImage

from cloud.images.gallery_endpoints import CHECKED_AT_ONCE
from cloud.images.model import MOST_DECODED, decoding_scale, preview
from cloud.images.previews import MADE_AT_ONCE
from cloud.images.turns import Turns
from cloud.web.app import create_app
from tests.unit.cloud.api.conftest import post_image
from tests.unit.cloud.fakes import with_ports
from tests.unit.cloud.messages import jpeg, rows

AT_ONCE = min(CHECKED_AT_ONCE, MADE_AT_ONCE)
# More than there are threads for routes that block.
MANY = 60


class WatchedStore:
    """An image store that counts who is at it at the same time, and lets nobody go on before ``let_go`` is set.

    ``begun`` is set once there are as many as may be.
    """

    def __init__(self, store):
        self.delete, self.grant, self.check = store.delete, store.grant, store.check
        self._store, self._counting = store, threading.Lock()
        self.begun, self.let_go = threading.Event(), threading.Event()
        self.now = self.most = 0

    def put(self, *what):
        with self._counted():
            self._store.put(*what)

    def read(self, *which):
        with self._counted():
            return self._store.read(*which)

    @contextmanager
    def _counted(self):
        with self._counting:
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == AT_ONCE:
                self.begun.set()
        assert self.let_go.wait(60)
        yield
        with self._counting:
            self.now -= 1


@pytest.fixture
def store(app):
    return WatchedStore(app.ports.image_store)


@pytest.fixture
def ask_at_once(app, owner, store):
    """Send requests at the same time, then ask for the devices, and only then let the store answer."""
    web = create_app(with_ports(app, image_store=store), lambda _: None)

    async def asked(count, method, path, **options):
        transport = httpx2.ASGITransport(web)
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://localhost:8000", cookies=dict(owner.cookies)
        ) as client:
            requests = [asyncio.create_task(client.request(method, path, **options)) for _ in range(count)]
            assert await asyncio.to_thread(store.begun.wait, 60)
            try:
                devices = await asyncio.wait_for(client.get("/devices"), 60)
            finally:
                store.let_go.set()
            answers = await asyncio.gather(*requests)
        return devices.status_code, {answer.status_code for answer in answers}

    return lambda *what, **options: asyncio.run(asked(*what, **options))


def test_few_thumbnails_are_made_at_a_time_and_who_waits_holds_up_nobody(ask_at_once, store, owner, device):
    number = post_image(owner, device).json()["id"]
    assert ask_at_once(MANY, "GET", f"/mailbox/images/{number}/thumbnail") == (200, {200})
    assert store.most == MADE_AT_ONCE


@pytest.mark.parametrize("size", ["thumb", "full"])
def test_few_images_of_pages_are_made_at_a_time_and_who_waits_holds_up_nobody(
    app, ask_at_once, store, owner, device, size
):
    post_image(owner, device)
    ((image_id,),) = rows(app, "SELECT id FROM images")
    assert ask_at_once(MANY, "GET", f"/images/{image_id}.jpg?size={size}") == (200, {200})
    assert store.most == MADE_AT_ONCE


def test_few_uploads_are_in_memory_at_a_time(app, ask_at_once, store, device):
    files = {"file": ("letter.jpg", jpeg(), "image/jpeg")}
    assert ask_at_once(12, "POST", f"/mailbox/images?device_id={device}", files=files) == (200, {200})
    assert store.most == CHECKED_AT_ONCE
    assert rows(app, "SELECT count(*) FROM images WHERE uploaded_at IS NOT NULL") == [(12,)]


def taking(turns, *households):
    """Let each of the households wait for a turn, in this order; return their tasks and who had one."""
    had = []

    async def take(household):
        async with turns.taken(household):
            had.append(household)
            await asyncio.sleep(0)

    return [asyncio.create_task(take(household)) for household in households], had


def test_households_take_turns_however_much_one_of_them_asks_for():
    async def run():
        tasks, had = taking(Turns(1), *"aaaaa", *"bb", "c")
        await asyncio.gather(*tasks)
        return "".join(had)

    assert asyncio.run(run()) == "aabcabaa"


def test_who_goes_away_while_waiting_leaves_the_place_to_the_next():
    async def run():
        turns = Turns(1)
        async with turns.taken("first"):
            tasks, had = taking(turns, "a", "b", "a")
            await asyncio.sleep(0)
            tasks[0].cancel()
            tasks[1].cancel()
            await asyncio.sleep(0)
        await asyncio.wait_for(tasks[2], 60)
        async with turns.taken("last"):
            return had

    assert asyncio.run(run()) == ["a"]


def test_who_goes_away_in_the_moment_of_their_turn_leaves_the_place_to_the_next():
    async def run():
        turns = Turns(1)
        async with turns.taken("first"):
            tasks, had = taking(turns, "a", "b")
            await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.wait_for(tasks[1], 60)
        async with turns.taken("last"):
            return had

    assert asyncio.run(run()) == ["b"]


def plain(size):
    out = io.BytesIO()
    PilImage.new("L", size, 200).convert("RGB").save(out, "JPEG", quality=30)
    return out.getvalue()


@contextmanager
def counted_memory():
    """Count the memory that images are given, in bytes: the sum of all, also of those that are gone meanwhile."""
    core, found = PilImage.core, []
    before = core.get_block_size(), core.get_blocks_max()
    core.set_block_size(256 * 1024)
    core.set_blocks_max(0)
    core.reset_stats()
    try:
        yield found
    finally:
        found.append(core.get_stats()["allocated_blocks"] * core.get_block_size())
        core.set_block_size(before[0])
        core.set_blocks_max(before[1])


@pytest.mark.parametrize(
    ("size", "side", "shown", "most_pixels"),
    [
        ((3990, 16000), 2000, (499, 2000), 1_300_000),  # an eighth is enough, however narrow it is
        ((8000, 8000), 20_000, (4000, 4000), MOST_DECODED),
        ((4000, 3000), 20_000, (4000, 3000), 12_000_000),
        ((4000, 3000), 1600, (1600, 1200), 7_400_000),
    ],
)
def test_a_preview_takes_no_more_memory_than_it_must(size, side, shown, most_pixels):
    content = plain(size)
    with counted_memory() as found:
        made = preview(content, side)
    assert PilImage.open(io.BytesIO(made)).size == shown
    # Four bytes a pixel: of what is decoded and, where it is made smaller then, of that on its way.
    assert found[0] <= 4 * most_pixels * 1.1


@pytest.mark.parametrize(
    ("size", "side", "scale"),
    [
        ((64, 48), 360, 1),
        ((400, 300), 400, 1),
        ((400, 300), 201, 1),
        ((400, 300), 200, 2),
        ((4000, 3000), 500, 8),
        ((65_500, 900), 100, 8),
        ((4000, 4000), 20_000, 1),
        ((4000, 4001), 20_000, 2),
        ((60_000, 60_000), 20_000, 8),
    ],
)
def test_an_image_is_decoded_as_small_as_it_may_be(size, side, scale):
    assert decoding_scale(*size, side) == scale
