"""What is measured."""

from dataclasses import dataclass

from . import loads
from .loads import Manner


@dataclass
class Scale:
    """How much of everything."""
    cycles: int
    messages: int
    idle: int
    rounds: int


FULL = Scale(cycles=3000, messages=60_000, idle=8000, rounds=3)
QUICK = Scale(cycles=500, messages=8000, idle=2000, rounds=1)


class Cycle:
    """CPU of the proxy per connect + TLS + upgrade + orderly close."""
    unit = "ms"
    fresh = False

    def __init__(self, key, title, manner):
        self.key, self.title, self.manner = key, title, manner

    def measure(self, running, scale):
        resume = ["--resume"] if self.manner.resume else []
        loads.run(running, "cycle", self.manner, "--count", max(100, scale.cycles // 10), *resume)
        before = running.cpu_seconds()
        report = loads.run(running, "cycle", self.manner, "--count", scale.cycles, *resume)
        used = running.cpu_seconds() - before
        detail = {"per_second": report["cycles_per_second"], "p99_ms": report["latency"]["p99_ms"]}
        return 1e3 * used / report["cycles"], detail


class Echo:
    """CPU of the proxy per echoed message; 50 connections, one message in flight each."""
    unit = "us"
    fresh = False

    def __init__(self, key, title, manner, size):
        self.key, self.title, self.manner, self.size = key, title, manner, size

    def measure(self, running, scale):
        count = scale.messages // (6 if self.size > 16384 else 1)
        loads.run(running, "echo", self.manner, "--size", self.size, "--count", count // 10, "--seconds", 60)
        process = loads.start(
            running, "echo", self.manner, "--size", self.size, "--count", count, "--seconds", 120, "--wait")
        loads.wait_until_ready(process)
        before = running.cpu_seconds()
        report = loads.finish(process)
        used = running.cpu_seconds() - before
        detail = {"per_second": report["messages_per_second"], "p99_ms": report["latency"]["p99_ms"]}
        return 1e6 * used / report["messages"], detail


class Idle:
    """Resident user memory of the proxy per idle connection, beyond what it had before they came."""
    unit = "KiB"
    fresh = True

    def __init__(self, key, title, manner):
        self.key, self.title, self.manner = key, title, manner

    def measure(self, running, scale):
        loads.run(running, "cycle", self.manner, "--count", 50)
        before = running.resident_kib()
        process = loads.start(running, "idle", self.manner, "--connections", scale.idle)
        loads.wait_until_ready(process)
        held = running.resident_kib()
        loads.finish(process)
        after = running.resident_kib()
        detail = {"before_kib": before, "held_kib": held, "after_kib": after}
        return (held - before) / scale.idle, detail


def all_figures(groups):
    tls13, plain = Manner(groups=groups), Manner(tls="none")
    figures = [
        Cycle("cycle-1.3-p256", "cycle, TLS 1.3 full, P-256", tls13),
        Cycle("cycle-1.3-rsa", "cycle, TLS 1.3 full, RSA-2048", Manner(rsa=True, groups=groups)),
        Cycle("cycle-1.3-ticket", "cycle, TLS 1.3 ticket", Manner(resume=True, groups=groups)),
        Cycle("cycle-1.2-ticket", "cycle, TLS 1.2 ticket", Manner(tls="1.2", resume=True, groups=groups)),
        Cycle("cycle-plain", "cycle, plain", plain),
    ]
    for name, manner in (("tls", tls13), ("plain", plain)):
        for size, text in ((128, "128 B"), (4096, "4 KiB"), (65536, "64 KiB")):
            figures.append(Echo(f"echo-{name}-{size}", f"echo, {name}, {text}", manner, size))
    figures += [
        Idle("idle-tls", "idle connection, TLS 1.3", tls13),
        Idle("idle-plain", "idle connection, plain", plain),
    ]
    return figures


def relays(figure):
    return isinstance(figure, Echo)
