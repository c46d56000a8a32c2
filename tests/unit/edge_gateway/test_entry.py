"""An entry survives being written and read; nothing else passes for one."""

import json

import pytest

from edge_gateway.entry import Entry, FrameFate, State, decode_entry, encode_entry
from edge_gateway.errors import CorruptEntryError
from tests.unit.edge_gateway.conftest import new_entry


@pytest.mark.parametrize(
    "entry",
    [
        new_entry("e-1", b"jpeg"),
        Entry("e-1", State.EMPTY, trouble="none of 2 frames is an image"),
        Entry("e-1", State.STORED, frames=(FrameFate("1.jpg"),), number=41),
    ],
)
def test_what_is_written_is_read(entry) -> None:
    assert decode_entry(encode_entry(entry), "e-1") == entry


def test_an_entry_that_lost_its_grant_asks_for_another() -> None:
    written = encode_entry(Entry("e-1", State.GRANTED))
    assert decode_entry(written, "e-1").state is State.NEW


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 64,
        b"{}",
        b"[]",
        b"null",
        encode_entry(new_entry("e-1", b"jpeg"))[:-40],
        json.dumps({"event_id": "e-1", "state": "somewhere"}).encode(),
        json.dumps(json.loads(encode_entry(new_entry("e-1", b"jpeg"))) | {"image": {"size": 3}}).encode(),
    ],
)
def test_damage_is_told(data) -> None:
    with pytest.raises(CorruptEntryError, match="expected the entry of event e-1, got"):
        decode_entry(data, "e-1")


def test_the_entry_of_another_event_is_refused() -> None:
    with pytest.raises(CorruptEntryError, match="got that of e-2"):
        decode_entry(encode_entry(Entry("e-2", State.EMPTY)), "e-1")
