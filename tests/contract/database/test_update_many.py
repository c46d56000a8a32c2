"""Many rows in one statement: each gets its own values, and a stranger's row none, on every database."""

from cloud.ports.update_many import update_many
from cloud.tables import devices
from tests.unit.cloud.messages import rows


def said(device, **values):
    return {"id": device.id, "household_id": device.household_id} | values


def test_each_row_gets_its_own_values(app, home):
    texts = ("1.0 \u00e4 \U0001f4ec 'quoted' \"twice\" \\ %s :x", None)
    with app.database.write() as unit_of_work:
        changes = [said(home.board, firmware=texts[0], lost=2**53), said(home.gateway, firmware=texts[1], lost=0)]
        update_many(unit_of_work.connection, devices, changes)
        update_many(unit_of_work.connection, devices, [])
    assert rows(app, "SELECT firmware, lost FROM devices ORDER BY kind") == [(texts[0], 2**53), (texts[1], 0)]


def test_a_row_of_another_household_is_not_touched(app, home):
    with app.database.write() as unit_of_work:
        update_many(unit_of_work.connection, devices, [said(home.board, rssi=-50) | {"household_id": "stranger"}])
    assert rows(app, "SELECT rssi FROM devices WHERE rssi IS NOT NULL") == []
