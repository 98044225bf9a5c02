"""A reader of PROXY headers, written from HAProxy's proxy-protocol.txt and from nothing of ours."""

import ipaddress
import struct
from dataclasses import dataclass, field

from .http import parse_head
from .raw import read_exactly, read_to_end

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
REQUEST = b"GET /who HTTP/1.1\r\nHost: chat.example.com\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
PARTS = {1: "alpn", 2: "authority", 3: "crc32c", 4: "noop", 5: "unique_id", 0x20: "ssl", 0x30: "netns"}
SSL_PARTS = {0x21: "version", 0x22: "cn", 0x23: "cipher", 0x24: "sig_alg", 0x25: "key_alg"}


@dataclass
class Header:
    version: int
    command: str = "PROXY"
    family: str = "UNKNOWN"
    source: tuple = None
    destination: tuple = None
    parts: dict = field(default_factory=dict)
    raw: bytes = b""


@dataclass
class SSLPart:
    client: int
    verify: int
    parts: dict


def read_header(peer):
    """The header at the beginning of a stream, and not a byte more."""
    start = read_exactly(peer, 13)
    return _read_v2(peer, start) if start.startswith(SIGNATURE) else _read_v1(peer, start)


def _read_v1(peer, line):
    assert line.startswith(b"PROXY "), line
    while not line.endswith(b"\r\n"):
        line += read_exactly(peer, 1)
        assert len(line) <= 107, line
    words = line[:-2].decode("ascii").split(" ")
    header = Header(1, family=words[1], raw=line)
    if words[1] != "UNKNOWN":
        kind = {"TCP4": ipaddress.IPv4Address, "TCP6": ipaddress.IPv6Address}[words[1]]
        _, _, source, destination, source_port, destination_port = words
        header.source = (str(kind(source)), _port(source_port))
        header.destination = (str(kind(destination)), _port(destination_port))
    return header


def _port(text):
    assert str(int(text)) == text and 0 <= int(text) <= 65535
    return int(text)


def _read_v2(peer, start):
    start += read_exactly(peer, 3)
    version_command, family, length = struct.unpack(">BBH", start[12:])
    assert version_command >> 4 == 2
    body = read_exactly(peer, length)
    header = Header(2, command={0: "LOCAL", 1: "PROXY"}[version_command & 15], raw=start + body)
    if family in (0x11, 0x21):
        size = 4 if family == 0x11 else 16
        header.family = "TCP4" if family == 0x11 else "TCP6"
        ports = struct.unpack(">HH", body[2 * size : 2 * size + 4])
        header.source = (str(ipaddress.ip_address(body[:size])), ports[0])
        header.destination = (str(ipaddress.ip_address(body[size : 2 * size])), ports[1])
        rest = body[2 * size + 4 :]
    elif family == 0x31:
        header.family = "UNIX"
        header.source, header.destination = (body[at : at + 108].rstrip(b"\0").decode() for at in (0, 108))
        rest = body[216:]
    else:
        assert family == 0
        rest = body
    header.parts = _parts(rest, PARTS)
    if "ssl" in header.parts:
        part = header.parts["ssl"]
        header.parts["ssl"] = SSLPart(part[0], struct.unpack(">I", part[1:5])[0], _parts(part[5:], SSL_PARTS))
    if "crc32c" in header.parts:
        at = header.raw.rindex(b"\x03\0\x04") + 3
        zeroed = header.raw[:at] + bytes(4) + header.raw[at + 4 :]
        assert struct.unpack(">I", header.parts["crc32c"])[0] == crc32c(zeroed), "a wrong checksum"
    return header


def _parts(block, names):
    parts = {}
    while block:
        kind, length = struct.unpack(">BH", block[:3])
        assert len(block) >= 3 + length, "a part leads beyond the header"
        name = names[kind]
        assert name not in parts, f"{name} stands twice"
        parts[name] = block[3 : 3 + length]
        block = block[3 + length :]
    return parts


def crc32c(data):
    """RFC 4960 appendix B: Castagnoli's polynomial, bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def part(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def v2(source, destination, *parts, command=0x21):
    """A header of version 2 for TCP over IPv4 or IPv6; both are (address, port)."""
    addresses = [ipaddress.ip_address(place[0]) for place in (source, destination)]
    block = b"".join(address.packed for address in addresses) + struct.pack(">HH", source[1], destination[1])
    block += b"".join(parts)
    family = 0x11 if addresses[0].version == 4 else 0x21
    return SIGNATURE + struct.pack(">BBH", command, family, len(block)) + block


def exchange(client, backend):
    """A request through the proxy: the PROXY header that it came with, and how the client's socket is named."""
    client.sendall(REQUEST)
    served = backend.accept()
    header = read_header(served)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read_exactly(served, 1)
    assert parse_head(head)[0].first == "GET /who HTTP/1.1"
    served.sendall(ANSWER)
    served.close()
    assert read_to_end(client).endswith(b"ok")
    return header
