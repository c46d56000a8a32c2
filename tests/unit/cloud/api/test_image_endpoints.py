"""Images over HTTP: uploaded without their metadata, shown in parts and in small, deleted with their object."""

import io
from urllib.parse import urlsplit

import pytest
from PIL import Image as PilImage

from cloud.errors import RefusedError
from cloud.images import gallery
from cloud.images.metadata import without_metadata
from cloud.web.app import create_app
from tests.databases import execute
from tests.unit.cloud.api.conftest import client_of, post_event, post_image, with_role
from tests.unit.cloud.fakes import FakeOcrEngine, drain, with_ports
from tests.unit.cloud.messages import jpeg, rows

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100


def objects(app):
    return sorted((app.settings.data / "images").rglob("*.jpg"))


def photographed(orientation=1, **options):
    """Return a JPEG as a telephone makes it: with its place, a comment, a thumbnail's worth of Exif, and a tail."""
    image, exif = PilImage.new("RGB", (64, 48), (200, 10, 10)), PilImage.Exif()
    image.putpixel((0, 0), (255, 255, 255))
    exif[0x0112], exif[0x010F] = orientation, "SecretCamera"
    exif.get_ifd(0x8825)[1] = "N"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif.tobytes(), comment=b"SecretComment", quality=90, **options)
    return out.getvalue() + b"SecretTail"


def test_images_are_listed_by_their_state(app, owner, device):
    numbers = [post_image(owner, device, jpeg(side)).json()["id"] for side in (64, 80, 96)]
    ((image_id,),) = rows(app, f"SELECT image_id FROM image_numbers WHERE number = {numbers[1]}")  # noqa: S608
    execute(app, f"UPDATE images SET state = 'failed' WHERE id = '{image_id}'")  # noqa: S608

    def listed(query):
        return [one["id"] for one in owner.get(f"/mailbox/images?device_id={device}{query}").json()]

    assert listed("") == numbers[::-1]
    assert listed("&state=failed") == [numbers[1]]
    assert listed("&state=stored&limit=1") == [numbers[2]]
    assert listed("&state=letter") == []
    answer = owner.get(f"/mailbox/images?device_id={device}&state=lost")
    assert (answer.status_code, answer.json()["detail"][0]["field"]) == (422, "query.state")


def test_an_upload_is_answered_with_its_address_and_listed(owner, device):
    made = post_image(owner, device).json()
    assert made["image_url"].endswith(f"/mailbox/images/{made['id']}/file")
    (one,) = owner.get(f"/mailbox/images?device_id={device}").json()
    assert (one["id"], one["image_url"], one["device_id"]) == (made["id"], made["image_url"], device)
    small = owner.get(urlsplit(one["thumbnail_url"]).path, params={"side": 16})
    assert (small.status_code, small.headers["content-type"]) == (200, "image/jpeg")
    assert (one["width"], one["height"], one["state"]) == (64, 48, "stored")
    assert one["captured_at"].endswith("Z")


def test_an_image_that_was_announced_and_never_uploaded_is_not_listed_and_says_so(app, owner, device):
    number = post_image(owner, device).json()["id"]
    execute(app, "UPDATE images SET uploaded_at = NULL, state = 'waiting'")
    assert owner.get(f"/mailbox/images?device_id={device}").json() == []
    for way in ("file", "thumbnail"):
        answer = owner.get(f"/mailbox/images/{number}/{way}")
        assert answer.status_code == 404
        assert answer.json()["message"].endswith("was announced and never uploaded")


def test_the_device_may_be_named_in_the_query_as_the_seed_does(owner, device):
    files = {"file": ("a.jpg", jpeg(), "image/jpeg")}
    assert owner.post(f"/mailbox/images?device_id={device}", files=files).status_code == 200
    assert owner.post("/mailbox/images", files=files).status_code == 422


def test_an_upload_goes_through_the_pipeline_to_a_letter_and_an_email(app, owner, device):
    post_event(owner, device, "open")
    post_image(owner, device)
    post_event(owner, device, "close")
    drain(with_ports(app, ocr_engine=FakeOcrEngine()))
    assert rows(app, "SELECT count(*) FROM letters") == [(1,)]
    assert rows(app, "SELECT image_count FROM episodes") == [(1,)]
    assert owner.get(f"/mailbox/images?device_id={device}").json()[0]["state"] == "letter"


def test_a_repeated_upload_with_its_key_is_one_image(app, owner, device):
    key = {"Idempotency-Key": "k"}
    first, second = (post_image(owner, device, **key).json() for _ in range(2))
    assert first == second
    assert rows(app, "SELECT count(*) FROM images") == [(1,)]
    assert post_image(owner, device, jpeg(7), **key).status_code == 422


def test_a_try_that_comes_while_the_first_is_under_way_expects_the_same_image(app, home):
    def expected(content, key):
        with app.database.write() as unit_of_work:
            one = gallery.cleaned(content, app.ports.limits)
            return gallery.expect(unit_of_work, home.board, one, gallery.Given(1000, 1000), key)[0].id

    first = expected(jpeg(), "k" * 64)
    assert expected(jpeg(), "k" * 64) == first
    assert rows(app, "SELECT image_count FROM episodes") == [(1,)]
    assert len({first, expected(jpeg(7), "k" * 64), expected(jpeg(), "other" * 12), expected(jpeg(), None)}) == 4


def test_a_key_may_be_used_again_for_another_image_after_a_day(app, owner, device):
    key = {"Idempotency-Key": "k"}
    first = post_image(owner, device, **key).json()["id"]
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE idempotency_keys SET created_at = created_at - 86400001")
    assert post_image(owner, device, jpeg(7), **key).json()["id"] != first
    assert rows(app, "SELECT count(*) FROM images WHERE uploaded_at IS NOT NULL") == [(2,)]


def test_a_household_uploads_so_many_images_a_day_whoever_of_it_does(app, web, owner, stranger, device):
    client, member = (client_of(create_app(with_ports(app, most_images=2), lambda _: None)) for _ in range(2))
    client.cookies, member.cookies = owner.cookies, with_role(app, web, "member").cookies
    key = {"Idempotency-Key": "k"}
    first = post_image(client, device, **key).json()
    assert post_image(member, device, jpeg(7)).status_code == 200
    for one in (client, member):
        refused = post_image(one, device, jpeg(8))
        assert (refused.status_code, refused.json()["error"]) == (429, "RateLimitedError")
        assert 0 < int(refused.headers["retry-after"]) <= 43_200
    assert post_image(client, device, **key).json() == first
    assert rows(app, "SELECT count(*) FROM images") == [(2,)]
    other = stranger.post("/devices", json={"name": "Gate"}).json()["id"]
    assert post_image(stranger, other).status_code == 200


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_what_the_image_tells_of_its_photographer_is_taken_away_and_the_image_is_not_changed(options, orientation):
    content = photographed(orientation, **options)
    bare = without_metadata(content)
    assert b"Secret" not in bare
    before, after = (PilImage.open(io.BytesIO(one)) for one in (content, bare))
    assert before.tobytes() == after.tobytes()
    assert after.getexif().get(0x0112, 1) == orientation
    assert set(after.getexif()) <= {0x0112}
    assert without_metadata(bare) == bare


def test_a_colour_profile_stays():
    out = io.BytesIO()
    PilImage.new("RGB", (8, 8)).save(out, "JPEG", icc_profile=b"p" * 200)
    assert PilImage.open(io.BytesIO(without_metadata(out.getvalue()))).info["icc_profile"] == b"p" * 200


def test_a_cut_image_is_refused_at_every_length():
    whole = jpeg()
    for length in range(2, len(whole) - 2, 7):
        with pytest.raises(RefusedError):
            without_metadata(whole[:length])


def test_what_is_stored_has_no_metadata(app, owner, device):
    post_image(owner, device, photographed())
    (stored,) = objects(app)
    assert b"Secret" not in stored.read_bytes()


@pytest.mark.parametrize(
    ("content", "status"), [(PNG, 415), (b"text", 415), (b"", 415), (jpeg()[:300], 422), (b"\xff\xd8\xff", 422)]
)
def test_what_is_no_jpeg_is_refused_and_leaves_nothing(app, owner, device, content, status):
    assert post_image(owner, device, content).status_code == status
    assert rows(app, "SELECT count(*) FROM images") == [(0,)]
    assert objects(app) == []


def test_a_decompression_bomb_is_refused(owner, device):
    bomb = jpeg().replace(b"\x00\x30\x00\x40", b"\xff\xff\xff\xff", 1)
    assert post_image(owner, device, bomb).status_code == 413


def test_an_upload_to_an_unknown_device_leaves_nothing(app, owner, stranger, device):
    assert post_image(stranger, device).status_code == 404
    assert post_image(owner, 999).status_code == 404
    assert objects(app) == []


def test_the_latest_image_is_the_newest(owner, device):
    assert owner.get(f"/mailbox/images/latest?device_id={device}").status_code == 404
    post_image(owner, device, jpeg(1))
    newest = post_image(owner, device, jpeg(2)).json()["id"]
    latest = owner.get(f"/mailbox/images/latest?device_id={device}")
    assert latest.headers["content-type"] == "image/jpeg"
    assert latest.content == owner.get(f"/mailbox/images/{newest}/file").content


def test_a_part_of_an_image_is_sent_when_asked_for(owner, device):
    path = f"/mailbox/images/{post_image(owner, device).json()['id']}/file"
    whole = owner.get(path)
    assert whole.headers["accept-ranges"] == "bytes"
    size = len(whole.content)
    for asked, start, end in (("bytes=0-9", 0, 10), ("bytes=10-", 10, size), ("bytes=-7", size - 7, size)):
        part = owner.get(path, headers={"Range": asked})
        assert (part.status_code, part.content) == (206, whole.content[start:end])
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"


@pytest.mark.parametrize("asked", ["bytes=9-3", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "bytes=-"])
def test_a_range_that_is_none_asks_for_the_whole(owner, device, asked):
    path = f"/mailbox/images/{post_image(owner, device).json()['id']}/file"
    assert owner.get(path, headers={"Range": asked}).status_code == 200


def test_a_part_beyond_the_end_is_refused(owner, device):
    path = f"/mailbox/images/{post_image(owner, device).json()['id']}/file"
    answer = owner.get(path, headers={"Range": "bytes=999999-"})
    assert (answer.status_code, answer.headers["content-range"][:8]) == (416, "bytes */")


def test_a_part_of_an_image_that_changed_is_sent_whole(owner, device):
    path = f"/mailbox/images/{post_image(owner, device).json()['id']}/file"
    assert owner.get(path, headers={"Range": "bytes=0-9", "If-Range": '"old"'}).status_code == 200


def test_an_image_that_the_caller_has_is_not_sent_again(owner, device):
    number = post_image(owner, device).json()["id"]
    for path in (f"/mailbox/images/{number}/file", f"/mailbox/images/{number}/thumbnail?side=32"):
        etag = owner.get(path).headers["etag"]
        answer = owner.get(path, headers={"If-None-Match": etag})
        assert (answer.status_code, answer.content) == (304, b"")


def test_a_thumbnail_is_small(owner, device):
    number = post_image(owner, device, jpeg(size=(800, 600))).json()["id"]
    small = PilImage.open(io.BytesIO(owner.get(f"/mailbox/images/{number}/thumbnail?side=100").content))
    assert small.size == (100, 75)
    assert owner.get(f"/mailbox/images/{number}/thumbnail?side=1").status_code == 422


def test_a_deleted_image_is_gone_with_its_object_and_its_letter_stays(app, owner, device):
    number = post_image(owner, device).json()["id"]
    drain(with_ports(app, ocr_engine=FakeOcrEngine()))
    assert owner.delete(f"/mailbox/images/{number}").json() == {"id": number}
    assert objects(app) == []
    assert owner.get(f"/mailbox/images/{number}/file").status_code == 404
    assert owner.delete(f"/mailbox/images/{number}").status_code == 404
    assert rows(app, "SELECT count(*) FROM letters") == [(1,)]
    assert drain(app) == ["forget_image"]


def test_an_object_goes_with_its_last_image_only(app, owner, device):
    first, second = (post_image(owner, device).json()["id"] for _ in range(2))
    owner.delete(f"/mailbox/images/{first}")
    assert len(objects(app)) == 1
    assert owner.get(f"/mailbox/images/{second}/file").status_code == 200
    owner.delete(f"/mailbox/images/{second}")
    assert objects(app) == []


def test_the_same_image_of_another_household_stays(app, owner, stranger, device):
    theirs = stranger.post("/devices", json={"name": "Drive"}).json()["id"]
    post_image(stranger, theirs)
    owner.delete(f"/mailbox/images/{post_image(owner, device).json()['id']}")
    assert len(objects(app)) == 1


def test_images_are_listed_in_pages(owner, device):
    numbers = [post_image(owner, device, jpeg(shade)).json()["id"] for shade in range(5)]
    first = owner.get(f"/mailbox/images?device_id={device}&limit=3")
    second = owner.get(first.links["next"]["url"])
    assert [one["id"] for one in first.json() + second.json()] == numbers[::-1]
    assert "next" not in second.links
    assert owner.get(f"/mailbox/images?device_id={device}&until=2026-01-01T00:00:00Z").json() == []
