"""One JSON line for each ended connection."""

import json
import signal
from datetime import UTC, datetime

import pytest

from harness.frames import CLOSE, TEXT, client_frame, close_payload, frame, open_pair, read_frame
from harness.matrix import tls_settings
from harness.raw import Backend, TLSStream, dial, read_exactly
from harness.servers import EchoServer
from harness.tidegate import address, listener, pool
from harness.waiting import eventually


@pytest.fixture
def gate(tidegate, certificates):
    with Backend() as backend:
        entry = listener("chat", name="public", tls=tls_settings(certificates.site))
        chat = pool("chat", {"name": "one", "address": backend.endpoint})
        proxy = tidegate({"listeners": [entry], "pools": [chat]})
        yield proxy, address(entry), backend


def test_a_line_tells_everything_of_a_connection(gate, certificates):
    proxy, where, backend = gate
    begun = datetime.now(UTC)
    with TLSStream(dial(where, source="127.0.0.7"), certificates.client_context("1.3")) as client:
        port = client.peer.getsockname()[1]
        served, request, answer = open_pair(client, backend)
        sent = b"".join(client_frame(TEXT, b"x" * 10) for _ in range(3)) + client_frame(9, b"ping")
        client.sendall(sent)
        read_exactly(served, len(sent))
        received = frame(TEXT, b"y" * 500, final=False) + frame(0, b"z")
        served.sendall(received)
        read_exactly(client, len(received))
        goodbye, reply = client_frame(CLOSE, close_payload(1000)), frame(CLOSE, close_payload(1000))
        client.sendall(goodbye)
        read_frame(served)
        served.sendall(reply)
        served.close()
        read_frame(client)
        assert client.recv(1) == b""
        client.send_close_notify()
    record = proxy.record()
    print(json.dumps(record.line, indent=1))
    assert record.client == f"127.0.0.7:{port}"
    assert (record.listener, record.pool, record.backend) == ("public", "chat", "one")
    assert record.backend_address == backend.endpoint
    assert (record.tls, record.resumed) == ("1.3", False)
    assert record.status == 101
    assert (record.messages_from_client, record.messages_to_client) == (3, 1)
    assert record.bytes_from_client == len(request) + len(sent) + len(goodbye)
    assert record.bytes_to_client == len(answer) + len(received) + len(reply)
    assert (record.close_code_from_client, record.close_code_from_backend) == (1000, 1000)
    assert record.who in ("client", "backend")
    assert record.cause == "finished"
    accepted = datetime.fromisoformat(record.accepted.replace("Z", "+00:00"))
    assert abs((accepted - begun).total_seconds()) < 2
    assert 0 < record.lifetime_seconds < 10
    for phase in ("handshaking", "upgrading", "connecting"):
        assert 0 <= getattr(record, f"{phase}_seconds") <= record.lifetime_seconds


def test_every_line_is_json_of_one_line_whatever_the_client_sent(tidegate):
    with Backend() as backend:
        entry = listener("pool")
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", backend)]})
        for head in (b'GET /" HTTP/1.1\r\nHost: "\\\x80\r\n\r\n', b"\xff\x00\r\n\r\n", b'{"a": 1}\r\n\r\n'):
            with dial(address(entry)) as client:
                client.sendall(head)
                client.shutdown(1)
                while client.recv(1000):
                    pass
        assert len(proxy.records(3)) == 3


def test_a_thousand_lines_for_a_thousand_connections(tidegate):
    with Backend() as backend:
        entry = listener("pool", mode="tcp")
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", backend)]})
        for number in range(1000):
            with dial(address(entry)) as client:
                client.sendall(b"x" * (number % 7 + 1))
                served = backend.accept()
                read_exactly(served, number % 7 + 1)
                served.close()
                assert client.recv(1) == b""
        records = proxy.records(1000)
        assert sum(record.bytes_from_client for record in records) == sum(n % 7 + 1 for n in range(1000))


def test_the_lines_go_to_standard_output_where_that_is_asked_for(tidegate):
    with EchoServer() as echo:
        entry = listener("pool", name="spoken")
        proxy = tidegate({"log": {"connections": "stdout"}, "listeners": [entry], "pools": [pool("pool", echo)]})
        with dial(address(entry)) as client:
            client.sendall(b"nonsense\r\n\r\n")
            client.recv(1000)
        proxy.finish()
        lines = [json.loads(line) for line in proxy.stdout().splitlines() if line.startswith("{")]
        assert [line["listener"] for line in lines] == ["spoken"]


def test_a_log_that_was_moved_away_is_opened_anew_by_sighup(tidegate):
    """What logrotate does."""
    with EchoServer() as echo:
        entry = listener("pool")
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", echo)]})

        def one():
            with dial(address(entry)) as client:
                client.sendall(b"nonsense\r\n\r\n")
                client.recv(1000)

        one()
        proxy.records(1)
        proxy.log.rename(proxy.log.with_suffix(".1"))
        proxy.signal(signal.SIGHUP)
        eventually(proxy.log.exists, what="the log's file is there again")
        one()
        assert len(proxy.records(1)) == 1


def test_operational_messages_go_to_standard_error_not_into_the_connection_log(tidegate):
    with EchoServer() as echo:
        entry = listener("pool", name="public")
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", echo)]})
        eventually(lambda: entry["bind"] in proxy.stderr(), what="a message about the listener")
        assert proxy.records() == []
