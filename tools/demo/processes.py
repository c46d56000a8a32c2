"""The demo's real processes: started, logged, started again when they die, and gone when the demo is gone."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from cloud.adapters.local.child_process import die_with_parent
from cloud.errors import ConfigurationError

LOOK_EVERY_S = 0.2
STOP_S = 10.0
# A process that dies this often within a minute will not get better by starting it again.
MOST_RESTARTS = 10


@dataclass(frozen=True, slots=True)
class Program:
    """One ``pillarbox`` command of the demo; ``line`` hears its standard output."""

    name: str
    arguments: tuple[str, ...]
    line: Callable[[str], None]
    environment: Mapping[str, str]


@dataclass(slots=True)
class _Child:
    program: Program
    process: subprocess.Popen[str]
    log: IO[str]
    deaths: list[float] = field(default_factory=list)


class Processes:
    """The children of the demo; ``tell`` hears when one had to be started again."""

    def __init__(self, logs: Path, tell: Callable[[str], None]) -> None:
        self._logs, self._tell = logs, tell
        self._children: dict[str, _Child] = {}
        self._requests: list[Program] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._failed = ""
        logs.mkdir(parents=True, exist_ok=True)
        self._keeper = threading.Thread(target=self._keep, name="processes", daemon=True)
        self._keeper.start()

    def start(self, program: Program) -> None:
        """Start a program and keep it running."""
        with self._changed:
            self._requests.append(program)
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: program.name in self._children or self._failed, 30):
                raise ConfigurationError(f"expected the {program.name} to start within 30 s")

    def write(self, name: str, line: str) -> None:
        """Give a child a line on its standard input; one that just died gets it once it runs again."""
        while True:
            with self._changed:
                child = self._children[name]
            try:
                if child.process.stdin:
                    child.process.stdin.write(line + "\n")
                    child.process.stdin.flush()
            except (BrokenPipeError, ValueError):
                self.check()
                time.sleep(LOOK_EVERY_S)
            else:
                return

    def check(self) -> None:
        """Raise ConfigurationError when a child cannot be kept running."""
        if self._failed:
            raise ConfigurationError(self._failed)

    def stop(self) -> None:
        """End every child, the last started first."""
        self._stopping = True
        with self._changed:
            self._changed.notify_all()
        self._keeper.join()
        for child in reversed(self._children.values()):
            child.process.terminate()
            try:
                child.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                child.process.kill()
            child.log.close()

    def _keep(self) -> None:
        # One thread starts every child, because the kernel ends a child with the thread that made it.
        while not self._stopping:
            with self._changed:
                requests, self._requests = self._requests, []
            for program in requests:
                self._launch(program, [])
            for child in list(self._children.values()):
                if child.process.poll() is not None and not self._stopping:
                    self._revive(child)
            with self._changed:
                self._changed.wait(LOOK_EVERY_S)

    def _launch(self, program: Program, deaths: list[float]) -> None:
        log = (self._logs / f"{program.name}.log").open("a")
        process = subprocess.Popen(  # noqa: S603 - our own program with our own arguments
            [sys.executable, "-m", "tools", *program.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=dict(program.environment),
            start_new_session=True,  # Ctrl-C reaches the demo alone, which ends its children in order
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - one system call, prepared before the fork
        )
        threading.Thread(target=_listen, args=(process, program, log), daemon=True).start()
        with self._changed:
            self._children[program.name] = _Child(program, process, log, deaths)
            self._changed.notify_all()

    def _revive(self, child: _Child) -> None:
        now = time.monotonic()
        deaths = [death for death in child.deaths if death > now - 60] + [now]
        child.log.close()
        if len(deaths) > MOST_RESTARTS or child.process.returncode == 1:
            last = (self._logs / f"{child.program.name}.log").read_text(errors="replace").splitlines()[-5:]
            self._failed = f"the {child.program.name} ended with status {child.process.returncode}:\n" + "\n".join(last)
            self._stopping = True
            return
        self._tell(f"the {child.program.name} ended with status {child.process.returncode}; started again")
        self._launch(child.program, deaths)


def _listen(process: subprocess.Popen[str], program: Program, log: IO[str]) -> None:
    for line in process.stdout or ():
        log.write(line)
        log.flush()
        program.line(line.rstrip("\n"))
