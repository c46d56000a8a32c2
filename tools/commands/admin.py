"""``pillarbox admin``: what an operator does by hand."""

import typer

from tools.commands.backups import backup, restore
from tools.commands.devices import device
from tools.commands.dlq import dlq, replay
from tools.commands.keys import key
from tools.commands.mails import mail
from tools.commands.migrate import migrate
from tools.commands.updates import update
from tools.commands.users import link, user

admin = typer.Typer(help="Operations by hand.", no_args_is_help=True)
admin.add_typer(user, name="user")
admin.command()(link)
admin.add_typer(key, name="key")
admin.add_typer(device, name="device")
admin.add_typer(mail, name="mail")
admin.add_typer(update, name="update")
admin.command()(migrate)
admin.command()(backup)
admin.command()(restore)
admin.add_typer(dlq, name="dlq")
admin.command()(replay)
