"""From the wish for a capture to the committed image, over a real broker."""

from PIL import Image

from firmware.wire.topics import HEARTBEAT, IMAGES, STATUS, UPLOAD_REQUEST


def test_a_closed_door_brings_the_sharpest_frame_to_the_cloud(cloud, gateway) -> None:
    gateway.lay("b.jpg", "a.jpg", "c.jpg")
    sharpest = (gateway.camera / "b.jpg").read_bytes()
    gateway.start()
    cloud.wish("e-1")
    cloud.wait_for(lambda: "e-1" in cloud.rows, "the image is committed")
    (image,) = cloud.said(IMAGES)[0]["images"]
    assert cloud.blobs == {image["image_id"]: sharpest}
    assert (image["width"], image["height"], image["scores"]["frames"]) == (1600, 1200, 3)
    assert gateway.stop() == 0


def test_what_is_committed_leaves_camera_and_spool(cloud, gateway) -> None:
    gateway.lay("1.jpg")
    gateway.start()
    cloud.wish("e-1")
    gateway.wait_for_state("e-1", "stored")
    gateway.stop()
    assert gateway.frames() == []
    assert gateway.spooled_images() == []


def test_an_empty_mailbox_is_announced_without_image(cloud, gateway) -> None:
    gateway.start()
    cloud.wish("e-1")
    cloud.wait_for(lambda: "e-1" in cloud.rows, "the event is committed")
    assert cloud.said(IMAGES)[0] == {"v": 1, "event_id": "e-1", "count": 0, "images": []}
    assert cloud.puts == []
    gateway.wait_for_state("e-1", "stored")


def test_a_burst_of_broken_frames_tells_that_something_came(cloud, gateway) -> None:
    gateway.camera.mkdir()
    (gateway.camera / "1.jpg").write_text("not an image")
    gateway.start()
    cloud.wish("e-1")
    cloud.wait_for(lambda: "e-1" in cloud.rows, "the event is committed")
    assert cloud.said(IMAGES)[0] == {"v": 1, "event_id": "e-1", "count": 1, "images": []}
    (trouble,) = cloud.troubles()
    assert "none of 1 frames is an image" in trouble
    assert sorted(each.name for each in (gateway.camera / "refused").iterdir()) == ["1.jpg", "1.jpg.reason.txt"]


def test_a_second_wish_waits_for_the_first_and_gets_its_own_frames(cloud, gateway) -> None:
    gateway.lay("1.jpg", text="first letter")
    first = (gateway.camera / "1.jpg").read_bytes()
    cloud.grants = False
    gateway.start()
    cloud.wish("e-1")
    cloud.wish("e-2")
    cloud.wait_for(lambda: cloud.said(UPLOAD_REQUEST), "a grant is asked for")
    gateway.wait_until_no_frames()
    gateway.lay("1.jpg", text="second letter")
    second = (gateway.camera / "1.jpg").read_bytes()
    cloud.grants = True
    cloud.answer_request(cloud.said(UPLOAD_REQUEST)[0]["image_id"])
    cloud.wait_for(lambda: len(cloud.rows) == 2, "both images are committed")
    assert [cloud.image_of("e-1"), cloud.image_of("e-2")] == [first, second]


def test_metadata_and_rotation_stay_behind(cloud, gateway) -> None:
    gateway.lay("1.jpg")
    with Image.open(gateway.camera / "1.jpg") as image:
        exif = image.getexif()
        exif[0x0112] = 6
        exif[0x010F] = "a camera that tells where it was"
        image.save(gateway.camera / "1.jpg", exif=exif)
    gateway.start()
    cloud.wish("e-1")
    cloud.wait_for(lambda: "e-1" in cloud.rows, "the image is committed")
    assert cloud.said(IMAGES)[0]["images"][0]["width"] == 1200
    assert b"where it was" not in cloud.image_of("e-1")


def test_the_cloud_hears_when_the_gateway_comes_and_goes(cloud, gateway) -> None:
    gateway.start()
    cloud.wait_for(lambda: cloud.said(HEARTBEAT), "the gateway is online")
    assert cloud.said(STATUS)[0]["online"] is True
    gateway.stop()
    cloud.wait_for(lambda: len(cloud.said(STATUS)) == 2, "the gateway says good-bye")
    assert cloud.said(STATUS)[1] == {"v": 1, "online": False}


def test_the_last_will_tells_of_a_killed_gateway(cloud, gateway) -> None:
    gateway.start()
    cloud.wait_for(lambda: cloud.said(STATUS), "the gateway is online")
    gateway.kill()
    cloud.wait_for(lambda: len(cloud.said(STATUS)) == 2, "the broker publishes the last will")
    assert cloud.said(STATUS)[1] == {"v": 1, "online": False}
