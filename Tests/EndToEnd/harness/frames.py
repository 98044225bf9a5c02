"""WebSocket frames and heads by hand (RFC 6455), for what libraries refuse to send."""

import base64
import hashlib
import os
import struct

from .raw import read_exactly, read_head

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def accept_value(key=KEY):
    """RFC 6455 section 4.2.2."""
    digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
    return base64.b64encode(digest).decode()


def upgrade_head(path="/", host="localhost", extra=(), method="GET", **replace):
    """A client's upgrade request; `replace` changes or (None) leaves out a field by its name with `_` for `-`."""
    fields = {
        "Host": host,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    }
    by_name = {name.lower().replace("-", "_"): name for name in fields}
    for name, value in replace.items():
        fields[by_name[name.lower()]] = value
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    lines += extra
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer_head(key=KEY, extra=()):
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Accept: {accept_value(key)}", *extra]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def frame(opcode, payload=b"", final=True, mask=None, rsv=0):
    """One frame; a client's has a `mask` of four bytes."""
    head = bytearray([(0x80 if final else 0) | rsv << 4 | opcode])
    masked = 0x80 if mask is not None else 0
    if len(payload) < 126:
        head.append(masked | len(payload))
    elif len(payload) < 1 << 16:
        head += bytes([masked | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([masked | 127]) + struct.pack(">Q", len(payload))
    if mask is None:
        return bytes(head) + bytes(payload)
    return bytes(head) + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(payload))


def client_frame(opcode, payload=b"", **more):
    return frame(opcode, payload, mask=os.urandom(4), **more)


def close_payload(code, reason=""):
    return struct.pack(">H", code) + reason.encode()


def read_frame(peer):
    """(opcode, final, payload) of the next frame, unmasked."""
    first, second = read_exactly(peer, 2)
    length = second & 127
    if length == 126:
        (length,) = struct.unpack(">H", read_exactly(peer, 2))
    elif length == 127:
        (length,) = struct.unpack(">Q", read_exactly(peer, 8))
    mask = read_exactly(peer, 4) if second & 128 else None
    payload = read_exactly(peer, length) if length else b""
    if mask:
        payload = bytes(b ^ mask[i & 3] for i, b in enumerate(payload))
    return first & 15, bool(first & 128), payload


def open_pair(client, backend, path="/", host="localhost", extra=()):
    """Upgrades through the proxy; returns the backend's accepted socket, and both heads as each side saw them."""
    client.sendall(upgrade_head(path, host, extra))
    served = backend.accept()
    request = read_head(served)
    served.sendall(answer_head())
    answer = read_head(client)
    assert answer.startswith(b"HTTP/1.1 101 "), answer
    return served, request, answer
