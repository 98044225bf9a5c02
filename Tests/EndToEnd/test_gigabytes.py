"""1 GiB through one connection, each way: every byte as it was sent, and the proxy's memory flat."""

from functools import partial

import pytest

from harness import streams
from harness.frames import open_pair
from harness.matrix import TRANSPORTS, start_matrix
from harness.raw import Backend, dial, meanwhile

MEBIBYTES = 1024
FLAT = 16 << 20
pytestmark = [pytest.mark.large, pytest.mark.timeout(90)]


@pytest.fixture(scope="module", params=["tcp", "websocket"])
def gate(request, module_folder, certificates):
    with Backend() as backend:
        made = start_matrix(module_folder / request.param, certificates, [backend], {"mode": request.param})
        yield made, backend, request.param
        backend.hang_up()
        made.proxy.finish()


def join(gate, transport):
    """A client (Python's own ssl, the fastest) and the backend's socket, ready for data."""
    matrix, backend, mode = gate
    client = dial(matrix.where(transport), seconds=20)
    if context := matrix.context(transport):
        client = context.wrap_socket(client, server_hostname="localhost")
    if mode == "websocket":
        served, _, _ = open_pair(client, backend)
    else:
        client.sendall(b"x")
        served = backend.accept()
        assert served.recv(1) == b"x"
    served.settimeout(20)
    return client, served


def streams_of(mode):
    if mode == "tcp":
        return (streams.blocks, MEBIBYTES), (streams.blocks, MEBIBYTES)
    return (streams.frames, MEBIBYTES, True), (streams.frames, MEBIBYTES, False)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_one_way_and_then_the_other(gate, transport):
    matrix, _, mode = gate
    to_backend, to_client = streams_of(mode)
    client, served = join(gate, transport)
    with client, streams.Watch(matrix.proxy.resident_bytes) as memory:
        for sender, receiver, stream in [(client, served, to_backend), (served, client, to_client)]:
            expected = streams.digest(*stream)
            with meanwhile(partial(streams.send, sender, *stream), 60):
                assert streams.receive(receiver, expected[0]) == expected
        served.close()
    assert memory.growth < FLAT, f"{memory.growth} bytes more"


def test_both_ways_at_once(gate):
    matrix, _, mode = gate
    to_backend, to_client = streams_of(mode)
    client, served = join(gate, "ws")
    arrived = {}
    with client, streams.Watch(matrix.proxy.resident_bytes) as memory:
        with meanwhile(lambda: streams.send(client, *to_backend), 60):
            with meanwhile(lambda: streams.send(served, *to_client), 60):
                total = streams.digest(*to_backend)[0]
                with meanwhile(lambda: arrived.update(backend=streams.receive(served, total)), 60):
                    arrived["client"] = streams.receive(client, streams.digest(*to_client)[0])
        served.close()
    assert arrived == {"client": streams.digest(*to_client), "backend": streams.digest(*to_backend)}
    assert memory.growth < FLAT, f"{memory.growth} bytes more"
