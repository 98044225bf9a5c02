"""The proxy under test: a configuration, a process, and what it tells of itself."""

import json
import os
import resource
import signal
import socket
import subprocess
from pathlib import Path

import yaml

from .ports import free_port
from .records import Record
from .waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("TIDEGATE") or ROOT / ".build/release/tidegate").resolve()

# What a process of ours never prints, however it is treated.
FATAL = ("Fatal error", "fatalError", "Assertion failed", "Precondition failed", "Program crashed", "AddressSanitizer")


class Tidegate:
    """One `tidegate run --config FILE`.

    `settings` is the configuration as a dictionary; the stats socket, the connection log and the number of
    workers are filled in where it says nothing of them.
    """

    def __init__(self, folder, settings, nofile=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "tidegate.yaml"
        self.log = self.folder / "connections.json"
        self.socket = self.folder / "stats.sock"
        self.errors = self.folder / "stderr.txt"
        self.output = self.folder / "stdout.txt"
        self.nofile = nofile
        self.process = None
        self.write(settings)

    # -- its life

    def write(self, settings):
        """Writes the configuration file; a running process learns of it by `reload`."""
        settings = dict(settings)
        settings.setdefault("workers", 2)
        settings.setdefault("log", {"level": "info", "connections": str(self.log)})
        settings.setdefault("admin", {"stats_socket": {"path": str(self.socket)}})
        self.settings = settings
        self.config.write_text(yaml.safe_dump(settings, sort_keys=False))

    def start(self):
        self.process = subprocess.Popen(
            [BINARY, "run", "--config", self.config],
            stdin=subprocess.DEVNULL,
            stdout=self.output.open("ab"),
            stderr=self.errors.open("ab"),
            preexec_fn=self._limit,
        )
        eventually(self._ready, 10, "tidegate answers on its stats socket")
        return self

    def _limit(self):
        if self.nofile:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.nofile, self.nofile))

    def _ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"ended at once with {self.process.returncode}: {self.stderr()}")
        return self.info()

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds):
        """The exit code; an assertion error if the process still runs after `seconds`."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s: {self.stderr()[-2000:]}") from None

    def finish(self, drained_seconds=5):
        """Everything is over: no connection is left, and SIGINT ends the process in order."""
        if self.process is None:
            return
        try:
            if self.running:
                self.expect_idle(drained_seconds)
                self.signal(signal.SIGINT)
                assert self.wait(5) == 0, self.stderr()
            else:
                assert self.process.returncode == 0, f"ended with {self.process.returncode}: {self.stderr()}"
        finally:
            self.kill()
        self.expect_no_fault()

    def kill(self):
        if self.running:
            self.process.kill()
            self.process.wait()

    def expect_idle(self, seconds=5, live=0):
        eventually(lambda: self.info()["CurrConns"] == str(live), seconds, f"CurrConns is {live} again")

    def expect_no_fault(self):
        text = self.stderr()
        assert not any(word in text for word in FATAL), text[-4000:]

    # -- what it tells

    def stderr(self):
        return self.errors.read_text(errors="replace") if self.errors.exists() else ""

    def stdout(self):
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def ask(self, command, seconds=5):
        """One command to the stats socket, the whole answer."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(seconds)
            peer.connect(str(self.socket))
            peer.sendall(command.encode() + b"\n")
            answer = b""
            while block := peer.recv(65536):
                answer += block
        return answer.decode()

    def info(self):
        """`show info` as a dictionary of strings."""
        lines = [line for line in self.ask("show info").split("\n") if line]
        return dict(line.split(": ", 1) if ": " in line else (line.rstrip(":"), "") for line in lines)

    def stat(self):
        """`show stat` as dictionaries, keyed by (pxname, svname)."""
        lines = [line for line in self.ask("show stat").split("\n") if line]
        names = lines[0].removeprefix("# ").split(",")
        rows = [dict(zip(names, line.split(","), strict=False)) for line in lines[1:]]
        return {(row["pxname"], row["svname"]): row for row in rows}

    def records(self, count=None, seconds=5):
        """The log's lines. With `count`, waits until there are as many."""

        def read():
            if not self.log.exists():
                return []
            text = self.log.read_text()
            return [Record(json.loads(line)) for line in text[: text.rfind("\n") + 1].splitlines()]

        if count is None:
            return read()
        found = []

        def enough():
            found[:] = read()
            return len(found) >= count

        eventually(enough, seconds, f"{count} lines in the connection log, seen {len(found)}")
        assert len(found) == count, f"{len(found)} lines instead of {count}: {found}"
        return found

    def record(self, seconds=5):
        """The line of the only connection that there was."""
        return self.records(1, seconds)[0]

    def settled_records(self):
        """All lines, once no connection is left and the log has caught up."""
        self.expect_idle()
        return self.records(int(self.info()["CumConns"]))

    def resident_bytes(self):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def command(*arguments, seconds=15, **options):
    """Runs the binary with arguments and returns the completed process, its output as text."""
    return subprocess.run(
        [BINARY, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
        **options,
    )


def listener(pool=None, host="127.0.0.1", port=None, **more):
    """A listener's settings at a free port; `address(settings)` tells where."""
    port = port or free_port(host)
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    made = {"bind": bind, **more}
    if pool:
        made["pool"] = pool
    return made


def address(settings):
    """Host and port of a listener's settings."""
    bind = settings["bind"] if isinstance(settings["bind"], str) else settings["bind"][0]
    host, _, port = bind.rpartition(":")
    return host.strip("[]"), int(port)


def uri(scheme, settings, path="/"):
    """`ws://host:port/` of a listener's settings."""
    host, port = address(settings)
    return f"{scheme}://[{host}]:{port}{path}" if ":" in host else f"{scheme}://{host}:{port}{path}"


def pool(name, *backends, **more):
    return {"name": name, "backends": [b if isinstance(b, (str, dict)) else b.endpoint for b in backends], **more}
