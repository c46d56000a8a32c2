"""An API client, an outside issuer, Alice who has laid aside the mail that asked her to confirm, and Bob who did it."""

import pytest

from cloud.adapters.local.identity_provider_oidc import OidcIdentityProvider
from tests.contract.identity_provider.jwks_issuer import AUDIENCE, running_issuer
from tests.unit.accounts.people import client_of, confirm, mails_of, register
from tests.unit.cloud.fakes import with_ports


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
    (mail,) = mails_of(app)
    assert confirm(client, mail).status_code == 200
    return made


@pytest.fixture
def issuer():
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
def clerk(app, issuer):
    """A client of an application that takes the tokens of ``issuer`` beside its own."""
    return client_of(with_ports(app, outside_issuers=(OidcIdentityProvider(issuer.url, [AUDIENCE]),)))
