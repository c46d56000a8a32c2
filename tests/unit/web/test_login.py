"""A login link: looked at by anyone, used once, by its own page only."""

from dataclasses import replace
from typing import NoReturn, cast

import pytest
from starlette.testclient import TestClient

from cloud.accounts.model import LOGIN_LINK_MS, token_hash
from cloud.accounts.repository import AccountRepository
from cloud.bootstrap import Application
from cloud.errors import RetryLaterError
from cloud.ports.database import Database
from cloud.web.app import create_app
from cloud.web.pages.site import SESSION_COOKIE
from tests.unit.web.household import Household, application

PAGES = (
    "/",
    "/letters",
    "/letters/x",
    "/outbox",
    "/outbox/x",
    "/outbox/x/body",
    "/devices",
    "/problems",
    "/images/x.jpg",
)


def test_a_link_that_is_only_opened_is_not_used_up(household: Household, stranger: TestClient) -> None:
    link = household.login_link()
    for _ in range(3):  # a mail server's scanner, a preview, the person
        shown = stranger.get(f"/login/{link}")
        assert shown.status_code == 200
        assert f'action="/login/{link}"' in shown.text
        assert "set-cookie" not in shown.headers
    assert stranger.post(f"/login/{link}").status_code == 303


def test_the_button_logs_in_and_the_cookie_is_kept_from_scripts(household: Household, stranger: TestClient) -> None:
    answer = stranger.post(f"/login/{household.login_link()}")
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith(f"{SESSION_COOKIE}=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    assert stranger.get("/").status_code == 200


def test_the_cookie_is_secure_where_the_server_is_reached_by_https(tmp_path_factory: pytest.TempPathFactory) -> None:
    app = application(tmp_path_factory.mktemp("https"), public_url="https://pillarbox.example")
    client = TestClient(create_app(app, lambda _: None), base_url="https://pillarbox.example", follow_redirects=False)
    assert "secure" in client.post(f"/login/{Household(app).login_link()}").headers["set-cookie"].lower()
    app.database.close()


def test_a_link_used_twice_says_so_and_logs_nobody_in(household: Household, stranger: TestClient) -> None:
    link = household.login_link()
    stranger.post(f"/login/{link}")
    stranger.cookies.clear()
    again = stranger.post(f"/login/{link}")
    assert again.status_code == 403
    assert "no longer works" in again.text
    assert "pillarbox admin link" in again.text
    assert "set-cookie" not in again.headers


def test_an_expired_link_says_so(app: Application, household: Household, stranger: TestClient) -> None:
    with app.database.write() as unit_of_work:
        yesterday = unit_of_work.now - LOGIN_LINK_MS
        AccountRepository(unit_of_work).add_login_link(token_hash("old"), household.member.user.id, yesterday)
    assert stranger.post("/login/old").status_code == 403


def test_a_used_link_leads_somebody_who_is_logged_in_to_their_deliveries(
    household: Household, browser: TestClient
) -> None:
    link = household.login_link()
    browser.post(f"/login/{link}")
    again = browser.post(f"/login/{link}")
    assert again.status_code == 403
    assert 'href="/"' in again.text


@pytest.mark.parametrize("path", PAGES)
def test_no_page_opens_without_a_session(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 401
    assert "pillarbox admin link" in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_a_made_up_session_is_no_session(stranger: TestClient, path: str) -> None:
    stranger.cookies.set(SESSION_COOKIE, "made-up")
    assert stranger.get(path).status_code == 401


def test_logging_out_ends_the_session_on_the_server(browser: TestClient) -> None:
    session = browser.cookies[SESSION_COOKIE]
    assert browser.post("/logout").status_code == 200
    browser.cookies.set(SESSION_COOKIE, session)
    assert browser.get("/").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
    ],
)
def test_another_website_can_neither_log_in_nor_out(
    household: Household, browser: TestClient, headers: dict[str, str]
) -> None:
    link = household.login_link()
    assert browser.post(f"/login/{link}", headers=headers).status_code == 403
    assert browser.post("/logout", headers=headers).status_code == 403
    assert browser.get("/").status_code == 200
    assert browser.post(f"/login/{link}", headers={"origin": "http://localhost"}).status_code == 303


def test_every_page_forbids_scripts_and_styles_written_into_it(browser: TestClient) -> None:
    for path in ("/", "/letters", "/outbox", "/devices", "/problems", "/letters/none"):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "no-store" in answer.headers["cache-control"]
        assert "<style" not in answer.text
        assert " style=" not in answer.text
        assert " onclick=" not in answer.text


def test_a_mistyped_address_is_told_to_people_as_a_page_and_to_programs_as_json(browser: TestClient) -> None:
    page = browser.get("/lettres", headers={"accept": "text/html,*/*"})
    assert page.status_code == 404
    assert "There is no such page here" in page.text
    assert "content-security-policy" in page.headers
    answer = browser.get("/lettres", headers={"accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json()["error"] == "HTTPError"


class Away:
    """A database that does not answer."""

    def read(self) -> NoReturn:
        raise RetryLaterError("expected a connection to the database, got none")


@pytest.mark.parametrize("path", ["/", "/letters", "/lettres"])
def test_a_page_is_words_while_the_database_is_down(app: Application, path: str) -> None:
    web = create_app(replace(app, database=cast("Database", Away())), lambda _: None)
    browser = TestClient(web, base_url="http://localhost", cookies={SESSION_COOKIE: "somebody's"})
    page = browser.get(path, headers={"accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert "content-security-policy" in page.headers
    if path == "/lettres":
        assert (page.status_code, "There is no such page here" in page.text) == (404, True)
        return
    assert (page.status_code, page.headers["retry-after"]) == (503, "2")
    assert "Please try again in a minute" in page.text
    answer = browser.get(path, headers={"accept": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (503, "RetryLaterError")


def test_static_files_are_kept_by_browsers_for_good(browser: TestClient) -> None:
    page = browser.get("/").text
    address = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    answer = browser.get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["x-content-type-options"] == "nosniff"
