"""Runs tidegate-storm against a proxy."""

import json
import subprocess

from . import machine
from .proxies import binary


class Failed(Exception):
    """A load reported something that should not be."""


class Manner:
    """How the clients come: TLS version, certificate, resumed or not."""

    def __init__(self, tls="1.3", rsa=False, resume=False, groups="P-256"):
        self.tls, self.rsa, self.resume, self.groups = tls, rsa, resume, groups

    def words(self, ports):
        if self.tls == "none":
            return ["--address", f"127.0.0.1:{ports.plain}"]
        cipher = {
            "1.3": "TLS_AES_256_GCM_SHA384",
            "1.2": f"ECDHE-{'RSA' if self.rsa else 'ECDSA'}-AES256-GCM-SHA384",
        }[self.tls]
        port = ports.rsa if self.rsa else ports.tls
        return ["--address", f"127.0.0.1:{port}", "--tls", self.tls, "--groups", self.groups, "--cipher", cipher]


def start(running, load, manner, *options, priority=None):
    words = [binary("tidegate-storm"), load, "--json", *manner.words(running.setup.ports), *options]
    return running.place.start(
        words, machine.LOAD_CPU, priority=priority, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)


def wait_until_ready(process):
    if process.stdout.readline().strip() != "ready":
        raise Failed(f"a load doesn't start: {process.communicate()[1].strip()}")


def finish(process, timeout=900, good=True):
    """The load's report. Closes its stdin, which is the sign for the loads that wait for one.

    `good`: one that fails raises; else its report counts all the same.
    """
    output, errors = process.communicate("", timeout)
    lines = output.strip().split("\n")
    if process.returncode != 0 and good:
        raise Failed(f"exit code {process.returncode}: {_brief(lines[-1])} {errors.strip()}")
    return json.loads(lines[-1])


def _brief(line):
    try:
        report = json.loads(line)
    except ValueError:
        return line
    return {key: value for key, value in report.items() if not isinstance(value, (list, dict)) or key == "failures"}


def run(running, load, manner, *options):
    return finish(start(running, load, manner, *options))
