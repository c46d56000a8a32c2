"""What a camera that sees nothing new makes of an opening."""

from tests.waiting import until


def test_a_collection_is_told_to_nobody(server, mailbox):
    close = mailbox.close_door()
    mailbox.announce(event_id=close)
    assert mailbox.settled(close) == "collection"
    due = "SELECT count(*) FROM jobs WHERE state = 'waiting' AND visible_at = 0"
    until(lambda: server.rows(due) == [(0,)], "the jobs to end")
    assert list((server.data / "outbox").glob("*.eml")) == []
