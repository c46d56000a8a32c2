"""``pillarbox demo``: everything on this machine, with letters that fall into a virtual mailbox."""

import fcntl
import os
import signal
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cloud.accounts.service import ensure_household
from cloud.bootstrap import Application, build
from cloud.devices.model import Device
from cloud.devices.repository import DeviceRepository
from cloud.devices.service import KINDS
from cloud.errors import ConfigurationError
from cloud.settings import Settings
from tools.commands.failures import clear_failures
from tools.commands.server_settings import usable_folder
from tools.commands.users import login_link
from tools.demo.box import Box, Fallen, photograph_fault
from tools.demo.mailbox import OWNER, DemoMailbox, Places
from tools.demo.processes import Processes
from tools.demo.watch import DemoError, Watch, follow, mails_of

LOOK_EVERY_S = 0.25
# Nobody has the owner's address: e-mails of the demo stay here, whatever mail server is named for this machine.
IN_A_FOLDER = {"PILLARBOX_SMTP_URL": ""}
# What a shell calls a program that Ctrl-C ended before its work was done.
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Plan:
    """What the demo should do: how many sample letters (None: for ever), how far apart, and whether to end then."""

    letters: int | None
    photos: tuple[Path, ...]
    every_s: float
    ends: bool


@clear_failures
def demo(  # noqa: PLR0913 - these are the command's options
    *,
    letters: Annotated[int | None, typer.Option(min=0, help="How many sample letters fall; default: no end.")] = None,
    photo: Annotated[list[Path] | None, typer.Option(help="A JPEG or PNG of a letter that falls in first.")] = None,
    ends: Annotated[bool, typer.Option("--exit", help="End once every letter has its e-mail.")] = False,
    every: Annotated[float, typer.Option(min=0, help="Seconds from one letter to the next.")] = 20,
    data: Annotated[Path, typer.Option(help="Folder that keeps everything.")] = Path("demo-data"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="HTTP port; 0 takes a free one.")] = 8000,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """Run everything on this machine, with a virtual mailbox that receives letters.

    Drop a photograph (JPEG or PNG) into DIR/box/ and it falls in like any letter.
    """
    photos = tuple(photo or ())
    for file in photos:
        _check_photo(file)
    if ends and letters is None:
        letters = 0 if photos else 3
    plan = Plan(letters, photos, every, ends)
    places = Places(usable_folder(data.resolve()))
    os.environ |= IN_A_FOLDER
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the children are ended in order then too
    console = Console(soft_wrap=True, highlight=False)
    with _only_demo(places.data) as alone:
        if alone:
            _run(plan, places, port, console, open_browser=browser)
        else:
            _hand_over(plan, places, console)


def _run(plan: Plan, places: Places, port: int, console: Console, *, open_browser: bool) -> None:
    started = time.monotonic()

    def tell(text: str) -> None:
        console.print(f"{time.monotonic() - started:7.1f} s  {text}", markup=False)

    app = build(Settings(data=places.data))
    _check_devices(app, places)
    with app.database.write() as unit_of_work:
        ensure_household(unit_of_work, OWNER.email, OWNER.name)
    processes = Processes(places.data / "logs", tell)
    try:
        mailbox = DemoMailbox(places, processes, port)
        url = mailbox.start_server()
        tell(f"server runs at {url}")
        mailbox.start_devices()
        tell(f"board (firmware on {_named(mailbox.interpreter)}) and gateway run; data in {places.data}")
        link = login_link(places.data, OWNER.email, url)
        tell(f"log in once with {link}")
        if open_browser:
            webbrowser.open(link)
        run = _Run(Box(places.data, tell), mailbox, _watch(app, places.thing("board")), processes, tell)
        run.come_to_rest()
        deliveries = run.deliver(plan)
        _conclude(places, deliveries, tell)
    except KeyboardInterrupt:
        tell("stopping")
        if plan.ends:
            raise typer.Exit(INTERRUPTED) from None
    finally:
        processes.stop()
        app.database.close()


@dataclass(slots=True)
class _Run:
    """One run of the demo: letters fall, each is followed to its e-mail."""

    box: Box
    mailbox: DemoMailbox
    watch: Watch
    processes: Processes
    tell: Callable[[str], None]
    number: int = 0

    def come_to_rest(self) -> None:
        """Wait until the letter that an interrupted run left behind is through; it is none of this run's."""
        if not self.watch.is_at_rest():
            self.tell("a letter of the run before is on its way; it comes first")
        while not self.watch.is_at_rest():
            self.processes.check()
            time.sleep(LOOK_EVERY_S)
        self.mailbox.clear_camera()

    def deliver(self, plan: Plan) -> set[str]:
        """Let everything of the plan fall and return the deliveries' ids."""
        waiting = {self.box.take(photo) for photo in plan.photos}
        deliveries: set[str] = set()
        fallen, due = 0, time.monotonic()
        while True:
            self.processes.check()
            for file, letter in self.box.dropped():
                deliveries.add(self._follow(letter))
                file.unlink(missing_ok=True)
                waiting.discard(file)
            if (plan.letters is None or fallen < plan.letters) and time.monotonic() >= due:
                due = time.monotonic() + plan.every_s
                fallen += 1
                deliveries.add(self._follow(self.box.sample()))
            if plan.ends and fallen == plan.letters and not waiting:
                return deliveries
            time.sleep(LOOK_EVERY_S)

    def _follow(self, letter: Fallen) -> str:
        self.number += 1
        self.tell(f"letter {self.number}: {letter.name} falls into the box")
        self.mailbox.receive(letter)

        def step(milliseconds: int, name: str, says: str) -> None:
            self.tell(f"  {milliseconds:6d} ms  {name}{': ' if says else ''}{says}")

        return follow(lambda: self.watch.progress_of(self.mailbox.opening), step, self.processes.check).episode.id


def _check_devices(app: Application, places: Places) -> None:
    """Refuse a folder with a device that the database does not know: nobody would answer what it says."""
    for kind in KINDS:
        thing = places.thing(kind)
        if thing and _device(app, thing) is None:
            raise ConfigurationError(
                f"expected the {kind} {thing} of {places.data} in the database, it is not there: it was deleted, or "
                "PILLARBOX_DATABASE_URL names another database than before; choose another --data"
            )


def _device(app: Application, thing: str) -> Device | None:
    with app.database.read() as unit_of_work:
        return DeviceRepository(unit_of_work).by_thing(thing)


def _watch(app: Application, thing: str) -> Watch:
    board = _device(app, thing)
    if board is None:
        raise ConfigurationError(f"expected the demo's board {thing}, which was deleted; choose another --data")
    return Watch(app, board)


def _conclude(places: Places, deliveries: set[str], tell: Callable[[str], None]) -> None:
    found = mails_of(places.outbox, deliveries)
    if found != len(deliveries):
        raise DemoError(f"expected {len(deliveries)} e-mails of this run in {places.outbox}, found {found}")
    every = len(list(places.outbox.glob("*.eml")))
    tell(f"{len(deliveries)} letters delivered, {found} e-mails of this run in {places.outbox} ({every} in all)")


def _check_photo(file: Path) -> None:
    if not file.is_file():
        raise ConfigurationError(f"expected a photograph at {file}, found no file")
    fault = photograph_fault(file)
    if fault:
        raise ConfigurationError(f"{file}: {fault}")


def _hand_over(plan: Plan, places: Places, console: Console) -> None:
    """Let the photographs fall into the mailbox of the demo that runs; with --exit, wait for their e-mails."""
    if not plan.photos or plan.letters:
        raise ConfigurationError(f"a demo already runs on {places.data}; stop it, or choose another --data")
    box = Box(places.data, console.print)
    copies = [box.take(photo) for photo in plan.photos]
    for copy in copies:
        console.print(f"{copy.name} falls into the mailbox of the demo that runs on {places.data}", markup=False)
    while plan.ends and any(copy.exists() for copy in copies):
        time.sleep(LOOK_EVERY_S)
    for copy in copies:
        if box.fault_of(copy):
            raise DemoError(f"{copy.name}: {box.fault_of(copy)}")


@contextmanager
def _only_demo(data: Path) -> Iterator[bool]:
    """Yield whether no other demo runs on this folder."""
    with (data / "demo.lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _named(interpreter: str) -> str:
    return {"micropython": "real MicroPython", "cpython": "CPython: MicroPython could not be had"}.get(interpreter, "?")
