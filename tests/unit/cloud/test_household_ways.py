"""Nothing leads to SQL without saying whose rows are meant, but what is listed as ``unscoped`` with its reason."""

import ast
from inspect import Parameter, Signature, signature

import pytest

from cloud.accounts.sharing.model import Audited
from cloud.devices.battery.repository import Report
from cloud.devices.model import Device, Placed
from cloud.ports.database import UnitOfWork
from cloud.ports.dlq import Entry
from tests.unit.cloud.scoping import classes_with_sql, methods, says_whose, ways
from tests.unit.cloud.unscoped import EXCEPTED, WHAT_TO_DO


@pytest.fixture(scope="module")
def found():
    """Every public way to SQL, by its name."""
    return {way.name: way for way in ways()}


def test_every_way_to_sql_says_whose_rows_are_meant(found):
    assert sorted(name for name, way in found.items() if not says_whose(way.function) | (name in EXCEPTED)) == [], (
        WHAT_TO_DO
    )


def test_no_exception_outlives_its_reason(found):
    assert sorted(name for name in EXCEPTED if name not in found or says_whose(found[name].function)) == []


def test_every_repository_is_looked_at_and_what_else_runs_sql(found):
    expected = {"ImageRepository.get", "GroupRepository.episode", "GroupGaps.flush", "JobsTableDlq.entry", "rows.dump"}
    assert expected <= set(found)
    assert len(found) > 220


SOURCE = """
class Forgetful:
    def __init__(self, unit_of_work):
        self._connection = unit_of_work.connection

class Heir(Forgetful): ...

class Lender:
    def lend(self):
        with self._database.write() as unit_of_work:
            return unit_of_work.connection.execute("")

class Hub:
    def __init__(self, hub):
        self._connection = hub.connect()
"""


def test_a_class_is_found_by_its_connection_whatever_its_file_is_called():
    assert classes_with_sql([ast.parse(SOURCE)]) == {"Forgetful", "Heir", "Lender"}


def way(default=Parameter.empty, **hints):
    """Return a method with such parameters."""

    def method(): ...

    method.__annotations__ = hints
    parameters = [Parameter(name, Parameter.KEYWORD_ONLY, default=default) for name in hints]
    method.__dict__.update(__signature__=Signature(parameters))
    return method


@pytest.mark.parametrize(
    "method",
    [
        way(image_id=str),
        way(image_id=str, household_id=str | None),
        way(household_id=str, default=""),
        way(household_id=list[str] | None),
        way(of=Device | str),
        way(entry=Entry),
        way(entry=Audited),
        way(unit_of_work=UnitOfWork),
        way(),
    ],
    ids=lambda method: str(signature(method)),
)
def test_a_household_that_may_be_missing_is_none(method):
    assert not says_whose(method)


@pytest.mark.parametrize(
    "method",
    [
        way(household_id=str, image_id=str),
        way(household_ids=list[str]),
        way(of=Placed),
        way(of=list[tuple[Device, int]]),
        way(of=Report),
    ],
    ids=lambda method: str(signature(method)),
)
def test_a_household_is_taken_as_such_or_with_what_belongs_to_it(method):
    assert says_whose(method)


class Sharing:
    """Ways of every sort, as their names say."""

    def __init__(self): ...

    def plain(self): ...

    @staticmethod
    def alone(): ...

    @classmethod
    def made(cls): ...

    @property
    def held(self): ...


def test_ways_of_every_sort_are_found_but_for_private_ones():
    assert [found.name for found in methods(Sharing)] == [
        f"Sharing.{name}" for name in vars(Sharing) if not name.startswith("_")
    ]
    assert Sharing.held.fget in [found.function for found in methods(Sharing)]
