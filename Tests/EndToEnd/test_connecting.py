"""The first bytes for a backend go out with the connect: whatever comes of it, each request arrives once and whole."""

import os
import signal
import socket
import struct
import time
from contextlib import contextmanager
from threading import Thread

import pytest

from harness.frames import answer_head, client_frame, open_pair, read_frame, upgrade_head
from harness.http import parse_head
from harness.ports import free_port
from harness.proxy_header import read_header
from harness.raw import Backend, dial, outcome, read_exactly, read_head, read_to_end, reset
from harness.tidegate import address, listener, pool

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def post(length, fields=b""):
    return b"POST / HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n" % (fields, length)


def dead():
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(params=["tcp", "unix"])
def hanging(request, folder):
    """An address whose connects never succeed nor fail: its queue is full."""
    place = folder / "full.sock" if request.param == "unix" else "127.0.0.1"
    with Backend(place, backlog=0) as full:
        fillers = []
        for _ in range(4):
            filler = socket.socket(full.socket.family)
            filler.setblocking(False)
            filler.connect_ex(full.socket.getsockname())
            fillers.append(filler)
        yield full
        for filler in fillers:
            filler.close()


def narrow():
    """A backend to which a socket takes only a few thousand bytes that it doesn't read."""
    backend = Backend(receive_buffer=2048)
    backend.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 88)
    return backend


def start(tidegate, *backends, attempts=4, deadlines=None, listener_options=None, workers=1, **pool_options):
    """-> (proxy, where)"""
    entry = listener("pool", **(listener_options or {}))
    pools = [pool("pool", *backends, balance="round-robin", retry={"attempts": attempts}, **pool_options)]
    settings = {"workers": workers, "listeners": [entry], "pools": pools, "deadlines": deadlines or {}}
    return tidegate(settings), address(entry)


@contextmanager
def answering(backend, answer, then):
    """Answers whoever comes, before it has read anything."""

    def serve():
        while True:
            try:
                taken, _ = backend.socket.accept()
            except OSError:
                return
            backend.taken.append(taken)
            taken.sendall(answer)
            then(taken)

    backend.socket.settimeout(20)
    Thread(target=serve, daemon=True).start()
    yield
    backend.socket.shutdown(socket.SHUT_RDWR)


# -- tried again


@pytest.mark.parametrize("header", [None, "v1", "v2"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("filling", [10, 12_000], ids=["a small head", "a large head"])
def test_a_request_tried_at_several_backends_arrives_once_and_whole(tidegate, folder, header, host, filling):
    body = os.urandom(150_000)
    head = post(len(body), b"X-Filling: " + b"x" * filling + b"\r\n")
    with Backend() as backend:
        options = {"proxy_protocol": header} if header else {}
        proxy, (_, port) = start(
            tidegate, dead(), f"unix:{folder}/nobody.sock", dead(), backend, listener_options={"host": host}, **options
        )
        for _ in range(4):
            with dial(("127.0.0.1", port)) as client:
                client.sendall(head + body)
                served = backend.accept()
                if header:
                    introduced = read_header(served)
                    assert introduced.source == client.getsockname()[:2]
                    assert introduced.destination == client.getpeername()[:2]
                assert read_head(served) == head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
                assert read_exactly(served, len(body)) == body
                served.sendall(ANSWER)
                assert read_to_end(client).endswith(b"ok")
                assert served.recv(1) == b""
        proxy.records(4)
        backend.expect_nobody()


@pytest.mark.parametrize("kind", ["upgrade", "request"])
def test_a_hanging_backend_passes_all_of_a_request_on_to_the_next(tidegate, hanging, kind):
    with Backend() as backend:
        proxy, where = start(tidegate, hanging, backend, deadlines={"connecting": "300ms"})
        for _ in range(2):
            with dial(where) as client:
                client.sendall(upgrade_head() + client_frame(1, b"early") if kind == "upgrade" else post(5) + b"early")
                served = backend.accept()
                if kind == "upgrade":
                    assert read_head(served) == upgrade_head()
                    served.sendall(answer_head())
                    assert read_head(client).startswith(b"HTTP/1.1 101 ")
                    assert read_frame(served)[2] == b"early"
                else:
                    read_head(served)
                    assert read_exactly(served, 5) == b"early"
        assert int(proxy.stat()["pool", hanging.endpoint]["econ"]) >= 1
        assert int(proxy.stat()["pool", backend.endpoint]["econ"]) == 0


# -- backends that wait for acknowledgements


def unacknowledged(peer):
    """Segments that the kernel has sent and nobody has acknowledged (tcpi_unacked)."""
    return struct.unpack_from("I", peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 24)[0]


def test_what_a_backend_answers_is_acknowledged_at_once(tidegate):
    # Nagle's algorithm has the next few bytes wait for that.
    with Backend() as backend:
        _, where = start(tidegate, backend)
        for _ in range(4):
            with dial(where) as client:
                served, _, _ = open_pair(client, backend)
                assert unacknowledged(served) == 0


# -- backends that don't read


def test_an_answer_ahead_of_the_body_is_passed_on_although_sending_is_stuck(tidegate, hanging):
    refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with narrow() as backend, answering(backend, refusal, lambda taken: None):
        _, where = start(tidegate, hanging, backend, deadlines={"connecting": "400ms"})
        for _ in range(2):
            with dial(where) as client:
                client.sendall(post(100_000) + bytes(100_000))
                head, _ = parse_head(read_head(client))
                assert head.status == 413


def test_a_backend_that_reads_nothing_counts_as_connected_and_the_request_goes_to_no_other(tidegate, hanging):
    with narrow() as backend, Backend() as other:
        deadlines = {"connecting": "300ms", "idle": "1200ms"}
        proxy, where = start(tidegate, hanging, backend, other, attempts=2, deadlines=deadlines)
        for _ in range(3):
            with dial(where) as client:
                client.sendall(post(100_000) + bytes(100_000))
                other.socket.settimeout(0.5)
                try:
                    served, _ = other.socket.accept()
                except TimeoutError:
                    head, _ = parse_head(outcome(client)[0])
                    assert head.status == 504
                else:
                    other.taken.append(served)
                    served.settimeout(5)
                    read_head(served)
                    assert read_exactly(served, 100_000) == bytes(100_000)
                    served.sendall(ANSWER)
                    assert read_to_end(client).endswith(b"ok")
        stat = proxy.stat()
        assert int(stat["pool", backend.endpoint]["econ"]) == 0
        assert int(stat["pool", backend.endpoint]["eresp"]) >= 1


# -- backends that leave


@pytest.mark.parametrize("kind", ["upgrade", "request"])
@pytest.mark.parametrize("end", [reset, socket.socket.close], ids=["resets", "closes"])
def test_a_backend_that_leaves_at_once_is_a_502_and_isnt_asked_twice(tidegate, kind, end):
    with Backend() as backend, answering(backend, b"", end):
        proxy, where = start(tidegate, backend)
        for _ in range(10):
            with dial(where) as client:
                client.sendall(upgrade_head() if kind == "upgrade" else post(5) + b"early")
                head, _ = parse_head(outcome(client)[0])
                assert head.status == 502
        row = proxy.stat()["pool", backend.endpoint]
        assert (int(row["econ"]), int(row["eresp"]), int(row["connect"])) == (0, 10, 10)
        assert len(backend.taken) == 10


def test_an_answer_by_a_backend_that_leaves_at_once_arrives(tidegate):
    with Backend() as backend, answering(backend, ANSWER, lambda taken: taken.shutdown(socket.SHUT_WR)):
        _, where = start(tidegate, backend)
        for _ in range(20):
            with dial(where) as client:
                client.sendall(post(5) + b"early")
                head, body = parse_head(outcome(client)[0])
                assert (head.status, body) == (200, b"ok")


# -- backends that wait for the first bytes


@pytest.mark.parametrize("mode", ["websocket", "tcp"])
def test_a_backend_that_accepts_only_with_the_first_bytes_is_served(tidegate, mode):
    with Backend() as backend:
        backend.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
        _, where = start(tidegate, backend, listener_options={"mode": mode})
        for _ in range(5):
            with dial(where) as client:
                client.sendall(upgrade_head())
                served = backend.accept()
                assert read_head(served) == upgrade_head()
                served.sendall(answer_head())
                assert read_head(client).startswith(b"HTTP/1.1 101 ")


def test_a_backend_that_speaks_first_is_heard_by_a_silent_client(tidegate):
    with Backend() as backend:
        _, where = start(tidegate, backend, listener_options={"mode": "tcp"})
        with dial(where) as client:
            backend.accept().sendall(b"220 hello\r\n")
            assert read_exactly(client, 11) == b"220 hello\r\n"


# -- clients that leave


@pytest.mark.parametrize("end", ["resets", "closes"])
def test_a_client_that_leaves_right_behind_its_request_leaves_no_connect(tidegate, hanging, end):
    """The connect is cancelled in the turn in which it begins, or soon after: none may be left to the kernel."""
    proxy, where = start(tidegate, hanging, deadlines={"connecting": "60s"}, workers=2)
    for number in range(60):
        client = dial(where)
        client.sendall(upgrade_head())
        if number % 3 == 2:
            time.sleep(0.0002 * (number % 5))
        reset(client) if end == "resets" else client.close()
    proxy.expect_idle(5)


def test_a_drain_ends_connects_that_hang(tidegate, hanging):
    entry = listener("pool")
    proxy = tidegate(
        {
            "listeners": [entry],
            "pools": [pool("pool", hanging)],
            "deadlines": {"connecting": "60s"},
            "drain": {"window": "1s"},
        }
    )
    clients = [dial(address(entry)) for _ in range(10)]
    for client in clients:
        client.sendall(upgrade_head())
    proxy.expect_idle(5, live=10)
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(10) == 0
    for client in clients:
        client.close()
