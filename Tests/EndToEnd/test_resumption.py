"""TLS 1.2 resumed by a ticket: what Tidegate's own code does, and OpenSSL's in its place, are the same to clients."""

import os

import pytest
from harness.matrix import tls_settings
from harness.raw import Backend, TLSStream, dial, read_exactly, read_to_end
from harness.s_client import SClient
from harness.tidegate import address, listener, pool

HANDSHAKES = pytest.mark.parametrize("handshake", ["tidegate", "openssl"])
SUITES = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"]


@pytest.fixture
def start(tidegate, certificates):
    """The proxy in front of a backend of bytes, where it listens, and the backend."""
    with Backend() as backend:

        def run(handshake):
            entry = listener("pool", mode="tcp", tls=tls_settings(certificates.site, handshake=handshake))
            proxy = tidegate({"listeners": [entry], "pools": [pool("pool", backend)]})
            return proxy, address(entry), backend

        yield run


def session_of(where, backend, context):
    """What a full handshake leaves to be resumed."""
    with TLSStream(dial(where), context) as client:
        client.sendall(b"x")
        assert read_exactly(backend.accept(), 1) == b"x"
        assert not client.tls.session_reused
        client.send_close_notify()
        backend.hang_up()
        return client.tls.session


@HANDSHAKES
@pytest.mark.parametrize("suite", SUITES)
def test_megabytes_both_ways_and_both_goodbyes(start, certificates, handshake, suite):
    proxy, where, backend = start(handshake)
    context = certificates.client_context("1.2")
    context.set_ciphers(suite)
    session = session_of(where, backend, context)
    question, answer = os.urandom(3_000_000), os.urandom(2_000_001)
    with TLSStream(dial(where), context, session=session) as client:
        assert client.tls.session_reused and client.tls.cipher()[0] == suite
        client.sendall(question[:10])
        served = backend.accept()
        assert read_exactly(served, 10) == question[:10]
        for start_at in range(10, len(question), 100_000):
            part = question[start_at : start_at + 100_000]
            client.sendall(part)
            assert read_exactly(served, len(part)) == part
        for start_at in range(0, len(answer), 50_000):
            part = answer[start_at : start_at + 50_000]
            served.sendall(part)
            assert read_exactly(client, len(part)) == part
        client.send_close_notify()
        assert read_to_end(served) == b""
        served.sendall(b"and goodbye")
        served.close()
        assert read_to_end(client) == b"and goodbye"
    # Lines of different workers are in no order.
    [record] = [record for record in proxy.settled_records() if record.resumed]
    assert record.tls == "1.2"
    assert record.bytes_from_client == len(question)
    assert record.bytes_to_client == len(answer) + len(b"and goodbye")


@HANDSHAKES
def test_renegotiation_of_a_resumed_session_is_refused_by_a_warning(start, folder, handshake):
    """RFC 5746 section 4.5; s_client's R asks for it, and takes the warning for an end."""
    proxy, where, backend = start(handshake)
    saved = folder / "session.pem"
    with SClient(where, "-tls1_2", "-servername", "localhost", "-sess_out", saved) as client:
        client.expect(r"Verify return code")
        backend.accept()
        client.end()
    with SClient(where, "-tls1_2", "-servername", "localhost", "-sess_in", saved) as client:
        client.expect(r"Reused, TLSv1\.2")
        client.say("before\n")
        assert read_exactly(backend.accept(), 7) == b"before\n"
        client.say("R\n")
        client.expect(r"RENEGOTIATING")
        client.expect(r"no renegotiation")
        client.end()
    assert proxy.running


@HANDSHAKES
def test_another_server_name_resumes_the_same_session(start, certificates, folder, handshake):
    _, where, _ = start(handshake)
    saved = folder / "session.pem"
    with SClient(where, "-tls1_2", "-servername", "localhost", "-sess_out", saved) as client:
        client.expect(r"Verify return code")
        client.end()
    for name in ("localhost", "other.example"):
        with SClient(where, "-tls1_2", "-servername", name, "-sess_in", saved) as client:
            client.expect(r"Reused, TLSv1\.2")
            client.end()
