#!/usr/bin/env python3
"""Storms against Tidegate and its peers: limiters under a herd, and what established connections feel of one."""

import argparse
import contextlib
import math
import os
import statistics
import sys
import tempfile
import time

from lab import admissions, herds, loads, machine, material, proxies, report
from lab.loads import Manner


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=["limit", "calm", "tickets", "refusals"])
    parser.add_argument("--proxies", help="comma-separated: limiters for `limit`, proxies for `calm`, refusers for `refusals`")
    parser.add_argument("--clients", type=int, default=5000)
    parser.add_argument("--rate", type=int, default=500, help="limit: admitted connections a second")
    parser.add_argument("--timeout", type=float, default=10, help="clients' timeout in seconds")
    parser.add_argument(
        "--patience", type=float, help="limit: tidegate's waiting_room.patience; by default the clients' timeout")
    parser.add_argument("--backoff", default="0.2,1", help="first and last step of the clients' backoff, seconds")
    parser.add_argument("--retry", choices=["backoff", "immediate", "retry-after"], default="backoff")
    parser.add_argument("--resumed-share", type=float, default=0)
    parser.add_argument("--rsa", action="store_true", help="RSA-2048 certificate instead of P-256")
    parser.add_argument("--plain", action="store_true", help="without TLS")
    parser.add_argument("--stay", type=float, help="clients leave after this many seconds; without it they stay")
    parser.add_argument("--seconds", type=float, default=60, help="end of a storm, at the latest")
    parser.add_argument("--connections", type=int, default=200, help="calm: established connections")
    parser.add_argument("--limited", action="store_true", help="calm: limiters at --rate, instead of proxies without")
    parser.add_argument("--handshake-cpu", default="30%", help="tickets: tidegate's limits.handshake_cpu")
    parser.add_argument("--refusal-cpu", default="10%", help="limit: tidegate's refusal.cpu")
    parser.add_argument("--by-second", action="store_true", help="prints attempts and admissions of every second")
    parser.add_argument(
        "--realtime", action="store_true",
        help="proxies ahead of all others on their CPU: tidegate by realtime_priority, peers by chrt")
    parser.add_argument("--no-namespaces", action="store_true")
    parser.add_argument("--save", metavar="NAME", help="writes bench/results/NAME.json")
    return parser.parse_args()


class Storm:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.pems = material.certificates(folder)
        self.manner = Manner(tls="none" if options.plain else "1.3", rsa=options.rsa)
        self.calibration = min(1000, 2 * options.rate)
        self.rows, self.details = [], []

    def running(self, index, name, proxy, extra):
        setup = proxies.Setup.made(self.folder, index, name, self.pems, extra=extra)
        return contextlib.closing(proxies.Running(
            proxy, setup, not self.options.no_namespaces, realtime=self.options.realtime))

    def herd(self, running, resumed_share=None):
        o = self.options
        share = o.resumed_share if resumed_share is None else resumed_share
        stay = ["--stay", o.stay] if o.stay is not None else []
        return herds.Herd(
            running, self.manner, o.clients, "--timeout", o.timeout, "--retry", o.retry,
            "--backoff-base", o.backoff.split(",")[0], "--backoff-max", o.backoff.split(",")[1],
            "--resumed-share", share, "--seconds", o.seconds, *stay)

    def limit(self, index, name):
        """The herd against a limiter."""
        o, limiter = self.options, herds.limiters(self.options.refusal_cpu)[name]
        extra, stats = limiter.extra(o.rate, o.patience or o.timeout), os.path.join(self.folder, f"{name}.sock")
        is_ours = "tidegate" in extra
        if is_ours:
            extra["tidegate"] += f"\nadmin: {{stats_socket: {{path: {stats}}}}}"
        with self.running(index, name, limiter.proxy, extra) as one:
            first_upgrade = time.monotonic()
            calm_cost = self.cost_of_admission(one)
            before, begin = one.cpu_seconds(), time.monotonic() - first_upgrade
            watch = admissions.Admissions(stats) if is_ours else None
            seen = self.herd(one).reports()
            used = one.cpu_seconds() - before
            counted = watch.end() if watch else []
            backend = one.end_backend()
        total = seen["total"]
        refused = herds.refused(total)
        admitted = total["admitted"]
        # Of few it is the noise of the many that were let in.
        per_refusal = 1e6 * (used - calm_cost * admitted) / refused if refused > admitted else None
        # Upgrades at the backend for clients that had gone; the calibration's were not.
        in_vain = backend["upgraded"] - admitted - self.calibration - WARM_UP - (1 if o.resumed_share else 0)
        self.rows.append([
            name, admitted, f"{seen['all_in_seconds']:.1f}", f"{herds.goodput_min(seen['per_second'], o.rate):.2f}",
            f"{herds.worst_at_backend(backend['upgraded_per_second'], begin) / o.rate:.2f}",
            f"{herds.worst_of_whole(counted) / o.rate:.2f}" if counted else "-",
            f"{herds.in_by_the_ideal_time(seen, o.rate):.0f}",
            refused, total["timeouts"], in_vain, f"{seen['attempts_per_success']:.2f}",
            f"{seen['attempt_p99_ms']:.0f}", f"{used:.2f}", f"{per_refusal:.1f}" if per_refusal is not None else "-",
        ])
        self.details.append({"limiter": name, "cpu_seconds": used, "backend": backend, "counted": counted, **seen})

    def cost_of_admission(self, one):
        """CPU seconds per client that comes when there is room, at a pace a little below the limit.

        At about the pace of the storm itself, since a proxy that has more to do at once batches more.
        """
        loads.run(one, "cycle", self.manner, "--count", WARM_UP)
        time.sleep(1.1)
        before = one.cpu_seconds()
        loads.run(one, "storm", self.manner, "--clients", self.calibration, "--arrival-rate",
                  0.8 * self.options.rate, "--seconds", 60)
        used = one.cpu_seconds() - before
        time.sleep(1.1)
        return used / self.calibration

    def calm(self, index, name):
        """Echo latency of established connections at rest, then while a herd comes.

        Watchers straight at the backend tell what of it is the load's core, not the proxy's.
        """
        o, proxy, extra, length = self.options, name, {}, 12
        if o.limited:
            limiter = herds.limiters(o.refusal_cpu)[name]
            proxy, extra = limiter.proxy, limiter.extra(o.rate, o.patience or o.timeout)
            length = 4 + math.ceil(1.2 * o.clients / o.rate)
        with self.running(index, name, proxy, extra) as one:
            rest = self.echoes(one, 5)
            direct = self.begin_echoes(one, length, Straight(), STRAIGHT)
            watch = self.begin_echoes(one, length, self.manner, o.connections)
            time.sleep(2)
            herd = self.herd(one).reports()
            storm, direct = loads.finish(watch), loads.finish(direct)
        seconds = slice(2, 2 + math.ceil(herd["all_in_seconds"]))
        middle = [statistics.median(seen["p99_ms_per_second"][seconds]) for seen in (storm, direct)]
        rest_p99, storm_p99 = rest["latency"]["p99_ms"], storm["latency"]["p99_ms"]
        self.rows.append([
            name, f"{rest_p99:.2f}", f"{storm_p99:.2f}", f"{storm_p99 / rest_p99:.1f}", f"{middle[0]:.2f}",
            f"{middle[0] / rest_p99:.1f}", f"{middle[1]:.2f}", f"{max(storm['p99_ms_per_second']):.1f}",
            f"{storm['latency']['max_ms']:.1f}", herd["total"]["admitted"], f"{herd['all_in_seconds']:.1f}"])
        self.details.append({"proxy": name, "rest": rest, "storm": storm, "direct": direct, "herd": herd})

    def tickets(self, index, name):
        """A herd without tickets, then one of which half has some, while handshakes' CPU is what is short."""
        for turn, share in enumerate([0, 0.5]):
            extra = {name: f"limits: {{handshake_cpu: {self.options.handshake_cpu}}}\n"
                           f"waiting_room: {{patience: {int(self.options.timeout * 950)}ms}}"}
            with self.running(2 * index + turn, name, name, extra) as one:
                seen = self.herd(one, share).reports()
            seconds = seen["per_second"]
            resumed = [second["admitted_resumed"] for second in seconds]
            full = [second["admitted"] - second["admitted_resumed"] for second in seconds]
            self.rows.append([
                f"{name}, {share:.0%} with tickets", seen["total"]["admitted"], f"{seen['all_in_seconds']:.1f}",
                f"{herds.pace(seen):.0f}", herds.half_in(resumed), herds.half_in(full)])
            self.details.append({"proxy": name, "resumed_share": share, **seen})

    def refusals(self, index, name):
        """A herd that is refused, all of it, and comes again after 10 ms: what that takes and nothing else."""
        refuser = herds.refusers()[name]
        with self.running(index, name, refuser.proxy, refuser.extra()) as one:
            before = one.cpu_seconds()
            seen = self.herd(one).reports(good=False)
            used = one.cpu_seconds() - before
        total = seen["total"]
        if not total["refused_reset"] + total["refused_close"] or total["failed"]:
            raise loads.Failed(f"nobody is refused: {total}")
        refused = herds.refused(total)
        self.rows.append([name, refused, total["admitted"], total["timeouts"], f"{1e6 * used / refused:.1f}"])
        self.details.append({"refuser": name, "cpu_seconds": used, **seen})

    def begin_echoes(self, one, seconds, manner, connections):
        watch = loads.start(
            one, "calm", manner, "--connections", connections, "--seconds", seconds,
            priority=machine.WATCHERS_PRIORITY)
        loads.wait_until_ready(watch)
        return watch

    def echoes(self, one, seconds):
        return loads.finish(self.begin_echoes(one, seconds, self.manner, self.options.connections))


class Straight:
    """To the backend, past the proxy."""

    def words(self, ports):
        return ["--address", f"127.0.0.1:{ports.backend}"]


# Watchers straight at the backend.
STRAIGHT = 100
# Cycles before anything is measured; few enough for any limit's first second.
WARM_UP = 40

TITLES = {
    "limit": ["limiter", "admitted", "all in, s", "worst second / rate", "the same, at the backend", "by the proxy's count", "in by the ideal time, %",
              "refused", "timeouts", "admitted in vain",
              "attempts each", "attempt p99, ms", "CPU, s", "us CPU per refusal"],
    "calm": ["proxy", "p99 at rest, ms", "p99 in the storm, ms", "ratio", "p99 of the median second, ms", "ratio",
             "the same, straight at the backend, ms", "p99 of the worst second, ms", "max, ms",
             "herd in", "all in, s"],
    "tickets": ["herd", "admitted", "all in, s", "a second until three quarters are in", "half of the resumed in, s",
                "half of the others in, s"],
    "refusals": ["refuser", "refused", "admitted", "timeouts", "us CPU per refusal"],
}


def names(options):
    if options.scenario == "refusals":
        known = {name: herds.is_installed(refuser) for name, refuser in herds.refusers().items()}
    elif options.scenario == "limit" or options.limited:
        known = {name: herds.is_installed(limiter) for name, limiter in herds.limiters().items()}
    else:
        known = {name: kind.is_installed() for name, kind in proxies.kinds().items() if kind.relays}
    if options.scenario == "tickets":
        known = {"tidegate": known["tidegate"]}
    chosen = options.proxies.split(",") if options.proxies else list(known)
    for name in chosen:
        if name not in known:
            sys.exit(f"{name} is none of: {' '.join(known)}")
        if not known[name]:
            sys.exit(f"{name} is missing: install it, or name the others with --proxies")
    return chosen


def print_seconds(run):
    seen = run.get("herd", run)
    print(f"\n{run.get('limiter') or run.get('refuser') or run['proxy']}: second, attempts, admitted")
    for number, second in enumerate(seen["per_second"]):
        print(f"{number:4} {second['attempts']:6} {second['admitted']:6}")


def main():
    options = arguments()
    machine.raise_descriptor_limit()
    if options.realtime and not machine.can_go_first():
        sys.exit("--realtime: chrt may not give a priority here")
    failures = []
    with tempfile.TemporaryDirectory(prefix="tidegate-storm-") as folder:
        os.chmod(folder, 0o755)
        storm = Storm(options, folder)
        for index, name in enumerate(names(options)):
            try:
                getattr(storm, options.scenario)(index, name)
                print(" ".join(map(str, storm.rows[-1])), file=sys.stderr)
            except loads.Failed as failure:
                failures.append(f"{name}: {failure}")
    print(report.plain_table(TITLES[options.scenario], storm.rows))
    if options.by_second:
        for run in storm.details:
            print_seconds(run)
    if options.save:
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results", options.save + ".json")
        report.save(path, {"machine": machine.described(), "options": vars(options), "runs": storm.details,
                           "failures": failures})
    if failures:
        sys.exit("\n".join(["failed:"] + failures))


if __name__ == "__main__":
    main()
