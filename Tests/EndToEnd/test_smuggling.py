"""Heads that two parsers could understand differently: refused, and never seen by a backend."""

import pytest

from harness.frames import KEY, upgrade_head
from harness.http import parse_head
from harness.raw import Backend, dial, outcome, read_head
from harness.tidegate import Tidegate, address, listener, pool
from harness.waiting import eventually

PLAIN = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
END = b"\r\n"

# By name: the bytes, and the statuses that are right.
MALFORMED = {
    # Lines and fields (RFC 9112 sections 2.2, 5.1, 5.2).
    "a bare LF ends the request line": (b"GET / HTTP/1.1\nHost: x\r\n\r\n", {400}),
    "a bare LF ends a field": (b"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", {400}),
    "a bare LF ends the head": (b"GET / HTTP/1.1\r\nHost: x\r\n\n", {400}),
    "bare LFs only": (b"GET / HTTP/1.1\nHost: x\n\n", {400}),
    "a bare CR in a value": (PLAIN + b"X: a\rb\r\n" + END, {400}),
    "a bare CR ends a field": (b"GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", {400}),
    "a folded field": (PLAIN + b"X: a\r\n b\r\n" + END, {400}),
    "a folded field by tab": (PLAIN + b"X: a\r\n\tb\r\n" + END, {400}),
    "a fold ahead of the first field": (b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", {400}),
    "a space ahead of the colon": (PLAIN + b"X : a\r\n" + END, {400}),
    "a tab ahead of the colon": (PLAIN + b"X\t: a\r\n" + END, {400}),
    "a field without a colon": (PLAIN + b"nonsense\r\n" + END, {400}),
    "a field without a name": (PLAIN + b": a\r\n" + END, {400}),
    "a NUL in a value": (PLAIN + b"X: a\x00b\r\n" + END, {400}),
    "a NUL in a name": (PLAIN + b"X\x00: a\r\n" + END, {400}),
    "a control character in a value": (PLAIN + b"X: a\x01b\r\n" + END, {400}),
    "a DEL in a value": (PLAIN + b"X: a\x7fb\r\n" + END, {400}),
    "a byte above 127 in a name": (PLAIN + b"X\xff: a\r\n" + END, {400}),
    "brackets in a name": (PLAIN + b"X(a): a\r\n" + END, {400}),
    # The request line (RFC 9112 section 3).
    "two spaces behind the method": (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "two spaces ahead of the version": (b"GET /  HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "a tab in the request line": (b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "a space in the target": (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "a leading space": (b" GET / HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "a trailing space": (b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n", {400}),
    "no target": (b"GET HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "no version": (b"GET /\r\nHost: x\r\n\r\n", {400, 505}),
    "a target that is no path": (b"GET x HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "a control character in the target": (b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", {400}),
    "a lower-case version": (b"GET / http/1.1\r\nHost: x\r\n\r\n", {400, 505}),
    "version 0.9": (b"GET / HTTP/0.9\r\nHost: x\r\n\r\n", {400, 505}),
    "version 2.0": (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", {400, 505}),
    "version 1.10": (b"GET / HTTP/1.10\r\nHost: x\r\n\r\n", {400, 505}),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505}),
    "a method with a bracket": (b"GE(T / HTTP/1.1\r\nHost: x\r\n\r\n", {400, 501}),
    "CONNECT": (b"CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n", {400, 405, 501}),
    # Host (RFC 9112 section 3.2).
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", {400}),
    "two Hosts": (PLAIN + b"Host: y\r\n" + END, {400}),
    "two equal Hosts": (PLAIN + b"Host: x\r\n" + END, {400}),
    "two Hosts in one": (b"GET / HTTP/1.1\r\nHost: x, y\r\n\r\n", {400}),
    "a Host with a path": (b"GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", {400}),
    "a Host with user information": (b"GET / HTTP/1.1\r\nHost: a@x\r\n\r\n", {400}),
    # Lengths (RFC 9112 section 6).
    "length and chunked": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
    "chunked and length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", {400}),
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", {400}),
    "a list of lengths": (POST + b"Content-Length: 5, 6\r\n\r\nhello!", {400}),
    "a length with a sign": (POST + b"Content-Length: +5\r\n\r\nhello", {400}),
    "a negative length": (POST + b"Content-Length: -5\r\n\r\nhello", {400}),
    "a hexadecimal length": (POST + b"Content-Length: 0x5\r\n\r\nhello", {400}),
    "a length with a fraction": (POST + b"Content-Length: 5.0\r\n\r\nhello", {400}),
    "a length past 64 bits": (POST + b"Content-Length: 99999999999999999999999\r\n\r\n", {400, 413}),
    "an empty length": (POST + b"Content-Length: \r\n\r\n", {400}),
    "two codings of the transfer": (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", {400, 501}),
    "an unknown coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "chunked twice": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "two fields of coding": (
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        {400, 501},
    ),
    "a coding behind a vertical tab": (POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n", {400, 501}),
    "a quoted coding": (POST + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', {400, 501}),
    "chunked in HTTP/1.0": (b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400, 501}),
    # Sizes (RFC 6585 section 5).
    "a head past its limit": (PLAIN + b"X: " + b"y" * 17000 + b"\r\n" + END, {431}),
    "too many fields": (PLAIN + b"X: y\r\n" * 101 + END, {431}),
    "a target past the head's limit": (b"GET /" + b"a" * 17000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {414, 431}),
    # The upgrade (RFC 6455 section 4.2.1).
    "an upgrade by POST": (upgrade_head(method="POST"), {400, 405}),
    "an upgrade without a key": (upgrade_head(sec_websocket_key=None), {400}),
    "an upgrade with two keys": (upgrade_head(extra=["Sec-WebSocket-Key: " + KEY]), {400}),
    "an upgrade with a short key": (upgrade_head(sec_websocket_key="c2hvcnQ="), {400}),
    "an upgrade with a key that is no base64": (upgrade_head(sec_websocket_key="!" * 22 + "=="), {400}),
    "an upgrade without a version": (upgrade_head(sec_websocket_version=None), {400, 426}),
    "an upgrade of version 8": (upgrade_head(sec_websocket_version="8"), {400, 426}),
    "an upgrade with two versions": (upgrade_head(extra=["Sec-WebSocket-Version: 13"]), {400, 426}),
    "an upgrade without a Host": (upgrade_head(Host=None), {400}),
    "an upgrade with a length": (upgrade_head(extra=["Content-Length: 5"]) + b"hello", {400}),
    "an upgrade with a chunked body": (upgrade_head(extra=["Transfer-Encoding: chunked"]) + b"0\r\n\r\n", {400, 501}),
}


@pytest.fixture(scope="module")
def gate(module_folder):
    with Backend() as backend:
        entry = listener("pool")
        proxy = Tidegate(
            module_folder,
            {
                "limits": {"head": "16KiB", "headers": 100},
                "listeners": [entry],
                "pools": [pool("pool", backend)],
                "deadlines": {"upgrading": "2s"},
            },
        ).start()
        yield proxy, address(entry), backend
        proxy.finish()


@pytest.mark.parametrize("name", MALFORMED)
def test_refused(gate, name):
    data, statuses = MALFORMED[name]
    proxy, where, backend = gate
    before = len(proxy.records())
    with dial(where, seconds=5) as client:
        client.sendall(data)
        answer, end = outcome(client)
    assert end in ("end", "reset"), f"left open, with {answer!r}"
    head, _ = parse_head(answer)
    assert head.status in statuses, head.first
    assert "close" in (head.get("Connection") or "").lower().split(", ")
    backend.expect_nobody()
    record = eventually(lambda: proxy.records()[before:], what="the line in the log")[-1]
    assert (record.who, record.phase) in (("client", "upgrading"), ("proxy", "upgrading")), record
    assert record.status == head.status


def test_a_refused_version_is_told_which_one_is_spoken(gate):
    """RFC 6455 section 4.4."""
    _, where, _ = gate
    with dial(where) as client:
        client.sendall(upgrade_head(sec_websocket_version="8"))
        head, _ = parse_head(outcome(client)[0])
    assert head.get("Sec-WebSocket-Version") == "13"


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"\xff" * 100,
        b"\r\n\r\n\r\n\r\n",
        b"A" * 100_000,
        b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03" + b"r" * 240,
    ],
    ids=["NUL", "high bytes", "empty lines", "one endless word", "a TLS hello"],
)
def test_what_is_no_request_ends_within_the_deadline(gate, data):
    _, where, backend = gate
    with dial(where, seconds=6) as client:
        try:
            client.sendall(data)
        except ConnectionError:
            pass
        answer, end = outcome(client)
    assert end in ("end", "reset")
    assert not answer or parse_head(answer)[0].status in (400, 408, 414, 431, 505)
    backend.expect_nobody()


@pytest.mark.parametrize(
    "change",
    [
        {"upgrade": "WebSocket"},
        {"connection": "keep-alive, Upgrade"},
        {"connection": "upgrade"},
        {"upgrade": "websocket, foo"},
    ],
    ids=["capital", "a list", "lower case", "two protocols"],
)
def test_lawful_spellings_of_an_upgrade_pass(gate, change):
    _, where, backend = gate
    with dial(where) as client:
        client.sendall(upgrade_head(**change))
        served = backend.accept()
        assert read_head(served) == upgrade_head(**change)
        served.close()
        outcome(client)
