"""From the spool to the cloud: each step once where all goes well, again where it does not."""

import queue
import threading

import pytest

from edge_gateway.entry import Entry, State
from edge_gateway.ports.device_hub import Connected, Desired, Disconnected, Grant
from edge_gateway.ports.image_upload import Answer, Outcome
from edge_gateway.signals import Spooled, Stop
from edge_gateway.upload import GRANTS_AHEAD, TABLE, Happening, Step
from tests.unit.edge_gateway.conftest import NO_SPACE, SPOOL, new_entry

JPEG = b"\xff\xd8 a letter \xff\xd9"


def spool(bench, *event_ids: str) -> None:
    for event_id in event_ids:
        bench.spool.add(new_entry(event_id, JPEG), JPEG)


def test_an_image_goes_all_the_way(bench) -> None:
    spool(bench, "e-1")
    bench.go_online()
    bench.work()
    assert bench.cloud.kinds() == ["uploads/request", "images"]
    assert bench.cloud.rows == {"e-1": ["image-e-1"]}
    assert bench.cloud.blobs == {"image-e-1": JPEG}
    assert bench.state("e-1") is State.STORED
    assert bench.disk.names("entries") == ["e-1.json"]


def test_the_announcement_says_what_the_cloud_needs(bench) -> None:
    spool(bench, "e-1")
    bench.go_online()
    bench.work()
    announced = dict(bench.cloud.sent)["images"]
    assert (announced["event_id"], announced["count"]) == ("e-1", 1)
    assert announced["images"][0] == {
        "image_id": "image-e-1",
        "sha256": bench.spool.find("e-1").image.sha256,
        "bytes": len(JPEG),
        "width": 160,
        "height": 120,
        "captured_at": 1_700_000_000_000,
        "err_ms": 7,
        "scores": {"sharpness": 12.5},
    }


def test_nothing_is_said_while_offline(bench) -> None:
    spool(bench, "e-1")
    assert bench.uploader.work() is None
    bench.go_online()
    bench.uploader.handle(Disconnected("the connection was lost"))
    assert bench.uploader.work() is None
    assert bench.cloud.sent == []


def test_everything_that_is_not_stored_is_asked_for_again_after_a_reconnect(bench) -> None:
    bench.cloud.grants = False
    spool(bench, "e-1", "e-2")
    bench.go_online()
    bench.work()
    bench.go_online()
    bench.work()
    asked = [message["image_id"] for _, message in bench.cloud.sent]
    assert asked == ["image-e-1", "image-e-2", "image-e-1", "image-e-2"]


def test_the_oldest_goes_first_and_few_are_asked_for_at_a_time(bench) -> None:
    bench.cloud.grants = False
    spool(bench, *(f"e-{number}" for number in range(9)))
    bench.go_online()
    bench.work()
    assert [message["image_id"] for _, message in bench.cloud.sent] == [f"image-e-{n}" for n in range(GRANTS_AHEAD)]


def test_images_whose_grants_never_come_do_not_hold_up_the_others(bench) -> None:
    bench.cloud.grants = False
    spool(bench, *(f"e-{number}" for number in range(9)))
    bench.go_online()
    bench.work_for(60)
    assert {message["image_id"] for _, message in bench.cloud.sent} == {f"image-e-{n}" for n in range(9)}


def test_a_grant_that_does_not_come_is_asked_for_less_and_less_often(bench) -> None:
    bench.cloud.grants = False
    spool(bench, "e-1")
    bench.go_online()
    bench.work_for(600)
    first = len(bench.cloud.sent)
    bench.work_for(600)
    assert 3 <= first <= 10
    assert len(bench.cloud.sent) - first < first


@pytest.mark.parametrize(
    ("outcomes", "uploads"),
    [
        ([Outcome.FAILED], 2),
        ([Outcome.FAILED] * 4, 5),
        ([Outcome.EXPIRED], 2),
        ([Outcome.EXPIRED, Outcome.FAILED, Outcome.EXPIRED], 4),
    ],
)
def test_an_upload_that_failed_is_made_again_with_a_new_grant(bench, outcomes, uploads) -> None:
    bench.cloud.answers = [Answer(outcome, "no") for outcome in outcomes]
    spool(bench, "e-1")
    bench.go_online()
    bench.work_for(60)
    assert bench.state("e-1") is State.STORED
    assert bench.cloud.uploads == uploads
    assert bench.cloud.kinds().count("uploads/request") == uploads


def test_an_expired_grant_is_renewed_at_once(bench) -> None:
    bench.cloud.answers = [Answer(Outcome.EXPIRED)]
    spool(bench, "e-1")
    bench.go_online()
    bench.work()
    assert bench.state("e-1") is State.STORED


def test_a_server_for_which_every_grant_has_expired_is_not_asked_in_a_circle(bench) -> None:
    bench.cloud.answers = [Answer(Outcome.EXPIRED)] * 1000
    spool(bench, "e-1")
    bench.go_online()
    bench.work_for(60)
    assert bench.cloud.uploads < 10


def test_a_failing_store_is_tried_less_and_less_often(bench) -> None:
    bench.cloud.answers = [Answer(Outcome.FAILED)] * 1000
    spool(bench, "e-1")
    bench.go_online()
    bench.work_for(300)
    assert bench.cloud.uploads < 12
    assert bench.state("e-1") is State.NEW


@pytest.mark.parametrize("refusal", ["store", "cloud"])
def test_an_image_that_is_refused_for_good_is_parked_and_its_event_told(bench, refusal) -> None:
    if refusal == "store":
        bench.cloud.answers = [Answer(Outcome.REJECTED, "the image store refused it (422)")]
    else:
        bench.cloud.refusal = "422"
    spool(bench, "e-1")
    bench.go_online()
    bench.work()
    assert "422" in bench.troubles[0]
    kind, told = bench.cloud.sent[-1]
    assert (kind, told["count"], [image["image_id"] for image in told["images"]]) == ("images", 1, ["image-e-1"])
    assert "e-1.jpg" in bench.disk.names("parked")


def test_an_image_that_cannot_be_parked_is_kept(bench) -> None:
    bench.cloud.refusal = "no"
    spool(bench, "e-1")
    bench.go_online()
    bench.disk.broken = NO_SPACE
    bench.work()
    assert bench.state("e-1") is State.NEW
    bench.disk.broken = None
    bench.work_for(30)
    assert "e-1.jpg" in bench.disk.names("parked")


def test_an_image_that_the_disk_lost_is_told(bench) -> None:
    spool(bench, "e-1")
    bench.go_online()
    bench.disk.files[SPOOL / "entries" / "e-1.jpg"] = b"rotten"
    bench.work()
    assert bench.cloud.uploads == 0
    assert bench.cloud.rows == {"e-1": []}
    assert "expected the spooled image of event e-1" in bench.troubles[0]


def test_an_announcement_waits_for_the_connection(bench) -> None:
    spool(bench, "e-1")
    bench.go_online()
    bench.uploader.work()
    bench.cloud.connected = False
    bench.work()
    assert bench.state("e-1") is State.PUT
    bench.cloud.connected = True
    bench.go_online()
    bench.work()
    assert bench.state("e-1") is State.STORED
    assert bench.cloud.uploads == 1


def test_an_announcement_that_was_lost_is_repeated_by_asking_for_a_grant(bench) -> None:
    bench.cloud.commits = False
    spool(bench, "e-1")
    bench.go_online()
    bench.work()
    assert bench.state("e-1") is State.ANNOUNCED
    bench.cloud.commits = True
    bench.work_for(30)
    assert bench.state("e-1") is State.STORED
    assert bench.cloud.rows == {"e-1": ["image-e-1"]}


def test_a_doubled_grant_uploads_once(bench) -> None:
    bench.cloud.commits = False
    spool(bench, "e-1")
    bench.go_online()
    bench.uploader.work()
    grant = bench.cloud.replies.pop()
    for _ in range(3):
        bench.uploader.handle(grant)
    assert bench.cloud.uploads == 1


def test_a_grant_for_an_unknown_image_is_ignored(bench) -> None:
    bench.go_online()
    bench.uploader.handle(Grant("nobody", url="https://store.example/x"))
    assert bench.cloud.uploads == 0


def test_the_word_that_an_image_is_stored_may_come_at_any_time_and_twice(bench) -> None:
    spool(bench, "e-1")
    bench.go_online()
    for _ in range(2):
        bench.uploader.handle(Grant("image-e-1", stored=True))
    assert bench.state("e-1") is State.STORED


def test_an_empty_mailbox_is_announced_until_the_cloud_wishes_something_else(bench) -> None:
    bench.cloud.commits = False
    bench.spool.add(Entry("e-1", State.EMPTY))
    bench.go_online()
    bench.uploader.handle(Desired(1, None))
    bench.work()
    bench.work_for(100)
    assert bench.cloud.kinds().count("images") >= 1
    assert bench.cloud.sent[0] == ("images", {"v": 1, "event_id": "e-1", "count": 0, "images": []})


def test_an_empty_mailbox_is_done_when_the_cloud_has_moved_on(bench) -> None:
    bench.spool.add(Entry("e-1", State.EMPTY))
    bench.go_online()
    bench.work()
    assert bench.state("e-1") is State.STORED
    assert bench.cloud.kinds() == ["images"]


def test_an_event_that_was_not_told_yet_is_not_done(bench) -> None:
    bench.spool.add(Entry("e-1", State.EMPTY))
    bench.uploader.handle(Desired(9, None))
    assert bench.state("e-1") is State.EMPTY


def test_a_trouble_is_told_once_before_the_event(bench) -> None:
    bench.cloud.commits = False
    bench.spool.add(Entry("e-1", State.EMPTY, trouble="none of 3 frames is an image"))
    bench.go_online()
    bench.work_for(100)
    assert bench.troubles == ["none of 3 frames is an image"]
    assert bench.cloud.kinds().count("images") > 1


def test_frames_that_were_no_images_are_counted_but_not_named(bench) -> None:
    bench.spool.add(Entry("e-1", State.EMPTY, trouble="none of 3 frames is an image"))
    bench.go_online()
    bench.work()
    assert bench.cloud.sent == [("images", {"v": 1, "event_id": "e-1", "count": 1, "images": []})]


def test_the_worker_tries_again_by_itself(bench) -> None:
    bench.cloud.connected = False
    spool(bench, "e-1")
    bench.go_online()
    inbox = queue.Queue()
    worker = threading.Thread(target=bench.uploader.run, args=(inbox,))
    worker.start()
    bench.cloud.connected = True
    bench.clock.seconds += 1
    assert bench.cloud.heard.wait(10)
    inbox.put(Stop())
    worker.join()


def test_a_cloud_that_wishes_a_stored_event_again_is_told_again(bench) -> None:
    spool(bench, "e-1")
    bench.go_online()
    bench.work()
    bench.uploader.handle(Spooled("e-1"))
    assert bench.cloud.kinds() == ["uploads/request", "images", "images"]
    assert bench.cloud.sent[1] == bench.cloud.sent[2]


def test_a_new_or_forgotten_entry_is_no_reason_to_say_anything(bench) -> None:
    spool(bench, "e-1")
    bench.uploader.handle(Spooled("e-1"))
    bench.uploader.handle(Spooled("e-unknown"))
    assert bench.cloud.sent == []


def test_the_worker_handles_what_waits_and_then_stops(bench) -> None:
    spool(bench, "e-1")
    inbox = queue.Queue()
    for signal in (Connected(), Stop()):
        inbox.put(signal)
    bench.uploader.run(inbox)
    assert inbox.empty()


@pytest.mark.parametrize("state", [state for state in State if state is not State.STORED])
def test_every_state_goes_on_by_itself_or_has_an_answer(state) -> None:
    happenings = {happening for each, happening in TABLE if each is state}
    assert Happening.DUE in happenings or state is State.GRANTED
    assert any(TABLE[state, happening][0] is not state for happening in happenings)


def test_nothing_moves_what_is_stored() -> None:
    assert not [pair for pair in TABLE if pair[0] is State.STORED]
    assert Step.UPLOAD not in {step for (state, _), (_, step) in TABLE.items() if state is State.PUT}
