"""What networks, servers and certificates do wrong: one image arrives all the same."""

import json

import pytest

from firmware.wire.topics import IMAGES, STATUS
from tests.journey.gateway.authority import Authority
from tests.journey.gateway.cloud import THING
from tests.ports import KeptPort


@pytest.mark.parametrize(
    ("answers", "ends"),
    [
        ([500], [500, 200]),
        ([503, 502], [503, 502, 200]),
        ([403], [403, 200]),
        ([403, 403], [403, 403, 200]),
        (["cut"], ["cut", 409]),
        ([500, "cut", 403], [500, "cut", 403, 409]),
    ],
)
def test_an_upload_is_tried_until_the_image_is_there(cloud, gateway, answers, ends) -> None:
    cloud.answers.extend(answers)
    gateway.lay("1.jpg")
    gateway.start()
    cloud.wish("e-1")
    cloud.wait_for(lambda: "e-1" in cloud.rows, "the image is committed")
    assert [answer for _, answer in cloud.puts] == ends
    assert len(cloud.blobs) == 1
    assert cloud.signatures == len(ends)  # a fresh grant for every try
    gateway.wait_for_state("e-1", "stored")


@pytest.mark.parametrize("status", [413, 415, 422])
def test_an_image_that_is_refused_for_good_is_parked_and_the_next_goes_on(cloud, gateway, status) -> None:
    cloud.answers.append(status)
    gateway.lay("1.jpg")
    gateway.start()
    cloud.wish("e-1")
    cloud.wait_for(lambda: "e-1" in cloud.rows, "the event is committed")
    (refused,) = cloud.rows["e-1"]["messages"][0]["images"]
    assert refused["image_id"] == cloud.puts[0][0]
    (trouble,) = cloud.troubles()
    assert str(status) in trouble
    assert gateway.parked() == ["e-1.jpg", "e-1.json", "e-1.reason.txt"]
    gateway.lay("2.jpg")
    cloud.wish("e-2")
    cloud.wait_for(lambda: "e-2" in cloud.rows, "the next image is committed")


def test_an_image_that_the_cloud_does_not_want_is_parked(cloud, gateway) -> None:
    cloud.refusal = "this mailbox is full"
    gateway.lay("1.jpg")
    gateway.start()
    cloud.wish("e-1")
    cloud.wait_for(lambda: "e-1" in cloud.rows, "the event is committed")
    assert "this mailbox is full" in (gateway.spool / "parked" / "e-1.reason.txt").read_text()


def test_a_broker_that_was_away_gets_everything(broker, cloud, gateway) -> None:
    cloud.grants = False
    gateway.lay("1.jpg")
    gateway.start()
    cloud.wish("e-1")
    gateway.wait_for_state("e-1", "new")
    broker.stop()
    gateway.wait_for_log("not connected")
    cloud.grants = True
    broker.start()
    cloud.wait_for(lambda: "e-1" in cloud.rows, "the image is committed")
    assert len(cloud.blobs) == 1


def test_an_image_store_that_was_away_gets_the_image(cloud, gateway) -> None:
    address = cloud.http.server_address
    cloud.stop_http()
    kept = KeptPort(address[1])
    gateway.lay("1.jpg")
    gateway.start()
    cloud.wish("e-1")
    gateway.wait_for_log("ConnectionRefusedError")
    cloud.start_http(address)
    kept.close()
    cloud.wait_for(lambda: "e-1" in cloud.rows, "the image is committed")


def test_an_announcement_that_the_cloud_lost_is_made_again(cloud, gateway) -> None:
    cloud.commits = False
    gateway.lay("1.jpg")
    gateway.start()
    cloud.wish("e-1")
    cloud.wait_for(lambda: cloud.said(IMAGES), "the image is announced")
    gateway.wait_for_state("e-1", "announced")
    gateway.stop()
    cloud.commits = True
    gateway.start()
    cloud.wait_for(lambda: "e-1" in cloud.rows, "the image is committed")
    assert [answer for _, answer in cloud.puts] == [200, 409]


def test_a_gateway_that_the_broker_does_not_know_says_so(cloud, gateway, tmp_path) -> None:
    right_authority = (gateway.bundle / "ca.pem").read_bytes()
    Authority(tmp_path).issue(THING, gateway.bundle)
    (gateway.bundle / "ca.pem").write_bytes(right_authority)
    gateway.start()
    gateway.wait_for_log("not connected")
    assert cloud.said(STATUS) == []
    assert gateway.stop() == 0


def test_a_broker_that_another_authority_vouches_for_gets_nothing(cloud, gateway, tmp_path) -> None:
    (gateway.bundle / "ca.pem").write_bytes(Authority(tmp_path).ca.read_bytes())
    gateway.start()
    gateway.wait_for_log("CERTIFICATE_VERIFY_FAILED")
    assert cloud.said(STATUS) == []


def test_a_broker_under_another_name_gets_nothing(cloud, gateway) -> None:
    path = gateway.bundle / "device.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"server_name": "elsewhere.example"}))
    gateway.start()
    gateway.wait_for_log("elsewhere.example")
    assert cloud.said(STATUS) == []


def test_logs_hold_no_address_of_a_grant(cloud, gateway) -> None:
    cloud.answers.extend([500, 403, "cut"])
    gateway.lay("1.jpg")
    gateway.start()
    cloud.wish("e-1")
    gateway.wait_for_state("e-1", "stored")
    assert "signature" not in gateway.log.read_text()
