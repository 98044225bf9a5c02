"""The proxies: how each is configured and started. Equal for all: TLS material, backend, one worker, no log."""

import glob
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field

from . import machine

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@dataclass
class Ports:
    tls: int
    rsa: int
    plain: int
    backend: int

    @classmethod
    def numbered(cls, index):
        base = 7000 + 20 * index
        return cls(base, base + 1, base + 2, base + 3)


@dataclass
class Setup:
    """What a configuration is written from."""
    ports: Ports
    folder: str
    ec: str  # PEM files: certificate and key in one
    rsa: str
    # True exactly when messages are measured: then nginx gets buffers that fit them.
    relaying: bool = False
    # More text for a place in a configuration; the places are the keys that the proxies below ask for.
    extra: dict = field(default_factory=dict)

    @classmethod
    def made(cls, base, index, name, pems, **more):
        """In a folder of its own below `base`, with ports of its own."""
        folder = os.path.join(base, name)
        os.makedirs(folder, exist_ok=True)
        # Workers that have become another user write here too.
        os.chmod(folder, 0o777)
        return cls(Ports.numbered(index), folder, *pems, **more)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path


def haproxy(mode):
    def command(setup):
        p = setup.ports
        return ["haproxy", "-db", "-f", setup.write(f"haproxy-{mode}.cfg", f"""
global
    nbthread 1
    maxconn 9700
    {setup.extra.get("haproxy global", "")}
defaults
    mode {mode}
    maxconn 9700
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    {"timeout tunnel 1h" if mode == "http" else ""}
frontend all
    {setup.extra.get("haproxy frontend", "")}
    bind 127.0.0.1:{p.tls} ssl crt {setup.ec}
    bind 127.0.0.1:{p.rsa} ssl crt {setup.rsa}
    bind 127.0.0.1:{p.plain}
    default_backend echo
backend echo
    server one 127.0.0.1:{p.backend}
""")]
    return command


NGINX_TOP = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
error_log {folder}/error.log crit;
pid {folder}/nginx.pid;
{module}
events {{ worker_connections 19800; }}
"""


def nginx(kind):
    def command(setup):
        top = NGINX_TOP.format(
            folder=setup.folder, module="" if kind == "http" else _stream_module())
        text = top + (_nginx_http(setup) if kind == "http" else _nginx_stream(setup))
        path = setup.write(f"nginx-{kind}.conf", text)
        return ["nginx", "-p", setup.folder, "-c", path, "-e", f"{setup.folder}/error.log"]
    return command


def _stream_module():
    path = "/usr/lib/nginx/modules/ngx_stream_module.so"
    return f"load_module {path};" if os.path.exists(path) else ""


def _nginx_listeners(setup):
    p = setup.ports
    certificate = "ssl_certificate {0}; ssl_certificate_key {0}; ssl_protocols TLSv1.2 TLSv1.3;"
    yield f"listen 127.0.0.1:{p.tls} ssl; " + certificate.format(setup.ec)
    yield f"listen 127.0.0.1:{p.rsa} ssl; " + certificate.format(setup.rsa)
    yield f"listen 127.0.0.1:{p.plain};"


def _nginx_http(setup):
    # With the default of 4 KiB a 4 KiB message takes two reads: not what a user with such messages would leave.
    buffers = "proxy_buffer_size 16k; proxy_buffers 8 16k;" if setup.relaying else ""
    servers = "\n".join(f"""
  server {{
    {listener}
    location / {{
      {setup.extra.get("nginx location", "")}
      proxy_pass http://127.0.0.1:{setup.ports.backend};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
    }}
  }}""" for listener in _nginx_listeners(setup))
    temporary = " ".join(
        f"{kind}_temp_path {setup.folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return f"""
http {{
  access_log off;
  proxy_read_timeout 1h;
  proxy_send_timeout 1h;
  {temporary}
  {setup.extra.get("nginx http", "")}
  {buffers}{servers}
}}
"""


def _nginx_stream(setup):
    servers = "\n".join(
        f"  server {{ {listener} proxy_pass 127.0.0.1:{setup.ports.backend}; }}"
        for listener in _nginx_listeners(setup))
    return f"stream {{\n  proxy_timeout 1h;\n{servers}\n}}\n"


def hitch(setup):
    p = setup.ports
    path = setup.write("hitch.conf", f"""
frontend = {{ host = "127.0.0.1" port = "{p.tls}" pem-file = "{setup.ec}" }}
frontend = {{ host = "127.0.0.1" port = "{p.rsa}" pem-file = "{setup.rsa}" }}
backend = "[127.0.0.1]:{p.backend}"
workers = 1
daemon = off
quiet = on
syslog = off
user = "nobody"
tls-protos = TLSv1.2 TLSv1.3
""")
    return ["hitch", f"--config={path}"]


# Envoy's own TLS library is BoringSSL.
ENVOY = """
static_resources:
  listeners:
{listeners}
  clusters:
  - name: echo
    connect_timeout: 5s
    type: STATIC
    load_assignment: {{cluster_name: echo, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {address}}}}}]}}]}}
    circuit_breakers:
      thresholds: [{{max_connections: 100000, max_pending_requests: 100000, max_requests: 100000}}]
"""
ENVOY_TYPE = "type.googleapis.com/envoy.extensions.filters"


def _envoy_address(port):
    return f"{{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}"


def _envoy_filter(mode):
    if mode == "tcp":
        return f"""{{name: tcp, typed_config: {{"@type": {ENVOY_TYPE}.network.tcp_proxy.v3.TcpProxy,
        stat_prefix: t, cluster: echo, idle_timeout: 3600s}}}}"""
    route = "{match: {prefix: /}, route: {cluster: echo, timeout: 0s}}"
    return f"""{{name: http, typed_config: {{
        "@type": {ENVOY_TYPE}.network.http_connection_manager.v3.HttpConnectionManager,
        stat_prefix: h, upgrade_configs: [{{upgrade_type: websocket}}], stream_idle_timeout: 0s,
        route_config: {{virtual_hosts: [{{name: all, domains: ["*"], routes: [{route}]}}]}},
        http_filters: [{{name: router, typed_config: {{"@type": {ENVOY_TYPE}.http.router.v3.Router}}}}]}}}}"""


def envoy(mode):
    def command(setup):
        p = setup.ports
        tls = """transport_socket: {{name: tls, typed_config: {{
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext,
        common_tls_context: {{tls_params: {{tls_minimum_protocol_version: TLSv1_2, tls_maximum_protocol_version: TLSv1_3}},
        tls_certificates: [{{certificate_chain: {{filename: "{0}"}}, private_key: {{filename: "{0}"}}}}]}}}}}}"""
        listeners = "\n".join(f"""  - name: l{port}
    address: {_envoy_address(port)}
    filter_chains:
    - filters: [{_envoy_filter(mode)}]
      {security}""" for port, security in [
            (p.tls, tls.format(setup.ec)), (p.rsa, tls.format(setup.rsa)), (p.plain, "")])
        path = setup.write(
            f"envoy-{mode}.yaml", ENVOY.format(listeners=listeners, address=_envoy_address(p.backend)))
        return [_envoy_binary(), "-c", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "off"]
    return command


def _envoy_binary():
    """What bench/peers.sh has installed, or another one."""
    inside = glob.glob(os.path.join(ROOT, "bench", ".venv", "lib", "python3*", "site-packages", "envoy", "_bin", "envoy"))
    return inside[0] if inside else "envoy"


def tidegate(mode):
    def command(setup):
        p = setup.ports
        tls = "tls: {{certificates: [{{certificate: {0}, key: {0}}}]}}"
        limits = setup.extra.get("tidegate", "")
        path = setup.write(f"tidegate-{mode}.yaml", f"""
workers: 1
listeners:
  - {{name: tls, bind: ["127.0.0.1:{p.tls}"], mode: {mode}, pool: echo, {tls.format(setup.ec)}}}
  - {{name: rsa, bind: ["127.0.0.1:{p.rsa}"], mode: {mode}, pool: echo, {tls.format(setup.rsa)}}}
  - {{name: plain, bind: ["127.0.0.1:{p.plain}"], mode: {mode}, pool: echo}}
pools:
  - {{name: echo, backends: ["127.0.0.1:{p.backend}"]}}
{limits}
""")
        return [binary("tidegate"), "run", "--config", path]
    return command


def resetting(setup):
    """No proxy: accepts and resets, as the least that a refusal takes."""
    p = setup.ports
    binds = [word for port in (p.tls, p.rsa, p.plain) for word in ("--bind", f"127.0.0.1:{port}")]
    return [binary("tidegate-storm"), "backend", "--reset", *binds]


def binary(name):
    """A release build of ours; the environment may name another one."""
    return os.environ.get(name.upper().replace("-", "_") + "_BINARY") or os.path.join(
        ROOT, ".build", "release", name)


@dataclass
class Kind:
    command: callable
    program: str
    # False exactly when it has no listener without TLS.
    plain: bool = True
    ours: bool = False
    # False exactly when its TLS isn't the system's OpenSSL.
    openssl: bool = True
    # False exactly when it lets nobody in.
    relays: bool = True

    def is_installed(self):
        return shutil.which(self.program) is not None


def kinds():
    ours = binary("tidegate")
    return {
        "tidegate": Kind(tidegate("websocket"), ours, ours=True),
        "tidegate-tcp": Kind(tidegate("tcp"), ours, ours=True),
        "haproxy-http": Kind(haproxy("http"), "haproxy"),
        "haproxy-tcp": Kind(haproxy("tcp"), "haproxy"),
        "nginx-http": Kind(nginx("http"), "nginx"),
        "nginx-stream": Kind(nginx("stream"), "nginx"),
        "hitch": Kind(hitch, "hitch", plain=False),
        "envoy-http": Kind(envoy("http"), _envoy_binary(), openssl=False),
        "envoy-tcp": Kind(envoy("tcp"), _envoy_binary(), openssl=False),
        "accept-reset": Kind(resetting, binary("tidegate-storm"), relays=False),
    }


def version(name):
    kind = kinds()[name]
    flag = {"haproxy": "-v", "nginx": "-v", "hitch": "--version"}.get(kind.program, "--version")
    done = subprocess.run([kind.program, flag], capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().split("\n")[0]


class Running:
    """A proxy and its backend, in their place, ready for a load."""

    def __init__(self, name, setup, isolated=True, backend=(), realtime=False):
        """`realtime`: ahead of all others on its CPU, ours by its own setting, peers by chrt."""
        self.name, self.setup = name, setup
        ours = kinds()[name].ours
        if realtime and ours:
            setup.extra["tidegate"] = f"realtime_priority: {machine.PRIORITY}\n" + setup.extra.get("tidegate", "")
        self.place = machine.Place(isolated)
        self.log = open(os.path.join(setup.folder, f"{name}.log"), "w")
        try:
            self.backend = self.place.start(
                [binary("tidegate-storm"), "backend", "--json", "--bind", f"127.0.0.1:{setup.ports.backend}", *backend],
                machine.LOAD_CPU, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                priority=machine.PRIORITY)
            if self.backend.stdout.readline().strip() != "ready":
                raise SystemExit(f"the backend of {name} doesn't start")
            self.proxy = self.place.start(
                kinds()[name].command(setup), machine.PROXY_CPU,
                stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                priority=machine.PRIORITY if realtime and not ours else None)
            self._wait_for(setup.ports.tls)
            machine.pin(self.proxy.pid, machine.PROXY_CPU)
        except BaseException:
            self.close()
            raise

    def _wait_for(self, port):
        probe = ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"]
        deadline = time.monotonic() + 10
        while subprocess.run(self.place.command(probe), stderr=subprocess.DEVNULL).returncode:
            if self.proxy.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{self.name} doesn't start: see {self.log.name}")
            time.sleep(0.05)

    def cpu_seconds(self):
        return machine.cpu_seconds(self.proxy.pid)

    def resident_kib(self):
        return machine.resident_kib(self.proxy.pid)

    def end_backend(self):
        """What the backend has seen; it has ended then."""
        self.backend.terminate()
        return json.loads(self.backend.communicate(timeout=10)[0].strip().split("\n")[-1])

    def close(self):
        for process in (getattr(self, "proxy", None), getattr(self, "backend", None)):
            if process:
                machine.stop(process)
        self.place.close()
        self.log.close()
