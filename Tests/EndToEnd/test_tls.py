"""TLS as `openssl s_client` and Python's ssl see it."""

import socket
import ssl

import pytest

from harness.matrix import tls_settings
from harness.raw import Backend, TLSStream, dial, outcome, read_exactly, read_head
from harness.s_client import SClient
from harness.servers import EchoServer, uvicorn
from harness.tidegate import Tidegate, address, listener, pool

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])
LAYERS = pytest.mark.parametrize("layer", ["tidegate", "openssl"])
REQUEST = "GET /tls HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def flag(version):
    return "-tls" + version.replace(".", "_")


@pytest.fixture(scope="module")
def web(module_folder):
    with uvicorn(module_folder) as server:
        yield server


@pytest.fixture(scope="module")
def site(module_folder, certificates, web):
    """A proxy in front of uvicorn: certificates of all kinds, each record layer, 1.3 only, and plain TCP."""
    every = [certificates.site, certificates.site_rsa, certificates.other, certificates.wild]
    entries = {
        "tidegate": listener("web", name="tidegate", tls=tls_settings(*every)),
        "openssl": listener("web", name="openssl", tls=tls_settings(*every, record_layer="openssl")),
        "new": listener("web", name="new", tls=tls_settings(*every, minimum_version="1.3")),
        "rsa": listener("web", name="rsa", tls=tls_settings(certificates.site_rsa)),
    }
    proxy = Tidegate(module_folder / "p", {"listeners": list(entries.values()), "pools": [pool("web", web)]}).start()
    yield proxy, {name: address(entry) for name, entry in entries.items()}
    proxy.finish()


@VERSIONS
@LAYERS
def test_s_client_gets_an_answer_and_a_close_notify(site, certificates, version, layer):
    arguments = [flag(version), "-CAfile", certificates.bundle, "-partial_chain", "-verify_return_error"]
    with SClient(site[1][layer], *arguments, "-crlf", "-ign_eof", "-servername", "localhost", "-msg") as client:
        client.say("GET /tls HTTP/1.1\nHost: localhost\n\n")
        client.expect(r'"path": "/tls"')
        said = client.end()
    assert f"TLSv{version}" in said
    assert "Verify return code: 0 (ok)" in said
    assert "<<< " in said and "close_notify" in said.split('"path"')[1], "no close_notify at the end"


@VERSIONS
@LAYERS
def test_an_orderly_end_is_no_truncation(site, certificates, version, layer):
    with TLSStream(dial(site[1][layer]), certificates.client_context(version)) as client:
        client.sendall(REQUEST.encode())
        answer = b""
        while block := client.recv(65536):
            answer += block
    assert b'"path": "/tls"' in answer


@VERSIONS
@LAYERS
def test_a_saved_session_is_resumed(site, folder, version, layer):
    session = folder / "session.pem"
    resumed = []
    for save, expected in [("-sess_out", "New, TLSv"), ("-sess_in", "Reused, TLSv")]:
        with SClient(site[1][layer], flag(version), "-ign_eof", "-servername", "localhost", save, session) as client:
            client.say(REQUEST)
            client.expect(r'"path": "/tls"')
            said = client.end()
        assert expected in said, said
        # Each in its turn: the lines of two workers come in any order.
        resumed.append(site[0].settled_records()[-1].resumed)
    assert resumed == [False, True]


def test_s_client_reconnect_resumes_five_times_with_1_2(site):
    with SClient(site[1]["tidegate"], "-tls1_2", "-reconnect", "-servername", "localhost") as client:
        client.expect(r"(Reused, TLSv1.*?){5}")
        client.end()


def test_s_client_reconnect_succeeds_six_times_with_1_3(site):
    with SClient(site[1]["tidegate"], "-tls1_3", "-reconnect", "-servername", "localhost") as client:
        client.expect(r"((New|Reused), TLSv1\.3.*?){6}")
        client.end()


@VERSIONS
def test_a_session_of_one_worker_is_resumed_by_any_other(site, certificates, version):
    """Each connection may meet another worker and its own OpenSSL context; the keys are shared."""
    context = certificates.client_context(version)
    session = None
    resumed = 0
    for _ in range(12):
        with socket.create_connection(site[1]["tidegate"], 5) as plain:
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as client:
                resumed += client.session_reused
                client.sendall(REQUEST.encode())
                while client.recv(65536):
                    pass
                session = client.session
    assert resumed == 11


@pytest.mark.parametrize("offered", [["http/1.1"], ["h2", "http/1.1"]])
@VERSIONS
def test_alpn_agrees_on_http_1_1(site, certificates, version, offered):
    context = certificates.client_context(version, alpn=offered)
    with TLSStream(dial(site[1]["tidegate"]), context) as client:
        assert client.tls.selected_alpn_protocol() == "http/1.1"


def test_alpn_is_not_answered_where_it_isnt_asked_for(site, certificates):
    with TLSStream(dial(site[1]["tidegate"]), certificates.client_context(alpn=None)) as client:
        assert client.tls.selected_alpn_protocol() is None


def test_alpn_never_agrees_on_h2(site, certificates):
    try:
        with TLSStream(dial(site[1]["tidegate"]), certificates.client_context(alpn=["h2"])) as client:
            assert client.tls.selected_alpn_protocol() is None
    except ssl.SSLError as error:
        assert "NO_APPLICATION_PROTOCOL" in str(error).upper().replace(" ", "_")


@pytest.mark.parametrize(
    "name, expected",
    [
        ("localhost", "site"),
        ("chat.example.com", "site"),
        ("other.example.com", "other"),
        ("OTHER.example.COM", "other"),
        ("a.wild.example.com", "wild"),
        ("a.b.wild.example.com", "site"),
        ("unknown.example.net", "site"),
        (None, "site"),
    ],
)
@VERSIONS
def test_the_server_name_picks_the_certificate(site, certificates, version, name, expected):
    context = certificates.client_context(version)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with TLSStream(dial(site[1]["tidegate"]), context, server_name=name) as client:
        presented = client.tls.getpeercert(binary_form=True)
    assert presented == getattr(certificates, expected).der


@pytest.mark.parametrize(
    "version, algorithms, expected",
    [
        ("1.3", "ECDSA+SHA256:RSA-PSS+SHA256", "site"),
        ("1.3", "RSA-PSS+SHA256", "site_rsa"),
        ("1.3", "ECDSA+SHA256", "site"),
        ("1.2", "ECDSA+SHA256:RSA+SHA256", "site"),
        ("1.2", "RSA+SHA256", "site_rsa"),
        ("1.2", "RSA-PSS+SHA256", "site_rsa"),
    ],
)
def test_one_name_has_an_ecdsa_and_an_rsa_certificate(site, certificates, version, algorithms, expected):
    with SClient(site[1]["tidegate"], flag(version), "-sigalgs", algorithms, "-servername", "localhost") as client:
        client.expect(r"Verify return code")
        said = client.end()
    body = getattr(certificates, expected).certificate.read_text().split("-----")[2].strip()
    assert body in said, said


def test_a_client_of_1_2_with_rsa_ciphers_only_gets_the_rsa_certificate(site, certificates):
    arguments = ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256", "-servername", "localhost"]
    with SClient(site[1]["tidegate"], *arguments) as client:
        client.expect(r"Cipher is ECDHE-RSA-AES128-GCM-SHA256")
        client.end()


@pytest.mark.parametrize("name", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"])
@LAYERS
def test_each_cipher_of_1_3_carries_data_both_ways(site, name, layer):
    arguments = ["-tls1_3", "-ciphersuites", name, "-ign_eof", "-servername", "localhost"]
    with SClient(site[1][layer], *arguments) as client:
        client.expect(f"Cipher is {name}")
        client.say(REQUEST)
        client.expect(r'"path": "/tls"')
        client.end()


def test_an_rsa_certificate_alone_serves(site, certificates):
    with TLSStream(dial(site[1]["rsa"]), certificates.client_context()) as client:
        assert client.tls.getpeercert(binary_form=True) == certificates.site_rsa.der


def test_1_2_is_refused_with_an_alert_where_the_minimum_is_1_3(site, certificates):
    with pytest.raises(ssl.SSLError, match="(?i)protocol.version"):
        TLSStream(dial(site[1]["new"]), certificates.client_context("1.2"))


def test_1_1_is_refused_with_an_alert(site):
    with SClient(site[1]["tidegate"], "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", "-servername", "localhost") as client:
        said = client.end()
    assert "alert protocol version" in said or "alert number 70" in said, said


@pytest.mark.parametrize("layer, rows", [("tidegate", "KkKk"), ("openssl", "Kk")])
def test_key_updates_by_the_client_go_unnoticed(tidegate, certificates, layer, rows):
    """RFC 8446 section 4.6.3; s_client's K asks for the peer's update too, k doesn't."""
    with Backend() as backend:
        entry = listener("pool", mode="tcp", tls=tls_settings(certificates.site, record_layer=layer))
        tidegate({"listeners": [entry], "pools": [pool("pool", backend)]})
        with SClient(address(entry), "-tls1_3", "-servername", "localhost") as client:
            client.say("before\n")
            served = backend.accept()
            assert read_exactly(served, 7) == b"before\n"
            for row in rows:
                client.said = ""
                client.say(row + "\n")
                client.expect("KEYUPDATE")
                served.sendall(b"answer " + row.encode() + b"\n")
                client.expect(f"answer {row}\n")
                client.say(f"and {row}\n")
                assert read_exactly(served, 6) == f"and {row}\n".encode()
            client.end()


def test_renegotiation_isnt_granted_and_harms_nobody(site):
    with SClient(site[1]["tidegate"], "-tls1_2", "-servername", "localhost") as client:
        client.expect(r"Verify return code")
        client.say("R\n")
        client.expect(r"RENEGOTIATING")
        said = client.end()
    assert said.count("BEGIN CERTIFICATE") <= 1
    assert site[0].running


@VERSIONS
def test_a_client_hello_in_single_bytes_is_understood(site, certificates, version):
    context = certificates.client_context(version)
    arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(arriving, leaving, server_hostname="localhost")
    with dial(site[1]["tidegate"]) as peer:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in leaving.read():
                    peer.sendall(bytes([byte]))
                arriving.write(peer.recv(65536))
        tls.write(REQUEST.encode())
        peer.sendall(leaving.read())
        answer = b""
        while True:
            try:
                block = tls.read(65536)
            except ssl.SSLWantReadError:
                arriving.write(peer.recv(65536))
                continue
            except ssl.SSLZeroReturnError:
                break
            if not block:
                break
            answer += block
    assert b'"path": "/tls"' in answer


def test_handshake_records_cut_inside_the_hello_are_understood(site, certificates):
    """One handshake message over several TLS records (RFC 8446 section 5.1)."""
    context = certificates.client_context("1.3")
    arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(arriving, leaving, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    record = leaving.read()
    body = record[5:]
    with dial(site[1]["tidegate"]) as peer:
        for start in range(0, len(body), 50):
            piece = body[start : start + 50]
            peer.sendall(record[:3] + len(piece).to_bytes(2, "big") + piece)
        while True:
            arriving.write(peer.recv(65536))
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                continue
    assert tls.version() == "TLSv1.3"


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"\x16\x03\x01\xff\xff" + b"\x01" * 70000,
        b"\x17\x03\x03\x00\x20" + b"x" * 32,
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"\x80\x2e\x01\x00\x02" + b"\x00" * 60,
        b"\x00" * 300,
    ],
    ids=["plain http", "tiny hello", "huge record", "data first", "alert", "SSLv2 hello", "zeros"],
)
def test_what_is_no_client_hello_ends_at_once(site, garbage):
    with dial(site[1]["tidegate"], seconds=5) as peer:
        try:
            peer.sendall(garbage)
        except ConnectionError:
            pass
        answer, end = outcome(peer)
    assert end in ("end", "reset")
    assert len(answer) <= 7, "more than an alert"


@LAYERS
def test_a_forged_record_ends_the_connection_with_bad_record_mac(site, certificates, layer):
    with TLSStream(dial(site[1][layer]), certificates.client_context("1.3")) as client:
        client.peer.sendall(b"\x17\x03\x03\x00\x40" + b"f" * 64)
        with pytest.raises(ssl.SSLError, match="(?i)bad.record.mac"):
            client.recv(10)


@LAYERS
def test_a_record_longer_than_allowed_ends_the_connection(site, certificates, layer):
    with TLSStream(dial(site[1][layer]), certificates.client_context("1.3")) as client:
        client.peer.sendall(b"\x17\x03\x03\x48\x00" + b"f" * 0x4800)
        with pytest.raises((ssl.SSLError, ConnectionResetError)) as raised:
            client.recv(10)
        assert "EOF" not in str(raised.value), "no alert"


def test_handshakes_given_up_in_the_middle_leak_nothing(site):
    for length in (1, 5, 6, 50, 100):
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 200
        with dial(site[1]["tidegate"]) as peer:
            peer.sendall(hello[:length])
    site[0].expect_idle()


@VERSIONS
@LAYERS
def test_data_in_the_segment_of_the_finished_message_isnt_lost(site, certificates, version, layer):
    """The client's Finished and its request in one write."""
    context = certificates.client_context(version)
    arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(arriving, leaving, server_hostname="localhost")
    with dial(site[1][layer]) as peer:
        held = b""
        while True:
            try:
                tls.do_handshake()
                held = leaving.read()
                break
            except ssl.SSLWantReadError:
                peer.sendall(leaving.read())
                arriving.write(peer.recv(65536))
        tls.write(REQUEST.encode())
        peer.sendall(held + leaving.read())
        answer = b""
        while b'"path": "/tls"' not in answer:
            try:
                answer += tls.read(65536)
            except ssl.SSLWantReadError:
                block = peer.recv(65536)
                assert block, answer
                arriving.write(block)


@VERSIONS
def test_the_log_line_tells_version_and_resumption(tidegate, certificates, version):
    with EchoServer() as echo:
        entry = listener("pool", tls=tls_settings(certificates.site))
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", echo)]})
        with TLSStream(dial(address(entry)), certificates.client_context(version)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            read_head(client)
            client.send_close_notify()
        record = proxy.record()
        assert (record.tls, record.resumed) == (version, False)
