"""An API client, and Alice and Bob who use it."""

import pytest

from tests.unit.accounts.people import client_of, register


@pytest.fixture
def client(app):
    return client_of(app)


@pytest.fixture
def alice(client):
    return register(client, "alice")


@pytest.fixture
def bob(client):
    return register(client, "bob")
