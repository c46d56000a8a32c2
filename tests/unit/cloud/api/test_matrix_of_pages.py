"""Every page and form of the web application, tried by everybody's browser; as ``test_matrix.py`` tries the API."""

import pytest

from tests.unit.cloud.api.callers import AT_PAGES, ELSEWHERE
from tests.unit.cloud.api.page_routes import HTML, OPEN, OPEN_FORMS, ROWS, ask, described, furnish, row_of
from tests.unit.cloud.api.trials import Trial, stored

HEADS = [("head", path) for method, path in ROWS if method == "get"]
# Who joins another household looks at that one from then on.
ROUTES = sorted([*ROWS, *HEADS], key=lambda route: "/invitation/" in route[1])


@pytest.fixture(scope="module")
def furnished(stage):
    """The household with a letter, its e-mail and a problem, and a browser's names of them."""
    furnish(stage)
    return stage


@pytest.mark.parametrize("group", AT_PAGES)
def test_everybody_is_answered_on_every_page_as_they_should_be(furnished, tell, group):
    outside = group == "pages: another household"
    Trial(furnished, ask, row_of, is_whole).run(group, AT_PAGES[group](furnished), ROUTES, tell, outside=outside)


def is_whole(route, answer):
    """Return whether a refusal is a page, and nothing follows the head of an answer."""
    if route[0] == "head":
        return answer.content == b""
    return answer.status_code < 400 or answer.headers["content-type"].startswith("text/html")


def test_every_page_has_a_row(stage):
    assert set(described(stage.client.app.routes)) == set(ROWS) | OPEN | OPEN_FORMS


@pytest.mark.parametrize("said", ELSEWHERE.values(), ids=ELSEWHERE)
def test_no_form_is_taken_from_another_website(furnished, said):
    before = stored(furnished.app)
    form = {"email": "owner@example.org", "password": "correct horse", "name": "Taken"}
    for _, path in sorted(OPEN_FORMS):
        answer = furnished.client.post(path.format(token="x"), data=form, headers=HTML | said)  # noqa: S106 - of nobody
        assert (answer.status_code, "Not from here" in answer.text) == (403, True), path
    assert stored(furnished.app) == before


def test_pages_for_everybody_tell_nothing_of_a_household(furnished):
    hidden = Trial(furnished, ask, row_of, is_whole).hidden()
    for _, path in sorted(OPEN - {("get", "/metrics")}):
        answer = furnished.client.get(path.format(token="x"), headers=HTML)  # noqa: S106 - of nobody
        assert answer.status_code == 200, path
        assert [one for one in hidden if one in answer.text] == [], path
