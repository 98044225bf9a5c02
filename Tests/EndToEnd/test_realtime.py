"""`realtime_priority`: workers that the kernel runs ahead of all ordinary threads."""

import os
import subprocess

import pytest

from harness.clients import join
from harness.servers import EchoServer
from harness.tidegate import BINARY, Tidegate, address, command, listener, pool

RESET_ON_FORK = os.SCHED_RESET_ON_FORK


@pytest.fixture
def echo():
    with EchoServer("first") as server:
        yield server


def threads(pid):
    """Name, policy and priority of each thread; names of the ring's own begin with iou-."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm") as name:
            policy = os.sched_getscheduler(int(task)) & ~RESET_ON_FORK
            yield name.read().strip(), policy, os.sched_getparam(int(task)).sched_priority


def may_take(priority):
    """Whether this machine gives such a priority to anybody, a container's root included."""
    return subprocess.run(["chrt", "-r", str(priority), "true"], capture_output=True).returncode == 0


def settings(entry, echo, **more):
    return {
        "realtime_priority": 7, "log": {"connections": "off"}, **more,
        "listeners": [entry], "pools": [pool("pool", echo)],
    }


def test_workers_run_ahead_and_no_other_thread_does_even_as_another_user(folder, echo):
    entry = listener("pool")
    proxy = Tidegate(folder / "proxy", settings(entry, echo, user="nobody"))
    if not may_take(7):
        with pytest.raises(RuntimeError, match="realtime_priority: 7 isn't granted"):
            proxy.start()
        return
    proxy.start()
    host, port = address(entry)
    client = join(f"ws://{host}:{port}/")
    client.send("x")
    assert client.recv(5)
    found = list(threads(proxy.process.pid))
    client.close()
    proxy.finish()
    workers = sorted(thread for thread in found if thread[0].startswith("worker-"))
    assert workers == [(f"worker-{index}", os.SCHED_RR, 7) for index in (0, 1)]
    assert {policy for name, policy, _ in found if not name.startswith("worker-")} == {os.SCHED_OTHER}


def test_without_the_right_the_start_fails_and_says_what_it_takes(folder, echo):
    proxy = Tidegate(folder / "proxy", settings(listener("pool"), echo))
    done = subprocess.run(
        ["setpriv", "--bounding-set=-sys_nice,-sys_resource", "prlimit", "--rtprio=0:0",
         BINARY, "run", "--config", proxy.config],
        capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    assert "realtime_priority: 7 isn't granted" in done.stderr
    assert "CAP_SYS_NICE" in done.stderr and "LimitRTPRIO=7" in done.stderr


@pytest.mark.parametrize(
    "value, said", [("0", "from 1 to 99"), ("100", "from 1 to 99"), ("high", "a priority from 1 to 99 or off")])
def test_priorities_that_there_are_not_are_refused(folder, value, said):
    path = folder / "site.yaml"
    path.write_text(f"realtime_priority: {value}\nlisteners: [{{bind: '127.0.0.1:9000', pool: a}}]\n"
                    "pools: [{name: a, backends: ['127.0.0.1:9001']}]\n")
    done = command("check", "--config", path)
    assert done.returncode != 0
    assert ":1:20: " in done.stderr and said in done.stderr
