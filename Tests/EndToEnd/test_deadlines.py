"""Each phase has a deadline of its own, and keeps it."""

import socket
import time

import pytest

from harness.frames import client_frame, frame, open_pair, read_frame, upgrade_head
from harness.http import parse_head
from harness.matrix import tls_settings
from harness.raw import Backend, TLSStream, dial, outcome, read_head
from harness.tidegate import address, listener, pool

LONG = "60s"


@pytest.fixture
def gate(tidegate, certificates):
    """`gate(deadline="300ms", ...)`: all other deadlines are long. -> (proxy, plain, tls, backend)"""
    backends = []

    def start(mode="websocket", endpoints=None, **short):
        backend = Backend()
        backends.append(backend)
        phases = ["first_byte", "handshaking", "upgrading", "connecting", "idle", "closing"]
        deadlines = {**{phase: LONG for phase in phases}, **short}
        plain = listener("pool", name="plain", mode=mode)
        tls = listener("pool", name="tls", mode=mode, tls=tls_settings(certificates.site))
        settings = {"deadlines": deadlines, "listeners": [plain, tls]}
        proxy = tidegate({**settings, "pools": [pool("pool", *(endpoints or [backend]))]})
        return proxy, address(plain), address(tls), backend

    yield start
    for backend in backends:
        backend.close()


class Stopwatch:
    """Asserts how long its block takes, in seconds; generous above, since the machine may be busy."""

    def __init__(self, least, most=4.0):
        self.least, self.most = least, most

    def __enter__(self):
        self.start = time.monotonic()

    def __exit__(self, kind, *_):
        if kind is None:
            took = time.monotonic() - self.start
            assert self.least * 0.8 <= took <= self.most, f"took {took:.3f} s"


@pytest.mark.parametrize("which", ["plain", "tls"])
def test_a_client_that_says_nothing_is_dropped(gate, which):
    proxy, plain, tls, backend = gate(first_byte="400ms")
    with dial(plain if which == "plain" else tls) as client, Stopwatch(0.4):
        assert outcome(client)[1] in ("end", "reset")
    assert proxy.record().ended == ("client", "waiting", "deadline")
    backend.expect_nobody()


def test_a_client_that_never_finishes_its_handshake_is_dropped(gate):
    proxy, _, tls, backend = gate(handshaking="400ms")
    with dial(tls) as client, Stopwatch(0.4):
        client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        assert outcome(client)[1] in ("end", "reset")
    assert proxy.record().ended == ("client", "waiting", "deadline"), "its ClientHello was never whole"
    backend.expect_nobody()


def test_dripping_bytes_dont_stretch_the_handshakes_deadline(gate):
    proxy, _, tls, _ = gate(handshaking="500ms")
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 69
    with dial(tls, seconds=0.05) as client, Stopwatch(0.5):
        for byte in hello:
            try:
                client.sendall(bytes([byte]))
                if client.recv(100) == b"":
                    break
            except TimeoutError:
                continue
            except ConnectionError:
                break
    assert proxy.record().ended == ("client", "waiting", "deadline")


@pytest.mark.parametrize("which", ["plain", "tls"])
def test_a_client_that_never_finishes_its_head_gets_408_or_an_end(gate, certificates, which):
    proxy, plain, tls, backend = gate(upgrading="400ms")
    client = dial(plain) if which == "plain" else TLSStream(dial(tls), certificates.client_context())
    with client, Stopwatch(0.4):
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        answer, end = outcome(client)
    assert end in ("end", "cut", "reset")
    assert not answer or parse_head(answer)[0].status == 408
    assert proxy.record().ended == ("client", "upgrading", "deadline")
    backend.expect_nobody()


def test_a_backend_that_never_answers_gives_504(gate):
    proxy, plain, _, backend = gate(connecting="400ms")
    with dial(plain) as client, Stopwatch(0.4):
        client.sendall(upgrade_head())
        read_head(backend.accept())
        head, _ = parse_head(outcome(client)[0])
    assert head.status == 504
    record = proxy.record()
    assert record.ended == ("backend", "connecting", "deadline")
    assert record.status == 504


@pytest.fixture
def unreachable():
    """An address whose connects never succeed nor fail: its queue is full."""
    with Backend(backlog=0) as full:
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", full.port))
            fillers.append(filler)
        yield full
        for filler in fillers:
            filler.close()


def test_a_connect_that_hangs_gives_503_or_504(gate, unreachable):
    proxy, plain, _, _ = gate(connecting="400ms", endpoints=[unreachable])
    with dial(plain) as client, Stopwatch(0.4):
        client.sendall(upgrade_head())
        head, _ = parse_head(outcome(client)[0])
    assert head.status in (503, 504)
    assert proxy.record().phase == "connecting"


def test_an_idle_connection_is_closed_on_both_sides(gate):
    proxy, plain, _, backend = gate(idle="500ms")
    with dial(plain) as client:
        served, _, _ = open_pair(client, backend)
        with Stopwatch(0.5):
            assert outcome(client)[1] in ("end", "reset")
        assert outcome(served)[1] in ("end", "reset")
    assert proxy.record().ended == ("proxy", "relaying", "deadline")


@pytest.mark.parametrize("talker", ["client", "backend"])
def test_bytes_in_one_direction_keep_a_connection_alive(gate, talker):
    _, plain, _, backend = gate(idle="600ms")
    with dial(plain) as client:
        served, _, _ = open_pair(client, backend)
        end = time.monotonic() + 2
        client.settimeout(0.15)
        served.settimeout(0.15)
        sender, receiver = (client, served) if talker == "client" else (served, client)
        while time.monotonic() < end:
            sender.sendall(client_frame(9) if talker == "client" else frame(9))
            receiver.settimeout(5)
            assert read_frame(receiver)[0] == 9
            with pytest.raises(TimeoutError):
                sender.recv(1)


def test_a_client_that_doesnt_end_its_side_is_cut_off(gate):
    """The backend is gone, and the client keeps its socket open."""
    proxy, plain, _, backend = gate(closing="500ms")
    with dial(plain) as client:
        served, _, _ = open_pair(client, backend)
        served.close()
        assert client.recv(10) == b""
        proxy.expect_idle(4)
        assert proxy.record().ended == ("client", "relaying", "deadline")


def test_a_client_that_doesnt_read_its_end_is_cut_off_once_idle(gate):
    proxy, plain, _, backend = gate(closing="500ms", idle="1s")
    with dial(plain, receive_buffer=4096) as client:
        served, _, _ = open_pair(client, backend)
        served.settimeout(0.3)
        try:
            while True:
                served.sendall(frame(2, b"x" * 65000))
        except TimeoutError:
            pass
        served.close()
        proxy.expect_idle(6)
