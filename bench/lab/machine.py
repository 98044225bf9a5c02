"""Namespaces, pinning, and what a process has cost."""

import contextlib
import os
import platform
import resource
import shutil
import signal
import subprocess
import time

LOAD_CPU = "0"
PROXY_CPU = "1"
# Of what goes ahead of all others on its CPU; watchers go ahead of the backend there, which is busy with the herd.
PRIORITY = "10"
WATCHERS_PRIORITY = "20"


def raise_descriptor_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Place:
    """Where a proxy, its backend and its load run: a network namespace where that is allowed.

    A namespace has its own TIME_WAIT table and ports, so one measurement doesn't burden the next.
    """

    def __init__(self, isolated):
        self.holder = None
        if isolated:
            self.holder = subprocess.Popen(
                ["unshare", "--net", "sleep", "86400"], stdin=subprocess.DEVNULL)
            self._wait_for_namespace()
            self.call(["ip", "link", "set", "lo", "up"])
            self.call(["sysctl", "-qw", "net.ipv4.ip_local_port_range=16000 65000"], check=False)

    def _wait_for_namespace(self):
        ours = os.readlink("/proc/self/ns/net")
        deadline = time.monotonic() + 5
        while os.readlink(f"/proc/{self.holder.pid}/ns/net") == ours:
            if time.monotonic() > deadline:
                raise SystemExit("no network namespace can be made here: use --no-namespaces")
            time.sleep(0.01)

    def command(self, words, cpu=None, priority=None):
        """With a priority the process goes ahead of all others on its CPU (where that is allowed)."""
        inside = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net"] if self.holder else []
        pinned = ["taskset", "-c", cpu] if cpu else []
        ahead = ["chrt", "-f", priority] if priority and can_go_first() else []
        return inside + pinned + ahead + [str(word) for word in words]

    def call(self, words, check=True):
        subprocess.run(self.command(words), check=check, stderr=None if check else subprocess.DEVNULL)

    def start(self, words, cpu, **more):
        priority = more.pop("priority", None)
        return subprocess.Popen(self.command(words, cpu, priority), **more)

    def close(self):
        if self.holder:
            stop(self.holder)


def can_go_first():
    return shutil.which("chrt") is not None and subprocess.run(
        ["chrt", "-f", PRIORITY, "true"], stderr=subprocess.DEVNULL).returncode == 0


def stop(process, patience=5):
    """Ends a process that we started: asks, then insists."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def family(pid):
    """The process and all that descend from it."""
    members = [pid]
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as children:
                for child in children.read().split():
                    members += family(int(child))
    return members


def pin(pid, cpu):
    """Pins every thread of the family: some proxies choose a CPU for themselves."""
    for member in family(pid):
        for task in os.listdir(f"/proc/{member}/task"):
            os.sched_setaffinity(int(task), {int(cpu)})


def cpu_seconds(pid):
    """CPU time of the family, user and system, to the nanosecond.

    The kernel's per-process clock (what clock_getcpuclockid gives) is the sum over all threads, those that
    have ended included; adding up /proc/PID/task/*/schedstat would lose those.
    """
    return sum(time.clock_gettime((~member << 3) | 2) for member in family(pid))


def resident_kib(pid):
    """Resident memory of the family, user space only."""
    total = 0
    for member in family(pid):
        with open(f"/proc/{member}/smaps_rollup") as lines:
            total += next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))
    return total


def described():
    """What the results depend on."""
    openssl = subprocess.run(["openssl", "version"], capture_output=True, text=True).stdout.strip()
    return {
        "kernel": platform.release(),
        "cpu": _cpu_name(),
        "cpus": os.cpu_count(),
        "openssl": openssl,
        "descriptor_limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _cpu_name():
    with open("/proc/cpuinfo") as lines:
        return next((l.split(":")[1].strip() for l in lines if l.startswith("model name")), "unknown")
