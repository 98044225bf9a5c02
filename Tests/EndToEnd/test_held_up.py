"""Clients that don't read mustn't hold up others: a send that blocks isn't over when the worker waits."""

import os
import socket
import socketserver
import threading
import time

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


@pytest.fixture
def backend():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


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


def echo_times(client, seconds):
    end = time.monotonic() + seconds
    while (begin := time.monotonic()) < end:
        client.sendall(b"x" * 64)
        got = 0
        while got < 64:
            got += len(client.recv(64))
        yield time.monotonic() - begin


@pytest.mark.skipif(not has_windows(), reason="the kernel has no windows to wait by")
def test_clients_that_do_not_read_hold_up_nobody(folder, backend):
    entry = listener("pool", mode="tcp")
    place = "127.0.0.1:{}".format(backend.server_address[1])
    proxy = Tidegate(folder / "proxy", {
        "workers": 1, "log": {"connections": "off"}, "listeners": [entry],
        "pools": [{"name": "pool", "backends": [place]}],
    }).start()
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
