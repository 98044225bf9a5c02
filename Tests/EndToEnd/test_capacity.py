"""More sockets than RLIMIT_NOFILE has room for."""

import selectors
import subprocess
import sys

import pytest

from harness.ports import free_port
from harness.servers import HELPERS, ServerProcess
from harness.tidegate import address, listener, pool

EACH = 5500
NOFILE = 20000


class Holders:
    """One process of `helpers/holders.py`."""

    def __init__(self, where, sources):
        arguments = [sys.executable, HELPERS / "holders.py", where[0], str(where[1]), str(EACH), *sources]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.process.stdout, selectors.EVENT_READ)

    def say(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def expect(self, line, seconds=60):
        assert self.selector.select(seconds), f"no {line!r} within {seconds} s"
        assert self.process.stdout.readline().strip() == line

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.selector.close()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.mark.large
@pytest.mark.timeout(150)
def test_22000_sockets_live_in_a_process_that_may_open_20000(tidegate, folder):
    ports = [free_port(), free_port()]
    command = [sys.executable, HELPERS / "echoes.py", "127.0.0.1"]
    one, two = (ServerProcess([*command, str(port)], port, folder, f"echoes-{port}") for port in ports)
    entry = listener("pool")
    with one, two:
        settings = {"limits": {"connections": 12000}, "listeners": [entry], "pools": [pool("pool", one, two)]}
        proxy = tidegate(settings, nofile=NOFILE)
        sources = [[f"127.0.0.{n}" for n in range(start, start + 3)] for start in (2, 5)]
        with Holders(address(entry), sources[0]) as left, Holders(address(entry), sources[1]) as right:
            for holders in (left, right):
                holders.expect(f"open {EACH}")
            info = proxy.info()
            assert int(info["CurrConns"]) == 2 * EACH
            assert proxy.descriptors() < 1000
            for _ in range(2):
                for holders in (left, right):
                    holders.say("echo")
                for holders in (left, right):
                    holders.expect(f"echoed {EACH}")
            print(f"resident: {proxy.resident_bytes() / (2 * EACH):.0f} bytes a connection")
            live = [int(proxy.stat()[("pool", server.endpoint)]["scur"]) for server in (one, two)]
            assert abs(live[0] - live[1]) <= 4, live
            for holders in (left, right):
                holders.say("quit")
            for holders in (left, right):
                holders.expect(f"closed {EACH}")
        assert {record.cause for record in proxy.records(2 * EACH, 10)} == {"finished"}
