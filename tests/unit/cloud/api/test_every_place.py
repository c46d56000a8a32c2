"""Whatever a caller writes in whichever place of the API is stored as it is or refused, and nothing else happens."""

import pytest

from tests.unit.cloud.api.places import JSON, MULTIPART, ask, places
from tests.unit.cloud.api.strangers import bearer

PLACES = places()
TEXTS = {
    "SQL behind a single quote": "'); DROP TABLE devices; -- ' OR 1=1 UNION SELECT password_hash FROM users",
    "SQL behind a double quote": '\\") OR 1=1; SELECT sleep(5); # `',
    "everything else": "../..%2f../etc/passwd\r\nX-Injected: yes\n<script>${jndi:ldap://a/}{{7*7}}%s%n\x1b[31m\u202e☃",
}
MISTYPED = [place for place in PLACES if place.allowed]


def is_fine(answer):
    """Return whether an answer is none of a fault, and a refusal is one in the form of all."""
    is_error = answer.status_code >= 400
    return answer.status_code < 500 and (not is_error or set(answer.json()) == {"error", "message", "detail"})


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_is_only_a_text_in_every_place(stage, text):
    headers = bearer(stage.token)
    # What a header may not have in it is refused before the application sees it (RFC 9110 section 5.5).
    tried = [place for place in PLACES if place.where != "header" or text.isprintable()]
    answers = {place: ask(stage, place, text, headers) for place in tried}
    assert {str(place): answer.text for place, answer in answers.items() if not is_fine(answer)} == {}
    assert not [place for place, answer in answers.items() if "x-injected" in answer.headers]
    assert stage.client.get("/auth/me", headers=headers).json()["id"] == stage.ids["user_id"]


def test_the_places_are_those_of_the_description():
    assert {place.where for place in PLACES} == {"path", "query", "header", JSON, MULTIPART}
    assert (len(PLACES) > 100, len(MISTYPED) >= 8) == (True, True)


@pytest.mark.parametrize("place", MISTYPED, ids=str)
def test_a_mistyped_word_is_answered_with_those_that_are_allowed(stage, place):
    for typo in (place.allowed[0] + "x", place.allowed[-1].upper(), ""):
        answer = ask(stage, place, typo, bearer(stage.token))
        assert answer.status_code == 422, answer.text
        (fault,) = [one for one in answer.json()["detail"] if place.name in one["field"].split(".")]
        assert [word for word in place.allowed if f"'{word}'" not in fault["message"]] == []
