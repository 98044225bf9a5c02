#!/usr/bin/env python3
"""Live TLS WebSockets by the hundred thousand on one Tidegate: memory, CPU at rest, CPU per message."""

import argparse
import contextlib
import csv
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time

from lab import loads, machine, material, report
from lab.proxies import binary

# No process may have more descriptors, the proxy included.
DESCRIPTORS = 20_000
# Sockets of one load or backend, and so at most 14,000 of a (source, destination, port): beyond, connect gets slow.
PROCESS_SOCKETS = 12_500
# Source addresses of the clients, 127.0.0.2 and following.
SOURCES = 12
# Connections on their way at once, all loads together.
OPENING = 64
PORT, FIRST_BACKEND_PORT = 7400, 7410
REST_SECONDS = 10
# Messages of what piled up while the loads stood still must be through before any are measured.
SETTLE_SECONDS = 12


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=100_000)
    parser.add_argument("--few", type=int, default=1000, help="connections whose CPU per message is compared with")
    parser.add_argument("--middle", type=int, default=8000, help="connections of one more measurement of memory")
    parser.add_argument("--rate", type=int, default=3000, help="messages a second, all connections together")
    parser.add_argument("--no-namespaces", action="store_true")
    parser.add_argument("--save", metavar="NAME", help="writes bench/results/NAME.json")
    return parser.parse_args()


def split(count):
    """Shares of at most PROCESS_SOCKETS, as even as can be."""
    parts = -(-count // PROCESS_SOCKETS)
    return [count // parts + (1 if part < count % parts else 0) for part in range(parts)]


def kernel_kib():
    """The whole machine's slab memory: `Slab`, and of it what can't be reclaimed."""
    with open("/proc/meminfo") as lines:
        fields = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return fields["Slab"], fields["SUnreclaim"]


class Stage:
    """A proxy made for `room` connections, with its backends, and then loads of `count` connections in all."""

    def __init__(self, folder, pem, room, isolated, stack):
        self.folder, self.pem, self.stack = folder, pem, stack
        self.place = machine.Place(isolated)
        stack.callback(self.place.close)
        self.socket = os.path.join(folder, "stats.sock")
        self.loads = []
        ports = [FIRST_BACKEND_PORT + number for number, _ in enumerate(split(room))]
        for port in ports:
            self.keep([binary("tidegate-storm"), "backend", "--bind", f"127.0.0.1:{port}", "--seconds", 1800])
        log = stack.enter_context(open(os.path.join(folder, "tidegate.log"), "w"))
        self.proxy = self.place.start(
            [binary("tidegate"), "run", "--config", self.configuration(room, ports)], None,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        stack.callback(machine.stop, self.proxy)
        self.wait_until_up()
        self.warm_up()
        self.before = self.seen()

    def keep(self, words):
        process = self.place.start(words, None, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.stack.callback(machine.stop, process)
        loads.wait_until_ready(process)

    def configuration(self, room, ports):
        backends = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        path = os.path.join(self.folder, "tidegate.yaml")
        with open(path, "w") as file:
            file.write(f"""
workers: 2
limits: {{connections: {room + room // 50 + 100}, buffer_memory: 512MiB}}
listeners:
  - name: tls
    bind: ["127.0.0.1:{PORT}"]
    pool: echo
    tls: {{certificates: [{{certificate: {self.pem}, key: {self.pem}}}], record_layer: tidegate}}
pools: [{{name: echo, backends: [{backends}]}}]
admin: {{stats_socket: {{path: {self.socket}}}}}
""")
        return path

    def wait_until_up(self):
        deadline = time.monotonic() + 15
        while not os.path.exists(self.socket):
            if self.proxy.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self.folder, "tidegate.log")) as log:
                    raise loads.Failed("tidegate doesn't start: " + log.read())
            time.sleep(0.05)

    def load(self, name, *options):
        words = [binary("tidegate-storm"), name, "--json", "--address", f"127.0.0.1:{PORT}", "--tls", "1.3",
                 "--groups", "P-256", "--cipher", "TLS_AES_128_GCM_SHA256", *options]
        process = self.place.start(
            words, None, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.stack.callback(machine.stop, process)
        return process

    def warm_up(self):
        loads.finish(self.load("cycle", "--count", 50), 60)

    def open(self, count, rate):
        """All connections stand when this returns, and each says something every count / rate seconds."""
        parts = split(count)
        began = time.monotonic()
        for part in parts:
            self.loads.append(self.load(
                "idle", "--connections", part, "--opening", max(1, OPENING // len(parts)), "--sources", SOURCES,
                "--echo-every", f"{count / rate:.6f}"))
        for process in self.loads:
            loads.wait_until_ready(process)
        return time.monotonic() - began

    def ask(self, *words):
        return subprocess.run(
            [binary("tidegate"), "ctl", "--socket", self.socket, *words],
            check=True, capture_output=True, text=True, timeout=30).stdout

    def info(self, name):
        return int(next(
            line.split(":")[1] for line in self.ask("show", "info").splitlines() if line.startswith(name + ":")))

    def messages(self):
        """Messages that went to clients."""
        rows = csv.DictReader(self.ask("show", "stat").removeprefix("# ").splitlines())
        return next(int(row["messages_from_backend"]) for row in rows if row["svname"] == "BACKEND")

    def seen(self):
        """What the proxy and the kernel hold."""
        slab, unreclaimable = kernel_kib()
        return {
            "resident_kib": machine.resident_kib(self.proxy.pid),
            "mappings": self.mappings(),
            "descriptors": len(os.listdir(f"/proc/{self.proxy.pid}/fd")),
            "live": self.info("CurrConns"), "live_tls": self.info("CurrSslConns"),
            "buffers_kib": self.info("PoolUsed_bytes") // 1024,
            "slab_kib": slab, "slab_unreclaimable_kib": unreclaimable, "sockets": self.sockets(),
        }

    def mappings(self):
        """Resident KiB of each of the proxy's mappings, by address: (size, resident, name)."""
        found, key = {}, None
        with open(f"/proc/{self.proxy.pid}/smaps") as lines:
            for line in lines:
                words = line.split()
                if "-" in words[0] and not words[0].endswith(":"):
                    key = words[0].split("-")[0]
                    found[key] = [0, 0, words[5] if len(words) > 5 else "anonymous"]
                elif words[0] == "Size:":
                    found[key][0] = int(words[1])
                elif words[0] == "Rss:":
                    found[key][1] = int(words[1])
        return found

    def sockets(self):
        """The namespace's TCP line of sockstat."""
        text = subprocess.run(
            self.place.command(["cat", "/proc/net/sockstat"]), check=True, capture_output=True, text=True).stdout
        words = next(line for line in text.splitlines() if line.startswith("TCP:")).split()[1:]
        return dict(zip(words[::2], map(int, words[1::2])))

    def rest(self):
        """Percent of a CPU that the proxy takes while no client says anything: the loads stand still."""
        self.signal_loads(signal.SIGSTOP)
        try:
            time.sleep(1)
            before = machine.cpu_seconds(self.proxy.pid)
            time.sleep(REST_SECONDS)
            used = machine.cpu_seconds(self.proxy.pid) - before
        finally:
            self.signal_loads(signal.SIGCONT)
        time.sleep(SETTLE_SECONDS)
        return 100 * used / REST_SECONDS

    def signal_loads(self, number):
        for process in self.loads:
            # nsenter executes the load in its own place, so the process is the load.
            process.send_signal(number)

    def per_message(self, seconds):
        """Microseconds of the proxy's CPU per echoed message, and messages a second."""
        cpu, messages, began = machine.cpu_seconds(self.proxy.pid), self.messages(), time.monotonic()
        time.sleep(seconds)
        used, took = machine.cpu_seconds(self.proxy.pid) - cpu, time.monotonic() - began
        echoed = self.messages() - messages
        if echoed == 0:
            raise loads.Failed("no message was echoed")
        return 1e6 * used / echoed, echoed / took

    def end_loads(self):
        """Closes all in order; raises when any connection or echo went wrong."""
        for process in self.loads:
            process.stdin.close()
            process.stdin = None
        reports = [loads.finish(process, 180) for process in self.loads]
        self.loads = []
        return {key: sum(one[key] for one in reports) for key in ("connections", "closed_in_order", "echoes")}


class Many:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.pem, _ = material.certificates(folder)
        self.rows = []

    def run(self):
        o = self.options
        self.measure("alone", o.few, o.few)
        self.measure("few", o.few, o.connections)
        self.measure("middle", o.middle, o.middle)
        self.measure("many", o.connections, o.connections)

    def measure(self, name, count, room):
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        with contextlib.ExitStack() as stack:
            stage = Stage(folder, self.pem, room, not self.options.no_namespaces, stack)
            row = {"connections": count, "room": room, "before": stage.before}
            row["opening_seconds"] = stage.open(count, self.options.rate)
            row["opened"] = stage.seen()
            row["rest_percent"] = stage.rest()
            # Long enough that each connection has its turn.
            seconds = max(15, 1.1 * count / self.options.rate)
            row["us_per_message"], row["messages_per_second"] = stage.per_message(seconds)
            row["echoed"] = stage.seen()
            row["ended"] = stage.end_loads()
            time.sleep(3)
            row["after"] = stage.seen()
        self.rows.append(row)
        print(told(row), file=sys.stderr)

    def table(self):
        """Few connections cost less in a proxy that was made for few, with a ring a worker: so both are shown."""
        titles = ["connections (room for)", "live, of it TLS", "descriptors", "bytes of user memory a connection",
                  "slab a connection and its 4 sockets", "CPU at rest, %", "us CPU per message",
                  "times the first", "times the second", "MiB before, held, after"]
        rows = []
        for row in self.rows:
            before, opened, after = row["before"], row["opened"], row["after"]
            rows.append([
                f"{row['connections']} ({row['room']})", f"{opened['live']}, {opened['live_tls']}",
                opened["descriptors"], f"{growth(row, 'resident_kib'):.0f}",
                f"{growth(row, 'slab_unreclaimable_kib'):.0f}", f"{row['rest_percent']:.2f}",
                f"{row['us_per_message']:.1f}", *self.against(row),
                ", ".join(f"{one['resident_kib'] / 1024:.1f}" for one in (before, row["echoed"], after))])
        return report.plain_table(titles, rows)

    def against(self, row):
        bases = [base["us_per_message"] for base in self.rows[:2]]
        return [f"{row['us_per_message'] / base:.2f}" for base in bases] + ["-"] * (2 - len(bases))


def growth(row, key, until="opened"):
    """Bytes per connection."""
    return 1024 * (row[until][key] - row["before"][key]) / row["connections"]


def told(row):
    lines = [
        f"{row['connections']} connections in {row['opening_seconds']:.0f} s; live {row['opened']['live']}, TLS "
        f"{row['opened']['live_tls']}; {row['opened']['descriptors']} descriptors; {row['opened']['sockets']}",
        f"  user memory a connection: {growth(row, 'resident_kib'):.0f} bytes opened, "
        f"{growth(row, 'resident_kib', 'echoed'):.0f} echoed; slab {growth(row, 'slab_kib'):.0f}, unreclaimable "
        f"{growth(row, 'slab_unreclaimable_kib'):.0f}; buffers taken {row['opened']['buffers_kib']} KiB",
        f"  at rest {row['rest_percent']:.2f} %; {row['us_per_message']:.1f} us per message at "
        f"{row['messages_per_second']:.0f}/s; {row['ended']}",
        f"  MiB before {row['before']['resident_kib'] / 1024:.1f}, opened {row['opened']['resident_kib'] / 1024:.1f}, "
        f"echoed {row['echoed']['resident_kib'] / 1024:.1f}, after {row['after']['resident_kib'] / 1024:.1f}; sockets "
        f"after {row['after']['sockets']}",
    ]
    return "\n".join(lines + grown(row))


def grown(row, most=8):
    """The mappings that grew most."""
    known = row["before"]["mappings"]
    found = []
    for address, (size, resident, name) in row["echoed"]["mappings"].items():
        found.append((resident - known.get(address, (0, 0, ""))[1], size, name))
    found.sort(reverse=True)
    return [f"  {1024 * more / row['connections']:7.0f} bytes a connection: {name} of {size} KiB"
            for more, size, name in found[:most] if more > 0]


def main():
    options = arguments()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        sys.exit(f"RLIMIT_NOFILE is {hard}; {DESCRIPTORS} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    failure = None
    with tempfile.TemporaryDirectory(prefix="tidegate-many-") as folder:
        os.chmod(folder, 0o755)
        many = Many(options, folder)
        try:
            many.run()
        except (loads.Failed, subprocess.SubprocessError, OSError) as caught:
            failure = f"failed: {caught}"
    if many.rows:
        print(many.table())
    if options.save:
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results", options.save + ".json")
        report.save(path, {"machine": machine.described(), "options": vars(options), "runs": many.rows})
    if failure:
        sys.exit(failure)


if __name__ == "__main__":
    main()
