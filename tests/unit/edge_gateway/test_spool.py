"""The spool keeps what was captured until the cloud has it, and no longer."""

import errno

import pytest

from edge_gateway.entry import Entry, State
from edge_gateway.errors import CorruptEntryError, SpoolBrokenError, SpoolFullError
from edge_gateway.spool import REMEMBERED_EVENTS
from tests.unit.edge_gateway.conftest import NO_SPACE, SPOOL, Bench, new_entry

JPEG = b"\xff\xd8 a letter \xff\xd9"


def test_a_new_entry_is_found_with_its_image_after_a_restart(bench) -> None:
    added = bench.spool.add(new_entry("e-1", JPEG), JPEG)
    bench.start()
    assert bench.spool.find("e-1") == added
    assert bench.spool.find_image("image-e-1") == added
    assert bench.spool.read_image(added) == JPEG


def test_a_second_capture_of_an_event_changes_nothing(bench) -> None:
    first = bench.spool.add(new_entry("e-1", JPEG), JPEG)
    assert bench.spool.add(new_entry("e-1", b"another", image_id="b"), b"another") == first
    assert bench.spool.read_image(first) == JPEG


def test_entries_stand_in_the_order_of_capture(bench) -> None:
    for event_id in ("e-9", "e-1", "e-5"):
        bench.spool.add(new_entry(event_id, JPEG), JPEG)
    bench.start()
    assert [entry.event_id for entry in bench.spool.unfinished()] == ["e-9", "e-1", "e-5"]


@pytest.mark.parametrize("state", [State.NEW, State.PUT, State.ANNOUNCED])
def test_a_step_survives_a_restart_with_the_image(bench, state) -> None:
    bench.spool.add(new_entry("e-1", JPEG), JPEG)
    bench.spool.advance("e-1", state)
    bench.start()
    assert bench.state("e-1") is state
    assert bench.spool.read_image(bench.spool.unfinished()[0]) == JPEG


def test_a_grant_does_not_survive_a_restart(bench) -> None:
    bench.spool.add(new_entry("e-1", JPEG), JPEG)
    assert bench.spool.advance("e-1", State.GRANTED).state is State.GRANTED
    bench.start()
    assert bench.state("e-1") is State.NEW


def test_what_is_stored_is_remembered_without_image(bench) -> None:
    bench.spool.add(new_entry("e-1", JPEG), JPEG)
    bench.spool.advance("e-1", State.STORED)
    assert bench.disk.names("entries") == ["e-1.json"]
    bench.start()
    assert bench.spool.unfinished() == []
    assert bench.state("e-1") is State.STORED


def test_only_the_newest_events_are_remembered(bench) -> None:
    for number in range(REMEMBERED_EVENTS + 3):
        bench.spool.add(Entry(f"e-{number}", State.EMPTY))
        bench.spool.advance(f"e-{number}", State.STORED)
    assert bench.spool.find("e-2") is None
    assert bench.spool.find("e-3") is not None
    assert len(bench.disk.names("entries")) == REMEMBERED_EVENTS


def test_frames_that_were_let_go_are_forgotten_with_the_next_step(bench) -> None:
    bench.spool.add(new_entry("e-1", JPEG), JPEG)
    assert bench.spool.frames_in_the_way() == {"1.jpg", "2.jpg"}
    bench.spool.frames_done("e-1")
    assert bench.spool.frames_in_the_way() == set()
    bench.spool.advance("e-1", State.PUT)
    bench.start()
    assert bench.spool.frames_in_the_way() == set()


def test_a_full_spool_refuses_a_new_image_and_keeps_the_old() -> None:
    bench = Bench()
    bench.limits = type(bench.limits)(most_bytes=2 * len(JPEG), least_free_bytes=0)
    bench.start()
    for event_id in ("e-1", "e-2"):
        bench.spool.add(new_entry(event_id, JPEG), JPEG)
    with pytest.raises(SpoolFullError, match="expected room for 14 bytes, got 28 of 28 in use"):
        bench.spool.add(new_entry("e-3", JPEG), JPEG)
    assert [entry.event_id for entry in bench.spool.unfinished()] == ["e-1", "e-2"]
    bench.spool.advance("e-1", State.STORED)
    assert bench.spool.add(new_entry("e-3", JPEG), JPEG).event_id == "e-3"


def test_a_disk_that_others_fill_is_a_full_spool(bench) -> None:
    bench.free = bench.limits.least_free_bytes + len(JPEG) - 1
    with pytest.raises(SpoolFullError, match="bytes free on the disk"):
        bench.spool.add(new_entry("e-1", JPEG), JPEG)
    bench.free += 1
    bench.spool.add(new_entry("e-1", JPEG), JPEG)


def test_an_empty_mailbox_needs_no_room(bench) -> None:
    bench.free = 0
    assert bench.spool.add(Entry("e-1", State.EMPTY)).state is State.EMPTY


def test_parked_images_make_room_for_new_ones_oldest_first() -> None:
    bench = Bench()
    bench.limits = type(bench.limits)(most_bytes=2 * len(JPEG), least_free_bytes=0)
    bench.start()
    for event_id in ("e-1", "e-2"):
        bench.spool.add(new_entry(event_id, JPEG), JPEG)
        bench.spool.park(event_id, "refused")
    bench.spool.add(new_entry("e-3", JPEG), JPEG)
    assert [name for name in bench.disk.names("parked") if name.endswith(".jpg")] == ["e-2.jpg"]


def test_a_disk_that_refuses_the_write_refuses_the_capture(bench) -> None:
    bench.disk.broken = NO_SPACE
    with pytest.raises(SpoolBrokenError, match="No space left"):
        bench.spool.add(new_entry("e-1", JPEG), JPEG)
    assert bench.spool.find("e-1") is None
    bench.disk.broken = None
    bench.start()
    assert bench.disk.names("entries") == []


def test_a_disk_that_breaks_later_does_not_stop_the_image(bench) -> None:
    bench.spool.add(new_entry("e-1", JPEG), JPEG)
    bench.disk.broken = OSError(errno.EROFS, "Read-only file system")
    assert bench.spool.advance("e-1", State.PUT).state is State.PUT
    assert bench.spool.advance("e-1", State.STORED).state is State.STORED
    assert "e-1.jpg" in bench.disk.names("entries")
    bench.disk.broken = None
    bench.start()
    assert bench.state("e-1") is State.NEW


def test_a_parked_image_keeps_its_bytes_its_entry_and_the_reason(bench) -> None:
    bench.spool.add(new_entry("e-1", JPEG), JPEG)
    empty = bench.spool.park("e-1", "the image store refused it (422)")
    assert (empty.state, empty.trouble) == (State.EMPTY, "the image store refused it (422)")
    assert bench.disk.names("entries") == ["e-1.json"]
    assert bench.disk.names("parked") == ["e-1.jpg", "e-1.json", "e-1.reason.txt"]
    assert bench.disk.files[SPOOL / "parked" / "e-1.jpg"] == JPEG
    assert bench.disk.files[SPOOL / "parked" / "e-1.reason.txt"] == b"the image store refused it (422)\n"


def test_a_parked_image_can_be_put_back_by_hand(bench) -> None:
    bench.spool.add(new_entry("e-1", JPEG), JPEG)
    bench.spool.park("e-1", "a mistake of the server")
    for name in ("e-1.json", "e-1.jpg"):
        bench.disk.rename(SPOOL / "parked" / name, SPOOL / "entries" / name)
    bench.start()
    assert bench.state("e-1") is State.NEW
    assert bench.spool.read_image(bench.spool.unfinished()[0]) == JPEG


def test_an_unreadable_entry_is_parked_with_its_image(bench) -> None:
    bench.spool.add(new_entry("e-1", JPEG), JPEG)
    bench.spool.add(new_entry("e-2", JPEG), JPEG)
    bench.disk.files[SPOOL / "entries" / "e-1.json"] = b"\0\0\0\0"
    bench.start()
    assert bench.state("e-1") is State.EMPTY
    assert bench.state("e-2") is State.NEW
    assert bench.disk.files[SPOOL / "parked" / "e-1.jpg"] == JPEG
    assert b"expected the entry of event e-1" in bench.disk.files[SPOOL / "parked" / "e-1.reason.txt"]


@pytest.mark.parametrize("damage", [None, b"", JPEG[:-1]])
def test_an_entry_without_its_whole_image_is_parked(bench, damage) -> None:
    bench.spool.add(new_entry("e-1", JPEG), JPEG)
    if damage is None:
        del bench.disk.files[SPOOL / "entries" / "e-1.jpg"]
    else:
        bench.disk.files[SPOOL / "entries" / "e-1.jpg"] = damage
    bench.start()
    assert bench.state("e-1") is State.EMPTY
    assert b"expected an image of 14 bytes" in bench.disk.files[SPOOL / "parked" / "e-1.reason.txt"]


@pytest.mark.parametrize("damage", [None, b"", bytes(len(JPEG))])
def test_an_image_that_changed_on_the_disk_is_not_sent(bench, damage) -> None:
    entry = bench.spool.add(new_entry("e-1", JPEG), JPEG)
    del bench.disk.files[SPOOL / "entries" / "e-1.jpg"]
    if damage is not None:
        bench.disk.files[SPOOL / "entries" / "e-1.jpg"] = damage
    with pytest.raises(CorruptEntryError, match=r"expected the .*image of event e-1"):
        bench.spool.read_image(entry)


def test_an_image_that_was_never_committed_is_cleared_away(bench) -> None:
    for name in ("e-7.jpg", "e-7.json.tmp", "e-8.jpg.tmp"):
        bench.disk.files[SPOOL / "entries" / name] = JPEG
    bench.start()
    assert bench.disk.names("entries") == []


def test_other_files_are_left_alone(bench) -> None:
    bench.disk.files[SPOOL / "entries" / "notes.txt"] = b"do not touch"
    bench.start()
    assert bench.disk.names("entries") == ["notes.txt"]
