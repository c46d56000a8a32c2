import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.wire import messages, topics

THINGS = st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z")


@given(THINGS, st.sampled_from(topics.UP + topics.DOWN))
def test_a_topic_is_read_back_as_it_was_made(thing, kind):
    assert topics.parse(topics.topic(thing, kind)) == (thing, kind)


@given(st.text())
def test_any_text_is_a_topic_or_refused(text):
    with contextlib.suppress(ValueError):
        assert topics.topic(*topics.parse(text)) == text


@pytest.mark.parametrize(
    "name",
    [
        "",
        "pillarbox/v1/board-1",
        "pillarbox/v1//events",
        "pillarbox/v2/board-1/events",
        "pillarbox/v1/board-1/events/",
        "pillarbox/v1/board-1/uploads",
        "pillarbox/v1/+/events",
        "pillarbox/v1/#",
        "/pillarbox/v1/board-1/events",
        "pillarbox/v1/bo ard/events",
    ],
)
def test_a_topic_outside_the_contract_is_refused(name):
    with pytest.raises(ValueError, match="expected pillarbox/v1/"):
        topics.parse(name)


@pytest.mark.parametrize("thing", ["", "x" * 65, "a/b", "a+b", "a#", "ä", "a:b", "a.b", "a\n"])
def test_no_thing_may_have_a_name_that_mqtt_or_aws_iot_would_misread(thing):
    assert not topics.is_thing(thing)
    with pytest.raises(ValueError, match="expected a thing name of 1-64 letters, digits, _ or -"):
        topics.topic(thing, topics.EVENTS)


@pytest.mark.parametrize("kind", topics.UP + topics.DOWN)
def test_the_longest_topic_keeps_the_limits_of_aws_iot_and_umqtt(kind):
    longest = topics.topic("x" * topics.MAX_THING_BYTES, kind)
    assert len(longest.encode()) <= topics.MAX_TOPIC_BYTES
    assert longest.count("/") <= 7


def test_every_message_kind_has_one_direction():
    assert sorted(topics.UP + topics.DOWN) == sorted(messages.BY_KIND)
