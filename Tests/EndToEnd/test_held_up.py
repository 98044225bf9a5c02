"""Clients that don't read mustn't hold up others: a send that blocks isn't over when the worker waits."""

import os
import socket
import socketserver
import threading
import time
from contextlib import contextmanager

import pytest

from harness.tidegate import Tidegate, address, listener


class Echo(socketserver.BaseRequestHandler):
    """Of what finds no room at once it drops the rest."""

    def handle(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while bytes_ := self.request.recv(65536):
                self.request.send(bytes_, socket.MSG_DONTWAIT)
        except OSError:
            pass


class Sink(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(1 << 18):
            pass


@contextmanager
def serve(handler):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "127.0.0.1:{}".format(server.server_address[1])
        server.shutdown()


@pytest.fixture
def backend():
    with serve(Echo) as place:
        yield place


@pytest.fixture
def sink():
    with serve(Sink) as place:
        yield place


def has_windows():
    return tuple(int(part) for part in os.uname().release.split(".")[:2]) >= (6, 12)


def dial(entry, receive_buffer=None):
    client = socket.socket()
    if receive_buffer:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.settimeout(5)
    client.connect(address(entry))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def fill(entry, over):
    """Connection after connection is sent more than it reads, in pieces that each find the proxy idle."""
    while not over.is_set():
        with dial(entry, receive_buffer=2048) as client:
            for _ in range(3):
                client.sendall(bytes(14000))
                time.sleep(0.008)


def echo_time(client):
    begin = time.monotonic()
    client.sendall(b"x" * 64)
    got = 0
    while got < 64:
        got += len(client.recv(64))
    return time.monotonic() - begin


def echo_times(client, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield echo_time(client)


def start(folder, entries, **pools):
    return Tidegate(folder / "proxy", {
        "workers": 1, "log": {"connections": "off"}, "listeners": entries,
        "pools": [{"name": name, "backends": [place]} for name, place in pools.items()],
    }).start()


def pour(entry, over):
    """Connection after connection sends a piece of many buffers every 5 ms, so it is always one that has just come."""
    while not over.is_set():
        with dial(entry) as client:
            for _ in range(150):
                client.sendall(bytes(120_000))
                time.sleep(0.0045)


@pytest.mark.skipif(not has_windows(), reason="the kernel has no windows to wait by")
def test_many_buffers_of_one_client_are_no_herd(folder, sink, backend):
    entry, pouring, silent = listener("pool", mode="tcp"), listener("sink", mode="tcp"), listener("pool")
    proxy = start(folder, [entry, pouring, silent], pool=backend, sink=sink)
    over = threading.Event()
    attacker = threading.Thread(target=pour, args=(pouring, over))
    # They come, for all that the worker knows.
    crowd = [dial(silent) for _ in range(20)]
    attacker.start()
    times = []
    end = time.monotonic() + 5
    while time.monotonic() < end:
        with dial(entry) as client:
            times += [echo_time(client) for _ in range(4)]
        time.sleep(0.01)
    over.set()
    attacker.join()
    for client in crowd:
        client.close()
    proxy.finish()
    # Every fourth or so could be made to wait for 5 ms.
    late = sum(.003 < took < .007 for took in times)
    assert late < len(times) / 20


@pytest.mark.skipif(not has_windows(), reason="the kernel has no windows to wait by")
def test_clients_that_do_not_read_hold_up_nobody(folder, backend):
    entry = listener("pool", mode="tcp")
    proxy = start(folder, [entry], pool=backend)
    over = threading.Event()
    attacker = threading.Thread(target=fill, args=(entry, over))
    with dial(entry) as client:
        attacker.start()
        times = list(echo_times(client, 5))
        over.set()
        attacker.join()
    # Each of its connections, about two hundred, could make one wait for 5 ms.
    late = sum(.004 < took < .007 for took in times)
    proxy.finish()
    assert late < 50
