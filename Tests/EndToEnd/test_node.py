"""Node as a client: its own http, https and tls."""

import json
import shutil
import subprocess

import pytest

from harness.matrix import TRANSPORTS, start_matrix
from harness.servers import HELPERS, EchoServer


@pytest.fixture(scope="module")
def echo():
    with EchoServer() as server:
        yield server


@pytest.fixture(scope="module")
def matrix(module_folder, certificates, echo):
    made = start_matrix(module_folder, certificates, [echo])
    yield made
    made.proxy.finish()


def node(*arguments):
    done = subprocess.run(["node", *map(str, arguments)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_nodes_http_client_upgrades_echoes_and_closes(matrix, certificates, echo, transport):
    version = matrix.context(transport) and transport.split()[1]
    scheme = "wss" if version else "ws"
    bound = [f"--tls-min-v{version}", f"--tls-max-v{version}"] if version else []
    uri = f"{scheme}://localhost:{matrix.where(transport)[1]}/"
    facts = node("--dns-result-order=ipv4first", *bound, HELPERS / "node_client.js", uri, certificates.bundle)
    assert facts == {
        "messages": ["from node \u6f6e", True],
        "accepted": True,
        "protocol": version and f"TLSv{version}",
        "pong": "there?",
        "close": 4003,
        "ended": True,
        "failed": False,
    }
    assert echo.sessions[-1].close_code == 4003


def test_nodes_own_websocket_where_it_has_one(matrix):
    """Behind a flag in node 20, without one from 22 on."""
    script = """
      const socket = new WebSocket(process.argv[1]);
      socket.onopen = () => socket.send("built in");
      socket.onmessage = (event) => { socket.answer = event.data; socket.close(4004, "enough"); };
      socket.onclose = (event) => console.log(JSON.stringify([socket.answer, event.code, event.wasClean]));
    """
    version = subprocess.run([shutil.which("node"), "--version"], capture_output=True, text=True, timeout=10).stdout
    major = int(version.lstrip("v").split(".")[0])
    if major < 20:
        pytest.skip("this node has none")
    flag = ["--experimental-websocket"] if major < 22 else []
    host, port = matrix.where("ws")
    assert node(*flag, "-e", script, f"ws://{host}:{port}/") == ["built in", 4004, True]
