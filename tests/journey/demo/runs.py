"""Running the demo as a person does, and reading what it left behind."""

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

LONGEST_RUN_S = 540


@dataclass(frozen=True, slots=True)
class Run:
    status: int
    output: str


def command(data: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "tools", "demo", "--data", str(data), "--port", "0", "--no-browser", *options]


def demo(data: Path, *options: str, **environment: str) -> Run:
    ran = subprocess.run(
        command(data, *options),
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_RUN_S,
        check=False,
    )
    logs = "".join(f"\n== {log.name}\n{log.read_text()[-3000:]}" for log in (data / "logs").glob("*"))
    return Run(ran.returncode, ran.stdout + logs)


def interrupted(data: Path, at: str, how: signal.Signals) -> int:
    """Send a demo the signal as soon as it tells ``at``; returns its exit status."""
    with subprocess.Popen(
        command(data, "--letters", "2", "--exit", "--every", "0"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        told = []
        for line in running.stdout:
            told.append(line)
            if at in line:
                running.send_signal(how)
                break
        running.stdout.read()
        assert at in told[-1], told
    return running.returncode


def rows(data: Path, sql: str) -> list[tuple]:
    connection = sqlite3.connect(data / "pillarbox.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def mails(data: Path) -> dict[str, EmailMessage]:
    """Return the outbox's e-mails by the delivery that each tells of; two for one delivery is a failure."""
    found: dict[str, EmailMessage] = {}
    for file in sorted((data / "outbox").glob("*.eml")):
        mail = BytesParser(policy=policy.default).parsebytes(file.read_bytes())
        assert mail["X-Pillarbox-Delivery"] not in found, f"two e-mails tell of one delivery: {file.name}"
        found[mail["X-Pillarbox-Delivery"]] = mail
    return found
