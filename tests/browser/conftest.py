"""A real Chromium before a real server with a household's data."""

import contextlib
import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from cloud.devices.model import Report
from cloud.devices.repository import DeviceRegister, DeviceRepository
from cloud.images.model import DUPLICATE
from cloud.letters.repository import LetterRepository
from cloud.mail.repository import MailRepository
from cloud.web.app import create_app
from cloud.web.pages.site import SESSION_COOKIE
from cloud.worker.serve import StreamingServer
from tests.unit.web.household import BILL, BILL_FACTS, MINUTE, NOON, Household, application, fact, jpeg
from tools.parts.chromium import fetch_chromium

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP pillarbox.test 127.0.0.1",
)  # fmt: skip
LONG_WORD = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz" * 2
PHONE, DESK = {"width": 360, "height": 780}, {"width": 1280, "height": 900}


@dataclass(frozen=True, slots=True)
class Site:
    """A running server and the household that lives in it; ``cut_streams`` cuts every connection."""

    url: str
    household: Household
    cut_streams: Callable[[], None]


Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser; it goes with its module, for Playwright keeps an event loop running that would be in others' way."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(fetch_chromium()), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An empty household behind a server of its own."""
    with serving(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A household to which all kinds of things have happened; tests only look at it."""
    with serving(tmp_path_factory.mktemp("filled")) as running:
        fill(running.household)
        yield running


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Open an address as a member of the household; a message in the browser's console fails the test.

    A refusal that the test provokes is such a message, written by the browser itself.
    """
    with contextlib.ExitStack() as stack:
        complaints: list[str] = []

        def open_page(at: Site, path: str, *, logged_in: bool = True, refused: bool = False, **options: object) -> Page:
            context: BrowserContext = chromium.new_context(**{"viewport": DESK, **options})  # type: ignore[arg-type]
            stack.callback(context.close)
            if logged_in:
                token = at.household.session()
                context.add_cookies([{"name": SESSION_COOKIE, "value": token, "url": at.url}])
            page = context.new_page()
            if not refused:
                page.on("console", lambda message: complaints.append(f"{path}: {message.text}"))
            page.on("pageerror", lambda error: complaints.append(f"{path}: {error}"))
            page.goto(f"{at.url}{path}")
            return page

        yield open_page
        assert complaints == []


@contextlib.contextmanager
def serving(folder: Path, host: str = "127.0.0.1") -> Iterator[Site]:
    """Run the whole web application over a database in ``folder``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://{host}:{listener.getsockname()[1]}"
        app = application(folder, public_url=url)
        web = create_app(app, lambda _: None)
        config = uvicorn.Config(web, log_config=None, lifespan="off", ws="none")
        server = StreamingServer(config, web.state.live.close)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        yield Site(url, Household(app), lambda: cut(server))
        server.handle_exit(signal.SIGTERM, None)
        thread.join(10)
        app.database.close()


def cut(server: uvicorn.Server) -> None:
    """Cut every connection, as a network does that is gone for a moment."""
    for connection in list(server.server_state.connections):
        connection.loop.call_soon_threadsafe(connection.transport.abort)


def fill(household: Household) -> None:
    """Let every kind of thing happen once, some of it with very long words."""
    _, letter = household.delivery(BILL, BILL_FACTS)
    long = replace(BILL, sender=LONG_WORD, subject=LONG_WORD, summary=LONG_WORD, what_to_do=LONG_WORD, text=LONG_WORD)
    unsure = fact("amount", "84.20 GBP", LONG_WORD, text=LONG_WORD, tier="possible")
    household.delivery(long, (unsure,), NOON + 10 * MINUTE)
    again = household.opens(NOON + 20 * MINUTE)
    household.closes(again, NOON + 21 * MINUTE)
    household.image(again, jpeg("again"), state=DUPLICATE, letter_id=letter.id)
    household.tell(again)
    failed = household.opens(NOON + 30 * MINUTE)
    household.closes(failed, NOON + 31 * MINUTE)
    household.failed_image(failed, f"expected words, got {LONG_WORD}")
    household.tell(failed)
    empty = household.opens(NOON + 40 * MINUTE)
    household.closes(empty, NOON + 41 * MINUTE, image_count=0)
    household.tell(empty)
    reading = household.opens(NOON + 50 * MINUTE)
    household.closes(reading, NOON + 51 * MINUTE)
    household.image(reading, jpeg("reading"))
    household.parks("events", LONG_WORD, "board-1")
    with household.app.database.write() as unit_of_work:
        reported = json.dumps({"settings": {"heartbeat_s": 5400}, "refused": {"debounce_ms": LONG_WORD}})
        health = Report(firmware="1.2.0", batt_mv=3412, rssi=-71, next_s=21600, lost=2, reported=reported)
        DeviceRepository(unit_of_work).record(household.board, health, unit_of_work.now)
        DeviceRepository(unit_of_work).set_wishes(household.board, {"heartbeat_s": 5400, "debounce_ms": 40})


def letter_path(site: Site) -> str:
    """Return where the household's first letter is."""
    with site.household.app.database.read() as unit_of_work:
        return f"/letters/{LetterRepository(unit_of_work).newest(site.household.id, 100)[-1].id}"


def board_path(site: Site) -> str:
    """Return where the household's board is."""
    with site.household.app.database.read() as unit_of_work:
        return f"/devices/{DeviceRegister(unit_of_work).number(site.household.board)}"


def mail_path(site: Site) -> str:
    """Return where the household's first e-mail is."""
    with site.household.app.database.read() as unit_of_work:
        return f"/outbox/{MailRepository(unit_of_work).headings(site.household.id, 100)[-1].id}"
