"""A web application over a household of its own, with the cookies of a logged-in member."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cloud.bootstrap import Application
from cloud.web.app import create_app
from cloud.web.pages.site import SESSION_COOKIE
from tests.unit.web.household import Household, application

# What a browser sends; programs get JSON from some of the addresses.
AS_A_BROWSER = {"accept": "text/html,*/*;q=0.8"}
Login = Callable[[Household], TestClient]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    whole = application(tmp_path)
    yield whole
    whole.database.close()


@pytest.fixture
def household(app: Application) -> Household:
    return Household(app)


@pytest.fixture
def stranger(app: Application) -> TestClient:
    """A browser that nobody has logged in with."""
    return TestClient(
        create_app(app, lambda _: None), base_url="http://localhost", follow_redirects=False, headers=AS_A_BROWSER
    )


@pytest.fixture
def logged_in(app: Application) -> Login:
    def log_in(household: Household) -> TestClient:
        client = TestClient(
            create_app(app, lambda _: None), base_url="http://localhost", follow_redirects=False, headers=AS_A_BROWSER
        )
        client.cookies.set(SESSION_COOKIE, household.session())
        return client

    return log_in


@pytest.fixture
def browser(household: Household, logged_in: Login) -> TestClient:
    """A browser of a member of the household."""
    return logged_in(household)
