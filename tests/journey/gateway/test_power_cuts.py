"""Kill -9 in every state: one image arrives per event, never none, never two."""

import random
import threading

import pytest

from firmware.wire.topics import IMAGES, UPLOAD_REQUEST

POINTS = [
    "before the rename of .jpg",
    "after the rename of .jpg",
    "before the rename of .json",
    "after the rename of .json",
    "before removing the frames",
    "before announcing",
    "before removing the committed image",
]


def check_one_image(cloud, gateway, frame: bytes) -> None:
    cloud.wait_for(lambda: "e-1" in cloud.rows, "the image is committed")
    gateway.wait_for_state("e-1", "stored")
    # A gateway that died at the last step of all clears up at its next start, which may be under way only now.
    gateway.wait_until_all_is_cleared()
    gateway.stop()
    assert list(cloud.blobs.values()) == [frame]
    assert len(cloud.rows["e-1"]["image_ids"]) == 1


@pytest.fixture
def frame(gateway) -> bytes:
    gateway.lay("1.jpg", "2.jpg")
    return (gateway.camera / "1.jpg").read_bytes()


@pytest.mark.parametrize("point", POINTS)
def test_a_gateway_that_dies_at_a_point_of_its_own_work(cloud, gateway, frame, point) -> None:
    gateway.start("--die", point)
    cloud.wish("e-1")
    assert gateway.wait_for_end() == -9
    gateway.start()
    check_one_image(cloud, gateway, frame)


def test_a_gateway_that_dies_while_it_waits_for_a_grant(cloud, gateway, frame) -> None:
    cloud.grants = False
    gateway.start()
    cloud.wish("e-1")
    cloud.wait_for(lambda: cloud.said(UPLOAD_REQUEST), "a grant is asked for")
    gateway.kill()
    cloud.grants = True
    gateway.start()
    check_one_image(cloud, gateway, frame)


@pytest.mark.parametrize("answer", ["hang", "stored then hang"])
def test_a_gateway_that_dies_in_an_upload(cloud, gateway, frame, answer) -> None:
    cloud.answers.append(answer)
    gateway.start()
    cloud.wish("e-1")
    cloud.wait_for(lambda: cloud.puts, "the upload is under way")
    gateway.kill()
    gateway.start()
    check_one_image(cloud, gateway, frame)


def test_a_gateway_that_dies_before_it_hears_of_the_commit(cloud, gateway, frame) -> None:
    cloud.commits = False
    gateway.start()
    cloud.wish("e-1")
    cloud.wait_for(lambda: cloud.said(IMAGES), "the image is announced")
    gateway.kill()
    cloud.commits = True
    gateway.start()
    check_one_image(cloud, gateway, frame)


def test_a_wish_that_comes_again_after_the_commit_makes_no_second_image(cloud, gateway, frame) -> None:
    gateway.start()
    cloud.wish("e-1")
    gateway.wait_for_state("e-1", "stored")
    gateway.kill()
    gateway.lay("3.jpg", text="the next letter")
    gateway.start()
    cloud.wish("e-1")
    gateway.wait_for_log("done before")
    cloud.wishes.clear()
    cloud.wish("e-2")
    cloud.wait_for(lambda: "e-2" in cloud.rows, "the next image is committed")
    assert len(cloud.blobs) == 2
    assert cloud.image_of("e-1") == frame


def test_an_unfinished_upload_does_not_keep_the_process_from_ending(cloud, gateway, frame) -> None:
    cloud.answers.append("hang")
    gateway.start()
    cloud.wish("e-1")
    cloud.wait_for(lambda: cloud.puts, "the upload is under way")
    assert gateway.stop() == 0
    gateway.start()
    check_one_image(cloud, gateway, frame)


@pytest.mark.parametrize("seed", range(6))
def test_a_gateway_that_dies_at_any_moment(cloud, gateway, frame, seed) -> None:
    moments = random.Random(seed)  # noqa: S311 - a repeatable choice of moments
    cloud.answers.extend(moments.choices([200, 500, 403, "cut"], k=2))
    cloud.wish("e-1")
    for _ in range(3):
        gateway.start()
        threading.Event().wait(moments.uniform(0.1, 0.8))
        gateway.kill()
    gateway.start()
    check_one_image(cloud, gateway, frame)
