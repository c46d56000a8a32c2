"""Updates over the air: only what was signed and proves itself stays, whatever happens on the way to it."""

import pytest

from firmware.version import VERSION
from tests.firmware.lab.cuts import cut_at_each_change, recover

DAY_MS = 86_400_000


def running(outcome):
    """Return ``(slot, version)`` of a wake."""
    words = next(line for line in outcome.lines if line.startswith("slot")).split()
    return words[1], words[3]


def wakes(lab, count):
    return [lab.sleep_on() for _ in range(count)]


def refusal(lab):
    return lab.ledger.heartbeats[-1].get("refused", {}).get("update")


def test_an_update_is_fetched_put_on_trial_and_proved_by_the_next_publish(lab, offer):
    lab.start()
    offer()
    fetched = lab.move(is_open=True)
    assert running(fetched) == ("a", VERSION)
    assert fetched.sleep_ms == 1000
    assert lab.read("trial") == b"b 9.2.0 3"
    trial = lab.sleep_on()
    assert running(trial) == ("b", "9.2.0")
    assert lab.ledger.heartbeats[-1]["fw"] == "9.2.0"
    assert (lab.read("slot"), lab.read("trial")) == (b"b", None)
    assert running(lab.move(is_open=False)) == ("b", "9.2.0")
    assert lab.missing() == []


def test_the_next_update_goes_back_into_the_first_slot(lab, offer):
    lab.start()
    for number, slot in ((2, "b"), (3, "a"), (4, "b")):
        offer(f"9.{number}.0")
        lab.move(is_open=number % 2 == 0)
        assert running(lab.sleep_on()) == (slot, f"9.{number}.0")


def test_nothing_is_fetched_twice(lab, offer, image_server):
    lab.start()
    offer()
    lab.move(is_open=True)
    wakes(lab, 3)
    assert image_server.asked == [0]


@pytest.mark.parametrize("version", [VERSION, "0.0.9", VERSION.rpartition(".")[0], "", "1.0-beta", "newest"])
def test_what_is_not_newer_is_never_installed(version, lab, offer, image_server):
    lab.start()
    offer(version or "0")
    lab.move(is_open=True)
    assert image_server.asked == []
    assert running(lab.sleep_on()) == ("a", VERSION)


@pytest.mark.parametrize(
    "altered",
    [{"version": "9.3.0"}, {"sha256": "0" * 64}, {"signature": "AAAA"}, {"signature": "%"}, {"signature": "A" * 512}],
)
def test_what_is_not_signed_so_is_not_even_fetched(altered, lab, offer, image_server):
    lab.start()
    offer()
    lab.ledger.update |= altered
    lab.move(is_open=True)
    lab.sleep_on()
    assert image_server.asked == []
    assert "signature" in refusal(lab)


def test_what_another_key_signed_is_not_fetched(lab, offer, image_server, stranger_key):
    lab.start()
    offer(key=stranger_key)
    lab.move(is_open=True)
    assert image_server.asked == []


def test_an_image_that_was_altered_on_its_way_is_refused_and_tried_again_after_a_day(lab, offer, image_server):
    lab.start()
    offer()
    good = image_server.image
    image_server.image = good[:-1] + b"!"
    lab.move(is_open=True)
    lab.sleep_on()
    assert "not the one that was signed" in refusal(lab)
    assert len(image_server.asked) == 1
    image_server.image = good
    wakes(lab, 12)
    assert len(image_server.asked) == 2
    assert running(lab.sleep_on()) == ("b", "9.2.0")


def test_an_image_that_is_cut_short_at_its_source_is_refused(lab, offer, image_server):
    lab.start()
    offer()
    image_server.image = image_server.image[:1000]
    lab.move(is_open=True)
    lab.sleep_on()
    assert "not the one that was signed" in refusal(lab)
    assert running(lab.sleep_on()) == ("a", VERSION)


@pytest.mark.parametrize("fault", ["half", "head only", "silent", "garbage", "not found", "no ranges"])
def test_a_download_goes_on_where_it_ended_after(fault, lab, offer, image_server):
    lab.start()
    offer(files={"firmware/large": bytes(range(256)) * 100})
    image_server.faults.extend(["half", fault])
    lab.move(is_open=True)
    for number in range(4):
        lab.move(is_open=number % 2 == 1)
    assert running(lab.sleep_on()) == ("b", "9.2.0")
    assert image_server.asked[1] > 8000
    assert lab.missing() == []


def test_a_firmware_that_does_not_start_is_given_up_after_three_tries_and_not_installed_again(lab, offer, image_server):
    lab.start()
    offer(files={"firmware/crash.py": b""})
    lab.move(is_open=True)
    assert [lab.start().end for _ in range(3)] == ["crash"] * 3
    assert running(lab.start()) == ("a", VERSION)
    wakes(lab, 3)
    assert len(image_server.asked) == 1
    assert "did not prove itself" in refusal(lab)
    offer("9.3.0")
    lab.move(is_open=False)
    assert running(lab.sleep_on()) == ("b", "9.3.0")


def test_a_firmware_that_never_gets_an_acknowledgement_is_given_up(lab, offer):
    lab.start()
    offer()
    lab.move(is_open=True)
    lab.broker.faults.extend(["no CONNACK"] * 3)
    assert [running(wake) for wake in wakes(lab, 4)] == [("b", "9.2.0")] * 3 + [("a", VERSION)]
    lab.settle()
    assert lab.missing() == []


def test_the_files_of_the_former_image_are_gone(lab, offer):
    lab.start()
    offer(files={"firmware/wire/old": b"x"})
    lab.move(is_open=True)
    offer("9.3.0")
    wakes(lab, 2)
    offer("9.4.0")
    wakes(lab, 3)
    assert lab.read("b/firmware/wire/old") is None


@pytest.mark.parametrize("name", ["main.py", "../main.py", "firmware/../../main.py", "/firmware/x"])
def test_an_image_writes_nowhere_but_into_its_slot(name, lab, offer):
    lab.start()
    offer(files={name: b"evil"})
    lab.move(is_open=True)
    lab.sleep_on()
    assert "expected a file of the firmware" in refusal(lab)
    assert lab.read("main.py") is None


def test_a_full_flash_refuses_the_update_and_keeps_the_events(lab, offer):
    lab.start()
    offer(files={"firmware/large": bytes(60_000)})
    lab.fill_flash(4)
    lab.move(is_open=True)
    lab.sleep_on()
    assert refusal(lab) == "the flash is full"
    assert lab.missing() == []


def test_a_low_battery_fetches_nothing(lab, offer, image_server):
    lab.start()
    offer()
    lab.set(battery=3450)
    lab.move(is_open=True)
    assert image_server.asked == []
    lab.set(battery=3900)
    lab.move(is_open=False)
    assert image_server.asked == [0]


def test_a_board_without_a_key_refuses_and_says_so(lab, offer, image_server, device):
    lab.start()
    lab.write("config/device.json", device(lab.broker.port).replace(b"update_key", b"other_key"))
    offer()
    lab.move(is_open=True)
    lab.sleep_on()
    assert "no key" in refusal(lab)
    assert image_server.asked == []


@pytest.mark.usefixtures("torn")
def test_a_cut_at_every_block_operation_of_fetching_and_installing(lab, offer):
    lab.start()
    offer()
    for _ in cut_at_each_change(lab, lambda cut_at: lab.move(is_open=True, cut_at=cut_at)):
        recover(lab)
        lab.sleep_on()
        assert running(lab.sleep_on()) == ("b", "9.2.0")
        assert lab.missing() == []


@pytest.mark.usefixtures("torn")
def test_a_cut_at_every_block_operation_of_the_trial(lab, offer):
    lab.start()
    offer()
    lab.move(is_open=True)
    for _ in cut_at_each_change(lab, lambda cut_at: lab.wake("timer", 1000, cut_at=cut_at)):
        recover(lab)
        assert running(lab.sleep_on()) == ("b", "9.2.0")
        assert lab.read("slot") == b"b"
        assert lab.missing() == []


@pytest.mark.usefixtures("torn")
def test_a_cut_at_every_block_operation_of_giving_up(lab, offer):
    lab.start()
    offer(files={"firmware/crash.py": b""})
    lab.move(is_open=True)
    for _ in range(3):
        lab.start()
    for _ in cut_at_each_change(lab, lab.start):
        recover(lab)
        assert running(lab.sleep_on()) == ("a", VERSION)
        assert lab.missing() == []
