"""Ends of WebSocket connections: codes that cross the proxy, and ends without any."""

import socket
import struct

import pytest
from websockets.exceptions import ConnectionClosed

from harness.frames import CLOSE, client_frame, close_payload, frame, open_pair, read_frame
from harness.matrix import TRANSPORTS, start_matrix
from harness.raw import Backend, TLSStream, dial, meanwhile, outcome, read_exactly, read_some, reset
from harness.servers import EchoServer
from harness.tidegate import address, listener, pool
from harness.waiting import eventually

CODES = [1000, 1001, 1003, 1008, 1011, 1012, 1013, 3000, 3999, 4000, 4999]


@pytest.fixture(scope="module")
def echo():
    with EchoServer() as server:
        yield server


@pytest.fixture(scope="module")
def matrix(module_folder, certificates, echo):
    made = start_matrix(module_folder, certificates, [echo])
    yield made
    made.proxy.finish()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("code", CODES)
def test_a_clients_close_code_arrives_at_the_backend(matrix, echo, transport, code):
    client = matrix.connect(transport)
    client.send("x")
    client.recv(5)
    session = echo.sessions[-1]
    client.close(code, "farewell")
    eventually(lambda: session.close_code is not None, what="the backend's session closes")
    assert (session.close_code, session.close_reason) == (code, "farewell")
    assert client.close_code == code


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("code", CODES)
def test_a_backends_close_code_arrives_at_the_client(matrix, transport, code):
    with matrix.connect(transport, f"/close?code={code}&reason=go") as client:
        client.send("now")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(5)
    assert closed.value.rcvd_then_sent
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "go")


@pytest.fixture
def raw(tidegate, certificates):
    """`open(tls version or None)` gives a client and the backend's socket behind the proxy."""
    with Backend() as backend:
        entries = {
            None: listener("pool", name="plain"),
            "tls": listener("pool", name="tls", tls={"certificates": [certificates.site.settings()]}),
        }
        proxy = tidegate({"listeners": list(entries.values()), "pools": [pool("pool", backend)]})

        def connected(version=None):
            client = dial(address(entries["tls" if version else None]))
            if version:
                client = TLSStream(client, certificates.client_context(version))
            served, _, _ = open_pair(client, backend)
            return client, served

        yield proxy, connected


VERSIONS = [None, "1.2", "1.3"]


@pytest.mark.parametrize("goodbye", [True, False], ids=["with close_notify", "by FIN"])
@pytest.mark.parametrize("version", VERSIONS)
def test_an_orderly_close_by_the_client_is_logged_with_both_codes(raw, version, goodbye):
    """Many clients let close_notify be once the close frames were exchanged: nothing was cut off then."""
    proxy, connected = raw
    client, served = connected(version)
    client.sendall(client_frame(CLOSE, close_payload(4001, "bye")))
    assert read_frame(served) == (CLOSE, True, close_payload(4001, "bye"))
    served.sendall(frame(CLOSE, close_payload(4001)))
    served.close()
    assert read_frame(client) == (CLOSE, True, close_payload(4001))
    assert client.recv(10) == b""
    if goodbye and version:
        client.send_close_notify()
    client.close()
    record = proxy.record()
    assert (record.close_code_from_client, record.close_code_from_backend) == (4001, 4001)
    assert record.cause == "finished"


def segments_received(client):
    """Segments with data that the client's socket has received: tcpi_data_segs_in."""
    peer = getattr(client, "peer", client)
    return struct.unpack_from("I", peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), 152)[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_after_both_close_frames_the_client_needn_t_wait_for_the_backends_end(raw, version):
    proxy, connected = raw
    client, served = connected(version)
    served.sendall(frame(2, b"x"))
    assert read_frame(client) == (2, True, b"x")
    before = segments_received(client)
    client.sendall(client_frame(CLOSE, close_payload(1000)))
    assert read_frame(served) == (CLOSE, True, close_payload(1000))
    served.sendall(frame(CLOSE, close_payload(1000)))
    assert read_frame(client) == (CLOSE, True, close_payload(1000))
    # Nothing may follow a close frame; what does all the same goes no further.
    served.sendall(frame(2, b"late"))
    assert client.recv(10) == b""
    assert segments_received(client) == before + 1, "the frame and TLS's goodbye travel together"
    client.close()
    assert read_some(served) == b""
    served.close()
    record = proxy.record()
    assert (record.close_code_from_client, record.close_code_from_backend) == (1000, 1000)
    assert record.cause == "finished"


def test_a_close_frame_without_a_code_passes(raw):
    proxy, connected = raw
    client, served = connected()
    client.sendall(client_frame(CLOSE))
    assert read_frame(served) == (CLOSE, True, b"")
    served.sendall(frame(CLOSE))
    served.close()
    assert read_frame(client) == (CLOSE, True, b"")
    client.close()
    # RFC 6455 section 7.1.5: what a close frame without a code counts as.
    assert proxy.record().close_code_from_client == 1005


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_reset_in_the_middle_ends_the_backends_side(raw, version):
    proxy, connected = raw
    client, served = connected(version)
    client.sendall(client_frame(2, b"x" * 1000))
    read_exactly(served, 1008)
    reset(client.peer if version else client)
    assert outcome(served)[1] in ("end", "reset")
    record = proxy.record()
    assert record.ended == ("client", "relaying", "reset")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_gone_without_goodbye_ends_the_backends_side(raw, version):
    proxy, connected = raw
    client, served = connected(version)
    client.close()
    assert outcome(served)[1] in ("end", "reset")
    served.close()
    assert (proxy.record().who, proxy.record().phase) == ("client", "relaying")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_backend_reset_in_the_middle_ends_the_clients_side(raw, version):
    proxy, connected = raw
    client, served = connected(version)
    served.sendall(frame(2, b"x" * 1000))
    assert len(read_frame(client)[2]) == 1000
    reset(served)
    try:
        assert read_some(client) in (b"", b"<ConnectionResetError>")
    except OSError as error:
        assert "EOF" in str(error) or "reset" in str(error).lower(), error
    client.close()
    assert proxy.record().ended == ("backend", "relaying", "reset")


def test_a_client_that_resets_while_data_flows_to_it_leaks_nothing(raw):
    proxy, connected = raw
    client, served = connected()
    served.settimeout(0.2)
    block = frame(2, b"y" * 65000)
    try:
        for _ in range(200):
            served.sendall(block)
    except TimeoutError:
        pass
    reset(client)
    served.settimeout(5)
    assert outcome(served)[1] in ("end", "reset")
    assert proxy.record().who == "client"


def test_data_ahead_of_the_backends_end_arrives_whole(raw):
    _, connected = raw
    client, served = connected()
    payload = b"z" * 1_000_000

    def send_and_leave():
        served.sendall(frame(2, payload))
        served.close()

    with meanwhile(send_and_leave):
        assert read_frame(client) == (2, True, payload)
        assert client.recv(10) == b""
    client.close()
