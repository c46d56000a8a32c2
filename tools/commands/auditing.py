"""Who sits at the command line, for the audit log."""

import os
import pwd

from cloud.accounts.sharing.audit import Operator
from cloud.migrations.upgrade import newest_revision
from cloud.ports.database import Database


def this_operator() -> Operator:
    """Return the operator by the name of this process's user; behind sudo also who called it."""
    user_id = os.getuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:  # a container may run as a user that has no name in it
        name = f"uid {user_id}"
    caller = os.environ.get("SUDO_USER") if user_id == 0 else None
    return Operator(f"{caller} as {name}" if caller else name)


def note_of_server(database: Database, action: str, subject: str) -> None:
    """Note what was done to the whole server, where its tables are those of this program and so have an audit log."""
    if database.revision() == newest_revision():
        with database.write() as unit_of_work:
            this_operator().note(unit_of_work, action, subject)
