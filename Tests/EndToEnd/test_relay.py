"""Messages of every kind, from python `websockets` to python `websockets`, over every transport."""

import os
import random

import pytest

from harness.clients import join
from harness.frames import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    answer_head,
    client_frame,
    frame,
    open_pair,
    read_frame,
    upgrade_head,
)
from harness.matrix import TRANSPORTS, start_matrix
from harness.raw import Backend, dial, read_exactly, read_head, unix_path
from harness.servers import EchoServer
from harness.tidegate import address, listener, pool


@pytest.fixture(scope="module")
def echo():
    with EchoServer() as server:
        yield server


@pytest.fixture(scope="module")
def matrix(module_folder, certificates, echo):
    made = start_matrix(module_folder, certificates, [echo])
    yield made
    made.proxy.finish()


every_transport = pytest.mark.parametrize("transport", TRANSPORTS)


@every_transport
def test_text_and_binary_messages_come_back_as_they_were(matrix, transport):
    with matrix.connect(transport) as client:
        for message in ["", "tide", "Flut \u6f6e \U0001f30a", b"", b"\x00\xff" * 100, os.urandom(70000)]:
            client.send(message)
            assert client.recv(5) == message


@every_transport
def test_messages_of_every_length_around_the_frame_and_record_borders(matrix, transport):
    borders = [1, 125, 126, 127, 4095, 4096, 16383, 16384, 16385, 65535, 65536, 65537]
    with matrix.connect(transport, compression=None) as client:
        for length in borders:
            client.send(os.urandom(length))
            assert len(client.recv(5)) == length


@every_transport
def test_a_message_of_16_MiB_comes_back(matrix, transport):
    message = os.urandom(16 << 20)
    with matrix.connect(transport, compression=None) as client:
        client.send(message)
        assert client.recv(20) == message


@every_transport
def test_a_fragmented_message_comes_back_in_one(matrix, transport):
    pieces = [os.urandom(1000), b"", os.urandom(70000), b"end"]
    with matrix.connect(transport, compression=None) as client:
        client.send(iter(pieces))
        assert client.recv(5) == b"".join(pieces)


@every_transport
def test_a_message_that_the_backend_fragments_arrives_in_its_pieces(matrix, transport):
    with matrix.connect(transport, "/fragment?size=1000", compression=None) as client:
        client.send(b"x" * 4500)
        assert [len(piece) for piece in client.recv_pieces()] == [1000, 1000, 1000, 1000, 500, 0]


@every_transport
def test_compressed_messages_come_back(matrix, echo, transport):
    message = "tide " * 100_000
    with matrix.connect(transport, compression="deflate") as client:
        assert "permessage-deflate" in client.response.headers["Sec-WebSocket-Extensions"]
        client.send(message)
        assert client.recv(5) == message


@every_transport
def test_a_clients_ping_is_answered_by_the_backend(matrix, transport):
    with matrix.connect(transport) as client:
        client.ping(b"hello")


@every_transport
def test_a_backends_ping_is_answered_by_the_client(matrix, transport):
    with matrix.connect(transport, "/ping") as client:
        assert client.recv(5) == "pong"


@every_transport
def test_many_small_messages_in_flight_keep_their_order(matrix, transport):
    with matrix.connect(transport) as client:
        for start in range(0, 3000, 300):
            for number in range(start, start + 300):
                client.send(str(number))
            assert [client.recv(5) for _ in range(300)] == [str(n) for n in range(start, start + 300)]


def test_subprotocol_and_headers_pass_unchanged(matrix, echo):
    headers = {"X-Tide": "high", "Cookie": "a=b; c=d", "Authorization": "Bearer x.y"}
    with matrix.connect("wss 1.3", "/?a=b%20c&d=/e", additional_headers=headers, origin="https://a.example") as client:
        client.send("x")
        client.recv(5)
    request = echo.sessions[-1].request
    assert request.path == "/?a=b%20c&d=/e"
    assert request.headers["Origin"] == "https://a.example"
    assert {name: request.headers[name] for name in headers} == headers
    assert not any(name.lower().startswith("x-forwarded") for name in request.headers)


def test_a_subprotocol_is_agreed_on_through_the_proxy(tidegate):
    with EchoServer(subprotocols=["tide.v2", "tide.v1"]) as echo:
        entry = listener("pool")
        tidegate({"listeners": [entry], "pools": [pool("pool", echo)]})
        host, port = address(entry)
        with join(f"ws://{host}:{port}/", subprotocols=["tide.v1"]) as client:
            assert client.subprotocol == "tide.v1"


@pytest.mark.parametrize("kind", ["ipv4", "ipv6", "unix"])
def test_backends_of_each_kind_of_address_are_reached(tidegate, folder, kind):
    place = {"ipv4": "127.0.0.1", "ipv6": "::1", "unix": str(unix_path(folder, "b.sock"))}[kind]
    with EchoServer(place=place) as echo:
        entry = listener("pool")
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", echo)]})
        host, port = address(entry)
        with join(f"ws://{host}:{port}/") as client:
            client.send(kind)
            assert client.recv(5) == kind
        assert proxy.record().messages_from_client == 1


def test_a_listener_at_an_ipv6_address_serves(tidegate, certificates, echo):
    entry = listener("pool", host="::1", tls={"certificates": [certificates.site.settings()]})
    tidegate({"listeners": [entry], "pools": [pool("pool", echo)]})
    port = address(entry)[1]
    with join(f"wss://[::1]:{port}/", ssl=certificates.client_context()) as client:
        client.send("six")
        assert client.recv(5) == "six"


def test_a_listener_with_two_addresses_serves_at_both(tidegate, echo):
    one, two = listener("pool"), listener("pool", host="::1")
    both = {**one, "bind": [one["bind"], two["bind"]]}
    tidegate({"listeners": [both], "pools": [pool("pool", echo)]})
    for where in (one, two):
        with join(f"ws://{where['bind']}/") as client:
            client.send("there")
            assert client.recv(5) == "there"


@pytest.fixture
def raw(tidegate, certificates):
    """A proxy over a backend that the test drives by hand."""
    with Backend() as backend:
        entry = listener("pool")
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", backend)]})
        yield proxy, address(entry), backend


def test_frames_in_the_segment_of_the_upgrade_request_reach_the_backend(raw):
    _, where, backend = raw
    with dial(where) as client:
        early = client_frame(TEXT, b"impatient")
        client.sendall(upgrade_head() + early)
        served = backend.accept()
        read_head(served)
        served.sendall(answer_head() + frame(TEXT, b"welcome"))
        assert read_exactly(served, len(early)) == early
        read_head(client)
        assert read_frame(client) == (TEXT, True, b"welcome")


def test_frames_cut_at_every_byte_arrive_the_same(raw):
    proxy, where, backend = raw
    with dial(where) as client:
        served, _, _ = open_pair(client, backend)
        stream = b"".join(
            [
                client_frame(TEXT, b"a" * 3, final=False),
                client_frame(PING, b"in between"),
                client_frame(CONTINUATION, b"b" * 200),
                client_frame(BINARY, b"c" * 300),
                client_frame(PONG),
            ]
        )
        for byte in stream:
            client.sendall(bytes([byte]))
        assert read_exactly(served, len(stream)) == stream
        for byte in frame(BINARY, b"d" * 130):
            served.sendall(bytes([byte]))
        assert read_frame(client) == (BINARY, True, b"d" * 130)
    served.close()
    record = proxy.record()
    assert (record.messages_from_client, record.messages_to_client) == (2, 1)


def test_random_pieces_in_both_directions_keep_every_byte(raw):
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    _, where, backend = raw
    with dial(where) as client:
        served, _, _ = open_pair(client, backend)
        for _ in range(200):
            sender, receiver = (client, served) if dice.random() < 0.5 else (served, client)
            payload = dice.randbytes(int(10 ** dice.uniform(0, 4.8)))
            whole = client_frame(BINARY, payload) if sender is client else frame(BINARY, payload)
            start = 0
            while start < len(whole):
                end = start + int(10 ** dice.uniform(0, 5))
                sender.sendall(whole[start:end])
                start = end
            assert read_exactly(receiver, len(whole)) == whole
