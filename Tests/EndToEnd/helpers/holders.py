"""usage: holders.py HOST PORT COUNT SOURCE...: holds COUNT WebSockets, dialled from the source addresses in turn.

Says "open N" once all are upgraded. Each "echo" on standard input sends a message through every one and says
"echoed N"; "quit" or the end of input closes them in order and says "closed N".
"""

import selectors
import socket
import sys
import time

HEAD = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MESSAGE = b"\x82\x84\x00\x00\x00\x00tide"
ECHO = b"\x82\x04tide"
CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"
AT_ONCE = 200


class Holder:
    def __init__(self, where, count, sources):
        self.where, self.count, self.sources = where, count, sources
        self.selector = selectors.DefaultSelector()
        self.peers = []

    def open(self):
        pending = {}
        while len(self.peers) < self.count:
            while len(pending) < AT_ONCE and len(self.peers) + len(pending) < self.count:
                peer = self._dial((len(self.peers) + len(pending)) % len(self.sources))
                pending[peer] = b""
            for key, events in self.selector.select(20) or fail(f"{len(self.peers)} open, then silence"):
                peer = key.fileobj
                if events & selectors.EVENT_WRITE:
                    peer.send(HEAD)
                    self.selector.modify(peer, selectors.EVENT_READ)
                    continue
                pending[peer] += peer.recv(4096) or fail(f"ended in the upgrade: {pending[peer]!r}")
                if pending[peer].endswith(b"\r\n\r\n"):
                    if not pending[peer].startswith(b"HTTP/1.1 101 "):
                        fail(f"refused: {pending[peer]!r}")
                    del pending[peer]
                    self.peers.append(peer)
        return len(self.peers)

    def _dial(self, source):
        peer = socket.socket()
        peer.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: a port is taken per destination
        peer.bind((self.sources[source], 0))
        peer.setblocking(False)
        peer.connect_ex(self.where)
        self.selector.register(peer, selectors.EVENT_WRITE)
        return peer

    def exchange(self, question, answer):
        """Sends to all, waits for all. An answer of None is the end of the stream."""
        waiting = {}
        for peer in self.peers:
            peer.send(question)
            waiting[peer] = b""
        done = 0
        end = time.monotonic() + 60
        while done < len(self.peers):
            if time.monotonic() > end:
                fail(f"{done} of {len(self.peers)} answered")
            for key, _ in self.selector.select(10):
                peer = key.fileobj
                got = peer.recv(4096)
                if answer is None:
                    if not got:
                        self.selector.unregister(peer)
                        peer.close()
                        done += 1
                    continue
                waiting[peer] += got or fail("ended while idle")
                if waiting[peer] == answer:
                    done += 1
        return done


def fail(why):
    print(why, flush=True)
    sys.exit(1)


def main():
    holder = Holder((sys.argv[1], int(sys.argv[2])), int(sys.argv[3]), sys.argv[4:])
    print("open", holder.open(), flush=True)
    for line in sys.stdin:
        if line.strip() != "echo":
            break
        print("echoed", holder.exchange(MESSAGE, ECHO), flush=True)
    print("closed", holder.exchange(CLOSE, None), flush=True)


main()
