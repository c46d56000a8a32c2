"""Running the demo as a person does, and reading what it left behind."""

import os
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


def demo(data: Path, *options: str, **environment: str) -> Run:
    arguments = [sys.executable, "-m", "tools", "demo", "--data", str(data), "--port", "0", "--no-browser", *options]
    ran = subprocess.run(
        arguments,
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
