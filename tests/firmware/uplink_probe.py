"""Run one exchange of firmware/uplink.py and print how it ended; standard input says which, as one JSON object."""

import binascii
import json
import sys
import time


def main():
    asked = json.loads(sys.stdin.read())
    sys.path[:0] = asked["path"]
    if asked["sockets"] == "esp32":
        sys.modules["socket"] = sys.modules["usocket"] = __import__("esp32_socket")
    messages = []
    outcome = {"error": None, "text": ""}
    began = time.ticks_ms()
    try:
        exchange(asked, messages)
    except Exception as error:  # noqa: BLE001 - whichever it is, is the answer
        outcome = {"error": type(error).__name__, "text": str(error)}
    outcome["ms"] = time.ticks_diff(time.ticks_ms(), began)
    outcome["messages"] = messages
    print(json.dumps(outcome))  # noqa: T201 - the answer


def exchange(asked, messages):
    from firmware.uplink import Uplink, trust  # noqa: PLC0415 - imports the sockets just chosen

    def read(name):
        with open(asked["bundle"] + "/" + name, "rb") as file:  # noqa: PTH123 - MicroPython has no pathlib
            return file.read()

    context = trust(read("ca.der"), read("cert.der"), read("key.der"))
    uplink = Uplink(asked["config"], context, time.ticks_ms, asked["answer_ms"])
    uplink.set_callback(lambda topic, payload: messages.append([topic.decode(), payload.decode()]))
    try:
        uplink.connect()
        uplink.subscribe("pillarbox/v1/board/desired")
        for size in asked["sizes"]:
            uplink.publish("pillarbox/v1/board/events", binascii.hexlify(bytes(size // 2)), qos=1)
        uplink.listen(asked["listen_ms"], lambda: len(messages) >= asked["enough"])
    finally:
        uplink.disconnect()


main()
