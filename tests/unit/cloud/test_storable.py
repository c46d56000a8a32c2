"""What MySQL and MariaDB would refuse is refused on SQLite, too, where tests ask for it."""

import pytest
from sqlalchemy.exc import OperationalError

from tests.databases import execute, on_sqlite_alone

pytestmark = on_sqlite_alone


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ("UPDATE mailboxes SET name = printf('%.201c', 'n')", "mailboxes.name"),
        ("UPDATE devices SET settings = printf('%.65536c', 'n')", "devices.settings"),
        ("UPDATE devices SET rssi = -3000000000", "devices.rssi"),
        ("INSERT INTO households (id, name, created_at) VALUES (printf('%.37c', 'i'), 'n', 1)", "households.id"),
    ],
)
def test_more_than_a_column_holds_is_refused_and_told(storable, app, home, change, column):
    with pytest.raises(OperationalError, match="user-defined function raised exception"):
        execute(app, change)
    assert storable == [column]
    storable.clear()
    assert home is not None


def test_as_much_as_a_column_holds_is_stored(storable, app, home):
    execute(app, "UPDATE mailboxes SET name = printf('%.200c', 'n'), created_at = 9223372036854775807")
    execute(app, "UPDATE devices SET settings = printf('%.65535c', 'n'), rssi = -2147483647")
    assert storable == []
    assert home is not None
