"""python `websockets` as a client that tests call one step after the other.

It is the library's asyncio client, in a thread of its own. The library's threaded client reads and writes one ssl
socket from two threads; with TLS 1.3 on Python 3.11 a few requests in thousands never got an answer that way, from
nginx as from tidegate.
"""

import asyncio
import threading

from websockets.asyncio.client import connect

_loop = asyncio.new_event_loop()
threading.Thread(target=_loop.run_forever, daemon=True).start()


def _wait(coroutine, seconds=None):
    future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, seconds), _loop)
    return future.result()


class Client:
    def __init__(self, uri, **options):
        self.connection = _wait(self._open(uri, options), 15)

    @staticmethod
    async def _open(uri, options):
        return await connect(uri, **options)

    def send(self, message, seconds=20):
        """A message; an iterable of pieces is sent as fragments."""
        _wait(self.connection.send(message), seconds)

    def recv(self, seconds=5):
        return _wait(self.connection.recv(), seconds)

    def recv_pieces(self, seconds=5):
        """The fragments of one message."""

        async def collect():
            return [piece async for piece in self.connection.recv_streaming()]

        return _wait(collect(), seconds)

    def ping(self, payload=b"", seconds=5):
        """Returns once the pong is there."""

        async def there_and_back():
            await (await self.connection.ping(payload))

        _wait(there_and_back(), seconds)

    def close(self, code=1000, reason="", seconds=10):
        _wait(self.connection.close(code, reason), seconds)

    @property
    def close_code(self):
        return self.connection.close_code

    @property
    def subprotocol(self):
        return self.connection.subprotocol

    @property
    def response(self):
        return self.connection.response

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def join(uri, **options):
    """A connection that is open already; close it, or use it in a `with`."""
    options = {"max_size": 64 << 20, "close_timeout": 3, "proxy": None, "ping_interval": None, **options}
    return Client(uri, **options)
