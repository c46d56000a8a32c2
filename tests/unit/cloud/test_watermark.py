"""The ack watermark of a board's journal, and the numbering of ``desired``."""

from hypothesis import given
from hypothesis import strategies as st

from cloud.devices.model import Position, desired, moved_watermark, next_rev
from tests.unit.cloud.messages import INSTALL, OTHER_INSTALL


def at(boot, seq, install=INSTALL):
    return Position(boot, seq, install)


def test_the_first_message_of_a_journal_starts_the_watermark():
    assert moved_watermark(None, None, at(1, 4)) == at(1, 4)


def test_a_message_without_after_moves_the_watermark_to_its_last_event():
    assert moved_watermark(at(1, 4), None, at(2, 1)) == at(2, 1)


def test_an_older_message_that_comes_again_does_not_move_the_watermark_back():
    assert moved_watermark(at(2, 1), None, at(1, 4)) == at(2, 1)


def test_a_message_after_the_watermark_moves_it():
    assert moved_watermark(at(1, 4), at(1, 4), at(1, 9)) == at(1, 9)


def test_a_message_that_overtook_another_waits_for_it():
    assert moved_watermark(at(1, 4), at(1, 8), at(1, 12)) == at(1, 4)


def test_a_message_with_after_is_no_first_message():
    assert moved_watermark(None, at(1, 8), at(1, 12)) is None


def test_a_new_install_starts_its_own_watermark():
    assert moved_watermark(at(7, 90), None, at(1, 0, OTHER_INSTALL)) == at(1, 0, OTHER_INSTALL)


def test_a_later_message_of_a_new_install_leaves_the_old_watermark():
    new = at(1, 5, OTHER_INSTALL)
    assert moved_watermark(at(7, 90), at(1, 2, OTHER_INSTALL), new) == at(7, 90)


def test_an_after_of_another_install_proves_nothing():
    assert moved_watermark(at(1, 4), at(1, 2, OTHER_INSTALL), at(1, 9)) == at(1, 4)


places = st.builds(at, st.integers(0, 3), st.integers(0, 6))


@given(st.lists(places, min_size=1, max_size=8, unique=True), st.data())
def test_whatever_the_order_the_watermark_never_passes_an_event_that_did_not_arrive(journal, data):
    journal.sort()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(journal)), min_size=1)) | {len(journal)})
    batches = [journal[start:end] for start, end in zip([0, *cuts], cuts, strict=False)]
    messages = [(batches[index - 1][-1] if index else None, batch) for index, batch in enumerate(batches)]
    current, stored = None, set()
    for after, batch in data.draw(st.permutations(messages)):
        stored |= set(batch)
        current = moved_watermark(current, after, batch[-1])
        if current:
            assert all(event in stored for event in journal if event <= current)


@given(st.integers(0, 2**53), st.integers(0, 2**53))
def test_a_revision_is_always_newer_even_when_the_clock_goes_back(previous, now):
    assert next_rev(previous, now) > previous
    assert next_rev(previous, now) >= now


def test_desired_says_everything_that_the_row_wants(home):
    device = home.gateway
    assert desired(device).message == {"rev": 0}
