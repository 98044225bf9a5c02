"""Memory comes back after a crowd."""

import pytest

from harness.raw import TLSStream, dial
from harness.tidegate import address, listener, pool
from harness.waiting import eventually

CROWD = 2000
MIB = 1 << 20


def arrive(entry, context, count):
    """Clients that have shaken hands and say nothing."""
    return [TLSStream(dial(address(entry)), context) for _ in range(count)]


def leave(clients):
    for client in clients:
        client.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_memory_of_2000_tls_sessions_returns_when_they_have_gone(tidegate, certificates, version):
    tls = {"certificates": [certificates.site.settings()], "record_layer": "openssl"}
    entry = listener("pool", tls=tls)
    settings = {
        "workers": 1,
        "listeners": [entry],
        "pools": [pool("pool", "127.0.0.1:1")],
        "deadlines": {"upgrading": "60s"},
    }
    proxy = tidegate(settings)
    context = certificates.client_context(version)
    leave(arrive(entry, context, 50))
    before = proxy.resident_bytes()
    crowd = arrive(entry, context, CROWD)
    rise = proxy.resident_bytes() - before
    assert rise > 10 * MIB, "the crowd takes no memory: this test shows nothing"
    leave(crowd)
    eventually(
        lambda: proxy.resident_bytes() < before + rise / 3, seconds=20,
        what=f"most of the {rise >> 20} MiB return")
