"""Free ports, outside of the range that the kernel gives to outgoing connections."""

import random
import socket

_given = set()
_random = random.SystemRandom()


def free_port(host="127.0.0.1"):
    """A port that nobody listens on and that this process hasn't given away before."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        port = _random.randrange(12000, 32000)
        if port in _given:
            continue
        with socket.socket(family) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
        _given.add(port)
        return port
