"""`tidegate run` without a configuration: something to try at once."""

import re
import signal
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from harness.clients import join
from harness.ports import free_port
from harness.tidegate import BINARY, command
from harness.waiting import eventually

# 8080 and 8443 without options; others may have those on this machine.
PLAIN, SECURE = free_port(), free_port()


class Demonstration:
    def __init__(self, folder):
        self.output = folder / "output.txt"
        self.process = subprocess.Popen(
            [BINARY, "run", "--port", str(PLAIN), "--tls-port", str(SECURE)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self.output.open("ab"),
            stderr=subprocess.STDOUT,
        )
        eventually(self._ready, 15, "the demonstration listens")

    def _ready(self):
        assert self.process.poll() is None, self.said()
        for port in (PLAIN, SECURE):
            socket.create_connection(("127.0.0.1", port), 1).close()
        return True

    def said(self):
        return self.output.read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def demonstration(module_folder):
    with Demonstration(module_folder) as made:
        yield made


def unverified():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_its_ports_are_8443_and_8080_where_nothing_else_is_said():
    said = command("run", "--help").stdout
    assert "8443" in said and "8080" in said


@pytest.mark.parametrize("uri", [f"ws://127.0.0.1:{PLAIN}/", f"wss://127.0.0.1:{SECURE}/"])
def test_it_echoes(demonstration, uri):
    context = unverified() if uri.startswith("wss") else None
    with join(uri, ssl=context) as client:
        for message in ("tide", b"\x00\x01", "long " * 50_000):
            client.send(message)
            assert client.recv(5) == message
        client.ping()


def test_its_certificate_is_p256(demonstration):
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{SECURE}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert "Peer signature type: ECDSA" in done.stdout
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-text"], input=done.stdout, capture_output=True, text=True, timeout=10
    )
    assert "prime256v1" in text.stdout


def test_curl_gets_something_readable(demonstration):
    done = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", "--max-time", "5", f"http://127.0.0.1:{PLAIN}/"],
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert done.returncode == 0, done.stderr


def test_it_prints_what_to_try(demonstration):
    said = demonstration.said()
    for word in ("websockets", "curl", "wss://", "ws://", "show info"):
        assert word in said, said


def test_the_stats_socket_that_it_prints_answers(demonstration):
    path = re.search(r"(/\S+\.sock\w*)", demonstration.said())
    assert path, demonstration.said()
    done = subprocess.run(
        ["socat", "-t", "5", "-", f"UNIX-CONNECT:{path[1]}"],
        input="show info\n",
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert f"Pid: {demonstration.process.pid}" in done.stdout, done.stderr


def test_ctrl_c_ends_it_and_its_socket_is_gone(demonstration):
    path = re.search(r"(/\S+\.sock\w*)", demonstration.said())
    demonstration.process.send_signal(signal.SIGINT)
    assert demonstration.process.wait(5) == 0
    assert not Path(path[1]).exists()
