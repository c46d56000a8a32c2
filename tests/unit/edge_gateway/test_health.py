"""The heartbeat tells how the gateway is."""

from edge_gateway.health import Health
from firmware.wire.codec import decode, encode
from firmware.wire.messages import HEARTBEAT

HEALTH = Health("1.2.3", 3600, lambda: 41.7, lambda: 5_000_000)


def test_a_heartbeat_tells_version_uptime_and_free_space() -> None:
    sent = decode(HEARTBEAT, encode(HEARTBEAT, HEALTH.heartbeat()))
    assert sent == {"v": 1, "fw": "1.2.3", "next_s": 7200, "uptime_s": 41, "free_bytes": 5_000_000}


def test_a_trouble_is_told_as_far_as_the_contract_allows() -> None:
    sent = decode(HEARTBEAT, encode(HEARTBEAT, HEALTH.heartbeat("x" * 9000)))
    assert sent["refused"] == {"capture": "x" * 500}
