"""usage: sink.py DESCRIPTOR: accepts from the listening socket that it inherits, and throws away what comes."""

import selectors
import socket
import sys

listening = socket.socket(fileno=int(sys.argv[1]))
listening.setblocking(False)
selector = selectors.DefaultSelector()
selector.register(listening, selectors.EVENT_READ)
room = bytearray(1 << 18)
while True:
    for key, _ in selector.select():
        if key.fileobj is listening:
            peer, _ = listening.accept()
            peer.setblocking(False)
            selector.register(peer, selectors.EVENT_READ)
            continue
        try:
            if key.fileobj.recv_into(room):
                continue
        except BlockingIOError:
            continue
        except ConnectionError:
            pass
        selector.unregister(key.fileobj)
        key.fileobj.close()
