"""Pages of events for several requests together: each as if it had been asked for alone."""

import threading

import pytest
from sqlalchemy.event import listen, remove

from cloud import bootstrap
from cloud.api.paging import Page
from cloud.errors import NotFoundError
from cloud.mailbox_events.model import CLOSE, EVENT_TYPES, OPEN, TAMPER
from cloud.mailbox_events.pages import Wanted, read_pages
from tests.conftest import make_home
from tests.unit.cloud.messages import event, rows, say_events

KINDS = ((OPEN, CLOSE), (OPEN,), EVENT_TYPES, (TAMPER,))


@pytest.fixture
def means(app):
    return bootstrap.means(app.settings, app.database, app.queue)


@pytest.fixture
def wanted(app, home):
    """Pages of two households' boards, of every choice of types; each is also asked for by the other household."""
    homes = (home, make_home(app, "second@example.org"))
    for one in homes:
        say_events(app, one.board, *(event("open" if seq % 2 else "close", seq) for seq in range(1, 6)))
    numbers = dict(rows(app, "SELECT device_id, number FROM device_settings"))
    return [
        Wanted(asking.household_id, numbers[one.board.id], kinds, Page(limit=3), None)
        for one in homes
        for asking in homes
        for kinds in KINDS
    ]


def plain(listed):
    return str(listed) if isinstance(listed, NotFoundError) else listed


@pytest.mark.parametrize("many", [1, 3, 4, 7, 16])
def test_pages_together_are_each_as_if_asked_for_alone(means, wanted, many):
    alone = [plain(page) for one in wanted[:many] for page in read_pages(means, [one])]
    assert [plain(page) for page in read_pages(means, wanted[:many])] == alone


def test_a_page_is_the_household_s_own(means, wanted):
    refused = [isinstance(page, NotFoundError) for page in read_pages(means, wanted)]
    assert refused == [False] * 4 + [True] * 8 + [False] * 4


def test_where_the_database_has_a_server_two_threads_ask(app, means, wanted):
    asking = set()

    def hear(*_):
        asking.add(threading.get_ident())

    with app.database.read() as unit_of_work:
        engine = unit_of_work.connection.engine
    listen(engine, "before_cursor_execute", hear)
    read_pages(means, wanted)
    remove(engine, "before_cursor_execute", hear)
    assert len(asking) == (2 if app.database.has_server else 1)
