"""The least that could report a door: umqtt.simple as it comes, one publish. The bench makes it a board's main.py."""

import json
import sys
from socket import socket

import esp32
import machine
import tls  # type: ignore[import-not-found] # MicroPython's
from umqtt.simple import MQTTClient

DOOR_PIN = 27
NO_DELAY = False  # the bench also measures a copy that spares umqtt its many small writes' waiting


class Ussl:
    """What umqtt.simple 1.3.4 imports as ``ussl`` and current firmware has under another name."""

    def wrap_socket(self, sock: socket, server_hostname: str) -> object:
        """Return the TLS stream over ``sock``, both sides verified."""
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED
        context.load_verify_locations(read("config/ca.der"))
        context.load_cert_chain(read("config/cert.der"), read("config/key.der"))
        if NO_DELAY:
            sock.setsockopt(6, 1, 1)
        return context.wrap_socket(sock, server_hostname=server_hostname)


def main() -> None:
    """Publish the door's position and sleep until it changes."""
    door = machine.Pin(DOOR_PIN, machine.Pin.IN)
    is_open = door.value()
    config = json.loads(read("config/device.json"))
    sys.modules["ussl"] = Ussl()  # type: ignore[assignment] # an object serves as a module
    client = MQTTClient(
        config["thing"],
        config["host"],
        config["port"],
        keepalive=60,
        ssl=True,
        ssl_params={"server_hostname": config["server_name"]},
    )
    client.connect()
    event = json.dumps({"event_type": "open" if is_open else "close"})
    topic = "pillarbox/v1/{}/events".format(config["thing"])
    client.publish(topic.encode(), event.encode(), qos=1)
    print("acknowledged")
    client.disconnect()
    esp32.wake_on_ext0(pin=door, level=esp32.WAKEUP_ALL_LOW if is_open else esp32.WAKEUP_ANY_HIGH)
    machine.deepsleep(3600000)


def read(path: str) -> bytes:
    """Return a file of the flash."""
    with open(path, "rb") as file:  # noqa: PTH123 - MicroPython has no pathlib
        return file.read()


main()
