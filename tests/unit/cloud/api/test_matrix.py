"""Every route that docs/openapi.json describes, tried by everybody: who is let in, who is refused, and nothing besides.

A new route that has no row in ``routes.py`` fails ``test_every_route_has_a_row``. What was tried is told at the end of
the tests (``tests/matrix.py``).
"""

from itertools import product

import pytest

from tests.unit.cloud.api.callers import GROUPS
from tests.unit.cloud.api.people import person
from tests.unit.cloud.api.places import places
from tests.unit.cloud.api.routes import OPEN_TO_ALL, REQUESTS, ROWS, ask, row_of
from tests.unit.cloud.api.strangers import bearer
from tests.unit.cloud.api.trials import Trial, of_household, stored
from tests.unit.cloud.messages import jpeg

HEADS = [("head", path) for method, path in REQUESTS if method == "get"]
# Who is let in by some routes, and sees nothing of the household there.
OUTSIDE = {"another household"}
# Who logs out can do nothing more.
ROUTES = sorted([*REQUESTS, *HEADS], key=lambda route: "logout" in route[1])
# What names a thing of a household, wherever it stands in a request, besides what ends with _id.
NAMES = {"d", "serial_id", "device_name", "thing", "code", "token"}
# What a caller writes about their own things, and nothing is looked up by.
WRITTEN = {"post /devices application/json clerk_id", "put /devices/{device_id} application/json clerk_id"}
# The reporter's own name of an event, beside the number of its device.
WRITTEN |= {"post /mailbox/events application/json event_id"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.mark.parametrize("group", GROUPS)
def test_everybody_is_answered_on_every_route_as_they_should_be(stage, tell, group):
    Trial(stage, ask, row_of, is_whole).run(group, GROUPS[group](stage), ROUTES, tell, outside=group in OUTSIDE)


def is_whole(route, answer):
    """Return whether a refusal has the form of all, and nothing follows the head of an answer."""
    if route[0] == "head":
        return answer.content == b""
    return answer.status_code < 400 or set(answer.json()) == {"error", "message", "detail"}


def test_every_route_has_a_row(stage):
    described = stage.client.app.openapi()["paths"]
    routes = {(method, path): route for path, routes in described.items() for method, route in routes.items()}
    assert set(routes) == set(ROWS) | OPEN_TO_ALL
    guarded = {route: what for route, what in routes.items() if what.get("security")}
    assert {route: (what["x-scope"], what.get("x-person", False)) for route, what in guarded.items()} == {
        route: (row.scope, row.person) for route, row in ROWS.items()
    }


def test_every_place_that_names_a_thing_is_tried_with_the_household_s():
    named = [one for one in places() if (one.method, one.path) in ROWS and one.where not in {"header", "path"}]
    named = [one for one in named if one.name in NAMES or one.name.endswith("_id")]
    assert len(named) > 12
    assert {str(one) for one in named if not is_tried(one)} == WRITTEN


def is_tried(place):
    """Return whether a request of the route names something of the household in this place."""
    of_route = [row for (method, path), row in REQUESTS.items() if (method, path.partition("#")[0]) == _route(place)]
    wheres = {"query": "query", "application/json": "json", "multipart/form-data": "form"}
    given = [str((getattr(row, wheres[place.where]) or {}).get(place.name, "")) for row in of_route]
    return any(one.startswith("{") or one == "Drive" for one in given)


def _route(place):
    return place.method, place.path


def test_a_device_does_not_go_into_a_household_of_others(stage):
    """Its own device in the path, another's household in the body."""
    one = person(stage)
    device = stage.client.post("/devices", json={"name": "Mine"}, headers=bearer(one.token)).json()["id"]
    before = stored(stage.app)
    body = {"household_id": stage.ids["household_id"]}
    answer = stage.client.post(f"/devices/{device}/move", json=body, headers=bearer(one.token))
    assert (answer.status_code, stored(stage.app) == before) == (404, True)


@pytest.mark.parametrize("ours", ["query", "form"])
def test_of_two_devices_that_a_request_names_none_is_another_household_s(stage, ours):
    one = person(stage)
    device = stage.client.post("/devices", json={"name": "Mine"}, headers=bearer(one.token)).json()["id"]
    numbers = {"query": str(device), "form": str(device)} | {ours: str(stage.ids["device_id"])}
    before = of_household(stage)
    answer = stage.client.post(
        "/mailbox/images",
        params={"device_id": numbers["query"]},
        data={"device_id": numbers["form"]},
        files={"file": ("letter.jpg", jpeg(), "image/jpeg")},
        headers=bearer(one.token),
    )
    assert answer.status_code in {200, 404, 422}
    assert of_household(stage) == before


def test_other_methods_do_nothing_whoever_asks(stage, tell):
    described = stage.client.app.openapi()["paths"]
    taken = {(method.upper(), path) for path, methods in described.items() for method in methods}
    taken |= {("HEAD", path) for method, path in taken if method == "GET"}
    others = [one for one in product(METHODS, described) if one not in taken]
    callers = {"nobody": {}, "owner": bearer(stage.token)}
    before, wrong = stored(stage.app), []
    for (name, headers), (method, path) in product(callers.items(), others):
        answer = stage.client.request(method, path.format(**stage.ids, upload_id="x", sha256="x"), headers=headers)
        if answer.status_code not in {401, 404, 405, 422}:
            wrong.append((name, method, path, answer.status_code, answer.text[:200]))
    tell(stage, "other methods", len(callers), len(others), len(callers) * len(others), wrong)
    assert (wrong, stored(stage.app) == before) == ([], True)


SPELLINGS = {
    "a slash behind": lambda path: path + "/",
    "a slash before": lambda path: "/" + path,
    "capitals": str.upper,
    "a way round": lambda path: "/static/.." + path,
    "percents": lambda path: "/%" + f"{ord(path[1]):02x}" + path[2:],
    "a parameter": lambda path: path + ";a=b",
    "nothing behind": lambda path: path + "%00",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_another_spelling_of_a_path_lets_nobody_in(stage, spelling):
    before = stored(stage.app)
    for method, path in ROWS:
        address = str(stage.client.base_url) + SPELLINGS[spelling](path.format(**stage.ids))
        answer = stage.client.request(method, address, follow_redirects=False)
        assert answer.status_code in {307, 401, 404, 405, 422}, (address, answer.text)
    assert stored(stage.app) == before
