"""Backends that we didn't write: python websockets, uvicorn, nginx."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import serve, unix_serve
from websockets.exceptions import ConnectionClosed

from .ports import free_port
from .waiting import eventually

HELPERS = Path(__file__).resolve().parents[1] / "helpers"


class EchoServer:
    """python `websockets` in a thread. The path says what it does:

    /          echoes each message as it came
    /close     closes with ?code=&reason= upon the first message
    /fragment  sends each message back in pieces of ?size= bytes
    /ping      pings, and answers "pong" once the pong is there
    /count     answers each message with its length
    /name      answers with this server's name
    """

    def __init__(self, name="echo", place="127.0.0.1", **options):
        self.name = name
        self.place = place
        self.options = {"max_size": 64 << 20, "ping_interval": None, "close_timeout": 2, **options}
        self.sessions = []
        self.live = 0
        if "/" in str(place):
            self.endpoint = f"unix:{place}"
        else:
            self.port = free_port(place)
            self.endpoint = f"[{place}]:{self.port}" if ":" in place else f"{place}:{self.port}"

    def __enter__(self):
        started = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._main(started)), daemon=True)
        self.thread.start()
        assert started.wait(5), "the echo server didn't start"
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.stopping.set)
        self.thread.join(5)
        assert not self.thread.is_alive(), "the echo server didn't stop"

    async def _main(self, started):
        self.loop, self.stopping = asyncio.get_running_loop(), asyncio.Event()
        if "/" in str(self.place):
            server = unix_serve(self._handle, str(self.place), **self.options)
        else:
            server = serve(self._handle, self.place, self.port, backlog=4096, **self.options)
        async with server as running:
            started.set()
            await self.stopping.wait()
            running.close(close_connections=True)

    async def _handle(self, connection):
        self.sessions.append(connection)
        self.live += 1
        try:
            await self._serve(connection)
        except ConnectionClosed:
            pass
        finally:
            self.live -= 1

    async def _serve(self, connection):
        where = urlsplit(connection.request.path)
        query = {key: values[0] for key, values in parse_qs(where.query).items()}
        if where.path == "/close":
            await connection.recv()
            await connection.close(int(query["code"]), query.get("reason", ""))
            return
        if where.path == "/ping":
            await (await connection.ping(b"are you there"))
            await connection.send("pong")
            await connection.wait_closed()
            return
        async for message in connection:
            if where.path == "/fragment":
                size = int(query["size"])
                await connection.send([message[i : i + size] for i in range(0, len(message), size)])
            elif where.path == "/count":
                await connection.send(str(len(message)))
            elif where.path == "/name":
                await connection.send(self.name)
            else:
                await connection.send(message)

    def session(self):
        """The only connection that there was."""
        eventually(lambda: self.sessions, what="the echo server has a connection")
        assert len(self.sessions) == 1
        return self.sessions[0]


class ServerProcess:
    """A child process that is a server at `port`, ended by its own pid."""

    def __init__(self, arguments, port, folder, name):
        self.port = port
        self.endpoint = f"127.0.0.1:{port}"
        self.output = Path(folder) / f"{name}.txt"
        self.process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=self.output.open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            eventually(self._listens, 15, f"{name} listens")
        except AssertionError:
            self.stop()
            raise

    def _listens(self):
        assert self.process.poll() is None, self.output.read_text()
        socket.create_connection(("127.0.0.1", self.port), 1).close()
        return True

    def kill(self):
        """As a machine dies: no goodbye, its sockets are reset or closed by the kernel."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(5)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def uvicorn(folder):
    """uvicorn with `helpers/application.py`: HTTP and WebSocket."""
    port = free_port()
    arguments = [sys.executable, "-m", "uvicorn", "--app-dir", HELPERS, "application:application"]
    arguments += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    return ServerProcess(arguments, port, folder, "uvicorn")


def nginx(folder, web, websocket_port):
    """nginx that serves the folder `web` and hands /ws to a WebSocket server."""
    port = free_port()
    folder = Path(folder)
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.txt;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  types {{ text/html html; text/plain txt; }}
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    root {web};
    location /ws {{
      proxy_pass http://127.0.0.1:{websocket_port}/;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host $host;
    }}
  }}
}}
"""
    )
    return ServerProcess([binary, "-p", folder, "-c", configuration], port, folder, "nginx")
