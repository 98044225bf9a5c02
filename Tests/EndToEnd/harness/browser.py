"""Chromium without a window, asked over its debugging protocol."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

from .clients import join
from .waiting import eventually


class Browser:
    def __init__(self, folder):
        self.profile = Path(folder) / "profile"
        self.output = Path(folder) / "chromium.txt"
        self.process = subprocess.Popen(
            [
                shutil.which("chromium") or "chromium",
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--no-first-run",
                "--no-proxy-server",
                "--ignore-certificate-errors",
                "--remote-debugging-port=0",
                f"--user-data-dir={self.profile}",
                "about:blank",
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.output.open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.asked = 0
        try:
            port, path = eventually(self._port, 30, "chromium's debugging port")
            self.session = join(f"ws://127.0.0.1:{port}{path}")
        except BaseException:
            self.close()
            raise

    def _port(self):
        assert self.process.poll() is None, self.output.read_text(errors="replace")[-2000:]
        return (self.profile / "DevToolsActivePort").read_text().split()

    def call(self, method, session=None, **parameters):
        self.asked += 1
        message = {"id": self.asked, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        self.session.send(json.dumps(message))
        while True:
            answer = json.loads(self.session.recv(20))
            if answer.get("id") == self.asked:
                assert "error" not in answer, answer
                return answer["result"]

    def title(self, uri, until, seconds=20):
        """Opens a page and returns its title once that begins with `until`."""
        target = self.call("Target.createTarget", url=uri)["targetId"]
        page = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

        def done():
            result = self.call("Runtime.evaluate", page, expression="document.title", returnByValue=True)
            title = result["result"].get("value", "")
            assert title.startswith(until), title
            return title

        try:
            return eventually(done, seconds, f"the page's title begins with {until!r}")
        finally:
            self.call("Target.closeTarget", targetId=target)

    def close(self):
        if hasattr(self, "session"):
            self.session.close()
        # The launcher's whole process group is ours: it was started with a session of its own.
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
