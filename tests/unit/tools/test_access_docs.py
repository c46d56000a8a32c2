"""docs/access.md tells of every route of docs/openapi.json, and is made anew when that changes."""

import json

from tools.check import access_docs, openapi


def test_the_page_is_what_the_description_says():
    assert access_docs.PAGE.read_text(encoding="utf-8") == access_docs.page(), "run python -m tools.check.access_docs"


def test_every_route_is_on_the_page_once():
    text = access_docs.PAGE.read_text(encoding="utf-8")
    paths = json.loads(openapi.SNAPSHOT.read_text(encoding="utf-8"))["paths"]
    routes = [f"`{method.upper()} {path}`" for path, methods in paths.items() for method in methods]
    assert {route: text.count(route) for route in routes} == dict.fromkeys(routes, 1)


def test_the_command_says_when_the_page_is_stale(tmp_path, capsys):
    file = tmp_path / "access.md"
    assert access_docs.main(["--check"], file) == 1
    assert "run python -m tools.check.access_docs" in capsys.readouterr().out
    assert (access_docs.main([], file), access_docs.main(["--check"], file)) == (0, 0)
