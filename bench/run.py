#!/usr/bin/env python3
"""Measures Tidegate beside its peers, in one run, interleaved: CPU per unit of work, memory per connection."""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile

from lab import figures, loads, machine, material, proxies, report


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="figures, comma-separated: their keys or beginnings of keys (see --list)")
    parser.add_argument("--proxies", help="proxies, comma-separated; without it, all, and all have to be there")
    parser.add_argument("--quick", action="store_true", help="one round, small counts: for a look, not for a claim")
    parser.add_argument("--rounds", type=int, help="rounds; medians are reported")
    parser.add_argument("--groups", default="P-256", help="key exchange groups that the clients offer")
    parser.add_argument("--idle", type=int, help="idle connections")
    parser.add_argument("--no-namespaces", action="store_true", help="run in the host's network")
    parser.add_argument("--save", metavar="NAME", help="writes bench/results/NAME.json")
    parser.add_argument("--list", action="store_true", help="names figures and proxies")
    return parser.parse_args()


def chosen_figures(options):
    known = figures.all_figures(options.groups)
    if not options.only:
        return known
    wanted = options.only.split(",")
    for name in wanted:
        if not any(figure.key.startswith(name) for figure in known):
            sys.exit(f"no figure is called {name}: see --list")
    return [figure for figure in known if any(figure.key.startswith(name) for name in wanted)]


def chosen_proxies(options):
    known = proxies.kinds()
    names = options.proxies.split(",") if options.proxies else [name for name in known if known[name].relays]
    for name in names:
        if name not in known:
            sys.exit(f"no proxy is called {name}: see --list")
        if not known[name].is_installed():
            sys.exit(f"{name}: {known[name].program} is missing (install it, or name the others with --proxies)")
    return names


class Bench:
    def __init__(self, options, folder):
        self.names = chosen_proxies(options)
        self.figures = chosen_figures(options)
        self.scale = figures.QUICK if options.quick else figures.FULL
        self.scale.rounds = options.rounds or self.scale.rounds
        self.scale.idle = options.idle or self.scale.idle
        self.isolated = not options.no_namespaces
        self.folder = folder
        self.pems = material.certificates(folder)
        self.samples = {figure.key: {name: [] for name in self.names} for figure in self.figures}
        self.details = []
        self.failures = []

    def setup(self, index, name, relaying):
        return proxies.Setup.made(self.folder, index, name, self.pems, relaying=relaying)

    def run(self):
        groups = [
            [f for f in self.figures if not f.fresh and not figures.relays(f)],
            [f for f in self.figures if not f.fresh and figures.relays(f)],
        ]
        for group in groups:
            if group:
                self.run_together(group)
        for figure in self.figures:
            if figure.fresh:
                self.run_alone(figure)

    def run_together(self, group):
        """All proxies stay up; each figure goes round them, so that drift of the machine hits all alike."""
        with contextlib.ExitStack() as stack:
            running = []
            for index, name in enumerate(self.names):
                setup = self.setup(index, name, figures.relays(group[0]))
                running.append(proxies.Running(name, setup, self.isolated))
                stack.callback(running[-1].close)
            for figure in group:
                for _ in range(self.scale.rounds):
                    for one in running:
                        self.measure(figure, one)

    def run_alone(self, figure):
        """A new process for each measurement: memory remembers."""
        for _ in range(self.scale.rounds):
            for index, name in enumerate(self.names):
                with contextlib.closing(
                        proxies.Running(name, self.setup(index, name, False), self.isolated)) as one:
                    self.measure(figure, one)

    def measure(self, figure, one):
        if figure.manner.tls == "none" and not proxies.kinds()[one.name].plain:
            return
        try:
            value, detail = figure.measure(one, self.scale)
        except (loads.Failed, subprocess.TimeoutExpired) as failure:
            self.failures.append(f"{figure.key}, {one.name}: {failure}")
            print(f"{figure.key:18} {one.name:14} FAILED: {failure}", file=sys.stderr)
            return
        self.samples[figure.key][one.name].append(value)
        self.details.append({"figure": figure.key, "proxy": one.name, "value": value, **detail})
        print(f"{figure.key:18} {one.name:14} {value:9.3f} {figure.unit}  "
              + " ".join(f"{k}={v:.1f}" for k, v in detail.items()), file=sys.stderr)


def main():
    options = arguments()
    if options.list:
        print("figures: " + " ".join(figure.key for figure in figures.all_figures("P-256")))
        print("proxies: " + " ".join(name for name, kind in proxies.kinds().items() if kind.relays))
        return
    if not os.access(proxies.binary("tidegate-storm"), os.X_OK):
        sys.exit("tidegate-storm is missing: make build")
    machine.raise_descriptor_limit()
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder:
        os.chmod(folder, 0o755)
        bench = Bench(options, folder)
        bench.run()
    print(report.table(bench.figures, bench.names, bench.samples))
    if options.save:
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results", options.save + ".json")
        report.save(path, {
            "machine": machine.described(),
            "versions": {name: proxies.version(name) for name in bench.names},
            "scale": vars(bench.scale), "groups": options.groups,
            "medians": report.medians(bench.samples), "samples": bench.details, "failures": bench.failures,
        })
    if bench.failures:
        sys.exit("\n".join(["failed:"] + bench.failures))


if __name__ == "__main__":
    main()
