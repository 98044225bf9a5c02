"""`mode: tcp`: any stream, half-closes in both directions, with and without TLS."""

import os
import ssl

import pytest

from harness.matrix import TRANSPORTS, Matrix, listeners, start_matrix
from harness.raw import Backend, dial, outcome, read_exactly, read_to_end, reset, unix_path
from harness.tidegate import address, listener, pool
from harness.waiting import eventually

every_transport = pytest.mark.parametrize("transport", TRANSPORTS)


@pytest.fixture(scope="module")
def backend():
    with Backend() as made:
        yield made


@pytest.fixture(scope="module")
def matrix(module_folder, certificates, backend):
    made = start_matrix(module_folder, certificates, [backend], {"mode": "tcp"})
    yield made
    backend.hang_up()
    made.proxy.finish()


@every_transport
def test_bytes_pass_in_both_directions(matrix, backend, transport):
    with matrix.dial(transport) as client:
        client.sendall(b"EHLO tide\r\n")
        served = backend.accept()
        assert read_exactly(served, 11) == b"EHLO tide\r\n"
        served.sendall(b"250 high\r\n")
        assert read_exactly(client, 10) == b"250 high\r\n"


@every_transport
def test_a_backend_that_talks_first_is_heard(matrix, backend, transport):
    with matrix.dial(transport) as client:
        served = backend.accept()
        served.sendall(b"220 welcome\r\n")
        assert read_exactly(client, 13) == b"220 welcome\r\n"


@every_transport
def test_a_client_that_has_ended_its_side_still_gets_the_answer(matrix, backend, transport):
    question, answer = os.urandom(300_000), os.urandom(500_000)
    with matrix.dial(transport) as client:
        client.sendall(question)
        client.shutdown(1)
        served = backend.accept()
        assert read_to_end(served) == question
        served.sendall(answer)
        served.close()
        assert read_to_end(client) == answer


@every_transport
def test_a_backend_that_has_ended_its_side_still_gets_the_clients_rest(matrix, backend, transport):
    greeting, rest = os.urandom(100_000), os.urandom(300_000)
    with matrix.dial(transport) as client:
        client.sendall(b"x")
        served = backend.accept()
        assert served.recv(1) == b"x"
        served.sendall(greeting)
        served.shutdown(1)
        assert read_to_end(client) == greeting
        client.sendall(rest)
        client.shutdown(1)
        assert read_to_end(served) == rest


@every_transport
def test_both_sides_may_end_at_once(matrix, backend, transport):
    with matrix.dial(transport) as client:
        client.sendall(b"x")
        served = backend.accept()
        assert served.recv(1) == b"x"
        served.shutdown(1)
        client.shutdown(1)
        assert served.recv(10) == b""
        assert client.recv(10) == b""


@every_transport
def test_ends_from_both_sides_at_nearly_the_same_time_leave_nothing(tidegate, certificates, transport):
    """Again and again: the client's FIN may come while our close_notify is on its way to it."""
    with Backend() as backend:
        entries = listeners("pool", certificates, mode="tcp")
        proxy = tidegate({"listeners": list(entries.values()), "pools": [pool("pool", backend)]})
        matrix = Matrix(proxy, entries, certificates)
        for _ in range(40):
            client = matrix.dial(transport)
            client.sendall(b"x")
            served = backend.accept()
            assert served.recv(1) == b"x"
            served.close()
            client.close()
        proxy.expect_idle(3)


@pytest.mark.parametrize("transport", ["wss 1.2", "wss 1.3", "wss 1.3 by openssl"])
def test_a_close_notify_without_a_fin_ends_the_clients_side(matrix, backend, transport):
    with matrix.dial(transport) as client:
        client.sendall(b"over")
        client.send_close_notify()
        served = backend.accept()
        assert read_to_end(served) == b"over"
        served.sendall(b"and out")
        served.close()
        assert read_to_end(client) == b"and out"


@pytest.mark.parametrize("transport", ["wss 1.2", "wss 1.3", "wss 1.3 by openssl"])
def test_a_fin_without_a_close_notify_is_told_from_an_orderly_end(matrix, backend, transport):
    backend.hang_up()
    before = len(matrix.proxy.settled_records())
    with matrix.dial(transport) as client:
        client.sendall(b"cut")
        served = backend.accept()
        assert read_exactly(served, 3) == b"cut"
        client.peer.shutdown(1)
        assert outcome(served)[1] in ("end", "reset")
        served.close()
        # Reads the session tickets too: to close with them unread would be a reset.
        try:
            outcome(client)
        except ssl.SSLError:
            pass
    record = eventually(lambda: matrix.proxy.records()[before:])[-1]
    assert record.ended == ("client", "relaying", "truncated")


@every_transport
def test_a_backends_reset_never_looks_like_an_orderly_end(matrix, backend, transport):
    with matrix.dial(transport) as client:
        client.sendall(b"x")
        served = backend.accept()
        assert served.recv(1) == b"x"
        served.sendall(b"half of a mess")
        assert read_exactly(client, 14) == b"half of a mess"
        reset(served)
        with pytest.raises(OSError):
            assert client.recv(10) != b"", "looks like an orderly end"


def test_a_unix_backend_gets_the_half_close(tidegate, folder):
    with Backend(unix_path(folder, "tcp.sock")) as backend:
        entry = listener("pool", mode="tcp")
        tidegate({"listeners": [entry], "pools": [pool("pool", backend)]})
        with dial(address(entry)) as client:
            client.sendall(b"question")
            client.shutdown(1)
            served = backend.accept()
            assert read_to_end(served) == b"question"
            served.sendall(b"answer")
            served.close()
            assert read_to_end(client) == b"answer"


def test_a_tcp_listener_takes_its_pool_without_a_route_and_tells_no_http(matrix, backend):
    with matrix.dial("ws") as client:
        client.sendall(b"GET / HTTP/1.1\nnonsense\n\n")
        served = backend.accept()
        assert read_exactly(served, 25) == b"GET / HTTP/1.1\nnonsense\n\n"


def test_a_client_without_a_living_backend_is_closed(tidegate):
    with Backend() as backend:
        entry = listener("pool", mode="tcp")
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", backend)]})
        backend.close()
        with dial(address(entry)) as client:
            client.sendall(b"x")
            answer, end = outcome(client)
        assert (answer, end in ("end", "reset")) == (b"", True)
        assert proxy.record().ended == ("backend", "connecting", "unreachable")
