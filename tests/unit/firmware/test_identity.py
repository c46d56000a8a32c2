"""Identity: no two events ever get one name, whatever is lost."""

import pytest

from firmware import identity

INSTALL = "0001020304050607"


def bytes_of(count):
    return bytes(range(count))


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "identity")


def test_a_first_start_draws_an_install_and_counts_one_boot(path):
    state, cold = identity.restore(path, b"", bytes_of)
    assert (state, cold) == ({"install": INSTALL, "boot": 1, "seq": 0}, True)


def test_rtc_memory_brings_back_everything(path):
    first, _ = identity.restore(path, b"", bytes_of)
    first.update(seq=7, opened=123)
    assert identity.restore(path, identity.pack(first), bytes_of) == (first, False)


def test_each_loss_of_rtc_memory_is_a_new_boot_of_the_same_install(path):
    boots = [identity.restore(path, b"", bytes_of)[0]["boot"] for _ in range(3)]
    assert boots == [1, 2, 3]


@pytest.mark.parametrize("at", range(60))
def test_a_damaged_bit_of_rtc_memory_is_a_new_boot(path, at):
    state, _ = identity.restore(path, b"", bytes_of)
    block = bytearray(identity.pack(state))
    block[at % len(block)] ^= 4
    restored, cold = identity.restore(path, bytes(block), bytes_of)
    assert (restored["boot"], cold) == (2, True)


def test_a_damaged_identity_file_is_a_new_install(path):
    identity.restore(path, b"", bytes_of)
    with open(path, "ab") as file:  # noqa: PTH123 - the firmware's way
        file.write(b"x")
    state, _ = identity.restore(path, b"", lambda count: b"\xff" * count)
    assert (state["install"], state["boot"]) == ("ff" * 8, 1)


def test_a_write_that_was_cut_off_leaves_the_old_identity(path):
    identity.restore(path, b"", bytes_of)
    with open(path + ".new", "wb") as file:  # noqa: PTH123
        file.write(b"half")
    assert identity.restore(path, b"", bytes_of)[0]["boot"] == 2


def test_a_number_is_remembered_before_it_is_used(path):
    state, _ = identity.restore(path, b"", bytes_of)
    blocks = []
    assert identity.number_event(state, blocks.append) == 1
    assert identity.unpack(blocks[-1])["seq"] == 1
    assert identity.number_event(state, blocks.append) == 2


def test_an_event_is_named_by_install_boot_and_seq():
    assert identity.event_id(INSTALL, 4, 17) == f"{INSTALL}-4-17"
