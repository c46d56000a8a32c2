"""The board's address: kept for as long as the DHCP server says, which is asked shortly when it is due."""

import socket
import struct
from contextlib import closing

import pytest

from firmware.errors import UntrustedError
from firmware.lease import DISCOVER, MUTE_MS, RENEW, RESTART, Client
from firmware.link import LEASE_MS
from firmware.state import NETWORK
from tests.name_server import NameServer

MAC = b"\x02board"
NUMBER = b"\x01\x02\x03\x04"
ADDRESS = "192.0.2.7"
KNOWN = ["aabbccddeeff", 6, "10.0.0.7", "255.0.0.0", "10.0.0.1", "10.0.0.2"]
HOUR_MS = 3_600_000
DAY_S = 86_400


def options(kind, lease_s=None, renewal_s=None, server=None):
    given = {
        53: bytes([kind]),
        54: server and socket.inet_aton(server),
        51: lease_s and struct.pack("!I", lease_s),
        58: renewal_s and struct.pack("!I", renewal_s),
    }
    return b"\0".join(bytes([code, len(content)]) + content for code, content in given.items() if content)


def answer(given, *, address=ADDRESS, number=NUMBER, operation=2, cookie=b"\x63\x82\x53\x63"):
    """Return a server's message (RFC 2131 section 2)."""
    head = bytes([operation, 1, 6, 0]) + number + bytes(8) + socket.inet_aton(address) + bytes(8) + MAC.ljust(16, b"\0")
    return head + bytes(192) + cookie + given + b"\xff"


@pytest.fixture
def free_port():
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def ask_router(free_port):
    """Ask a DHCP server that answers so, twice when need be; return the lease and what was asked."""
    servers = []

    def ask(*answers, has_id=True, questions=(RESTART, RESTART)):
        left = list(answers)
        servers.append(NameServer(lambda _: left.pop(0) if left else None))
        client = Client(MAC, has_id, NUMBER, ("127.0.0.1", servers[-1].port, free_port))
        question, *terms = client.renew(ADDRESS, questions, 50)
        assert question in questions
        return tuple(terms), servers[-1].questions

    yield ask
    for server in servers:
        server.stop()


def test_the_question_is_that_of_a_client_that_starts_again(ask_router):
    _, (question,) = ask_router(answer(options(5, DAY_S)))
    assert question[:8] == b"\x01\x01\x06\0" + NUMBER
    assert question[12:28] == bytes(16)  # no address yet: it is what is asked for
    assert question[28:34] == MAC
    asked = question[240:]
    assert asked.startswith(b"\x35\x01\x03\x32\x04" + socket.inet_aton(ADDRESS))
    assert b"\x3d\x07\x01" + MAC in asked
    assert asked.rstrip(b"\0").endswith(b"\xff")
    assert b"\x36" not in asked  # no server's identifier (section 4.3.2)
    assert len(question) >= 300


def test_a_stack_without_a_client_identifier_is_known_without_one(ask_router):
    _, (question,) = ask_router(answer(options(5, DAY_S)), has_id=False)
    assert b"\x3d\x07\x01" not in question[240:]


@pytest.mark.parametrize(
    ("given", "terms"),
    [
        (options(5, DAY_S), (DAY_S // 2, DAY_S)),
        (options(5, DAY_S, 1000), (1000, DAY_S)),
        (options(5, 60, 1000), (60, 60)),
        (options(5, 0xFFFFFFFF), (0x7FFFFFFF, 0xFFFFFFFF)),
        (options(6), (0, 0)),
    ],
)
def test_a_lease_is_renewed_when_the_server_says_or_half_of_it_is_over(given, terms, ask_router):
    assert ask_router(answer(given))[0] == terms


@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"\xff" * 400,
        answer(options(5, DAY_S), number=b"\x09\x09\x09\x09"),
        answer(options(5, DAY_S), address="192.0.2.8"),
        answer(options(5, DAY_S), operation=1),
        answer(options(5, DAY_S), cookie=bytes(4)),
        answer(options(2, DAY_S)),
        answer(options(5)),
        answer(b"\x35\x01\x05\x33\x04\0")[:-1],
        answer(b"\x35"),
    ],
)
def test_what_is_no_answer_to_this_board_is_passed_over(other, ask_router):
    server_answer = answer(options(5, DAY_S))
    terms, questions = ask_router(other or None, server_answer)
    assert terms == (DAY_S // 2, DAY_S)
    assert len(questions) == 2


def test_a_server_that_is_silent_is_asked_twice_and_waited_for_no_longer(ask_router):
    with pytest.raises(OSError, match="110"):
        ask_router()


def test_a_lease_that_runs_is_renewed_from_its_address(ask_router):
    terms, (question,) = ask_router(answer(options(5, DAY_S)), questions=(RENEW,))
    assert terms == (DAY_S // 2, DAY_S)
    assert question[12:16] == socket.inet_aton(ADDRESS)
    assert question[240:].startswith(b"\x35\x01\x03\x37")  # no address asked for, no server named (section 4.3.2)


def test_a_server_that_does_not_know_who_starts_again_is_asked_by_all_of_dhcp(ask_router):
    offer = answer(options(2, DAY_S, server="192.0.2.1"))
    terms, (restart, discover, request) = ask_router(
        None, offer, answer(options(5, DAY_S)), questions=(RESTART, DISCOVER)
    )
    assert terms == (DAY_S // 2, DAY_S)
    assert [question[242] for question in (restart, discover, request)] == [3, 1, 3]
    assert {question[12:16] for question in (restart, discover, request)} == {bytes(4)}
    wanted = b"\x32\x04" + socket.inet_aton(ADDRESS)
    assert all(wanted in question[240:] for question in (restart, discover, request))
    chosen = b"\x36\x04" + socket.inet_aton("192.0.2.1")
    assert [chosen in question[240:] for question in (restart, discover, request)] == [False, False, True]


@pytest.mark.parametrize(
    "answers",
    [
        # Another address; an offer that is withdrawn; one that nobody confirms.
        [answer(options(2, DAY_S, server="192.0.2.1"), address="192.0.2.8")],
        [answer(options(2, DAY_S, server="192.0.2.1")), answer(options(2, DAY_S, server="192.0.2.1"))],
        [answer(options(2, DAY_S, server="192.0.2.1")), None],
    ],
)
def test_an_offer_alone_grants_nothing(answers, ask_router):
    with pytest.raises(OSError, match="110"):
        ask_router(*answers, questions=(DISCOVER,))


def test_an_offer_that_is_taken_back_is_a_refusal(ask_router):
    offer = answer(options(2, DAY_S, server="192.0.2.1"))
    assert ask_router(offer, answer(options(6)), questions=(DISCOVER,))[0] == (0, 0)


def test_an_answer_that_comes_late_is_one_to_the_next_question_too(ask_router):
    assert ask_router(None, answer(options(5, DAY_S)), questions=(RESTART, DISCOVER))[0] == (DAY_S // 2, DAY_S)


def test_an_address_is_asked_for_at_the_first_wake_and_then_when_half_of_its_lease_is_over(wake, fake_board):
    fake_board.terms = (12 * 3600, DAY_S)
    wake()
    assert fake_board.renewals == []
    for _ in range(12):
        wake("timer", 6 * HOUR_MS)
    assert fake_board.joins == [None, *[KNOWN] * 12]
    assert fake_board.renewals == ["10.0.0.7"] * 6


def test_an_address_whose_lease_is_over_is_asked_for_before_it_is_used(wake, fake_board, fake_uplink):
    fake_board.terms = (1800, 3600)
    wake()
    for _ in range(3):
        wake("timer", 6 * HOUR_MS)
    assert len(fake_board.renewals) == 3
    assert len(fake_uplink.heartbeats) == 4


def test_an_address_that_the_server_refuses_is_not_used(wake, fake_board, fake_uplink):
    fake_board.terms = (0, 0)
    wake()
    wake(position=True)
    assert fake_board.joins == [None, KNOWN, KNOWN[:2]]
    assert fake_uplink.kinds == ["boot", "open"]
    fake_board.terms = (1800, 3600)
    wake(position=False)
    assert fake_board.joins[3:] == [KNOWN]


def test_a_server_that_is_silent_takes_no_address_away_before_its_end(wake, fake_board):
    fake_board.terms = (10_000, 20_000)
    wake()
    wake(position=True)
    fake_board.terms = None
    wake(position=False, after_ms=10_000_000)
    wake(position=True, after_ms=1_000_000)
    assert fake_board.joins[1:] == [KNOWN] * 3
    assert len(fake_board.renewals) == 2
    wake(position=False, after_ms=10_000_000)
    assert fake_board.joins[4:] == [KNOWN, KNOWN[:2]]


def test_a_network_that_never_answers_is_asked_once_a_day(wake, fake_board):
    wake()
    wakes = 3 * MUTE_MS // (6 * HOUR_MS)
    for _ in range(wakes):
        wake("timer", 6 * HOUR_MS)
    assert 3 <= len(fake_board.renewals) <= 4
    assert fake_board.joins.count(KNOWN[:2]) == wakes


def test_a_lease_that_runs_is_renewed_and_one_that_is_over_asked_for_anew(wake, fake_board):
    fake_board.terms = (1800, 3600)
    wake()
    wake(position=True)
    assert fake_board.asked == [RENEW]
    wake(position=False, after_ms=40 * 60_000)
    assert fake_board.asked == [RENEW] * 2
    wake("timer", 6 * HOUR_MS)
    assert fake_board.asked == [RENEW, RENEW, RESTART]
    assert fake_board.joins[1:] == [KNOWN] * 3


def test_a_lease_that_is_not_renewed_is_asked_for_once_a_wake_until_it_is_over(wake, fake_board):
    fake_board.terms = (600, 1200)
    wake()
    wake(position=True)
    fake_board.terms = None
    wake(position=False, after_ms=700_000)
    assert fake_board.asked == [RENEW] * 2
    assert fake_board.joins[1:] == [KNOWN] * 2


def test_a_router_that_does_not_know_who_starts_again_is_asked_so_once_a_day(wake, fake_board):
    fake_board.terms = (1800, 3600)
    fake_board.knows = (RENEW, DISCOVER)
    wake()
    for _ in range(4):
        wake("timer", 6 * HOUR_MS)
    assert fake_board.asked == [RESTART, *[DISCOVER] * 4]
    wake("timer", 6 * HOUR_MS)
    assert fake_board.asked[5:] == [RESTART, DISCOVER]
    assert fake_board.joins == [None, *[KNOWN] * 5]


def test_an_address_by_dhcp_is_good_for_an_hour_where_nobody_says_for_how_long(wake, fake_board):
    wake()
    wake(position=True, after_ms=LEASE_MS // 2)
    assert fake_board.joins[-1] == KNOWN
    wake(position=False, after_ms=LEASE_MS)
    assert fake_board.joins[-1] == KNOWN[:2]


def test_after_a_new_battery_the_network_is_joined_by_what_the_router_had_confirmed(wake, fake_board, fake_uplink):
    fake_board.terms = (12 * 3600, DAY_S)
    wake()
    wake(position=True)
    fake_board.lose_power()
    wake()
    assert fake_board.joins == [None, KNOWN, KNOWN]
    assert fake_board.renewals == ["10.0.0.7"] * 2
    assert fake_uplink.kinds == ["boot", "open", "boot"]


def test_after_a_new_battery_an_address_that_may_not_be_kept_is_not_used(wake, fake_board):
    fake_board.terms = (12 * 3600, DAY_S)
    wake()
    wake(position=True)
    for terms in ((0, 0), None):
        fake_board.terms = terms
        fake_board.lose_power()
        wake()
        assert fake_board.joins[-2:] == [KNOWN, KNOWN[:2]]


def test_a_network_that_is_gone_after_a_new_battery_is_looked_for_from_the_beginning(wake, fake_board):
    fake_board.terms = (12 * 3600, DAY_S)
    wake()
    wake(position=True)
    fake_board.lose_power()
    wake(remembers=False)
    assert fake_board.joins[-2:] == [KNOWN, None]


def test_a_network_of_another_name_is_not_joined_by_what_was_kept_of_the_last(wake, fake_board, configure):
    fake_board.terms = (12 * 3600, DAY_S)
    wake()
    wake(position=True)
    configure(wifi={"ssid": "new home", "password": "y"})
    fake_board.lose_power()
    wake()
    assert fake_board.joins[-1] is None


def test_nothing_is_kept_of_a_router_that_does_not_answer_for_its_addresses(wake, fake_board, flash):
    wake()
    wake(position=True)
    fake_board.lose_power()
    wake()
    assert fake_board.joins[-1] is None
    assert not (flash / NETWORK).exists()


def test_the_network_is_kept_once_while_it_stays_the_same(wake, fake_board, flash):
    fake_board.terms = (1800, 3600)
    wake()
    wake(position=True)
    kept = (flash / NETWORK).stat().st_ino
    wake("timer", 6 * HOUR_MS)
    assert len(fake_board.renewals) == 2
    assert (flash / NETWORK).stat().st_ino == kept


def test_the_broker_is_looked_up_again_every_day_and_when_somebody_else_answers(
    wake, fake_board, fake_uplink, configure
):
    configure(host="broker.example")
    fake_board.terms = (12 * 3600, DAY_S)
    wake()
    for _ in range(3):
        wake("timer", 6 * HOUR_MS)
    assert len(fake_board.lookups) == 1
    for _ in range(4):
        wake("timer", 6 * HOUR_MS)
    assert len(fake_board.lookups) == 2
    fake_uplink.fault = UntrustedError("another")
    wake(position=True)
    fake_uplink.fault = None
    wake("timer", 10_000)
    assert len(fake_board.lookups) == 3
