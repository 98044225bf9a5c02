"""How many a running tidegate has admitted, by its own count: whoever asks the clients hears when they noticed."""

import os
import socket
import threading
import time

from . import machine


class Admissions:
    """Asks the stats socket once a second, ahead of the herd that shares the core, until it is ended."""

    def __init__(self, path):
        self.path, self.samples = path, []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        if machine.can_go_first():
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(int(machine.PRIORITY)))
        due = time.monotonic()
        while not self.over.is_set():
            self.samples.append((time.monotonic(), self.admitted()))
            due += 1
            self.over.wait(max(0, due - time.monotonic()))

    def admitted(self):
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(5)
            asking.connect(self.path)
            asking.sendall(b"show info\n")
            answer = b""
            while piece := asking.recv(65536):
                answer += piece
        return next(int(line.split()[1]) for line in answer.decode().splitlines() if line.startswith("Admitted:"))

    def end(self):
        """How many were admitted a second, between each two looks."""
        self.over.set()
        self.thread.join(10)
        return [(count - before) / (at - then)
                for (then, before), (at, count) in zip(self.samples, self.samples[1:])]
