"""Sockets that listen."""

import asyncio
import socket

import pytest
from pydantic import ValidationError

from cloud.adapters.local.listening import bound, free_port, why_not
from cloud.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_written_to_a_connection_is_sent_at_once(host):
    """Not after the client has acknowledged what was written before."""

    async def without_delay():
        seen = asyncio.get_running_loop().create_future()

        async def meet(_, writer):
            accepted = writer.get_extra_info("socket")
            seen.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = bound(host, 0)
        async with await asyncio.start_server(meet, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
            writer.close()
            return await seen

    assert asyncio.run(without_delay())


def test_a_port_where_somebody_listens_is_refused():
    with bound("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with pytest.raises(OSError, match="in use") as refused:
            bound("127.0.0.1", port)
    assert why_not("127.0.0.1", port, refused.value).startswith(f"expected port {port} on 127.0.0.1 to be free: ")


def test_an_address_of_another_machine_is_no_question_of_the_port():
    with pytest.raises(OSError, match="assign requested address") as refused:
        bound("192.0.2.1", 0)
    told = why_not("192.0.2.1", 0, refused.value)
    assert told.startswith("expected --host to be an address of this machine, got 192.0.2.1: ")
    told = why_not("nobody.invalid", 0, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
    assert told.startswith("expected --host to be an address of this machine, got nobody.invalid: Name or service")


def test_a_free_port_can_be_taken():
    port = free_port("127.0.0.1")
    with bound("127.0.0.1", port) as listener:
        assert listener.getsockname()[1] == port


def test_an_address_that_the_broker_cannot_be_reached_at_is_refused():
    with pytest.raises(ValidationError, match="IPv4"):
        Settings(host="::1")
