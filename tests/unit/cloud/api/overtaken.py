"""What a request writes with, and somebody who comes between its being let in and its n-th write."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from cloud.accounts import rechecking
from cloud.mailbox_events.service import take_reports


class Between:
    """Lets ``come`` in once, before a write of a request: the ``left``-th, counted from when its caller is let in.

    Where ``anybody`` is true the writes count of requests whose caller is nobody yet.
    """

    def __init__(self):
        self.come, self.left, self.anybody = None, 0, False

    def before_write(self, *, of_group=False):
        if self.come is None or not (of_group or self.anybody or rechecking.current()):
            return
        self.left -= 1
        if self.left == 0:
            come, self.come = self.come, None
            # In a thread of its own, for it is no part of the request.
            with ThreadPoolExecutor(1) as somebody:
                somebody.submit(come).result()


class OvertakenDatabase:
    """A database before whose writes somebody may come."""

    def __init__(self, database, between):
        self._database, self._between = database, between

    def __getattr__(self, name):
        return getattr(self._database, name)

    @contextmanager
    def write(self):
        self._between.before_write()
        with self._database.write() as unit_of_work:
            yield unit_of_work


class OvertakenWriter:
    """A writer before whose writes somebody may come."""

    def __init__(self, writer, between):
        self._writer, self._between = writer, between

    async def write(self, work):
        self._between.before_write()
        return await self._writer.write(work)


class OvertakenGroupWork:
    """Work of groups, which belong to no one request, before which somebody may come where it writes."""

    def __init__(self, group_work, between):
        self._group_work, self._between = group_work, between

    async def run(self, work, given, size, *again):
        if work is take_reports:
            self._between.before_write(of_group=True)
        return await self._group_work.run(work, given, size, *again)


def overtaken(app, between):
    """Return the application with somebody who may come before what requests write."""
    database = OvertakenDatabase(app.database, between)
    writer = OvertakenWriter(app.ports.writer, between)
    group_work = OvertakenGroupWork(app.ports.group_work, between)
    ports = replace(app.ports, database=database, writer=writer, group_work=group_work)
    return replace(app, ports=ports, database=database)
