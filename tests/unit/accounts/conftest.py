"""An API client, and Alice and Bob who use it and have laid the mails that asked them to confirm aside."""

import pytest

from tests.unit.accounts.people import client_of, mails_of, register


@pytest.fixture
def client(app):
    return client_of(app)


@pytest.fixture
def alice(app, client):
    made = register(client, "alice")
    mails_of(app)
    return made


@pytest.fixture
def bob(app, client):
    made = register(client, "bob")
    mails_of(app)
    return made
