"""python `websockets` as a client, set up for tests."""

from websockets.sync.client import connect


def join(uri, **options):
    """A connection that is open already; close it, or use it in a `with`."""
    # legacy: the library would rather only have `with`, but tests hold many at once.
    options = {"max_size": 64 << 20, "close_timeout": 3, "proxy": None, "legacy": True, **options}
    return connect(uri, **options)
