"""Images on their way: asked for, uploaded and announced, in whatever order, and how each is refused."""

import itertools
from dataclasses import replace

import pytest
from sqlalchemy import select

from cloud.errors import ConflictError, NotFoundError, RefusedError, SignatureError
from cloud.images import service
from cloud.images.repository import ImageRepository
from cloud.pipeline import put_all
from cloud.tables import images
from firmware.wire import topics
from tests.conftest import make_home
from tests.databases import execute
from tests.unit.cloud.messages import (
    announcement,
    dlq,
    event,
    grants,
    jpeg,
    now,
    photo,
    rows,
    say,
    say_events,
)

CLOSE = event("close", 2)["event_id"]


def ask(app, device, one):
    return grants(say(app, device, topics.UPLOAD_REQUEST, one.request))[one.image_id]


def announce(app, device, *photos, event_id=CLOSE, count=None):
    return grants(say(app, device, topics.IMAGES, announcement(*photos, event_id=event_id, count=count)))


def row_of(unit_of_work, one):
    """Return the row of an image; tests that use one name twice use other bytes."""
    query = select(images.c.id).where(images.c.image_id == one.image_id, images.c.sha256 == one.sha256)
    return ImageRepository(unit_of_work).for_upload(unit_of_work.connection.execute(query).scalar_one())


def upload(app, one):
    """Take an upload as the endpoint does, and return the answers to the gateway."""
    with app.database.read() as unit_of_work:
        image = row_of(unit_of_work, one)
    size = service.keep_upload(image, one.content, app.ports.image_store, app.ports.limits)
    with app.database.write() as unit_of_work:
        following, downlinks = service.record_upload(unit_of_work, image, size, "gateway")
        put_all(app.queue, unit_of_work, following)
    return grants(downlinks)


def refuse(app, one, reason="not what was promised"):
    with app.database.write() as unit_of_work:
        image = row_of(unit_of_work, one)
        return service.refuse_upload(unit_of_work, image, reason)


def states(app):
    return rows(app, "SELECT image_id, state FROM images ORDER BY image_id")


def image_counts(app):
    return [count for (count,) in rows(app, "SELECT image_count FROM episodes ORDER BY id")]


def waiting(app, stage):
    return rows(app, f"SELECT count(*) FROM jobs WHERE stage = '{stage}' AND state = 'waiting'")[0][0]  # noqa: S608


@pytest.fixture
def closed(app, home):
    say_events(app, home.board, event("open", 1), event("close", 2))
    return home


def test_a_request_is_answered_with_a_grant_for_these_very_bytes(app, home):
    grant = ask(app, home.gateway, photo())
    assert grant["method"] == "PUT"
    assert grant["url"].startswith("http://localhost:8000/uploads/")
    assert grant["headers"]["Content-Type"] == "image/jpeg"
    assert grant["headers"].keys() == {"Content-Type", "X-Request-ID"}
    assert 0 < grant["expires_at"] - now() <= app.ports.limits.grant_ms


def test_a_repeated_request_is_the_same_image(app, home):
    for _ in range(3):
        ask(app, home.gateway, photo())
    assert states(app) == [("photo-1", "waiting")]


STEPS = {
    "ask": lambda app, gateway: ask(app, gateway, photo()),
    "upload": lambda app, _gateway: upload(app, photo()),
    "announce": lambda app, gateway: announce(app, gateway, photo()),
}


@pytest.mark.parametrize(
    "order", [order for order in itertools.permutations(STEPS) if order.index("ask") < order.index("upload")]
)
def test_an_image_is_read_once_it_is_both_uploaded_and_announced(app, closed, order):
    for step in order:
        assert waiting(app, "read_image") == 0
        STEPS[step](app, closed.gateway)
    assert states(app) == [("photo-1", "stored")]
    assert waiting(app, "read_image") == 1
    assert image_counts(app) == [1]


def test_whoever_comes_last_tells_the_gateway_that_the_image_is_stored(app, closed):
    one, two = photo("one", 1), photo("two", 2)
    ask(app, closed.gateway, one)
    ask(app, closed.gateway, two)
    assert upload(app, one) == {}
    assert announce(app, closed.gateway, one, two)["one"]["stored"] is True
    assert upload(app, two)["two"]["stored"] is True


def test_a_repeated_announcement_has_one_effect_and_the_same_answer(app, closed):
    ask(app, closed.gateway, photo())
    upload(app, photo())
    answers = [announce(app, closed.gateway, photo()) for _ in range(3)]
    assert answers[0] == answers[2]
    assert waiting(app, "read_image") == 1


def test_a_request_for_a_stored_image_is_answered_with_stored(app, closed):
    for step in STEPS.values():
        step(app, closed.gateway)
    assert ask(app, closed.gateway, photo()) == {"image_id": "photo-1", "stored": True}


def test_a_message_with_fewer_images_than_it_counts_leaves_the_episode_waiting(app, closed):
    ask(app, closed.gateway, photo())
    upload(app, photo())
    announce(app, closed.gateway, photo(), count=3)
    assert image_counts(app) == [3]
    announce(app, closed.gateway, photo("late", 7), count=3)
    assert rows(app, "SELECT count(DISTINCT episode_id) FROM images") == [(1,)]


def test_a_message_with_more_images_than_it_counts_loses_none(app, closed):
    announce(app, closed.gateway, photo("one", 1), photo("two", 2), count=1)
    assert image_counts(app) == [2]


def test_nothing_new_in_the_mailbox_is_an_answer_too(app, closed):
    announce(app, closed.gateway)
    assert image_counts(app) == [0]


def test_the_first_count_of_an_episode_stands(app, closed):
    announce(app, closed.gateway, photo())
    announce(app, closed.gateway)
    assert image_counts(app) == [1]


def test_an_image_twice_in_one_message_is_one_image(app, closed):
    announce(app, closed.gateway, photo(), photo())
    assert len(states(app)) == 1


def test_a_gateway_with_a_trigger_of_its_own_makes_an_episode_that_waits_for_its_images(app, home):
    for _ in range(2):
        announce(app, home.gateway, photo(), event_id=None)
    assert image_counts(app) == [1]
    settle_at, now_ms = rows(app, "SELECT settle_at FROM episodes")[0][0], now()
    assert now_ms + 60_000 < settle_at <= now_ms + app.ports.settle_ms
    delayed = rows(app, "SELECT count(*) FROM jobs WHERE event = 'episode_closed' AND visible_at > 0")
    assert delayed == [(1,)]


def test_images_of_an_event_that_nobody_knows_are_kept_in_an_episode_of_their_own(app, home):
    for _ in range(2):
        announce(app, home.gateway, photo(), event_id="lost-1-2")
    assert image_counts(app) == [1]
    assert dlq(app) == [("images", "event_id: expected a close of this mailbox, got 'lost-1-2'")]


def test_nothing_new_for_an_event_that_nobody_knows_makes_no_episode(app, home):
    announce(app, home.gateway, event_id="lost-1-2")
    assert image_counts(app) == []
    assert len(dlq(app)) == 1


def test_an_image_of_2001_is_kept_with_the_time_of_its_arrival_and_told_once(app, closed):
    old = photo().announcement | {"captured_at": 1_000_000_000_000}
    for _ in range(2):
        say(app, closed.gateway, topics.IMAGES, {"event_id": CLOSE, "count": 1, "images": [old]})
    captured_at = rows(app, "SELECT captured_at FROM images")[0][0]
    assert abs(captured_at - now()) < 60_000
    assert [stage for stage, _ in dlq(app)] == ["images"]


def test_devices_name_their_images_without_knowing_of_each_other(app, closed):
    stranger = make_home(app, "stranger@example.org")
    theirs, mine = photo("one", 9), photo("one", 8)
    ask(app, stranger.gateway, theirs)
    assert "url" in ask(app, closed.gateway, mine)
    upload(app, mine)
    assert announce(app, closed.gateway, mine) == {"one": {"image_id": "one", "stored": True}}
    upload(app, theirs)
    assert announce(app, stranger.gateway, theirs, event_id=None)["one"]["stored"] is True
    assert rows(app, "SELECT device_id, sha256, state FROM images ORDER BY id") == [
        (stranger.gateway.id, theirs.sha256, "stored"),
        (closed.gateway.id, mine.sha256, "stored"),
    ]
    assert dlq(app) == []


def test_the_image_id_of_another_device_gives_nothing_of_its_image(app, closed):
    stranger = make_home(app, "stranger@example.org")
    theirs = photo("theirs")
    ask(app, stranger.gateway, theirs)
    upload(app, theirs)
    announce(app, stranger.gateway, theirs, event_id=None)
    assert announce(app, closed.gateway, theirs) == {}
    assert set(ask(app, closed.gateway, theirs)) == {"image_id", "url", "method", "headers", "expires_at"}
    assert rows(app, "SELECT device_id, state FROM images ORDER BY id") == [
        (stranger.gateway.id, "stored"),
        (closed.gateway.id, "waiting"),
    ]


def test_an_image_from_before_its_device_moved_is_refused(app, home):
    elsewhere = make_home(app, "new-owner@example.org")
    ask(app, home.gateway, photo())
    moved = home.gateway._replace(household_id=elsewhere.household_id, mailbox_id=elsewhere.mailbox_id)
    with app.database.write() as unit_of_work, pytest.raises(RefusedError, match="from before the device moved"):
        service.take_upload_request(unit_of_work, moved, photo().request, app.ports.image_store, app.ports.limits)


def test_other_bytes_under_a_known_image_id_are_refused(app, home):
    ask(app, home.gateway, photo(shade=1))
    assert "expected the bytes and SHA-256 asked for before" in ask(app, home.gateway, photo(shade=2))["refused"]


def test_an_image_that_is_too_large_is_refused_before_it_travels(app, home):
    small = replace(app, ports=replace(app.ports, limits=replace(app.ports.limits, max_bytes=10)))
    answer = ask(small, home.gateway, photo())
    assert "expected an image of at most 10 bytes" in answer["refused"]
    assert states(app) == []


def test_a_refused_upload_ends_the_image_and_every_later_request_says_why(app, closed):
    ask(app, closed.gateway, photo())
    assert [one.name for one in refuse(app, photo())] == ["image_failed"]
    assert refuse(app, photo()) == []
    assert ask(app, closed.gateway, photo())["refused"] == "not what was promised"
    assert announce(app, closed.gateway, photo())["photo-1"]["refused"] == "not what was promised"
    assert states(app) == [("photo-1", "failed")]
    assert image_counts(app) == [1]


def test_a_bad_upload_beside_a_good_one_does_not_spoil_it(app, closed):
    ask(app, closed.gateway, photo())
    upload(app, photo())
    assert refuse(app, photo()) == []
    assert states(app) == [("photo-1", "waiting")]


def test_a_good_upload_after_a_bad_one_is_told_of_the_refusal(app, closed):
    ask(app, closed.gateway, photo())
    refuse(app, photo())
    with pytest.raises(RefusedError, match="not what was promised"):
        upload(app, photo())


def terms_of(grant):
    path, _, query = grant["url"].partition("?")
    fields = dict(part.split("=") for part in query.split("&"))
    return path.rsplit("/", 1)[1], int(fields["expires"]), fields["signature"]


def check(app, upload_id, expires, signature):
    with app.database.read() as unit_of_work:
        return service.check_upload(unit_of_work, upload_id, expires, signature, app.ports.image_store)


def test_a_granted_url_is_for_its_image(app, home):
    grant = ask(app, home.gateway, photo())
    assert check(app, *terms_of(grant)).image_id == "photo-1"


def test_an_altered_url_is_refused(app, home):
    upload_id, expires, signature = terms_of(ask(app, home.gateway, photo()))
    other_id, _, _ = terms_of(ask(app, home.gateway, photo("photo-2", 2)))
    for altered in (
        (upload_id, expires + 1, signature),
        (upload_id, expires, signature[:-1] + ("0" if signature[-1] != "0" else "1")),
        (other_id, expires, signature),
    ):
        with pytest.raises(SignatureError, match="got an altered one"):
            check(app, *altered)


def test_a_url_that_was_never_granted_is_not_found(app):
    with pytest.raises(NotFoundError, match="got an unknown one"):
        check(app, "../../etc/passwd", 1, "0")


def test_an_expired_url_is_refused(app, home):
    brief = replace(app, ports=replace(app.ports, limits=replace(app.ports.limits, grant_ms=-1)))
    with pytest.raises(SignatureError, match="has expired"):
        check(app, *terms_of(ask(brief, home.gateway, photo())))


def test_a_used_url_is_refused_as_already_stored(app, closed):
    grant = ask(app, closed.gateway, photo())
    upload(app, photo())
    with pytest.raises(ConflictError, match="stored already"):
        check(app, *terms_of(grant))


def test_the_same_bytes_again_after_a_letter_are_a_duplicate_that_is_not_read_again(app, closed):
    for step in STEPS.values():
        step(app, closed.gateway)
    execute(
        app,
        "INSERT INTO letters (id, household_id, mailbox_id, arrived_at, category, category_confidence,"
        " action_status, summary, text, created_at) VALUES ('letter', :home, :box, 0, '', 0, '', '', '', 0)",
        home=closed.household_id,
        box=closed.mailbox_id,
    )
    execute(app, "UPDATE images SET letter_id = 'letter', state = 'letter'")
    again = replace(photo(), image_id="again")
    ask(app, closed.gateway, again)
    announce(app, closed.gateway, again, event_id=None)
    upload(app, again)
    assert states(app) == [("again", "duplicate"), ("photo-1", "letter")]
    assert waiting(app, "read_image") == 1


def test_what_is_no_image_is_never_kept(app, home):
    fake = replace(photo(), content=b"this is text, not an image")
    ask(app, home.gateway, fake)
    with pytest.raises(RefusedError):
        upload(app, fake)
    assert not list((app.settings.data / "images").rglob("*.jpg"))
    assert jpeg() != fake.content
