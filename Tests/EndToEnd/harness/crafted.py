"""TLS 1.3 records by hand, on the keys of a tlslite-ng client: whatever no library would send.

tlslite-ng does the handshake, derives keys and computes the AEAD; what stands in a record is the test's.
"""

from tlslite.api import HandshakeSettings, TLSConnection
from tlslite.messages import RecordHeader3

from .raw import dial

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, DATA, HEARTBEAT = 20, 21, 22, 23, 24
CLIENT_HELLO, NEW_SESSION_TICKET, KEY_UPDATE = 1, 4, 24
FATAL, WARNING = 2, 1
CLOSE_NOTIFY, UNEXPECTED_MESSAGE, BAD_RECORD_MAC, RECORD_OVERFLOW = 0, 10, 20, 22
ILLEGAL_PARAMETER, DECODE_ERROR, USER_CANCELED = 47, 50, 90
TAG = 16


def key_update(request):
    return bytes([KEY_UPDATE, 0, 0, 1, request])


class CraftedClient:
    """A client after its handshake. Reads like a socket; remembers which handshake messages it got."""

    def __init__(self, where, cipher):
        self.peer = dial(where)
        settings = HandshakeSettings()
        settings.minVersion = settings.maxVersion = (3, 4)
        settings.cipherNames = [cipher]
        settings.keyShares = ["x25519"]
        self.tls = TLSConnection(self.peer)
        self.tls.handshakeClientCert(settings=settings, serverName="localhost")
        self.layer = self.tls._recordLayer
        assert self.layer.getCipherName() == cipher
        self.messages = []
        self.data = bytearray()

    # -- sending

    def seal(self, content=b"", kind=DATA, padding=0, outer=DATA, version=b"\x03\x03"):
        """A record of any content, type and padding. It takes a sequence number."""
        return self.seal_inner(bytes(content) + bytes([kind]) + bytes(padding), outer, version)

    def seal_inner(self, inner, outer=DATA, version=b"\x03\x03"):
        """A record of exactly these bytes, which needn't have a type."""
        sealed = self.layer._encryptThenSeal(bytearray(inner), DATA)
        return bytes([outer]) + version + len(sealed).to_bytes(2, "big") + bytes(sealed)

    def key_update(self, request=0):
        """A record with a KeyUpdate; what is sealed afterwards is under the new key."""
        record = self.seal(key_update(request), HANDSHAKE)
        self.renew_sending()
        return record

    def renew_sending(self):
        self._keep(self.layer.calcTLS1_3KeyUpdate_reciever)

    def _keep(self, renew):
        session = self.tls.session
        secrets = renew(session.cipherSuite, session.cl_app_secret, session.sr_app_secret)
        session.cl_app_secret, session.sr_app_secret = secrets

    def send(self, *records):
        self.peer.sendall(b"".join(records))

    def sendall(self, data):
        self.send(self.seal(data))

    # -- receiving

    def _exactly(self, count):
        got = bytearray()
        while len(got) < count:
            block = self.tls.sock.recv(count - len(got))
            if not block:
                return bytes(got)
            got += block
        return bytes(got)

    def record(self):
        """(type, content) of the next record; None at the TCP stream's end."""
        header = self._exactly(5)
        if not header:
            return None
        assert header[:3] == b"\x17\x03\x03", f"not sealed: {header!r}"
        length = int.from_bytes(header[3:], "big")
        body = self._exactly(length)
        assert len(body) == length, "the stream ended within a record"
        parsed = RecordHeader3().create((3, 3), DATA, length)
        inner = bytes(self.layer._decryptAndUnseal(parsed, bytearray(body))).rstrip(b"\x00")
        kind, content = inner[-1], inner[:-1]
        if kind == HANDSHAKE:
            self.messages.append(content)
            if content[0] == KEY_UPDATE:
                self._keep(self.layer.calcTLS1_3KeyUpdate_sender)
        return kind, content

    @property
    def key_updates(self):
        return [message for message in self.messages if message[0] == KEY_UPDATE]

    def recv(self, count):
        """Data; b"" at the stream's end. Anything but data and handshake messages is an assertion error."""
        while not self.data:
            record = self.record()
            if record is None:
                return b""
            kind, content = record
            assert kind in (DATA, HANDSHAKE), f"type {kind}: {content!r}"
            if kind == DATA:
                self.data += content
        taken = bytes(self.data[:count])
        del self.data[:count]
        return taken

    def ending(self):
        """The alerts up to the TCP stream's end, as (level, description)."""
        alerts = []
        while (record := self.record()) is not None:
            if record[0] == ALERT:
                alerts.append(tuple(record[1]))
        return alerts

    def settimeout(self, seconds):
        self.peer.settimeout(seconds)

    def close(self):
        self.peer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
