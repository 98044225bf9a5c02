"""Sockets without a library between: a backend that does what the test says, a client likewise."""

import os
import socket
import ssl
import struct
import threading
from contextlib import contextmanager
from pathlib import Path

from .ports import free_port


class Backend:
    """A listening socket whose accepted sockets the test drives itself: `accept()`.

    `place` is a host (127.0.0.1, ::1) or the path of a unix socket. `receive_buffer` bounds the kernel's
    share of what the proxy can get rid of.
    """

    def __init__(self, place="127.0.0.1", receive_buffer=None, backlog=4096, port=None):
        self.place = place
        self.taken = []
        if "/" in str(place):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(str(place))
            self.endpoint = f"unix:{place}"
        else:
            family = socket.AF_INET6 if ":" in place else socket.AF_INET
            self.socket = socket.socket(family)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            port = port or free_port(place)
            self.socket.bind((place, port))
            self.endpoint = f"[{place}]:{port}" if ":" in place else f"{place}:{port}"
            self.port = port
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.listen(backlog)

    def accept(self, seconds=5):
        self.socket.settimeout(seconds)
        taken, _ = self.socket.accept()
        taken.settimeout(10)
        self.taken.append(taken)
        return taken

    def expect_nobody(self):
        """Nothing waits to be accepted. Only to be asked once the connection is known to be over."""
        self.socket.settimeout(0)
        try:
            taken, _ = self.socket.accept()
        except BlockingIOError:
            return
        self.taken.append(taken)
        taken.settimeout(2)
        raise AssertionError(f"the backend got a connection, with {read_some(taken)!r}")

    def hang_up(self):
        """Closes what it has accepted, and goes on listening."""
        for taken in self.taken:
            taken.close()
        self.taken.clear()

    def close(self):
        self.socket.close()
        self.hang_up()
        if self.endpoint.startswith("unix:") and os.path.exists(str(self.place)):
            os.unlink(str(self.place))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def dial(where, seconds=10, source=None, send_buffer=None, receive_buffer=None):
    """A connected TCP socket with a deadline on everything."""
    host, port = where
    peer = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if send_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source:
            peer.bind((source, 0))
        peer.settimeout(seconds)
        peer.connect((host, port))
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        peer.close()
        raise
    return peer


def reset(peer):
    """Closes with a TCP reset."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def read_some(peer):
    try:
        return peer.recv(65536)
    except (TimeoutError, ConnectionError) as error:
        return f"<{type(error).__name__}>".encode()


def read_exactly(peer, count):
    """Exactly `count` bytes; an assertion error if the stream ends before."""
    got = bytearray()
    while len(got) < count:
        block = peer.recv(min(count - len(got), 1 << 20))
        assert block, f"the stream ended after {len(got)} of {count} bytes"
        got += block
    return bytes(got)


def read_to_end(peer):
    """All bytes up to the FIN."""
    got = bytearray()
    while block := peer.recv(1 << 16):
        got += block
    return bytes(got)


def read_head(peer):
    """A head with its empty line, byte by byte so that nothing behind it is taken."""
    got = bytearray()
    while not got.endswith(b"\r\n\r\n"):
        block = peer.recv(1)
        assert block, f"the stream ended in the head: {bytes(got)!r}"
        got += block
    return bytes(got)


def silent(peer, seconds):
    """True exactly when nothing comes for a while."""
    before = peer.gettimeout()
    peer.settimeout(seconds)
    try:
        peer.recv(1, socket.MSG_PEEK)
        return False
    except TimeoutError:
        return True
    finally:
        peer.settimeout(before)


def outcome(peer):
    """What a peer makes of us: the bytes up to the end, and which end it is.

    That is "end", "reset", "silence" (nothing within the socket's deadline), or "cut" (TLS without close_notify).
    """
    got = bytearray()
    while True:
        try:
            block = peer.recv(1 << 16)
        except ConnectionResetError:
            return bytes(got), "reset"
        except ssl.SSLEOFError:
            return bytes(got), "cut"
        except TimeoutError:
            return bytes(got), "silence"
        if not block:
            return bytes(got), "end"
        got += block


class TLSStream:
    """TLS over a socket in memory, to do what Python's SSLSocket can't: half-closes, cut records, odd ends."""

    def __init__(self, peer, context, server_name="localhost", session=None):
        self.peer = peer
        self.arriving = ssl.MemoryBIO()
        self.leaving = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.arriving, self.leaving, server_hostname=server_name, session=session)
        self._until(self.tls.do_handshake)

    def flush(self):
        if block := self.leaving.read():
            self.peer.sendall(block)

    def _until(self, action, *arguments):
        while True:
            try:
                answer = action(*arguments)
                self.flush()
                return answer
            except ssl.SSLWantReadError:
                self.flush()
                self._feed()

    def _feed(self):
        block = self.peer.recv(1 << 18)
        if block:
            self.arriving.write(block)
        else:
            self.arriving.write_eof()

    def sendall(self, data):
        view = memoryview(data)
        while view:
            view = view[self._until(self.tls.write, view) :]

    def recv(self, count):
        """Bytes, or b"" after close_notify; SSLEOFError when the TCP stream ends without one."""
        try:
            return self._until(self.tls.read, count)
        except ssl.SSLZeroReturnError:
            return b""

    def send_close_notify(self):
        """Our side's end; the other direction stays open."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            # Python looks for the peer's close_notify at once, and may find data that nobody read.
            if error.reason != "APPLICATION_DATA_AFTER_CLOSE_NOTIFY":
                raise
        self.flush()

    def settimeout(self, seconds):
        self.peer.settimeout(seconds)

    def shutdown(self, _how):
        """Like a socket's shutdown for writing: close_notify, then FIN."""
        self.send_close_notify()
        self.peer.shutdown(socket.SHUT_WR)

    def close(self):
        self.peer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def unix_path(folder, name):
    """A path short enough for a unix socket's address (107 bytes)."""
    path = Path(folder) / name
    assert len(str(path)) < 108, f"too long for a unix socket: {path}"
    return path


@contextmanager
def meanwhile(action, seconds=20):
    """Runs `action` in a thread beside the block; what it raises is raised at the block's end."""
    failures = []

    def run():
        try:
            action()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield
    thread.join(seconds)
    assert not thread.is_alive(), f"not done after {seconds} s"
    if failures:
        raise failures[0]
