"""Schemathesis: what the description allows, and what it does not, is answered as it says and never with a 5xx.

By hand, for longer: ``SCHEMATHESIS_EXAMPLES=200 pytest tests/unit/cloud/api/test_fuzzing.py``.
"""

import json
import os
import secrets

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cloud.accounts.model import token_hash
from cloud.accounts.repository import AccountRepository
from cloud.web.pages.site import SESSION_COOKIE
from tests.unit.cloud.api.conftest import HOUR_MS
from tests.unit.cloud.api.strangers import bearer
from tools.check import openapi

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ROUTES = [
    label
    for path, routes in json.loads(openapi.SNAPSHOT.read_text())["paths"].items()
    for label in (f"{method.upper()} {path}" for method in routes)
]


# The feed as a stream does not end, so it is asked for as JSON.
AS_JSON = {"Host": "localhost", "Accept": "application/json"}
# Nothing can be wrong in what these are sent.
TAKE_ANYTHING = {"GET /.well-known/jwks.json", "GET /health", "GET /healthz", "GET /readyz", "GET /firmware/{sha256}"}
ASKED = [
    (route, mode)
    for route in ROUTES
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or route not in TAKE_ANYTHING
]
# In all, by each mode half of them.
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "6"))


@pytest.fixture(scope="module")
def routes(stage):
    """The routes that the application describes, by method and path."""
    described = schemathesis.openapi.from_asgi("/openapi.json", stage.client.app, headers={"Host": "localhost"})
    return {found.ok().label: found.ok() for found in described.get_all_operations()}


def admitted(stage, route):
    """Return the owner's credentials; who logs out has a session of their own, for its end ends no other's."""
    if route != "POST /auth/logout":
        return bearer(stage.token)
    session = secrets.token_hex()
    with stage.app.database.write() as unit_of_work:
        expires_at = unit_of_work.now + HOUR_MS
        AccountRepository(unit_of_work).add_session(token_hash(session), stage.ids["user_id"], expires_at)
    return {"Cookie": f"{SESSION_COOKIE}={session}"}


@pytest.mark.parametrize(("route", "mode"), ASKED)
def test_a_route_answers_as_it_says(routes, stage, route, mode):
    @given(case=routes[route].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES // len(GenerationMode),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        answer = case.call(headers=admitted(stage, route) | AS_JSON)
        case.validate_response(answer, checks=CHECKS)

    ask()
