"""Work that the tests let another process do: it imports this module."""

import os

from cloud.errors import ConflictError
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.event_queue import Event
from cloud.tables import households


def name_process(_means, given):
    """Return where this is done, with what was given."""
    return os.getpid(), given


def add_household(means, name):
    """Add a household whose job is due, and return its id."""
    with means.database.write() as unit_of_work:
        values = {"id": name, "name": name, "created_at": unit_of_work.now}
        unit_of_work.connection.execute(households.insert().values(values))
        unit_of_work.note_change(Change(name, ChangeKind.PROBLEM, name))
        means.put(unit_of_work, [Event("image_stored", name, name)])
    return name


def refuse(_means, given):
    """Find the data wrong."""
    raise ConflictError(f"expected another than {given}")


class UnsendableError(Exception):
    """An error that holds what cannot leave its process."""

    def __init__(self, message):
        super().__init__(message)
        self.held = lambda: None  # functions are sent by name, and this has none


class UnreadableError(Exception):
    """An error that can be sent and not be rebuilt."""

    def __init__(self, what, why):
        super().__init__(f"{what} {why}")


def fail_badly(_means, given):
    """Fail with what nobody can read."""
    raise UnreadableError(given, "is broken")


def fail(_means, given):
    """Fail with more than can be told."""
    raise UnsendableError(f"{given} is broken")


def add_and_die(means, given):
    """Add a household and end the process before it can tell, unless it is the one that asks or it was done before."""
    name, asking, again = given
    if not again:
        add_household(means, name)
        if os.getpid() != asking:
            os._exit(1)
    return "done again"


def mark_again(given):
    """Say that it may have been done before."""
    return (*given[:2], True)
