"""PROXY headers to backends: what they hear of a client, and that others than we understand it."""

import socket

import pytest

from harness.authority import Authority
from harness.matrix import tls_settings
from harness.ports import free_port
from harness.proxy_header import REQUEST, exchange, part, read_header, v2
from harness.raw import Backend, TLSStream, dial, read_exactly, read_to_end
from harness.tidegate import address, listener, pool

TRUSTING = {"proxy_protocol": {"from": "127.0.0.2"}}

both_versions = pytest.mark.parametrize("version", ["v1", "v2"])
every_tls = pytest.mark.parametrize(
    "tls_version, layer", [("1.2", "tidegate"), ("1.3", "tidegate"), ("1.3", "openssl")]
)


@pytest.fixture
def backend():
    with Backend() as made:
        yield made


@pytest.fixture
def start(tidegate, backend):
    """`start(version, listener settings, pool settings)`: the listener; `start.proxy` is behind it."""

    def begin(version, entry=None, **more):
        host = more.pop("host", "127.0.0.1")
        made = listener("behind", host=host, name="public", **(entry or {}))
        begin.proxy = tidegate(
            {"listeners": [made], "pools": [pool("behind", backend, proxy_protocol=version, **more)]}
        )
        return made

    return begin


def tls_client(made, context, session=None, server_name="localhost", **options):
    return TLSStream(dial(address(made), **options), context, server_name, session)


# -- in the clear


@both_versions
def test_the_client_s_address_comes_ahead_of_its_request(start, backend, version):
    made = start(version)
    with dial(address(made)) as client:
        own = client.getsockname()
        header = exchange(client, backend)
    assert (header.version, header.command, header.family) == (int(version[1]), "PROXY", "TCP4")
    assert (header.source, header.destination) == (own, address(made))
    assert set(header.parts) <= {"crc32c"}
    assert ("crc32c" in header.parts) == (version == "v2")


@both_versions
@pytest.mark.parametrize("bind, host", [("0.0.0.0", "127.0.0.3"), ("[::]", "::1")])
def test_on_all_addresses_it_tells_the_one_that_the_client_took(tidegate, backend, version, bind, host):
    port = free_port()
    tidegate(
        {
            "listeners": [{"bind": f"{bind}:{port}", "pool": "behind"}],
            "pools": [pool("behind", backend, proxy_protocol=version)],
        }
    )
    for _ in range(3):
        with dial((host, port)) as client:
            own = client.getsockname()[:2]
            header = exchange(client, backend)
        assert header.family == ("TCP6" if ":" in host else "TCP4")
        assert (header.source, header.destination) == (own, (host, port))


@both_versions
def test_ipv6_is_told_as_such(start, backend, version):
    made = start(version, host="::1")
    with dial(address(made)) as client:
        own = client.getsockname()[:2]
        header = exchange(client, backend)
    assert (header.family, header.source, header.destination) == ("TCP6", own, address(made))


@both_versions
def test_a_unix_socket_s_client_has_no_address(tidegate, backend, folder, version):
    place = str(folder / "in.sock")
    tidegate(
        {
            "listeners": [{"bind": f"unix:{place}", "pool": "behind"}],
            "pools": [pool("behind", backend, proxy_protocol=version)],
        }
    )
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(place)
        header = exchange(client, backend)
    if version == "v1":
        assert (header.family, header.raw) == ("UNKNOWN", b"PROXY UNKNOWN\r\n")
    else:
        assert (header.family, header.source, header.destination) == ("UNIX", "", place)


@pytest.mark.parametrize("size", [1, 16_000, 16_290])
def test_header_and_request_leave_in_one_piece(start, backend, size):
    """What the spec asks for: a receiver may take half a header for none. Also where the head fills a buffer."""
    made = start("v2")
    head = REQUEST.replace(b"\r\n\r\n", b"\r\nX-Long: " + b"x" * size + b"\r\n\r\n")
    with dial(address(made)) as client:
        client.sendall(head)
        served = backend.accept()
        first = served.recv(65536)
        assert b"QUIT" in first and b"x" * size in first and first.endswith(b"\r\n\r\n")


@both_versions
def test_the_next_backend_gets_the_header_too(tidegate, backend, version):
    gone = f"127.0.0.1:{free_port()}"
    made = listener("behind", name="public")
    settings = pool("behind", gone, backend, proxy_protocol=version, balance="round-robin")
    proxy = tidegate({"listeners": [made], "pools": [settings]})
    for _ in range(4):
        with dial(address(made)) as client:
            own = client.getsockname()
            assert exchange(client, backend).source == own
    assert int(proxy.stat()["behind", gone]["econ"]) > 0


def test_a_websocket_works_behind_it(start, backend):
    made = start("v2")
    with dial(address(made)) as client:
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        served = backend.accept()
        assert read_header(served).source == client.getsockname()
        while b"\r\n\r\n" not in (block := served.recv(65536)):
            assert block
        served.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        )
        assert b" 101 " in client.recv(65536)
        client.sendall(b"\x81\x82abcd" + bytes(a ^ b for a, b in zip(b"hi", b"ab", strict=True)))
        assert read_exactly(served, 8)[:2] == b"\x81\x82"
        served.sendall(b"\x81\x02hi")
        assert read_exactly(client, 4) == b"\x81\x02hi"


# -- mode: tcp


@both_versions
@pytest.mark.parametrize("bind", ["127.0.0.1", "0.0.0.0"])
def test_a_stream_begins_with_the_header(start, backend, version, bind):
    made = start(version, {"mode": "tcp"}, host=bind)
    with dial(("127.0.0.1", address(made)[1])) as client:
        client.sendall(b"EHLO tide\r\n")
        served = backend.accept()
        header = read_header(served)
        assert (header.source, header.destination) == (client.getsockname(), client.getpeername())
        assert read_exactly(served, 11) == b"EHLO tide\r\n"
        client.shutdown(socket.SHUT_WR)
        served.sendall(b"bye\r\n")
        assert read_to_end(served) == b""
        served.close()
        assert read_to_end(client) == b"bye\r\n"


@both_versions
def test_a_backend_that_talks_first_gets_the_header_first(start, backend, version):
    made = start(version, {"mode": "tcp"})
    with dial(address(made)) as client:
        served = backend.accept()
        assert read_header(served).source == client.getsockname()
        served.sendall(b"220 welcome\r\n")
        assert read_exactly(client, 13) == b"220 welcome\r\n"


# -- what is known of TLS


@every_tls
def test_it_tells_of_the_client_s_tls(start, backend, certificates, tls_version, layer):
    made = start("v2", {"tls": tls_settings(certificates.site, record_layer=layer)})
    with tls_client(made, certificates.client_context(tls_version), server_name="chat.example.com") as client:
        cipher = client.tls.cipher()[0]
        header = exchange(client, backend)
    assert header.parts["alpn"] == b"http/1.1"
    assert header.parts["authority"] == b"chat.example.com"
    part = header.parts["ssl"]
    assert part.client == 1 and part.verify != 0
    assert part.parts == {
        "version": f"TLSv{tls_version}".encode(),
        "cipher": cipher.encode(),
        "sig_alg": b"ecdsa-with-SHA256",
        "key_alg": b"EC256",
    }
    assert "crc32c" in header.parts


def test_it_tells_of_the_certificate_that_was_shown(start, backend, certificates):
    made = start("v2", {"tls": tls_settings(certificates.site, certificates.site_rsa)})
    context = certificates.client_context("1.2")
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    with tls_client(made, context) as client:
        part = exchange(client, backend).parts["ssl"]
    assert (part.parts["sig_alg"], part.parts["key_alg"]) == (b"RSA-SHA256", b"RSA2048")
    assert part.parts["cipher"] == b"ECDHE-RSA-AES128-GCM-SHA256"


def test_a_client_that_names_nothing_leaves_nothing_to_tell(start, backend, certificates):
    made = start("v2", {"tls": tls_settings(certificates.site)})
    context = certificates.client_context("1.3", alpn=())
    context.check_hostname = False
    with tls_client(made, context, server_name=None) as client:
        header = exchange(client, backend)
    assert set(header.parts) == {"ssl", "crc32c"}


def test_version_1_tells_the_addresses_of_a_tls_client(start, backend, certificates):
    made = start("v1", {"tls": tls_settings(certificates.site)})
    with tls_client(made, certificates.client_context("1.3")) as client:
        own = client.peer.getsockname()
        assert exchange(client, backend).source == own


def test_a_tcp_listener_tells_of_tls_too(start, backend, certificates):
    made = start("v2", {"mode": "tcp", "tls": tls_settings(certificates.site)})
    with tls_client(made, certificates.client_context("1.3")) as client:
        header = read_header(backend.accept())
        assert header.parts["authority"] == b"localhost" and header.parts["ssl"].client == 1


# -- clients' certificates


@pytest.fixture(scope="module")
def authority(module_folder):
    return Authority(module_folder / "ca")


@pytest.fixture(scope="module")
def member(authority):
    return authority.issue("Zoë Member")


def member_context(certificates, member, version):
    context = certificates.client_context(version)
    context.load_cert_chain(member.certificate, member.key)
    return context


@every_tls
def test_the_subject_of_a_client_s_certificate_is_handed_on(
    start, backend, certificates, authority, member, tls_version, layer
):
    tls = tls_settings(certificates.site, client_ca=str(authority.certificate), record_layer=layer)
    made = start("v2", {"tls": tls})
    context = member_context(certificates, member, tls_version)
    with tls_client(made, context) as client:
        part = exchange(client, backend).parts["ssl"]
        session = client.tls.session
    assert (part.client, part.verify, part.parts["cn"].decode()) == (1 | 2 | 4, 0, "Zoë Member")
    # Of a resumed session it is the certificate that the session began with.
    with tls_client(made, context, session) as client:
        assert client.tls.session_reused
        part = exchange(client, backend).parts["ssl"]
    assert (part.client, part.verify, part.parts["cn"].decode()) == (1 | 4, 0, "Zoë Member")
    assert "key_alg" not in part.parts


def test_without_a_certificate_none_is_told_of(start, backend, certificates, authority):
    tls = tls_settings(certificates.site, client_ca=str(authority.certificate), client_certificates="optional")
    made = start("v2", {"tls": tls})
    with tls_client(made, certificates.client_context("1.3")) as client:
        part = exchange(client, backend).parts["ssl"]
    assert part.client == 1 and part.verify != 0 and "cn" not in part.parts


# -- behind a balancer


@both_versions
def test_the_client_that_a_balancer_names_is_handed_on(start, backend, version):
    made = start(version, TRUSTING)
    with dial(address(made), source="127.0.0.2") as client:
        client.sendall(v2(("203.0.113.7", 40000), ("192.0.2.9", 443)))
        header = exchange(client, backend)
    assert (header.source, header.destination) == (("203.0.113.7", 40000), ("192.0.2.9", 443))


@both_versions
def test_ipv6_from_a_balancer_is_handed_on(start, backend, version):
    made = start(version, TRUSTING)
    with dial(address(made), source="127.0.0.2") as client:
        client.sendall(v2(("2001:db8:0:0:1::7", 40000), ("2001:db8::", 443)))
        header = exchange(client, backend)
    assert header.source == ("2001:db8::1:0:0:7", 40000) and header.destination == ("2001:db8::", 443)


def test_what_a_balancer_says_of_its_tls_is_handed_on_in_the_clear(start, backend):
    made = start("v2", TRUSTING)
    tls = b"\x07\0\0\0\0" + part(0x21, b"TLSv1.3") + part(0x22, b"someone")
    sent = [part(1, b"h2"), part(2, b"a.example"), part(5, b"id-1"), part(0x20, tls), part(4, b"xxx")]
    with dial(address(made), source="127.0.0.2") as client:
        client.sendall(v2(("203.0.113.7", 40000), ("192.0.2.9", 443), *sent))
        parts = exchange(client, backend).parts
    assert set(parts) == {"alpn", "authority", "unique_id", "ssl", "crc32c"}
    assert (parts["alpn"], parts["authority"], parts["unique_id"]) == (b"h2", b"a.example", b"id-1")
    assert (parts["ssl"].client, parts["ssl"].verify) == (7, 0)
    assert parts["ssl"].parts == {"version": b"TLSv1.3", "cn": b"someone"}


def test_where_tls_ends_here_a_balancer_s_word_on_it_does_not_count(start, backend, certificates):
    made = start("v2", {**TRUSTING, "tls": tls_settings(certificates.site)})
    peer = dial(address(made), source="127.0.0.2")
    tls = b"\x07\0\0\0\0" + part(0x22, b"an impostor")
    sent = [part(2, b"a.example"), part(5, b"id-1"), part(0x20, tls)]
    peer.sendall(v2(("203.0.113.7", 40000), ("192.0.2.9", 443), *sent))
    with TLSStream(peer, certificates.client_context("1.3")) as client:
        header = exchange(client, backend)
    assert header.source == ("203.0.113.7", 40000)
    assert (header.parts["authority"], header.parts["unique_id"]) == (b"localhost", b"id-1")
    assert header.parts["ssl"].client == 1 and "cn" not in header.parts["ssl"].parts


def test_who_is_not_trusted_is_told_as_itself(start, backend):
    """Its header is a request that is none."""
    made = start("v2", TRUSTING)
    with dial(address(made), source="127.0.0.3") as client:
        assert exchange(client, backend).source == client.getsockname()


@pytest.mark.parametrize(
    "sent", [b"PROXY UNKNOWN\r\n", v2(("1.2.3.4", 5), ("1.2.3.4", 6), command=0x20)], ids=["unknown", "local"]
)
def test_a_balancer_that_speaks_for_itself_is_told_as_itself(start, backend, sent):
    made = start("v2", TRUSTING)
    with dial(address(made), source="127.0.0.2") as client:
        client.sendall(sent)
        header = exchange(client, backend)
        assert (header.source, header.destination) == (client.getsockname(), address(made))


# -- operations


def test_a_reload_changes_it_for_new_connections(start, backend):
    made = start("v1", {"mode": "tcp"})
    proxy = start.proxy
    with dial(address(made)) as old:
        served = backend.accept()
        assert read_header(served).version == 1
        proxy.write({**proxy.settings, "pools": [pool("behind", backend, proxy_protocol="v2")]})
        answer = proxy.ask("reload")
        assert "Success=1" in answer and 'pool "behind": proxy_protocol is now v2, was v1' in answer
        with dial(address(made)) as new:
            assert read_header(backend.accept()).version == 2
            new.sendall(b"x")
        old.sendall(b"as before")
        assert read_exactly(served, 9) == b"as before"
        proxy.write({**proxy.settings, "pools": [pool("behind", backend)]})
        assert "proxy_protocol is now off, was v2" in proxy.ask("reload")
        with dial(address(made)) as new:
            new.sendall(b"bare")
            assert read_exactly(backend.accept(), 4) == b"bare"


@pytest.mark.large
def test_a_thousand_at_once_are_each_told_as_themselves(tidegate, certificates):
    """Over all addresses: each has to be looked up, and none may be taken for another."""
    with Backend() as backend:
        port = free_port()
        tidegate(
            {
                "listeners": [{"bind": f"0.0.0.0:{port}", "pool": "behind", "mode": "tcp"}],
                "pools": [pool("behind", backend, proxy_protocol="v2")],
                "limits": {"connections": 3000},
            }
        )
        clients = [dial(("127.0.0.1", port)) for _ in range(1000)]
        names = {client.getsockname() for client in clients}
        for client in clients:
            client.sendall(repr(client.getsockname()).encode().ljust(40))
        for _ in clients:
            served = backend.accept()
            source = read_header(served).source
            assert read_exactly(served, 40).decode().strip() == repr(source)
            names.remove(source)
        assert not names
        for client in clients:
            client.close()
