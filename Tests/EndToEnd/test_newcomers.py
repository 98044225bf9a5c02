"""Who connects while there isn't time for everyone, and what it can keep from the others by saying little."""

import collections
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from harness.matrix import tls_settings
from harness.raw import TLSStream, dial, read_head
from harness.servers import EchoServer
from harness.frames import upgrade_head
from harness.tidegate import address, listener, pool
from harness.waiting import eventually

# Whole as a record, and not as a ClientHello.
BIT_OF_A_HELLO = b"\x16\x03\x01\x00\x01\x01"


@pytest.fixture(scope="module")
def echo():
    with EchoServer() as running:
        yield running


@pytest.mark.parametrize("first", [b"", b"\x16", BIT_OF_A_HELLO[:5], BIT_OF_A_HELLO])
def test_a_place_isnt_kept_for_those_that_drip(tidegate, echo, certificates, first):
    entry = listener("echo", name="public", tls=tls_settings(certificates.site))
    tidegate(
        {
            "limits": {"connection_rate": "2/s", "connection_burst": 1},
            "waiting_room": {"patience": "1s"},
            "deadlines": {"first_byte": "60s", "handshaking": "60s"},
            "refusal": {"readable": "none"},
            "listeners": [entry],
            "pools": [pool("echo", echo)],
        }
    )
    context = certificates.client_context("1.3")
    drippers = []
    for _ in range(20):
        try:
            peer = dial(address(entry))
            drippers.append(peer)
            if first:
                peer.sendall(first)
        except OSError:
            pass  # Refused already: there wasn't time for all of them.
    assert drippers

    def gets_in():
        try:
            with TLSStream(dial(address(entry)), context) as client:
                client.sendall(upgrade_head())
                return read_head(client).startswith(b"HTTP/1.1 101")
        except OSError:
            return False

    eventually(gets_in, 20, "a client that says all at once gets in")
    for peer in drippers:
        peer.close()


def test_silent_clients_of_one_listener_dont_shut_out_those_of_another(tidegate, echo, certificates):
    """They take no tokens, and the rate is for both listeners: there is time for each honest client."""
    silent = listener("echo", name="public", tls=tls_settings(certificates.site))
    honest = listener("echo", name="behind", proxy_protocol={"from": ["127.0.0.1"]})
    tidegate(
        {
            "limits": {"connection_rate": "10/s"},
            "waiting_room": {"patience": "1s"},
            "deadlines": {"first_byte": "2s"},
            "refusal": {"readable": "none"},
            "listeners": [silent, honest],
            "pools": [pool("echo", echo)],
        }
    )

    def gets_in():
        try:
            with dial(address(honest)) as client:
                client.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1024 80\r\n" + upgrade_head())
                return read_head(client).startswith(b"HTTP/1.1 101")
        except OSError:
            return False

    with crowd(address(silent), per_second=200):
        # Until it has been learnt that nobody comes of those that are expected.
        eventually(gets_in, 20, "a client of the other listener gets in")
        time.sleep(3)
        tries = []
        for _ in range(30):
            tries.append(gets_in())
            time.sleep(0.15)
    assert sum(tries) >= 27, tries


@contextmanager
def crowd(where, per_second):
    """Clients that connect and say nothing; each goes after two seconds."""
    over = threading.Event()

    def come():
        silent = collections.deque()
        for _ in range(60 * per_second):
            if over.wait(1 / per_second):
                break
            with suppress(OSError):
                silent.append(dial(where))
            if len(silent) > 2 * per_second:
                silent.popleft().close()
        for peer in silent:
            peer.close()

    coming = threading.Thread(target=come)
    coming.start()
    try:
        yield
    finally:
        over.set()
        coming.join()
