"""Schemathesis: what the description allows, and some that it does not, is answered as it says and never with a 5xx.

By hand, for longer: ``SCHEMATHESIS_EXAMPLES=200 pytest tests/unit/cloud/api/test_fuzzing.py``.
"""

import json
import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.unit.cloud.api.strangers import bearer
from tools.check import openapi

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# A stream does not end, and who has logged out is nobody afterwards.
LEFT_OUT = {"GET /live", "POST /auth/logout"}
ROUTES = [
    label
    for path, routes in json.loads(openapi.SNAPSHOT.read_text())["paths"].items()
    for label in (f"{method.upper()} {path}" for method in routes)
    if label not in LEFT_OUT
]


@pytest.fixture(scope="module")
def routes(stage):
    """The routes that the application describes, by method and path."""
    described = schemathesis.openapi.from_asgi("/openapi.json", stage.client.app, headers={"Host": "localhost"})
    return {found.ok().label: found.ok() for found in described.get_all_operations()}


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_answers_as_it_says(routes, stage, route):
    @given(case=routes[route].as_strategy())
    @settings(
        max_examples=int(os.environ.get("SCHEMATHESIS_EXAMPLES", "6")),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case):
        answer = case.call(headers=bearer(stage.token) | {"Host": "localhost"})
        case.validate_response(answer, checks=CHECKS)

    ask()
