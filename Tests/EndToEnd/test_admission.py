"""Who gets in and when; how the others are told to come again."""

import asyncio
import json
import re
import socket
import ssl
import struct
import threading
import time
from datetime import datetime

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from harness.browser import Browser
from harness.clients import join
from harness.frames import CLOSE, PING, TEXT, client_frame, close_payload, read_frame, upgrade_head
from harness.http import parse_head
from harness.matrix import tls_settings
from harness.raw import TLSStream, dial, outcome, read_exactly, read_head, read_to_end, reset
from harness.servers import EchoServer, nginx
from harness.tidegate import address, listener, pool, uri
from harness.waiting import eventually
from test_signals import reload

# One may come in, and for a minute nobody else.
SHUT = {"connection_rate": "1/m", "connection_burst": 1}
IMPATIENT = {"patience": "100ms"}
# On a busy machine the time of a single refusal can be a whole budget's.
WORDY = {"cpu": "100%"}
V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture(scope="module")
def echo():
    with EchoServer() as running:
        yield running


@pytest.fixture
def start(tidegate, echo):
    """`start(listener settings, general settings)`: the proxy, and where the listener is."""

    def begin(entry=None, **general):
        made = listener("echo", name="public", **(entry or {}))
        general["refusal"] = {**WORDY, **general.get("refusal", {})}
        return tidegate({**general, "listeners": [made], "pools": [pool("echo", echo)]}), made

    return begin


@pytest.fixture(params=["ws", "wss"])
def layer(request, certificates):
    """(scheme, the listener's keys for it, the client's context)"""
    if request.param == "ws":
        return "ws", {}, None
    return "wss", {"tls": tls_settings(certificates.site)}, certificates.client_context("1.3")


def count(proxy, name):
    return int(proxy.info()[name])


def expect(proxy, **figures):
    """`show info` comes to these figures."""
    eventually(lambda: {n: count(proxy, n) for n in figures} == figures, 5, str(figures))


def stream(entry, context=None, **options):
    peer = dial(address(entry), **options)
    return TLSStream(peer, context) if context else peer


def ask(entry, context=None, extra=(), **options):
    """An open stream that has sent its upgrade request."""
    peer = stream(entry, context, **options)
    peer.sendall(upgrade_head(extra=extra))
    return peer


def enter(entry, context=None, **options):
    """A client that gets in: its stream, upgraded."""
    peer = ask(entry, context, **options)
    head = read_head(peer)
    assert head.startswith(b"HTTP/1.1 101"), head
    return peer


def refused_by_reset(entry, first=b"", **options):
    """The connection ends with a reset, whenever the client meets it."""
    try:
        with dial(address(entry), **options) as peer:
            if first:
                peer.sendall(first)
            return outcome(peer) == (b"", "reset")
    except (ConnectionResetError, BrokenPipeError):
        return True


def limited(proxy, seconds=5):
    """The lines of those that were refused."""
    return eventually(lambda: [r for r in proxy.records() if r.cause == "limited"], seconds, "a limited line")


async def _one(entry, context, number, done):
    host, port = address(entry)
    over_tls = {"ssl": context, "server_hostname": "localhost", "ssl_handshake_timeout": 20} if context else {}
    reader, writer = await asyncio.open_connection(host, port, **over_tls)
    writer.write(upgrade_head())
    head = await reader.readuntil(b"\r\n\r\n")
    done.append((number, time.monotonic(), int(head.split(b" ", 2)[1])))
    writer.transport.abort()


async def _herd(entry, context, size, done):
    everyone = (_one(entry, context, number, done) for number in range(size))
    for answer in await asyncio.gather(*everyone, return_exceptions=True):
        if answer and not isinstance(answer, OSError | EOFError):
            raise answer


def herd(entry, context, size):
    """So many clients at once; returns (number, when, status) of those that were answered."""
    done = []
    asyncio.run(_herd(entry, context, size, done))
    return done


# -- the rate


def admitted_at(record):
    """Seconds since the epoch at which a logged connection left the room."""
    accepted = datetime.fromisoformat(record.accepted.replace("Z", "+00:00")).timestamp()
    return accepted + record.waiting_seconds


def test_the_rate_admits_its_burst_and_then_exactly_its_share_of_each_window(start, layer):
    """100 at once, 10 of them in the burst: the others take 90 / 40 s, and no window sees more than it may."""
    _, keys, context = layer
    size, rate, burst = 100, 40, 10
    proxy, entry = start(
        keys, limits={"connection_rate": f"{rate}/s", "connection_burst": burst}, waiting_room={"patience": "20s"}
    )
    begun, over, seen, done = time.monotonic(), threading.Event(), [], []

    def watch():
        while not over.wait(0.1):
            figure = count(proxy, "Admitted")
            seen.append((time.monotonic() - begun, figure))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        done = herd(entry, context, size)
    finally:
        over.set()
        watcher.join()
    assert [status for *_, status in done] == [101] * size
    assert all(figure <= burst + rate * after + 1 for after, figure in seen), seen
    expect(proxy, Admitted=size, Refused=0, WaitGone=0)
    times = sorted(admitted_at(record) for record in proxy.records(size))
    # The log's times are of the turn in which they were admitted, cut to milliseconds.
    for length in range(1, size):
        for first, last in zip(times, times[length:], strict=False):
            assert length + 1 <= burst + rate * (last - first) + 0.5, (length, first, last)
    due = (size - burst) / rate
    assert due - 0.02 <= times[-1] - times[0] <= due + 0.2


def test_a_client_that_leaves_while_it_waits_takes_no_token(start, layer):
    """The next one has its place, and doesn't wait for longer than if nobody had been there."""
    _, keys, context = layer
    proxy, entry = start(
        keys, limits={"connection_rate": "2/s", "connection_burst": 1}, waiting_room={"patience": "20s"}
    )
    with enter(entry, context):
        begun = time.monotonic()
        leaving = [dial(address(entry)) for _ in range(8)]
        for peer in leaving:
            # A ClientHello, or a request.
            peer.sendall(hello(context) if context else upgrade_head())
        eventually(lambda: count(proxy, "Waiting") >= 7, what="they wait")
        for number, peer in enumerate(leaving):
            reset(peer) if number % 2 else peer.close()
        with enter(entry, context):
            assert time.monotonic() - begun < 2.2, "those that have gone would have taken 4 s"
        gone = count(proxy, "WaitGone")
        assert gone >= 6 and count(proxy, "Admitted") + gone == 10


def hello(context):
    """A whole ClientHello."""
    arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(arriving, leaving, server_hostname="localhost").do_handshake()
    return leaving.read()


def test_a_listener_has_a_rate_of_its_own(tidegate, echo):
    slow, fast = listener("echo", name="slow", **SHUT), listener("echo", name="fast")
    general = {"waiting_room": IMPATIENT, "refusal": WORDY}
    proxy = tidegate({**general, "listeners": [slow, fast], "pools": [pool("echo", echo)]})
    with enter(slow), ask(slow) as refused:
        assert parse_head(read_to_end(refused))[0].status == 503
        for _ in range(5):
            enter(fast).close()
    expect(proxy, Refused_too_long=1, Admitted=6)


# -- refusals


def test_one_that_would_outlive_its_patience_is_refused_at_once(start, layer):
    """The third would wait for 60 s: it hears so at once, and not after its patience; the second waits."""
    _, keys, context = layer
    proxy, entry = start(
        keys, limits={"connection_rate": "2/m", "connection_burst": 1}, waiting_room={"patience": "40s"}
    )
    with enter(entry, context), dial(address(entry)) as waiting:
        waiting.sendall(hello(context) if context else upgrade_head())
        expect(proxy, Waiting=1)
        begun = time.monotonic()
        with ask(entry, context) as refused:
            assert parse_head(read_to_end(refused))[0].status == 503
        assert time.monotonic() - begun < 2
        expect(proxy, Waiting=1, Refused_too_long=1)
        waiting.settimeout(0)
        with pytest.raises(BlockingIOError):
            waiting.recv(1)
        reset(waiting)
    expect(proxy, WaitGone=1, Admitted=1)


@pytest.mark.parametrize("way", ["reset", "close"])
def test_a_refusal_ahead_of_tls_costs_the_client_no_handshake(start, layer, way):
    _, keys, context = layer
    proxy, entry = start(
        keys, limits=SHUT, waiting_room=IMPATIENT, refusal={"before_tls": way, "readable": "none"}
    )
    with enter(entry, context):
        first = hello(context) if context else upgrade_head()
        if way == "reset":
            assert refused_by_reset(entry, first)
        else:
            with dial(address(entry)) as peer:
                peer.sendall(first)
                assert outcome(peer) == (b"", "end")
        expect(proxy, Refused_before_tls=1, Refused_too_long=1, Refused_503=0)
        [record] = limited(proxy)
        # Nothing that it could say would help, so it isn't read where that can be left.
        assert record.ended == ("proxy", "accepting" if way == "reset" else "waiting", "limited")
        assert (record.tls, record.status) == (None, None)


def crowd(entry, context):
    """Somebody is in, and somebody has been refused."""
    inside = enter(entry, context)
    assert refused_by_reset(entry, hello(context) if context else upgrade_head())
    return inside


def test_in_a_crowd_a_client_is_refused_before_it_has_said_anything(start, layer):
    _, keys, context = layer
    proxy, entry = start(keys, limits=SHUT, waiting_room=IMPATIENT, refusal={"readable": "none"})
    with crowd(entry, context):
        for _ in range(20):
            assert refused_by_reset(entry)
        expect(proxy, Refused_too_long=21, Refused_before_tls=21, CumConns=22, CurrConns=1)
        records = eventually(lambda: (r := proxy.records()) and len(r) == 21 and r, 5, "21 lines")
        assert {(r.ended, r.line.get("refusal")) for r in records} == {(("proxy", "accepting", "limited"), "too-long")}
        assert all(r.client.startswith("127.0.0.1:") for r in records)


def test_an_orderly_refusal_ahead_of_tls_waits_for_the_clients_bytes(start, layer):
    """Closing with bytes unread would be a reset."""
    _, keys, context = layer
    proxy, entry = start(
        keys, limits=SHUT, waiting_room=IMPATIENT, refusal={"before_tls": "close", "readable": "none"}
    )
    with enter(entry, context):
        for _ in range(5):
            with dial(address(entry)) as peer:
                time.sleep(0.1)
                peer.sendall(hello(context) if context else upgrade_head())
                assert outcome(peer) == (b"", "end")
        expect(proxy, Refused_too_long=5, Refused_before_tls=5)


LIMITS = [
    ({"limits": {"connection_rate": "1000/s"}}, {}),
    ({"limits": {"handshake_cpu": "50%"}}, {}),
    ({}, {"connection_rate": "1000/s"}),
]


@pytest.mark.parametrize("general, own", LIMITS)
def test_where_nothing_limits_clients_are_accepted_with_their_first_bytes_else_at_once(start, layer, general, own):
    _, keys, context = layer
    proxy, entry = start({**keys, **own}, **general)
    with dial(address(entry)):
        expect(proxy, CumConns=1)
    # A reload that takes the limits away.
    made = listener("echo", name="public", bind=entry["bind"], **keys)
    reload(proxy, {"listeners": [made], "pools": proxy.settings["pools"]})
    with dial(address(entry)) as silent:
        time.sleep(0.3)
        assert count(proxy, "CumConns") == 1
        silent.sendall(hello(context) if context else upgrade_head())
        expect(proxy, CumConns=2)


def test_who_may_be_told_in_words_is_heard_in_a_crowd_too(start, layer):
    _, keys, context = layer
    proxy, entry = start(keys, limits=SHUT, waiting_room=IMPATIENT)
    with enter(entry, context):
        for _ in range(3):
            with dial(address(entry)) as peer:
                time.sleep(0.2)
                with TLSStream(peer, context) if context else peer as client:
                    client.sendall(upgrade_head())
                    assert parse_head(read_to_end(client))[0].status == 503
        expect(proxy, Refused_503=3, Refused_before_tls=0)


def test_who_is_behind_a_proxy_is_refused_once_the_header_says_who_it_is(start, layer):
    _, keys, context = layer
    proxy, entry = start({**keys, **TRUSTING}, limits=SHUT, waiting_room=IMPATIENT, refusal={"readable": "none"})
    with crowd(entry, context):
        for number in range(3):
            with dial(address(entry), source="127.0.0.2") as peer:
                time.sleep(0.2)
                peer.sendall(v2(f"203.0.113.{number}") + (hello(context) if context else upgrade_head()))
                assert outcome(peer) == (b"", "reset")
        records = eventually(lambda: (r := proxy.records()) and len(r) == 4 and r, 5, "4 lines")
        assert {r.client for r in records if r.client.startswith("203.")} == {f"203.0.113.{n}:40000" for n in range(3)}


def test_in_a_crowd_who_is_denied_is_told_from_who_is_late(start):
    proxy, entry = start(
        {"deny": ["127.0.0.2"]}, limits=SHUT, waiting_room=IMPATIENT, refusal={"readable": "none"}
    )
    with crowd(entry, None):
        assert refused_by_reset(entry, source="127.0.0.2")
        expect(proxy, Refused_too_long=1, Refused_denied=1)


def test_silent_clients_keep_places_from_others_only_for_a_part_of_their_patience(start):
    """At 6 a minute three or four have time in 40 s. They say nothing; after 10 s their places are free again."""
    proxy, entry = start(
        limits={"connection_rate": "6/m", "connection_burst": 1},
        waiting_room={"patience": "40s"},
        deadlines={"first_byte": "60s"},
        refusal={"readable": "none"},
        workers=1,
    )
    with enter(entry):
        silent = [dial(address(entry)) for _ in range(4)]
        expect(proxy, CumConns=5)
        assert count(proxy, "Expected") >= 3
        assert refused_by_reset(entry, upgrade_head())
        time.sleep(10.5)
        expect(proxy, Expected=0)
        with dial(address(entry)) as late:
            late.sendall(upgrade_head())
            assert read_head(late).startswith(b"HTTP/1.1 101")
        for peer in silent:
            peer.close()


def test_a_readable_refusal_says_when_to_come_again(start, layer):
    _, keys, context = layer
    proxy, entry = start(keys, limits=SHUT, waiting_room=IMPATIENT)
    with enter(entry, context), ask(entry, context) as refused:
        head, rest = parse_head(read_to_end(refused))
        assert (head.status, rest) == (503, b"")
        assert re.fullmatch(r"[1-9]\d*", head.get("Retry-After")) and int(head.get("Retry-After")) <= 60
        assert head.get("Connection").lower() == "close"
        assert head.get("Content-Length") == "0"
        assert head.get("Cache-Control") == "no-store"
        expect(proxy, Refused_503=1, Refused=1, Refused_before_tls=0)
    [record] = limited(proxy)
    assert (record.who, record.cause, record.status) == ("proxy", "limited", 503)
    assert record.phase == "upgrading" and record.backend is None
    assert record.line.get("refusal", "too-long") == "too-long"


def test_the_room_has_a_capacity(start):
    proxy, entry = start(
        limits={"connection_rate": "2/m", "connection_burst": 1}, waiting_room={"patience": "60s", "capacity": 1}
    )
    with enter(entry), ask(entry) as waiting:
        expect(proxy, Waiting=1)
        with ask(entry) as refused:
            assert parse_head(read_to_end(refused))[0].status == 503
        expect(proxy, Waiting=1, WaitingMax=1, Refused_room_full=1)
        reset(waiting)


def test_past_the_refusals_budget_they_are_ahead_of_tls(start, certificates):
    """At 1 % of a worker's time a herd over TLS can't all be told in words; and nobody is left without an end."""
    proxy, entry = start(
        {"tls": tls_settings(certificates.site)}, limits=SHUT, waiting_room=IMPATIENT, refusal={"cpu": "1%"}
    )
    context = certificates.client_context("1.3")
    with enter(entry, context):
        done = herd(entry, context, 200)
        assert {status for *_, status in done} <= {503}
        assert len(done) < 200
        expect(proxy, Refused=200, Refused_503=len(done), Refused_before_tls=200 - len(done))


# -- held, then 1013


@pytest.fixture
def holding(start, layer):
    """A proxy that holds whom it refuses, for 1 s to 2 s."""
    scheme, keys, context = layer
    refusal = {"readable": "hold-1013", "hold": {"at_most": "2s"}}
    proxy, entry = start(keys, limits=SHUT, waiting_room=IMPATIENT, refusal=refusal)
    with enter(entry, context):
        yield proxy, entry, scheme, context


def test_a_client_is_held_and_told_1013_at_its_slot(holding):
    proxy, entry, scheme, context = holding
    begun = time.monotonic()
    client = join(uri(scheme, entry), ssl=context, subprotocols=["chat.v1", "chat.v2"])
    assert client.response.status_code == 101
    assert client.subprotocol == "chat.v1"
    assert "Sec-WebSocket-Extensions" not in client.response.headers
    assert count(proxy, "Held") == 1
    eventually(lambda: client.close_code, 5, "the client is told")
    assert 0.95 < time.monotonic() - begun < 3
    assert client.close_code == 1013
    reason = client.connection.close_reason
    assert reason and len(reason) <= 123
    with pytest.raises(ValueError):
        json.loads(reason)
    client.close()
    expect(proxy, Held=0, Refused_held=1, Refused_503=0)
    [record] = limited(proxy)
    assert (record.phase, record.cause, record.status, record.backend) == ("holding", "limited", 101, None)


def test_a_held_client_that_offers_no_subprotocol_gets_none(holding):
    _, entry, _, context = holding
    with ask(entry, context) as client:
        head = parse_head(read_head(client))[0]
        assert head.get("Sec-WebSocket-Protocol") is None
        assert read_frame(client)[0] == CLOSE


def test_a_held_clients_own_close_is_answered(holding):
    proxy, entry, _, context = holding
    with ask(entry, context) as client:
        read_head(client)
        client.sendall(client_frame(CLOSE, close_payload(4001, "bye")))
        opcode, _, payload = read_frame(client)
        assert (opcode, payload[:2]) == (CLOSE, struct.pack(">H", 4001))
        expect(proxy, Held=0)
    [record] = limited(proxy)
    assert (record.who, record.close_code_from_client) == ("client", 4001)


def test_what_a_held_client_sends_is_ignored(holding):
    proxy, entry, _, context = holding
    with ask(entry, context) as client:
        read_head(client)
        for _ in range(20):
            client.sendall(client_frame(TEXT, b"hello?") + client_frame(PING, b"?"))
        opcode, _, payload = read_frame(client)
        assert (opcode, payload[:2]) == (CLOSE, struct.pack(">H", 1013))


def test_a_held_client_that_leaves_frees_its_place(start):
    refusal = {"readable": "hold-1013", "hold": {"at_most": "1m"}}
    proxy, entry = start(limits=SHUT, waiting_room=IMPATIENT, refusal=refusal)
    with enter(entry):
        for end in (reset, socket.socket.close):
            client = ask(entry)
            read_head(client)
            expect(proxy, Held=1)
            end(client)
            expect(proxy, Held=0)


def test_past_the_cap_of_held_clients_the_answer_is_503(start):
    refusal = {"readable": "hold-1013", "hold": {"at_most": "1m", "connections": 2}}
    proxy, entry = start(workers=1, limits=SHUT, waiting_room=IMPATIENT, refusal=refusal)
    with enter(entry), ask(entry) as one, ask(entry) as two:
        for held in (one, two):
            assert read_head(held).startswith(b"HTTP/1.1 101")
        with ask(entry) as third:
            assert parse_head(read_to_end(third))[0].status == 503
        expect(proxy, Held=2, HeldMax=2, Refused_held=2, Refused_503=1)


def test_a_request_that_is_no_upgrade_is_never_held(start):
    proxy, entry = start(limits=SHUT, waiting_room=IMPATIENT, refusal={"readable": "hold-1013"})
    with enter(entry), dial(address(entry)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = parse_head(read_to_end(client))[0]
        assert head.status == 503 and head.get("Retry-After")


@pytest.mark.timeout(60)
def test_chromiums_page_sees_close_code_1013(tidegate, echo, folder):
    web = folder / "web"
    web.mkdir()
    folder.chmod(0o755)
    entry = listener("echo", name="public", **SHUT)
    (web / "held.html").write_text(
        "<!doctype html><title>waiting</title><script>"
        f"const socket = new WebSocket('ws://localhost:{address(entry)[1]}/', ['chat.v1']);"
        "let opened = false; socket.onopen = () => { opened = true; };"
        "socket.onclose = e => { document.title = 'done ' + JSON.stringify("
        "{opened, code: e.code, clean: e.wasClean, protocol: socket.protocol}); };</script>"
    )
    refusal = {**WORDY, "readable": "hold-1013", "hold": {"at_most": "1s"}}
    general = {"waiting_room": IMPATIENT, "refusal": refusal, "deadlines": {"first_byte": "1s"}}
    with nginx(folder, web, echo.port) as pages, Browser(folder) as browser:
        tidegate({**general, "listeners": [entry], "pools": [pool("echo", echo)]})
        with enter(entry):
            title = browser.title(f"http://{pages.endpoint}/held.html", "done ")
    seen = json.loads(title.removeprefix("done "))
    assert seen == {"opened": True, "code": 1013, "clean": True, "protocol": "chat.v1"}


def test_clients_that_come_back_10_ms_after_an_open_dont_spin(start, layer):
    """Like phoenix's: an open resets their backoff, so only its being held keeps them from hammering."""
    scheme, keys, context = layer
    clients, rate = 100, 40
    refusal = {"readable": "hold-1013", "hold": {"at_most": "10s"}}
    limits = {"connection_rate": f"{rate}/s", "connection_burst": 1}
    proxy, entry = start({**keys, **limits}, waiting_room={"patience": "500ms"}, refusal=refusal)
    codes = []

    async def come():
        while True:
            async with connect(uri(scheme, entry), ssl=context) as client:
                try:
                    await client.send("in?")
                    return await client.recv()
                except ConnectionClosed as closed:
                    codes.append(closed.rcvd.code if closed.rcvd else None)
            await asyncio.sleep(0.01)

    async def herd():
        return await asyncio.gather(*(come() for _ in range(clients)))

    assert asyncio.run(herd()) == ["in?"] * clients
    # Somebody's slot may have been a little early. Unheld, each would have come a hundred times a second.
    assert codes and set(codes) == {1013}
    assert len(codes) < 2 * clients
    expect(proxy, Refused_held=len(codes), Refused=len(codes), Held=0)


# -- live connections, addresses


def test_a_limit_of_live_connections_says_how_many_it_has_refused(start):
    """No line for each, which would be a storm of its own, but a message."""
    proxy, entry = start(limits={"connections": 2})
    with enter(entry), enter(entry):
        for _ in range(3):
            assert refused_by_reset(entry)
        expect(proxy, Refused_process_limit=3)
        [line] = eventually(
            lambda: [line for line in proxy.stderr().splitlines() if "refused at a limit" in line], 3, "a message"
        )
        assert " warning " in line and "limit=limits.connections" in line
        assert 1 <= int(re.search(r"connections=(\d+)", line)[1]) <= 3
    assert {record.refusal for record in proxy.records(2)} == {None}


def test_a_listener_has_so_many_live_connections(tidegate, echo):
    small, other = listener("echo", name="small", connections=2), listener("echo", name="other")
    proxy = tidegate({"listeners": [small, other], "pools": [pool("echo", echo)]})
    with enter(small), enter(other):
        with enter(small):
            assert refused_by_reset(small)
            expect(proxy, Refused_listener_limit=1)
            enter(other).close()
        expect(proxy, CurrConns=2)
        enter(small).close()


def test_an_address_has_so_many_live_connections(start):
    proxy, entry = start(limits={"per_address": {"connections": 2}})
    with enter(entry, source="127.0.0.2"):
        with enter(entry, source="127.0.0.2"), enter(entry, source="127.0.0.3"):
            assert refused_by_reset(entry, source="127.0.0.2")
            expect(proxy, Refused_address_connections=1, Addresses=2)
            table = proxy.ask("show table addresses")
            assert re.search(r"key=127\.0\.0\.2 .*conn_cur=2", table), table
            assert re.search(r"key=127\.0\.0\.3 .*conn_cur=1", table), table
        eventually(lambda: "key=127.0.0.2 " in (t := proxy.ask("show table addresses")) and "conn_cur=2" not in t)
        enter(entry, source="127.0.0.2").close()
    line = limited(proxy)[0]
    assert line.client.startswith("127.0.0.2:") and line.who == "proxy"


def test_an_address_has_a_rate_and_the_others_dont_feel_it(start):
    proxy, entry = start(limits={"per_address": {"connection_rate": "2/m", "burst": 3}})
    for _ in range(3):
        enter(entry, source="127.0.0.2").close()
    for _ in range(4):
        assert refused_by_reset(entry, source="127.0.0.2")
    enter(entry, source="127.0.0.3").close()
    expect(proxy, Refused_address_rate=4)
    table = proxy.ask("show table addresses")
    assert re.search(r"key=127\.0\.0\.2 .*conn_rate\(90000\)=3", table), table
    assert re.search(r"key=127\.0\.0\.3 .*conn_rate\(90000\)=1", table), table
    only = proxy.ask("show table addresses data.conn_rate gt 2")
    assert "127.0.0.2" in only and "127.0.0.3" not in only


def test_only_those_on_the_list_may_connect(start):
    proxy, entry = start({"allow": "127.0.0.0/28", "deny": ["127.0.0.4/30", "127.0.0.2"]})
    for source in ("127.0.0.1", "127.0.0.3", "127.0.0.8"):
        enter(entry, source=source).close()
    for source in ("127.0.0.2", "127.0.0.5", "127.0.0.16"):
        assert refused_by_reset(entry, source=source), source
    expect(proxy, Refused_denied=3)


# -- the PROXY protocol


def v2(source, command=0x21, port=40000):
    """HAProxy's proxy-protocol.txt, section 2.2: TCP over IPv4."""
    block = socket.inet_aton(source) + socket.inet_aton("192.0.2.9") + struct.pack(">HH", port, 443)
    return V2_SIGNATURE + bytes([command, 0x11]) + struct.pack(">H", len(block)) + block


def v1(source, port=40000):
    return f"PROXY TCP4 {source} 192.0.2.9 {port} 443\r\n".encode()


TRUSTING = {"proxy_protocol": {"from": "127.0.0.2"}}


def proxied(entry, header, context=None):
    peer = dial(address(entry), source="127.0.0.2")
    peer.sendall(header)
    upgraded = TLSStream(peer, context) if context else peer
    upgraded.sendall(upgrade_head())
    assert read_head(upgraded).startswith(b"HTTP/1.1 101")
    return upgraded


@pytest.mark.parametrize("header", [v1, v2])
def test_limits_and_the_log_take_the_client_that_a_trusted_peer_names(start, layer, header):
    _, keys, context = layer
    proxy, entry = start({**keys, **TRUSTING}, limits={"per_address": {"connections": 1}})
    with proxied(entry, header("203.0.113.7"), context):
        with proxied(entry, header("203.0.113.8"), context):
            with dial(address(entry), source="127.0.0.2") as peer:
                peer.sendall(header("203.0.113.7"))
                assert outcome(peer) == (b"", "reset")
            expect(proxy, Refused_address_connections=1, Addresses=2)
            assert "127.0.0.2" not in proxy.ask("show table addresses")
    clients = [record.client for record in proxy.records(3)]
    assert sorted(clients) == ["203.0.113.7:40000", "203.0.113.7:40000", "203.0.113.8:40000"]


@pytest.mark.parametrize("header", [v1, v2])
def test_the_header_of_a_peer_that_isnt_trusted_is_not_believed(start, header):
    proxy, entry = start(TRUSTING)
    with dial(address(entry), source="127.0.0.3") as peer:
        peer.sendall(header("203.0.113.7") + upgrade_head())
        peer.shutdown(socket.SHUT_WR)
        answer, _ = outcome(peer)
        assert b" 101 " not in answer
    assert proxy.record().client.startswith("127.0.0.3:")


@pytest.mark.parametrize(
    "header",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"PROXY TCP4 1.2.3.4\r\n",
        b"PROXY TCP9 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY " + b"x" * 200,
    ],
    ids=["none", "short", "family", "endless"],
)
def test_a_trusted_peer_without_a_sound_header_is_refused(start, header):
    proxy, entry = start(TRUSTING)
    assert refused_by_reset(entry, header, source="127.0.0.2")
    expect(proxy, Refused_proxy_header=1, Refused_before_tls=1)


@pytest.mark.parametrize("part", [b"PROXY TCP4 203.0.113.7 ", v2("203.0.113.7")[:20]], ids=["v1", "v2"])
def test_half_a_header_is_refused_when_its_time_is_over(start, part):
    proxy, entry = start(TRUSTING, deadlines={"first_byte": "300ms"})
    assert refused_by_reset(entry, part, source="127.0.0.2")
    expect(proxy, Refused_proxy_header=1, Refused_before_tls=1)
    assert proxy.record().refusal == "proxy-header"


def test_a_balancer_that_says_nothing_is_refused_nothing(start):
    """Its health check opens and closes: the deadline ends it, and no limit."""
    proxy, entry = start(TRUSTING, deadlines={"first_byte": "300ms"})
    with dial(address(entry), source="127.0.0.2") as peer:
        assert outcome(peer)[0] == b""
    assert proxy.record().ended == ("client", "waiting", "deadline")
    expect(proxy, Refused=0)


@pytest.mark.parametrize("header", [v1, v2])
def test_a_header_may_come_byte_by_byte(start, header):
    proxy, entry = start(TRUSTING)
    with dial(address(entry), source="127.0.0.2") as peer:
        for byte in header("203.0.113.7") + upgrade_head():
            peer.sendall(bytes([byte]))
        assert read_head(peer).startswith(b"HTTP/1.1 101")
    assert proxy.record().client == "203.0.113.7:40000"


@pytest.mark.parametrize("header", [v2("203.0.113.7", command=0x20), b"PROXY UNKNOWN\r\n"], ids=["local", "unknown"])
def test_a_peer_that_speaks_for_itself_is_itself(start, header):
    proxy, entry = start(TRUSTING)
    proxied(entry, header).close()
    assert proxy.record().client.startswith("127.0.0.2:")


def test_the_lists_judge_the_client_that_the_header_names(start):
    proxy, entry = start({**TRUSTING, "deny": "203.0.113.7"})
    proxied(entry, v1("203.0.113.8")).close()
    assert refused_by_reset(entry, v1("203.0.113.7"), source="127.0.0.2")
    expect(proxy, Refused_denied=1)


# -- what isn't a handshake


def test_plain_http_at_a_tls_port_is_refused_ahead_of_crypto(start, certificates):
    proxy, entry = start({"tls": tls_settings(certificates.site)})
    assert refused_by_reset(entry, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    expect(proxy, Refused_not_tls=1, Refused_before_tls=1, CumSslConns=0, Admitted=0)
    assert proxy.record().ended == ("proxy", "waiting", "limited")


def test_half_a_client_hello_ends_at_the_deadline(start, certificates):
    proxy, entry = start({"tls": tls_settings(certificates.site)}, deadlines={"handshaking": "400ms"})
    whole = hello(certificates.client_context("1.3"))
    begun = time.monotonic()
    with dial(address(entry)) as peer:
        peer.sendall(whole[: len(whole) // 2])
        assert outcome(peer)[1] in ("reset", "end")
    assert 0.3 < time.monotonic() - begun < 1.5
    record = proxy.record()
    assert (record.phase, record.cause) == ("waiting", "deadline")
    expect(proxy, Admitted=0)


def test_a_client_hello_may_come_byte_by_byte(start, certificates):
    proxy, entry = start({"tls": tls_settings(certificates.site)})
    peer = dial(address(entry))
    send = peer.sendall

    class Dripping:
        def sendall(self, block):
            for byte in block:
                send(bytes([byte]))

        def __getattr__(self, name):
            return getattr(peer, name)

    with TLSStream(Dripping(), certificates.client_context("1.3")) as client:
        client.sendall(upgrade_head())
        assert read_head(client).startswith(b"HTTP/1.1 101")
    expect(proxy, Admitted=1, Refused=0)


def test_resumed_handshakes_go_first_where_the_cpu_binds(start, certificates):
    """Half of a herd holds tickets; on average it is in earlier, though it came no earlier."""
    proxy, entry = start(
        {"tls": tls_settings(certificates.site_rsa)},
        workers=1,
        limits={"handshake_cpu": "1%"},
        waiting_room={"patience": "20s"},
    )
    context = certificates.client_context("1.2")
    with enter(entry, context) as first:
        session = first.tls.session
    expect(proxy, CurrConns=0)
    peers = [dial(address(entry), 20) for _ in range(120)]
    finished = {True: [], False: []}

    def run(peer, resumes):
        with TLSStream(peer, context, session=session if resumes else None) as client:
            assert client.tls.session_reused == resumes
            finished[resumes].append(time.monotonic())

    threads = [threading.Thread(target=run, args=(peer, number % 2 == 1)) for number, peer in enumerate(peers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    full, resumed = finished[False], finished[True]
    assert (len(full), len(resumed)) == (60, 60)
    print("resumed", sum(resumed) / 60 - min(resumed + full), "full", sum(full) / 60 - min(resumed + full))
    assert sum(resumed) / 60 < sum(full) / 60


# -- the ledger


def ledger(proxy):
    return dict(line.split(": ", 1) for line in proxy.ask("show ledger").splitlines() if ": " in line)


def test_the_ledger_counts_who_came_back_and_when(start):
    """Two are told to come again after half a second to a second: one comes early, one late enough."""
    proxy, entry = start(limits=SHUT, waiting_room=IMPATIENT, refusal={"hold": {"at_most": "1s"}})

    def be_refused(source):
        with ask(entry, source=source) as client:
            assert parse_head(read_to_end(client))[0].get("Retry-After") == "1"

    with enter(entry):
        be_refused("127.0.0.2")
        be_refused("127.0.0.3")
        figures = ledger(proxy)
        assert (figures["Refused"], figures["Pending"]) == ("2", "2")
        assert 500 <= int(figures["Told_max_ms"]) <= 1000
        assert int(figures["Told_avg_ms"]) <= int(figures["Told_max_ms"])
        be_refused("127.0.0.2")
        assert ledger(proxy)["Returned_early"] == "1"
        told = time.monotonic()
        eventually(lambda: time.monotonic() - told > 1, what="Retry-After is over")
        be_refused("127.0.0.3")
        figures = ledger(proxy)
        assert int(figures["Returned_on_time"]) + int(figures["Returned_late"]) == 1, figures
        assert figures["Refused"] == "4"
        assert count(proxy, "LedgerRefused") == 4
