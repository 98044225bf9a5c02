"""Our own record layer against records that no library would send (RFC 8446 sections 4.6.3, 5 and 6)."""

import os
import socket
from pathlib import Path

import pytest

from harness.crafted import (
    ALERT,
    BAD_RECORD_MAC,
    CHANGE_CIPHER_SPEC,
    CLIENT_HELLO,
    CLOSE_NOTIFY,
    DATA,
    DECODE_ERROR,
    FATAL,
    HANDSHAKE,
    HEARTBEAT,
    ILLEGAL_PARAMETER,
    KEY_UPDATE,
    NEW_SESSION_TICKET,
    RECORD_OVERFLOW,
    TAG,
    UNEXPECTED_MESSAGE,
    USER_CANCELED,
    WARNING,
    CraftedClient,
    key_update,
)
from harness.frames import answer_head, upgrade_head
from harness.matrix import tls_settings
from harness.raw import Backend, TLSStream, dial, meanwhile, outcome, read_exactly, read_head, read_to_end, reset
from harness.tidegate import Tidegate, address, listener, pool

CIPHERS = ["aes128gcm", "aes256gcm", "chacha20-poly1305"]
KINDS = [("tcp", cipher) for cipher in CIPHERS] + [("websocket", "aes128gcm")]
PLAINTEXT_LIMIT = 1 << 14
CIPHERTEXT_LIMIT = PLAINTEXT_LIMIT + 256
IDLE_LIMIT = 32


class Site:
    """A proxy with a listener of each mode, a backend of the test's for each, and a bystander."""

    def __init__(self, folder, certificates):
        self.backends = {"tcp": Backend(), "websocket": Backend()}
        settings = tls_settings(certificates.site, record_layer="tidegate")
        self.listeners = {mode: listener(mode, name=mode, mode=mode, tls=settings) for mode in self.backends}
        pools = [pool(mode, backend) for mode, backend in self.backends.items()]
        # One worker: the bystander is a neighbour of every connection that fails.
        self.proxy = Tidegate(folder, {"workers": 1, "listeners": list(self.listeners.values()), "pools": pools})
        self.proxy.start()
        self.bystander = TLSStream(dial(self.where("tcp")), certificates.client_context("1.3"))
        self.served_bystander = self.backends["tcp"].accept()

    def where(self, mode):
        return address(self.listeners[mode])

    def open(self, mode, cipher):
        """A client, and its socket at the backend, past the heads where there are any."""
        client = CraftedClient(self.where(mode), cipher)
        if mode == "websocket":
            client.sendall(upgrade_head())
        served = self.backends[mode].accept()
        if mode == "websocket":
            read_head(served)
            served.sendall(answer_head())
            read_head(client)
        return client, served

    def expect_bystander_lives(self):
        self.bystander.sendall(b"there?")
        assert read_exactly(self.served_bystander, 6) == b"there?"
        self.served_bystander.sendall(b"here")
        assert read_exactly(self.bystander, 4) == b"here"

    def close(self):
        self.bystander.close()
        for backend in self.backends.values():
            backend.close()
        self.proxy.finish()


@pytest.fixture(scope="module")
def site(module_folder, certificates):
    made = Site(module_folder / "p", certificates)
    yield made
    made.close()


@pytest.fixture(scope="module")
def libraries(module_folder, certificates):
    """A listener for each way to open records, and a backend whose kernel takes little."""
    with Backend(receive_buffer=1 << 16) as backend:
        made = {
            layer: listener("pool", name=layer, mode="tcp", tls=tls_settings(certificates.site, record_layer=layer))
            for layer in ["tidegate", "openssl"]
        }
        settings = {"listeners": list(made.values()), "pools": [pool("pool", backend)]}
        proxy = Tidegate(module_folder / "libraries", settings).start()
        yield made, backend
        proxy.finish()


@pytest.fixture(params=[("tidegate", "1.3"), ("openssl", "1.3"), ("openssl", "1.2")], ids=" ".join)
def by_library(libraries, certificates, request):
    layer, version = request.param
    made, backend = libraries
    with TLSStream(dial(address(made[layer])), certificates.client_context(version)) as client:
        served = backend.accept()
        yield client, served
        served.close()


class Pair:
    """A client and its socket at the backend."""

    def __init__(self, client, served):
        self.client = client
        self.served = served

    def ask(self, *records, expecting):
        """Sends records; the backend gets exactly these bytes of them."""
        self.client.send(*records)
        assert read_exactly(self.served, len(expecting)) == expecting

    def answer(self, data=b"answer"):
        self.served.sendall(data)
        assert read_exactly(self.client, len(data)) == data

    def go_on(self):
        """Data still goes in both directions."""
        self.ask(self.client.seal(b"question"), expecting=b"question")
        self.answer()

    def refused(self, alert, *records, genuine=b""):
        """Sends records that end the connection with this alert, sealed.

        The backend gets the genuine data that came before, and nothing else.
        """
        self.client.send(*records)
        assert self.client.ending() == [(FATAL, alert)]
        self.client.close()
        assert received(self.served) == genuine


def received(served):
    """All that the backend got before its connection ended, however it did."""
    data, end = outcome(served)
    assert end in ("end", "reset"), end
    return data


@pytest.fixture(params=KINDS, ids=lambda kind: " ".join(kind))
def pair(site, request):
    client, served = site.open(*request.param)
    yield Pair(client, served)
    client.close()
    served.close()
    site.expect_bystander_lives()


@pytest.fixture
def one(site):
    """For what takes long, or has nothing to do with mode and cipher."""
    client, served = site.open("tcp", "aes128gcm")
    yield Pair(client, served)
    client.close()
    served.close()
    site.expect_bystander_lives()


# -- key updates


def test_a_key_update_without_request_is_followed_and_not_answered(pair):
    pair.client.send(pair.client.key_update(0))
    pair.go_on()
    assert pair.client.key_updates == []


def test_a_requested_key_update_is_answered_once_before_the_next_data(pair):
    pair.client.send(pair.client.key_update(1))
    pair.go_on()
    pair.go_on()
    assert pair.client.key_updates == [key_update(0)]


def test_many_key_updates_in_a_row_are_followed_and_answered_together(pair):
    pair.client.send(*[pair.client.key_update(index % 2) for index in range(9)])
    pair.go_on()
    assert pair.client.key_updates == [key_update(0)]


def test_key_updates_between_data_in_one_segment_lose_nothing(pair):
    client = pair.client
    records, data = [], b""
    for index in range(40):
        piece = os.urandom(index)
        records += [client.seal(piece, padding=index % 3), client.key_update(index % 2)]
        data += piece
    pair.ask(*records, client.seal(b"end"), expecting=data + b"end")
    pair.answer()
    assert pair.client.key_updates == [key_update(0)]


def test_both_sides_change_keys_again_and_again(pair):
    for round in range(6):
        pair.client.send(pair.client.key_update(1))
        pair.go_on()
        assert pair.client.key_updates == [key_update(0)] * (round + 1)


def test_a_key_update_split_over_records_is_followed(pair):
    message = key_update(1)
    for cut in range(1, len(message)):
        pair.client.send(pair.client.seal(message[:cut], HANDSHAKE), pair.client.seal(message[cut:], HANDSHAKE))
        pair.client.renew_sending()
        pair.go_on()


def test_a_key_update_in_single_bytes_is_followed(pair):
    pair.client.send(*[pair.client.seal([byte], HANDSHAKE) for byte in key_update(0)])
    pair.client.renew_sending()
    pair.go_on()


@pytest.mark.parametrize("kind, content", [(DATA, b"data"), (DATA, b""), (ALERT, [WARNING, CLOSE_NOTIFY])])
def test_nothing_may_come_between_a_key_updates_pieces(pair, kind, content):
    client, message = pair.client, key_update(0)
    pair.refused(
        UNEXPECTED_MESSAGE,
        client.seal(message[:3], HANDSHAKE),
        client.seal(content, kind),
        client.seal(message[3:], HANDSHAKE),
    )


@pytest.mark.parametrize("request_byte", [2, 255])
def test_a_key_update_of_no_known_value_is_refused(pair, request_byte):
    pair.refused(ILLEGAL_PARAMETER, pair.client.seal(key_update(request_byte), HANDSHAKE))


@pytest.mark.parametrize(
    "message", [[KEY_UPDATE, 0, 0, 2, 0, 0], [KEY_UPDATE, 1, 0, 1, 0], [KEY_UPDATE, 0, 0, 0, 0]], ids=str
)
def test_a_key_update_of_another_length_is_refused(pair, message):
    pair.refused(DECODE_ERROR, pair.client.seal(message, HANDSHAKE))


def test_two_key_updates_in_one_record_are_refused(pair):
    """The second is under the wrong key: a key changes at a record's end (section 5.1)."""
    pair.refused(UNEXPECTED_MESSAGE, pair.client.seal(key_update(0) * 2, HANDSHAKE))


def test_a_record_under_the_old_key_after_a_key_update_is_refused(pair):
    pair.refused(BAD_RECORD_MAC, pair.client.seal(key_update(0), HANDSHAKE), pair.client.seal(b"old key"))


def test_key_updates_without_end_and_without_data_are_refused(one):
    records = [one.client.key_update(0) for _ in range(IDLE_LIMIT + 1)]
    one.refused(UNEXPECTED_MESSAGE, *records)


# -- padding and lengths


@pytest.mark.parametrize("padding", [1, 15, 16, 255, 4096])
def test_padding_is_taken_off(pair, padding):
    pair.ask(pair.client.seal(b"padded", padding=padding), expecting=b"padded")
    pair.answer()


def test_data_that_ends_with_zeros_keeps_them(pair):
    data = b"zeros" + bytes(20)
    pair.ask(pair.client.seal(data, padding=20), expecting=data)


def test_a_record_may_be_padded_to_the_limit(one):
    one.ask(one.client.seal(b"x", padding=PLAINTEXT_LIMIT - 1), expecting=b"x")
    one.go_on()


def test_a_key_update_may_be_padded(pair):
    pair.client.send(pair.client.seal(key_update(1), HANDSHAKE, padding=100))
    pair.client.renew_sending()
    pair.go_on()


@pytest.mark.parametrize("length", [0, 1, 100])
def test_a_record_of_nothing_but_padding_is_refused(pair, length):
    pair.refused(UNEXPECTED_MESSAGE, pair.client.seal_inner(bytes(length)))


def test_a_full_record_is_taken(one):
    data = os.urandom(PLAINTEXT_LIMIT)
    one.ask(one.client.seal(data), expecting=data)
    one.answer()


@pytest.mark.parametrize("padding", [0, 1])
def test_an_inner_plaintext_over_the_limit_is_refused(one, padding):
    content = bytes(PLAINTEXT_LIMIT + 1 - padding) if padding == 0 else b"x" * PLAINTEXT_LIMIT
    one.refused(RECORD_OVERFLOW, one.client.seal(content, padding=padding))


def test_the_longest_ciphertext_is_opened_before_it_is_refused(one):
    one.refused(RECORD_OVERFLOW, one.client.seal_inner(b"x" * (CIPHERTEXT_LIMIT - TAG)))


@pytest.mark.parametrize("length", [CIPHERTEXT_LIMIT + 1, 0xFFFF])
def test_a_ciphertext_over_the_limit_is_refused_by_its_header(pair, length):
    pair.refused(RECORD_OVERFLOW, b"\x17\x03\x03" + length.to_bytes(2, "big"))


@pytest.mark.parametrize("length", [0, 1, TAG - 1])
def test_a_record_shorter_than_its_tag_is_refused(pair, length):
    pair.refused(BAD_RECORD_MAC, b"\x17\x03\x03" + length.to_bytes(2, "big") + bytes(length))


# -- records without data


def test_some_empty_records_are_ignored(pair):
    pair.ask(*[pair.client.seal() for _ in range(IDLE_LIMIT)], pair.client.seal(b"data"), expecting=b"data")
    pair.ask(*[pair.client.seal(padding=9) for _ in range(IDLE_LIMIT)], expecting=b"")
    pair.go_on()


def test_empty_records_without_end_are_refused(pair):
    pair.refused(UNEXPECTED_MESSAGE, *[pair.client.seal() for _ in range(IDLE_LIMIT + 1)])


def test_empty_records_without_end_are_refused_however_they_are_cut(one):
    for _ in range(IDLE_LIMIT):
        one.client.send(one.client.seal())
    one.refused(UNEXPECTED_MESSAGE, one.client.seal())


@pytest.mark.parametrize("kind", [ALERT, HANDSHAKE])
def test_an_empty_alert_or_handshake_record_is_refused(pair, kind):
    pair.refused(UNEXPECTED_MESSAGE, pair.client.seal(b"", kind))


# -- authenticity


@pytest.mark.parametrize("place", [5, 10, -TAG, -1], ids=["first byte", "content", "tag's first", "tag's last"])
def test_a_changed_bit_is_noticed(pair, place):
    record = bytearray(pair.client.seal(b"genuine"))
    record[place] ^= 1
    pair.refused(BAD_RECORD_MAC, bytes(record))


def test_the_headers_version_is_authenticated(pair):
    pair.refused(BAD_RECORD_MAC, pair.client.seal(b"genuine", version=b"\x03\x01"))


def test_a_replayed_record_is_noticed(pair):
    record = pair.client.seal(b"once")
    pair.ask(record, expecting=b"once")
    pair.refused(BAD_RECORD_MAC, record)


def test_a_replayed_record_behind_its_original_is_noticed(pair):
    record = pair.client.seal(b"once")
    pair.refused(BAD_RECORD_MAC, record, record, genuine=b"once")


def test_records_in_the_wrong_order_are_noticed(pair):
    first, second = pair.client.seal(b"first"), pair.client.seal(b"second")
    pair.refused(BAD_RECORD_MAC, second, first)


def test_a_lost_record_is_noticed(pair):
    pair.client.seal(b"lost")
    pair.refused(BAD_RECORD_MAC, pair.client.seal(b"next"))


def test_nothing_is_opened_after_a_broken_record(pair):
    sealed = pair.client.seal(b"x")
    broken = sealed[:-1] + bytes([sealed[-1] ^ 1])
    assert pair.client.layer._writeState.seqnum > 0
    pair.refused(BAD_RECORD_MAC, broken, pair.client.seal(b"genuine"), b"\x00" * 100)


# -- types


@pytest.mark.parametrize("outer", [0, CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, HEARTBEAT, 255])
def test_a_record_of_another_outer_type_is_refused(pair, outer):
    pair.refused(UNEXPECTED_MESSAGE, pair.client.seal(b"data", outer=outer))


def test_a_change_cipher_spec_after_the_handshake_is_refused(pair):
    pair.refused(UNEXPECTED_MESSAGE, b"\x14\x03\x03\x00\x01\x01")


def test_an_alert_in_the_clear_is_no_alert(pair):
    pair.refused(UNEXPECTED_MESSAGE, b"\x15\x03\x03\x00\x02\x01\x00")


@pytest.mark.parametrize("kind", [1, CHANGE_CIPHER_SPEC, HEARTBEAT, 255])
def test_a_record_of_another_inner_type_is_refused(pair, kind):
    pair.refused(UNEXPECTED_MESSAGE, pair.client.seal(b"\x01", kind))


@pytest.mark.parametrize("message", [CLIENT_HELLO, NEW_SESSION_TICKET, 5, 11, 15, 20, 254])
def test_a_handshake_message_other_than_key_update_is_refused(pair, message):
    pair.refused(UNEXPECTED_MESSAGE, pair.client.seal(bytes([message, 0, 0, 4]) + bytes(4), HANDSHAKE))


def test_a_new_client_hello_is_refused_by_its_first_byte(pair):
    pair.refused(UNEXPECTED_MESSAGE, pair.client.seal([CLIENT_HELLO], HANDSHAKE))


def test_data_before_what_is_refused_arrives_and_changes_nothing_of_the_alert(pair):
    client = pair.client
    pair.refused(UNEXPECTED_MESSAGE, client.seal(b"good"), client.seal(b"\x01", 99), genuine=b"good")


def broken_last(client, pieces):
    """Records of these pieces, and one that isn't authentic."""
    for piece in [*pieces, b"broken"]:
        client.tls.write(piece)
    records = bytearray(client.leaving.read())
    records[-1] ^= 1
    return records


def test_data_before_a_broken_record_arrives_whoever_opens_records(by_library):
    client, served = by_library
    client.peer.sendall(broken_last(client, [b"go", b"od"]))
    assert outcome(served) == (b"good", "end")


def test_data_before_a_broken_record_waits_for_the_backend(by_library):
    client, served = by_library
    pieces = [os.urandom(PLAINTEXT_LIMIT) for _ in range(512)]
    records = broken_last(client, pieces)
    with meanwhile(lambda: client.peer.sendall(records)):
        data, end = outcome(served)
    assert data == b"".join(pieces)
    assert end == "end"


# -- alerts


@pytest.mark.parametrize("content", [[FATAL], [WARNING], [WARNING, CLOSE_NOTIFY, 0], [WARNING, CLOSE_NOTIFY] * 2])
def test_an_alert_of_another_length_is_refused(pair, content):
    pair.refused(DECODE_ERROR, pair.client.seal(content, ALERT))


def test_an_alert_split_over_records_is_refused(pair):
    """Alerts aren't fragmented (section 5.1)."""
    pair.refused(DECODE_ERROR, pair.client.seal([FATAL], ALERT), pair.client.seal([BAD_RECORD_MAC], ALERT))


@pytest.mark.parametrize("level", [WARNING, FATAL, 77])
@pytest.mark.parametrize("before", [b"", b"data"])
def test_a_clients_alert_ends_the_connection_unanswered_but_for_goodbye(pair, level, before):
    client = pair.client
    client.send(*([client.seal(before)] if before else []), client.seal([level, BAD_RECORD_MAC], ALERT))
    assert client.ending() in ([], [(WARNING, CLOSE_NOTIFY)])
    client.close()
    assert received(pair.served) == before


def test_user_canceled_alone_ends_nothing(pair):
    pair.client.send(pair.client.seal([WARNING, USER_CANCELED], ALERT))
    pair.go_on()


def test_user_canceled_without_end_is_refused(one):
    records = [one.client.seal([WARNING, USER_CANCELED], ALERT) for _ in range(IDLE_LIMIT + 1)]
    one.refused(UNEXPECTED_MESSAGE, *records)


# -- ends


def test_what_follows_a_close_notify_is_ignored(pair):
    client = pair.client
    client.send(
        client.seal(b"last"),
        client.seal([WARNING, CLOSE_NOTIFY], ALERT),
        client.seal(b"ignored"),
        b"\x17\x03\x03\x00\x20" + bytes(32),
    )
    assert read_exactly(pair.served, 4) == b"last"
    assert read_to_end(pair.served) == b""
    client.send(b"rubbish")
    pair.served.close()
    assert client.ending() == [(WARNING, CLOSE_NOTIFY)]


def test_after_the_clients_close_notify_the_backend_may_still_talk(one):
    one.client.send(one.client.key_update(1), one.client.seal([WARNING, CLOSE_NOTIFY], ALERT))
    assert read_to_end(one.served) == b""
    one.answer(b"still here")
    assert one.client.key_updates == [key_update(0)]
    one.served.close()
    assert one.client.ending() == [(WARNING, CLOSE_NOTIFY)]


@pytest.mark.parametrize("rest", [b"", b"\x17\x03", b"\x17\x03\x03\x00\x40half"])
def test_an_end_without_close_notify_ends_the_backend_too(pair, rest):
    client = pair.client
    client.send(client.seal(b"data"), rest)
    client.peer.shutdown(socket.SHUT_WR)
    assert received(pair.served) == b"data"


def test_a_reset_ends_the_backend_too(pair):
    pair.ask(pair.client.seal(b"data"), expecting=b"data")
    reset(pair.client.peer)
    assert received(pair.served) == b""


# -- cuts


def test_records_in_single_bytes_are_put_together(pair):
    client = pair.client
    for record in [client.seal(b"one"), client.seal(), client.key_update(1), client.seal(b"two", padding=5)]:
        for byte in record:
            client.send(bytes([byte]))
    assert read_exactly(pair.served, 6) == b"onetwo"
    pair.go_on()
    assert client.key_updates == [key_update(0)]


def test_many_records_in_one_segment_are_all_opened(pair):
    pieces = [os.urandom(1 + index % 7) for index in range(500)]
    pair.ask(*[pair.client.seal(piece) for piece in pieces], expecting=b"".join(pieces))
    pair.answer()


def test_long_and_short_records_take_turns_across_buffers(one):
    pieces = [os.urandom(length) for length in (16384, 1, 9000, 16000, 3, 384, 16384)]
    data = b"".join(pieces)
    with meanwhile(lambda: one.client.send(*[one.client.seal(piece) for piece in pieces])):
        assert read_exactly(one.served, len(data)) == data
    one.go_on()


def cpu_seconds(proxy):
    fields = Path(f"/proc/{proxy.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_quarter_of_a_million_records_of_one_byte_cost_little(site, certificates):
    """Python's ssl makes these; tlslite-ng would take minutes."""
    count = 1 << 18
    before = cpu_seconds(site.proxy)
    with TLSStream(dial(site.where("tcp")), certificates.client_context("1.3")) as client:
        served = site.backends["tcp"].accept()

        def send():
            for start in range(0, count, 1024):
                for _ in range(start, start + 1024):
                    client.tls.write(b"x")
                client.flush()

        with meanwhile(send):
            assert read_exactly(served, count) == b"x" * count
    spent = cpu_seconds(site.proxy) - before
    assert spent < count * 8e-6, f"{spent / count * 1e6:.1f} us a record"
    site.expect_bystander_lives()
