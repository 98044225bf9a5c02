"""A client that asks for another handshake again and again, and reads nothing, fills no buffers with the answers."""

import time

import pytest
from harness.crafted import CLIENT_HELLO, DATA, HANDSHAKE
from harness.matrix import tls_settings
from harness.raw import Backend, dial, read_exactly
from harness.tidegate import address, listener, pool
from tlslite.api import HandshakeSettings, TLSConnection

HELLOS = 3000
# Some are always taken; 3000 answers in a buffer each would take 50 MB.
BUFFERS = 10 << 20


class Client:
    """TLS 1.2 by tlslite-ng, which resumes a session, and seals any record."""

    def __init__(self, where, session=None):
        self.peer = dial(where, receive_buffer=4096)
        settings = HandshakeSettings()
        settings.minVersion = settings.maxVersion = (3, 3)
        settings.cipherNames = ["aes128gcm"]
        self.tls = TLSConnection(self.peer)
        self.tls.handshakeClientCert(settings=settings, serverName="localhost", session=session)

    def send(self, kind, content):
        sealed = self.tls._recordLayer._encryptThenSeal(bytearray(content), kind)
        self.peer.sendall(bytes([kind, 3, 3]) + len(sealed).to_bytes(2, "big") + bytes(sealed))


def fill(served):
    """Sends until nothing more is taken."""
    served.settimeout(0.5)
    try:
        while True:
            served.sendall(bytes(1 << 20))
    except TimeoutError:
        pass


@pytest.mark.parametrize("resumed", [True, False], ids=["our own", "OpenSSL's"])
def test_unread_warnings_are_bounded(tidegate, certificates, resumed):
    with Backend() as backend:
        entry = listener("pool", mode="tcp", tls=tls_settings(certificates.site))
        proxy = tidegate({"workers": 1, "listeners": [entry], "pools": [pool("pool", backend)]})
        client = Client(address(entry))
        client.send(DATA, b"x")
        served = backend.accept()
        assert read_exactly(served, 1) == b"x"
        if resumed:
            served.sendall(b"y")
            assert client.tls.read(1, 1) == b"y"
            client.peer.close()
            client = Client(address(entry), client.tls.session)
            assert client.tls.resumed
            client.send(DATA, b"x")
            served = backend.accept()
            assert read_exactly(served, 1) == b"x"
        fill(served)
        try:
            for _ in range(HELLOS):
                # Each by itself, with data between: records without any are bounded by their number.
                client.send(HANDSHAKE, [CLIENT_HELLO, 0, 0, 0])
                time.sleep(0.0005)
                client.send(DATA, b"d")
                time.sleep(0.0005)
        except ConnectionError:
            pass
        assert int(proxy.info()["PoolUsed_bytes"]) < BUFFERS
        client.peer.close()
        backend.hang_up()
