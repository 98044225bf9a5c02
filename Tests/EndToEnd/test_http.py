"""Requests that are no WebSocket upgrade, with curl, uvicorn and nginx."""

import hashlib
import json
import os
import subprocess

import pytest

from harness.clients import join
from harness.frames import upgrade_head
from harness.http import parse_head
from harness.matrix import tls_settings
from harness.raw import Backend, TLSStream, dial, outcome, read_exactly, read_head, read_to_end
from harness.servers import EchoServer, nginx, uvicorn
from harness.tidegate import Tidegate, address, listener, pool, uri


def curl(*arguments, input=None):
    """curl's exit code must be 0; what it printed."""
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "10", "--noproxy", "*", *map(str, arguments)],
        input=input,
        capture_output=True,
        timeout=15,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def site(module_folder, certificates):
    """uvicorn and nginx behind one proxy, a path prefix each, plain and TLS."""
    web = module_folder / "web"
    web.mkdir(mode=0o755)
    os.chmod(module_folder, 0o755)
    (web / "static").mkdir()
    (web / "static" / "tide.txt").write_text("high\n" * 200_000)
    routes = [{"path": "/static", "pool": "nginx"}, {"path": "/ws", "pool": "nginx"}]
    plain = listener("uvicorn", name="plain", routes=routes)
    tls = listener("uvicorn", name="tls", routes=routes, tls=tls_settings(certificates.site))
    with EchoServer() as echo, uvicorn(module_folder) as app, nginx(module_folder, web, echo.port) as static:
        settings = {"listeners": [plain, tls], "pools": [pool("uvicorn", app), pool("nginx", static)]}
        proxy = Tidegate(module_folder / "p", settings).start()
        base = {"http": uri("http", plain, ""), "https": f"https://localhost:{address(tls)[1]}"}
        yield proxy, base, web
        proxy.finish()


SCHEMES = pytest.mark.parametrize("scheme", ["http", "https"])


@pytest.fixture
def fetch(site, certificates):
    """`fetch(scheme, path, curl arguments...)`."""

    def run(scheme, path, *arguments, **options):
        secure = ["--cacert", certificates.bundle, "--ipv4"] if scheme == "https" else []
        return curl(*secure, *arguments, site[1][scheme] + path, **options)

    return run


@SCHEMES
def test_curl_gets_a_file_from_nginx(fetch, site, scheme):
    assert fetch(scheme, "/static/tide.txt") == (site[2] / "static/tide.txt").read_bytes()


@SCHEMES
def test_curl_gets_an_answer_from_uvicorn(fetch, scheme):
    report = json.loads(fetch(scheme, "/a/b?c=%20d", "-H", "X-Tide: low"))
    assert (report["method"], report["path"], report["query"]) == ("GET", "/a/b", "c=%20d")
    assert ["x-tide", "low"] in report["headers"]


@SCHEMES
@pytest.mark.parametrize("length", [0, 1, 1000, 3_000_000])
def test_curl_posts_a_body_with_its_length(fetch, scheme, length):
    body = os.urandom(length)
    report = json.loads(fetch(scheme, "/", "--data-binary", "@-", input=body))
    assert (report["length"], report["sha256"]) == (length, hashlib.sha256(body).hexdigest())


@SCHEMES
@pytest.mark.parametrize("length", [1000, 3_000_000])
def test_curl_posts_a_chunked_body(fetch, scheme, length):
    body = os.urandom(length)
    chunked = ["-H", "Transfer-Encoding: chunked", "-H", "Expect:"]
    report = json.loads(fetch(scheme, "/", *chunked, "--data-binary", "@-", input=body))
    assert (report["length"], report["sha256"]) == (length, hashlib.sha256(body).hexdigest())


@SCHEMES
def test_curl_waits_for_a_100_continue(fetch, scheme):
    body = os.urandom(2_000_000)
    arguments = ["-H", "Expect: 100-continue", "--expect100-timeout", "5", "--data-binary", "@-"]
    report = json.loads(fetch(scheme, "/", *arguments, input=body))
    assert report["length"] == len(body)


@SCHEMES
def test_a_chunked_answer_arrives_whole(fetch, scheme):
    answer = fetch(scheme, "/stream?40")
    assert len(answer) == 40 * 65536
    assert answer[::65536] == bytes(range(40))


@SCHEMES
def test_head_has_no_body_and_curl_doesnt_wait_for_one(fetch, scheme):
    head = fetch(scheme, "/static/tide.txt", "--head").decode()
    assert head.startswith("HTTP/1.1 200") and "Content-Length: 1000000" in head


@SCHEMES
def test_two_requests_of_one_curl_are_both_answered(fetch, site, scheme):
    """One request per connection: curl finds out by itself and opens another."""
    answer = fetch(scheme, "/first", site[1][scheme] + "/second", "--write-out", "\n%{num_connects}\n")
    assert b'"/first"' in answer and b'"/second"' in answer


@SCHEMES
def test_a_missing_file_is_nginxs_own_404(fetch, scheme):
    answer = fetch(scheme, "/static/nothing", "-i").decode()
    assert answer.startswith("HTTP/1.1 404") and "nginx" in answer


@SCHEMES
def test_websockets_pass_through_nginx_and_uvicorn(site, certificates, scheme):
    base = site[1][scheme].replace("http", "ws", 1)
    context = certificates.client_context() if scheme == "https" else None
    for path in ("/ws", "/uvicorn"):
        with join(base + path, ssl=context) as client:
            for message in ("through " + path, b"\x00" * 100_000):
                client.send(message)
                assert client.recv(5) == message


def test_curl_opens_a_websocket_by_hand(fetch, site):
    """curl sends the upgrade and sees the 101; the frame behind it is the echo server's close."""
    arguments = ["--http1.1", "-i", "-N", "--max-time", "3"]
    for line in ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"):
        arguments += ["-H", line]
    arguments += ["-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    done = subprocess.run(["curl", "-s", *arguments, site[1]["http"] + "/ws"], capture_output=True, timeout=10)
    assert b"101 Switching Protocols" in done.stdout
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in done.stdout


# -- with a backend that the test drives by hand


@pytest.fixture
def raw(tidegate):
    """`raw(listener options)` -> (proxy, where, backend)."""
    backends = []

    def start(pool_options=None, **options):
        backend = Backend()
        backends.append(backend)
        entry = listener("pool", **options)
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", backend, **(pool_options or {}))]})
        return proxy, address(entry), backend

    yield start
    for backend in backends:
        backend.close()


def test_a_plain_request_is_refused_with_426_where_only_upgrades_are_wanted(raw):
    _, where, backend = raw(plain_http="refuse")
    with dial(where) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head, _ = parse_head(read_to_end(client))
    assert head.status == 426
    assert head.get("Upgrade").lower() == "websocket"
    assert "upgrade" in (head.get("Connection") or "").lower() or "close" in head.get("Connection").lower()
    backend.expect_nobody()


def test_upgrades_are_served_where_plain_requests_are_refused(raw):
    _, where, backend = raw(plain_http="refuse")
    with dial(where) as client:
        client.sendall(upgrade_head("/x"))
        assert read_head(backend.accept()) == upgrade_head("/x")


def test_curl_sees_the_426(raw):
    _, (host, port), _ = raw(plain_http="refuse")
    assert curl("-o", os.devnull, "-w", "%{http_code}", f"http://{host}:{port}/") == b"426"


def test_no_route_is_a_404(tidegate):
    with Backend() as backend:
        entry = listener(routes=[{"host": "chat.example.com", "path": "/ws", "pool": "pool"}])
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", backend)]})
        with dial(address(entry)) as client:
            client.sendall(upgrade_head("/else", "chat.example.com"))
            head, _ = parse_head(read_to_end(client))
        assert head.status == 404
        backend.expect_nobody()
        record = proxy.record()
        assert (record.status, record.ended) == (404, ("proxy", "upgrading", "refused"))


def test_no_living_backend_is_a_503_that_says_when_to_come_back(tidegate):
    with Backend() as backend:
        entry = listener("pool")
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", backend)]})
        backend.close()
        with dial(address(entry)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            answer, end = outcome(client)
        head, body = parse_head(answer)
        assert (head.status, body, end) == (503, b"", "end")
        assert int(head.get("Retry-After")) >= 0
        assert head.get("Content-Length") == "0"
        assert head.get("Connection").lower() == "close"
        assert head.get("Cache-Control") == "no-store"
        record = proxy.record()
        assert (record.status, record.ended) == (503, ("backend", "connecting", "unreachable"))


def test_a_second_request_on_a_connection_never_reaches_the_backend(raw):
    _, where, backend = raw()
    with dial(where) as client:
        first = b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
        client.sendall(first + b"GET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
        served = backend.accept()
        request = read_head(served)
        assert request.startswith(b"GET /1 ")
        served.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        served.shutdown(1)
        rest, _ = outcome(served)
        assert b"/2" not in rest
        answer, end = outcome(client)
    assert answer.endswith(b"\r\n\r\nok") and end == "end"
    backend.expect_nobody()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["length", "chunked", "chunked with trailer", "204", "304", "401"],
)
@pytest.mark.parametrize("request_kind", ["plain", "upgrade"])
def test_an_answer_ends_where_it_says_even_if_the_backend_keeps_its_connection(raw, answer, request_kind):
    """A backend that ignores `Connection: close`: its answer's own framing ends the connection."""
    _, where, backend = raw()
    with dial(where, seconds=4) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" if request_kind == "plain" else upgrade_head())
        served = backend.accept()
        read_head(served)
        served.sendall(answer)
        got, end = outcome(client)
    assert end == "end", "the connection stayed open behind a complete answer"
    head, body = parse_head(got)
    original, original_body = parse_head(answer)
    assert head.status == original.status
    assert body == original_body


def test_an_interim_answer_is_passed_on_at_once(raw):
    """RFC 9110 section 15.2: the client may wait for it with its body."""
    _, where, backend = raw()
    with dial(where) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        served = backend.accept()
        head, _ = parse_head(read_head(served))
        assert head.get("Expect") == "100-continue"
        served.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert parse_head(read_head(client))[0].status == 100
        client.sendall(b"hello")
        assert read_exactly(served, 5) == b"hello"
        served.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        assert parse_head(read_to_end(client))[0].status == 200


def test_an_answer_without_length_ends_with_the_backends_connection(raw):
    _, where, backend = raw()
    with dial(where) as client:
        client.sendall(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
        served = backend.accept()
        read_head(served)
        served.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"b" * 100_000)
        served.close()
        answer = read_to_end(client)
    assert answer.endswith(b"\r\n\r\n" + b"b" * 100_000)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n",
        b"SSH-2.0-Tide\r\n\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"",
    ],
    ids=["bare LF", "no HTTP", "no status", "huge head", "two lengths", "nothing"],
)
def test_a_backends_bad_answer_is_a_502(raw, answer):
    proxy, where, backend = raw()
    with dial(where) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        served = backend.accept()
        read_head(served)
        served.sendall(answer)
        served.close()
        head, _ = parse_head(read_to_end(client))
    assert head.status == 502
    record = proxy.record()
    assert (record.who, record.phase, record.status) == ("backend", "connecting", 502)


def test_the_upgrade_head_reaches_the_backend_byte_by_byte_the_same(raw):
    _, where, backend = raw()
    head = upgrade_head("/a?b=%63", "Chat.Example.COM:80", ["X-Odd:   spaced\t ", "x-odd: again", "Empty:"])
    with dial(where) as client:
        client.sendall(head)
        assert read_head(backend.accept()) == head


def test_forwarded_headers_tell_the_client_and_replace_what_it_claims(raw):
    _, where, backend = raw(pool_options={"forwarded_headers": True})
    claims = ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: gopher", "X-Forwarded-Host: evil"]
    with dial(where, source="127.0.0.9") as client:
        client.sendall(upgrade_head(host="chat.example.com", extra=claims))
        head, _ = parse_head(read_head(backend.accept()))
    assert head.all("X-Forwarded-For")[-1].split(",")[-1].strip() == "127.0.0.9"
    assert head.all("X-Forwarded-Proto")[-1] == "http"
    assert head.all("X-Forwarded-Host")[-1] == "chat.example.com"


def test_forwarded_proto_is_https_behind_tls(raw, certificates):
    _, where, backend = raw(pool_options={"forwarded_headers": True}, tls=tls_settings(certificates.site))
    with TLSStream(dial(where), certificates.client_context()) as client:
        client.sendall(upgrade_head())
        head, _ = parse_head(read_head(backend.accept()))
    assert head.get("X-Forwarded-Proto") == "https"


def test_an_empty_line_ahead_of_the_request_is_ignored(raw):
    """RFC 9112 section 2.2."""
    _, where, backend = raw()
    with dial(where) as client:
        client.sendall(b"\r\n" + upgrade_head())
        assert read_head(backend.accept()).startswith(b"GET / HTTP/1.1\r\n")


def test_an_upgrade_in_http_1_0_is_none(raw):
    """RFC 9110 section 7.8: a server must ignore Upgrade in an HTTP/1.0 request."""
    _, where, backend = raw()
    with dial(where) as client:
        client.sendall(upgrade_head().replace(b"HTTP/1.1", b"HTTP/1.0"))
        head, _ = parse_head(read_head(backend.accept()))
        assert head.get("Upgrade") is None
        backend.hang_up()
        outcome(client)


def test_a_head_in_single_bytes_is_understood(raw):
    _, where, backend = raw()
    with dial(where) as client:
        for byte in upgrade_head("/slow"):
            client.sendall(bytes([byte]))
        assert read_head(backend.accept()) == upgrade_head("/slow")


def test_a_request_body_arrives_whole_while_the_answer_already_comes(raw):
    _, where, backend = raw()
    body = os.urandom(200_000)
    with dial(where) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + body[:1000])
        served = backend.accept()
        read_head(served)
        served.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        read_head(client)
        client.sendall(body[1000:])
        assert read_exactly(served, len(body)) == body
        served.sendall(b"done")
        assert read_to_end(client) == b"done"
