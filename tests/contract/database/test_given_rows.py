"""Statements over given rows, in the words of each database."""

import pytest

from cloud.devices.repository import DeviceRegister, DeviceRepository
from cloud.ports.given_rows import held


@pytest.mark.parametrize(
    ("dialect", "said"), [("sqlite", ""), ("mariadb", "FOR UPDATE"), ("mysql", "FOR UPDATE OF devices, images")]
)
def test_mysql_is_told_which_tables_to_hold_for_it_cannot_hold_given_rows(dialect, said):
    assert held(dialect, "devices", "images") == said


@pytest.mark.parametrize("wrong", ["x" * 65, "x" * 64 + "y", "Gärtner", "\0", "\ud800", "a b", ""])
def test_a_name_that_no_device_can_have_is_none_and_the_others_are_found(app, home, wrong):
    with app.database.write() as unit_of_work:
        found = DeviceRepository(unit_of_work).by_things([wrong, home.board.thing])
    assert list(found) == [home.board.thing]


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**63 - 1])
def test_a_number_that_no_device_has_is_none(app, home, number):
    with app.database.write() as unit_of_work:
        assert DeviceRegister(unit_of_work).numbered([(home.household_id, number)]) == {}
