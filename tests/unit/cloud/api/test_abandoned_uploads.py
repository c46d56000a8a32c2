"""An upload that was cut off keeps no object alive, and takes none from another that is under way."""

from functools import partial

import pytest

from cloud import pipeline
from cloud.errors import RetryLaterError
from cloud.images import gallery, service
from cloud.images.model import LONGEST_UPLOAD_MS
from cloud.images.repository import ImageRepository
from cloud.web.app import create_app
from firmware.wire import topics
from tests.databases import execute
from tests.unit.cloud.api.conftest import client_of, post_event, post_image
from tests.unit.cloud.api.test_image_endpoints import objects
from tests.unit.cloud.fakes import with_ports
from tests.unit.cloud.messages import jpeg, photo, rows, say


class FailingStore:
    """An image store whose disk is full."""

    def __init__(self, store):
        self.grant, self.check, self.read, self.delete = store.grant, store.check, store.read, store.delete

    def put(self, *_):
        raise RetryLaterError("expected to write x.jpg, the disk said: No space left on device")


@pytest.fixture
def cut_off(app, owner, device):
    """Begin an upload that ends between its row and its object."""
    full = with_ports(app, image_store=FailingStore(app.ports.image_store))
    client = client_of(create_app(full, lambda _: None))
    client.cookies = owner.cookies

    def begin(content=None, **headers):
        assert post_image(client, device, content, **headers).status_code == 503

    return begin


def pass_time(app, limits=0):
    """Let a day pass for whatever waits."""
    passed = LONGEST_UPLOAD_MS + limits + 1
    execute(app, f"UPDATE images SET created_at = created_at - {passed} WHERE uploaded_at IS NULL")  # noqa: S608 - a number


def forget(app):
    """Let the job run that a deletion leaves behind."""
    ((household_id, sha256),) = rows(app, "SELECT household_id, subject_id FROM jobs WHERE event = 'image_deleted'")
    gallery.forget_object(app.ports, household_id, sha256)


def delete(owner, number):
    assert owner.delete(f"/mailbox/images/{number}").status_code == 200


def test_an_object_goes_with_its_last_image_although_an_earlier_try_was_cut_off(app, owner, device, cut_off):
    cut_off()
    delete(owner, post_image(owner, device).json()["id"])
    with pytest.raises(RetryLaterError, match="may be under way"):
        forget(app)
    assert len(objects(app)) == 1
    pass_time(app, app.ports.limits.grant_ms)
    forget(app)
    assert objects(app) == []


def test_an_object_goes_although_a_gateway_offered_the_same_and_never_sent_it(app, home):
    app.ports.image_store.put(home.household_id, photo().sha256, photo().content)  # of an image that is deleted
    say(app, home.gateway, topics.UPLOAD_REQUEST, photo().request)
    with pytest.raises(RetryLaterError, match="may be under way"):
        gallery.forget_object(app.ports, home.household_id, photo().sha256)
    pass_time(app, app.ports.limits.grant_ms)
    gallery.forget_object(app.ports, home.household_id, photo().sha256)
    assert objects(app) == []


def test_an_object_whose_row_is_not_marked_yet_is_taken_by_no_deletion(app, home):
    """Between the object and its mark somebody deletes an image of the same bytes."""
    say(app, home.gateway, topics.UPLOAD_REQUEST, photo().request)
    pass_time(app, app.ports.limits.grant_ms)
    say(app, home.gateway, topics.UPLOAD_REQUEST, photo().request)  # asked for anew
    ((upload_id,),) = rows(app, "SELECT id FROM images")
    with app.database.read() as unit_of_work:
        image = ImageRepository(unit_of_work).for_upload(upload_id)
    size = service.keep_upload(image, photo().content, app.ports.image_store, app.ports.limits)
    with pytest.raises(RetryLaterError):
        gallery.forget_object(app.ports, home.household_id, photo().sha256)
    with app.database.write() as unit_of_work:
        service.record_upload(unit_of_work, image, size, home.gateway.thing)
    gallery.forget_object(app.ports, home.household_id, photo().sha256)
    assert app.ports.image_store.read(home.household_id, photo().sha256) == photo().content


def sweep(app):
    gallery.forget_abandoned(app.database, partial(pipeline.put_all, app.queue))


def test_what_was_cut_off_and_did_not_come_again_goes_after_a_day(app, owner, device, cut_off, home):
    post_event(owner, device, "open")
    post_event(owner, device, "close")
    kept = post_image(owner, device).json()["id"]
    cut_off(jpeg(7))
    say(app, home.gateway, topics.UPLOAD_REQUEST, photo().request)  # a gateway may come after any time
    ((household_id, sha256),) = rows(
        app, "SELECT household_id, sha256 FROM images WHERE uploaded_at IS NULL AND announced_at IS NOT NULL"
    )
    app.ports.image_store.put(household_id, sha256, jpeg(7))  # killed before the row was marked
    assert rows(app, "SELECT max(image_count) FROM episodes") == [(2,)]
    sweep(app)
    assert rows(app, "SELECT count(*) FROM images") == [(3,)]
    pass_time(app)
    sweep(app)
    assert rows(app, "SELECT image_id FROM images WHERE uploaded_at IS NULL") == [(photo().image_id,)]
    assert rows(app, "SELECT max(image_count) FROM episodes") == [(1,)]
    assert owner.get(f"/mailbox/images/{kept}/file").status_code == 200
    gallery.forget_object(app.ports, household_id, sha256)
    assert len(objects(app)) == 1
    assert rows(app, "SELECT count(*) FROM jobs WHERE stage = 'forget_image'") == [(1,)]


def test_what_comes_again_with_its_key_is_not_taken_for_abandoned(app, owner, device, cut_off):
    key = {"Idempotency-Key": "k"}
    cut_off(**key)
    pass_time(app)
    cut_off(**key)
    sweep(app)
    assert rows(app, "SELECT count(*) FROM images") == [(1,)]
    assert post_image(owner, device, **key).status_code == 200
    pass_time(app)
    sweep(app)
    assert rows(app, "SELECT count(*) FROM images WHERE uploaded_at IS NOT NULL") == [(1,)]


def test_what_was_forgotten_may_come_again(app, owner, device, cut_off):
    key = {"Idempotency-Key": "k"}
    cut_off(**key)
    pass_time(app)
    sweep(app)
    assert rows(app, "SELECT count(*) FROM images") == [(0,)]
    assert post_image(owner, device, **key).status_code == 200
