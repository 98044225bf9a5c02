"""usage: echoes.py HOST PORT: a WebSocket server for very many connections; echoes short frames, unmasked.

Works for frames below 126 bytes that arrive in one piece, which is all that holders.py sends.
"""

import selectors
import socket
import sys

ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)

selector = selectors.DefaultSelector()
upgraded = set()


def serve(peer):
    got = peer.recv(4096)
    if not got:
        leave(peer)
    elif peer not in upgraded:
        upgraded.add(peer)
        peer.send(ANSWER)
    else:
        length = got[1] & 127
        mask, payload = got[2:6], got[6 : 6 + length]
        peer.send(bytes([got[0], length]) + bytes(b ^ mask[i & 3] for i, b in enumerate(payload)))
        if got[0] & 15 == 8:
            leave(peer)


def leave(peer):
    upgraded.discard(peer)
    selector.unregister(peer)
    peer.close()


listening = socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096)
listening.setblocking(False)
selector.register(listening, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        if key.fileobj is not listening:
            try:
                serve(key.fileobj)
            except ConnectionError:
                leave(key.fileobj)
            continue
        try:
            for _ in range(64):
                peer, _ = listening.accept()
                peer.setblocking(False)
                selector.register(peer, selectors.EVENT_READ)
        except BlockingIOError:
            pass
