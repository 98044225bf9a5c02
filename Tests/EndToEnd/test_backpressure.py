"""Who doesn't read stops who sends: bounded bytes in the proxy, and all of them arrive in the end."""

import hashlib
import os

import pytest

from harness import streams
from harness.frames import open_pair
from harness.matrix import TRANSPORTS, start_matrix
from harness.raw import Backend, meanwhile, outcome, read_exactly, silent

HIGH_WATER = 64 << 10
BUFFER = 64 << 10
# What the kernel may hold of one direction beside the proxy: the sender's and the proxy's own socket buffers, which
# tcp_wmem and tcp_rmem let grow to 4 and to 6 MiB or more.
KERNEL = 24 << 20
CONNECTIONS = 40

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def gate(module_folder, certificates):
    with Backend(receive_buffer=BUFFER) as backend:
        relay = {"high_water": "64KiB", "low_water": "16KiB"}
        made = start_matrix(module_folder, certificates, [backend], relay=relay)
        yield made, backend
        made.proxy.finish()


def fill(sender, block, limit):
    """Sends until nothing is taken for a while; the number of bytes that were, and their hash."""
    sender.settimeout(0.5)
    sent, hashed = 0, hashlib.sha256()
    while sent < limit:
        try:
            count = sender.send(block)
        except TimeoutError:
            break
        sent += count
        hashed.update(block[:count])
    sender.settimeout(10)
    return sent, hashed.hexdigest()


def pair(gate, transport):
    matrix, backend = gate
    client = matrix.dial(transport, send_buffer=BUFFER, receive_buffer=BUFFER)
    served, _, _ = open_pair(client, backend)
    return client, served


@pytest.mark.parametrize("transport", ["ws"])
def test_a_backend_that_doesnt_read_stops_the_client(gate, transport):
    client, served = pair(gate, transport)
    with client:
        sent, expected = fill(client, os.urandom(100_000), 4 * KERNEL)
        assert 0 < sent < KERNEL, f"{sent} bytes were taken"
        assert streams.receive(served, sent) == (sent, expected)
        served.close()
        outcome(client)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_client_that_doesnt_read_stops_the_backend(gate, transport):
    client, served = pair(gate, transport)
    with client:
        sent, expected = fill(served, os.urandom(100_000), 4 * KERNEL)
        assert 0 < sent < KERNEL, f"{sent} bytes were taken"
        got, hashed = 0, hashlib.sha256()
        while got < sent:
            block = client.recv(1 << 16)
            assert block, f"ended after {got} of {sent}"
            hashed.update(block)
            got += len(block)
        assert hashed.hexdigest() == expected
        served.close()
        outcome(client)


@pytest.mark.parametrize("reader", ["client", "backend"])
def test_many_who_dont_read_cost_the_proxy_little_each(gate, reader):
    """At most the water mark and a buffer more of memory for each direction that stands still."""
    matrix = gate[0]
    pairs = [pair(gate, "ws") for _ in range(CONNECTIONS)]
    before = matrix.proxy.resident_bytes()
    block = os.urandom(100_000)
    for client, served in pairs:
        sender = served if reader == "client" else client
        sender.setblocking(False)
    for _ in range(100):
        for client, served in pairs:
            try:
                (served if reader == "client" else client).send(block)
            except BlockingIOError:
                pass
    for client, served in pairs:
        assert fill(served if reader == "client" else client, block, 4 * KERNEL)[0] < KERNEL
        break
    growth = matrix.proxy.resident_bytes() - before
    for client, served in pairs:
        client.close()
        served.close()
    matrix.proxy.expect_idle(10)
    assert growth < CONNECTIONS * 3 * HIGH_WATER + (8 << 20), f"{growth / CONNECTIONS:.0f} bytes each"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_one_direction_that_stands_still_leaves_the_other_flowing(gate, transport):
    client, served = pair(gate, transport)
    with client:
        fill(served, os.urandom(100_000), 4 * KERNEL)
        expected = streams.digest(streams.blocks, 8)
        with meanwhile(lambda: streams.send(client, streams.blocks, 8)):
            assert streams.receive(served, expected[0]) == expected
        served.close()


def test_a_slow_reader_gets_everything_in_small_pieces(gate):
    client, served = pair(gate, "wss 1.3")
    with client:
        stream = (streams.frames, 3, False)
        total, expected = streams.digest(*stream)
        hashed, got = hashlib.sha256(), 0
        with meanwhile(lambda: streams.send(served, *stream)):
            while got < total:
                block = client.recv(700)
                hashed.update(block)
                got += len(block)
        assert hashed.hexdigest() == expected
        served.close()


@pytest.fixture(scope="module")
def smallest(module_folder, certificates):
    """The smallest marks that there are: less than the longest record."""
    with Backend() as backend:
        relay = {"high_water": "16KiB", "low_water": "0B"}
        made = start_matrix(module_folder / "smallest", certificates, [backend], relay=relay)
        yield made, backend
        made.proxy.finish()


@pytest.mark.parametrize("transport", [name for name in TRANSPORTS if name != "ws"])
def test_a_record_cut_beyond_the_marks_is_waited_for(smallest, transport):
    """What can't be passed on before the rest of it has come must not keep the rest from coming."""
    matrix, backend = smallest
    client = matrix.dial(transport)
    served, _, _ = open_pair(client, backend)
    with client:
        for left in [1, 12, 300, 16_000, 1]:
            # A frame of a whole record: 4 bytes of head, 4 of mask.
            message = b"\x82\xfe" + (16_376).to_bytes(2, "big") + bytes(4) + os.urandom(16_376)
            client.tls.write(message)
            record = client.leaving.read()
            assert len(record) > 16_400
            client.peer.sendall(record[:-left])
            assert silent(served, 0.05)
            client.peer.sendall(record[-left:])
            assert read_exactly(served, len(message)) == message
        served.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_stream_passes_the_smallest_marks(smallest, transport):
    matrix, backend = smallest
    client = matrix.dial(transport)
    served, _, _ = open_pair(client, backend)
    with client:
        for sender, receiver in [(client, served), (served, client)]:
            got, hashed = 0, hashlib.sha256()
            total, expected = streams.digest(streams.blocks, 64)
            with meanwhile(lambda: streams.send(sender, streams.blocks, 64)):
                while got < total:
                    block = receiver.recv(1 << 18)
                    assert block, f"ended after {got} of {total}"
                    hashed.update(block)
                    got += len(block)
            assert hashed.hexdigest() == expected
        served.close()


# 125 buffers: with a whole one for each half record, a third of these would leave none.
FEW_BUFFERS = "2MiB"
HALVES = 400


@pytest.fixture(scope="module")
def scarce(module_folder, certificates):
    with Backend() as backend:
        made = start_matrix(
            module_folder / "scarce", certificates, [backend], workers=1, limits={"buffer_memory": FEW_BUFFERS}
        )
        yield made, backend
        made.proxy.finish()


@pytest.mark.parametrize("count", [1, 5, 4000], ids=lambda count: f"{count} bytes")
def test_many_records_that_arent_whole_leave_buffers_for_others(scarce, count):
    matrix, backend = scarce
    message = b"\x82\xfe" + (5000).to_bytes(2, "big") + bytes(4) + os.urandom(5000)
    halves = []
    for _ in range(HALVES):
        client = matrix.dial("wss 1.3")
        served, _, _ = open_pair(client, backend)
        client.tls.write(message)
        record = client.leaving.read()
        client.peer.sendall(record[:count])
        halves.append((client, served, record[count:]))
    whole = matrix.dial("wss 1.3")
    served_whole, _, _ = open_pair(whole, backend)
    for length in [1, 20_000, 300_000]:
        data = os.urandom(length)
        for sender, receiver in [(whole, served_whole), (served_whole, whole)]:
            with meanwhile(lambda: sender.sendall(data)):
                assert read_exactly(receiver, length) == data
    # Nothing of the others is lost, however small the pieces of their rest.
    for client, served, rest in halves:
        client.peer.sendall(rest[:2])
    for client, served, rest in halves:
        client.peer.sendall(rest[2:])
        assert read_exactly(served, len(message)) == message
    for client, served, rest in halves[::2]:
        client.peer.sendall(rest[:1])
    for client, served, _ in [*halves, (whole, served_whole, b"")]:
        client.close()
        outcome(served)
        served.close()
