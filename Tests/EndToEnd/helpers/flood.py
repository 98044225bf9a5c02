"""usage: flood.py HOST PORT CONNECTIONS: sends zeros through all of them as fast as they are taken, until killed."""

import selectors
import socket
import sys

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
block = bytes(1 << 18)
selector = selectors.DefaultSelector()
for _ in range(count):
    peer = socket.create_connection((host, port), 5)
    peer.setblocking(False)
    selector.register(peer, selectors.EVENT_WRITE)
while True:
    for key, _ in selector.select():
        try:
            key.fileobj.send(block)
        except BlockingIOError:
            pass
