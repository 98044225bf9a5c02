"""`openssl s_client` as a client that is talked with."""

import os
import re
import selectors
import subprocess
import time


class SClient:
    """One run of s_client: `say`, `expect` a pattern in its output, `end` its input."""

    def __init__(self, where, *arguments):
        self.said = ""
        host, port = where
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"{host}:{port}", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)

    def say(self, text):
        self.process.stdin.write(text.encode() if isinstance(text, str) else text)
        self.process.stdin.flush()

    def expect(self, pattern, seconds=8):
        """Reads until `pattern` was said; returns the match."""
        end = time.monotonic() + seconds
        while not (match := re.search(pattern, self.said, re.S)):
            assert self._read(end - time.monotonic()), f"s_client never said {pattern!r}:\n{self.said}"
        return match

    def _read(self, seconds):
        if seconds <= 0 or not self.selector.select(seconds):
            return False
        block = os.read(self.process.stdout.fileno(), 65536)
        self.said += block.decode("utf-8", "replace")
        return bool(block)

    def end(self, seconds=8):
        """Ends its input, waits until it ends, and returns all that it said."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
        end = time.monotonic() + seconds
        while self._read(end - time.monotonic()):
            pass
        self.process.wait(max(0.1, end - time.monotonic()))
        return self.said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(5)
        self.selector.close()
        self.process.stdout.close()
        if not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
