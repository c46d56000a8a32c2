"""The journal: what was appended outlives any power cut, what was acknowledged is gone, what was lost is counted."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.journal import Journal

INSTALL = "00112233445566aa"


def event(seq, event_type="open", boot=1, install=INSTALL, **other):
    return {"install": install, "boot": boot, "seq": seq, "event_type": event_type, "mono": seq * 1000, **other}


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "journal")


def numbers(path):
    return [kept["seq"] for kept in Journal(path).events()]


def test_a_new_journal_is_empty_and_its_door_closed(path):
    journal = Journal(path)
    assert (journal.count, journal.lost, journal.door, journal.door_at) == (0, 0, "close", None)
    assert list(journal.events()) == []


def test_events_come_back_oldest_first_with_all_they_said(path):
    journal = Journal(path)
    journal.append(event(1, at=17, at_err=3))
    journal.append(event(2, "close"))
    assert list(Journal(path).events()) == [event(1, at=17, at_err=3), event(2, "close")]
    assert Journal(path).count == 2


def test_the_watermark_forgets_up_to_and_with_it(path):
    journal = Journal(path)
    for seq in (1, 2, 3):
        journal.append(event(seq))
    assert journal.acknowledge(INSTALL, 1, 2) == 2
    assert journal.count == 1
    assert numbers(path) == [3]


@pytest.mark.parametrize(
    ("install", "boot", "seq", "kept"),
    [
        ("f" * 16, 9, 9, [1, 2, 1]),
        (INSTALL, 0, 99, [1, 2, 1]),
        (INSTALL, 1, 1, [2, 1]),
        (INSTALL, 1, 99, [1]),
        (INSTALL, 2, 0, [1]),
        (INSTALL, 2, 1, []),
    ],
)
def test_positions_are_compared_by_boot_then_seq_within_one_install(path, install, boot, seq, kept):
    journal = Journal(path)
    for item in (event(1), event(2), event(1, boot=2)):
        journal.append(item)
    journal.acknowledge(install, boot, seq)
    assert numbers(path) == kept


def test_an_acknowledged_journal_still_knows_the_door(path):
    journal = Journal(path)
    journal.append(event(1, "open", at=1234))
    journal.acknowledge(INSTALL, 1, 1)
    reopened = Journal(path)
    assert (reopened.count, reopened.door, reopened.door_at) == (0, "open", 1234)


def test_events_that_are_not_of_the_door_do_not_move_it(path):
    journal = Journal(path)
    journal.append(event(1, "open"))
    journal.append(event(2, "low_battery"))
    assert Journal(path).door == "open"


def test_a_full_journal_drops_its_oldest_quarter_and_counts_it(path):
    journal = Journal(path, cap=8)
    for seq in range(1, 10):
        journal.append(event(seq))
    assert numbers(path) == [3, 4, 5, 6, 7, 8, 9]
    assert (journal.count, journal.lost, Journal(path).lost) == (7, 2, 2)


def test_the_count_of_lost_events_outlives_acknowledgement(path):
    journal = Journal(path, cap=4)
    for seq in range(1, 6):
        journal.append(event(seq))
    journal.acknowledge(INSTALL, 1, 99)
    assert Journal(path).lost == 1


def test_a_journal_cut_at_any_byte_keeps_every_whole_line_and_goes_on(path, tmp_path):
    journal = Journal(path)
    for seq in (1, 2, 3):
        journal.append(event(seq))
    journal.acknowledge(INSTALL, 1, 1)  # a first line with the door, too
    journal.append(event(4))
    content = (tmp_path / "journal").read_bytes()
    ends = [at + 1 for at, byte in enumerate(content) if byte == 10]
    for length in range(len(content) + 1):
        (tmp_path / "journal").write_bytes(content[:length])
        whole = sum(end <= length for end in ends)
        torn = Journal(path)
        assert numbers(path) == [2, 3, 4][: max(0, whole - 1)]
        assert torn.lost == 0
        torn.append(event(9))
        assert numbers(path) == [*[2, 3, 4][: max(0, whole - 1)], 9]


@given(at=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_damaged_byte_costs_at_most_its_own_event_and_is_counted(tmp_path_factory, at, byte):
    file = tmp_path_factory.mktemp("flash") / "journal"
    journal = Journal(str(file))
    for seq in (1, 2, 3):
        journal.append(event(seq))
    content = bytearray(file.read_bytes())
    at %= len(content)
    content[at] = byte
    file.write_bytes(content)
    damaged = Journal(str(file))
    kept = [item["seq"] for item in damaged.events()]
    assert set(kept) <= {1, 2, 3}
    assert len(kept) >= 1
    assert kept == sorted(kept)
    damaged.append(event(4))
    assert [item["seq"] for item in Journal(str(file)).events()] == [*kept, 4]


def test_a_rewrite_that_was_cut_off_leaves_the_old_journal(path, tmp_path):
    journal = Journal(path)
    journal.append(event(1))
    (tmp_path / "journal.new").write_bytes(b"half a jour")
    assert numbers(path) == [1]
    assert Journal(path).acknowledge(INSTALL, 1, 1) == 1
    assert numbers(path) == []


def test_a_journal_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path):
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is looked at
        Journal(str(tmp_path))
    assert caught.value.errno == errno.EISDIR
