"""What is asked of the tables of households while a test runs."""

import pytest
from sqlalchemy import Engine

from tests.unit.cloud.statements import Asking, asks_of_all, heard
from tests.unit.cloud.unscoped import ASKED_BY_ELSE, WHICH_TO_NAME


@pytest.fixture(scope="session")
def asking():
    return Asking()


@pytest.fixture
def asked_of_all(asking):
    """Who asked tables of households without naming one, and what; it must be nobody in the end."""
    found = set()

    def tell(statement):
        if asks_of_all(statement) and (way := asking.way()) and way not in ASKED_BY_ELSE:
            found.add((way, statement))

    with heard(Engine, tell):
        yield found
    assert found == set(), WHICH_TO_NAME
