"""``pillarbox admin mail``: whether e-mails can be sent."""

import json
import time
import uuid
from pathlib import Path
from typing import Annotated

import typer

from cloud.bootstrap import mails_leave_by, open_mailer
from cloud.operations.trial_mail import send_trial
from tools.commands.columns import printable
from tools.commands.failures import clear_failures
from tools.commands.server_settings import server_settings

mail = typer.Typer(help="E-mails: whether they can be sent.", no_args_is_help=True)


@mail.callback()
def about() -> None:
    """Keep ``test`` a command of its own, which typer folds away where it is the only one."""


@mail.command(name="test")
@clear_failures
def send_one(
    address: Annotated[str, typer.Argument(help="Who gets the e-mail.")],
    *,
    json_line: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
    data: Annotated[Path | None, typer.Option(help="The server's data folder.")] = None,
) -> None:
    """Send one e-mail now, by the settings of the server, and say what the mail server answered."""
    settings = server_settings(may_be_new=False, data=data)
    by, mailer = mails_leave_by(settings), open_mailer(settings)
    is_sent = bool(settings.smtp_url.get_secret_value())
    answer = send_trial(mailer, settings.mail_from, address, uuid.uuid4().hex, time.time_ns() // 1_000_000)
    if json_line:
        typer.echo(json.dumps({"recipient": address, "sent": is_sent, "by": by, "answer": answer}))
    elif is_sent:
        typer.echo(f"{by} took the e-mail to {printable(address)}: {printable(answer)}")
        typer.echo("Look whether it arrives, and not among the spam.")
    else:
        typer.echo(f"PILLARBOX_SMTP_URL names no mail server, so the e-mail is a file: {by}/{answer}")
