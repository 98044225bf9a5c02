"""Who connects while there isn't time for everyone, and what it can keep from the others by saying little."""

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
