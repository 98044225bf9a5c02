"""Long streams of bytes that can't be confused with each other, and what they must arrive as."""

import functools
import hashlib
import os
import struct
import threading

MIB = 1 << 20
_block = os.urandom(MIB)


def blocks(mebibytes):
    """Blocks of one MiB, each with its number in front, so that lost or swapped ones show."""
    block = bytearray(_block)
    for number in range(mebibytes):
        struct.pack_into(">Q", block, 0, number)
        yield block


def frames(mebibytes, masked):
    """The same as binary frames of one MiB; a mask of zeros leaves the payload readable."""
    head = b"\x82\xff" + struct.pack(">Q", MIB) + bytes(4) if masked else b"\x82\x7f" + struct.pack(">Q", MIB)
    for block in blocks(mebibytes):
        yield head
        yield block


@functools.cache
def digest(maker, *arguments):
    """Length and SHA-256 of a whole stream."""
    total, hashed = 0, hashlib.sha256()
    for piece in maker(*arguments):
        total += len(piece)
        hashed.update(piece)
    return total, hashed.hexdigest()


def send(peer, maker, *arguments):
    for piece in maker(*arguments):
        peer.sendall(piece)


def receive(peer, total):
    """Length and SHA-256 of the next `total` bytes, or of less if the stream ends before."""
    room = bytearray(1 << 18)
    view = memoryview(room)
    hashed, got = hashlib.sha256(), 0
    while got < total:
        count = peer.recv_into(view[: min(len(room), total - got)])
        if not count:
            break
        hashed.update(view[:count])
        got += count
    return got, hashed.hexdigest()


class Watch:
    """The largest of a figure while its block runs, read every few milliseconds."""

    def __init__(self, figure):
        self.figure = figure
        self.first = self.most = figure()

    def __enter__(self):
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def _run(self):
        while not self.over.wait(0.02):
            self.most = max(self.most, self.figure())

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    @property
    def growth(self):
        return self.most - self.first
