"""PROXY headers of ours, read by HAProxy, by nginx, and by a second Tidegate."""

import shutil

import pytest

from harness.authority import Authority
from harness.http import parse_head
from harness.matrix import tls_settings
from harness.ports import free_port
from harness.proxy_header import part, v2
from harness.raw import TLSStream, dial, read_to_end
from harness.servers import EchoServer, ServerProcess
from harness.tidegate import address, listener, pool

both_versions = pytest.mark.parametrize("version", ["v1", "v2"])

HAPROXY = """
global
  maxconn 100
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend in
  bind 127.0.0.1:{port} accept-proxy
  http-request return status 200 content-type text/plain lf-string "{fetches}"
"""
FETCHES = "%[src] %[src_port] %[dst] %[dst_port] %[fc_pp_authority] %[fc_pp_unique_id]"


@pytest.fixture
def haproxy(folder):
    binary = shutil.which("haproxy") or "/usr/sbin/haproxy"
    port = free_port()
    configuration = folder / "haproxy.cfg"
    configuration.write_text(HAPROXY.format(port=port, fetches=FETCHES))
    # It takes a connection without a header for a broken one, so the wait for it leaves a line in its output.
    with ServerProcess([binary, "-db", "-f", configuration], port, folder, "haproxy") as made:
        yield made


def ask_haproxy(client):
    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    head, body = parse_head(read_to_end(client))
    assert head.status == 200
    return body.decode().split(" ")


@both_versions
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_haproxy_understands_the_addresses(tidegate, haproxy, version, host):
    made = listener("behind", host=host)
    tidegate({"listeners": [made], "pools": [pool("behind", haproxy, proxy_protocol=version)]})
    with dial(address(made)) as client:
        own = client.getsockname()
        said = ask_haproxy(client)
    assert said[:4] == [own[0], str(own[1]), host, str(address(made)[1])]


def test_haproxy_understands_the_rest_and_its_checksum(tidegate, haproxy, certificates, folder):
    authority = Authority(folder / "ca")
    member = authority.issue("member")
    tls = tls_settings(certificates.site, client_ca=str(authority.certificate))
    made = listener("behind", tls=tls, proxy_protocol={"from": "127.0.0.2"})
    tidegate({"listeners": [made], "pools": [pool("behind", haproxy, proxy_protocol="v2")]})
    peer = dial(address(made), source="127.0.0.2")
    peer.sendall(v2(("203.0.113.7", 40000), ("192.0.2.9", 443), part(5, b"balancer-17")))
    context = certificates.client_context("1.3")
    context.load_cert_chain(member.certificate, member.key)
    with TLSStream(peer, context, "chat.example.com") as client:
        said = ask_haproxy(client)
    assert said == ["203.0.113.7", "40000", "192.0.2.9", "443", "chat.example.com", "balancer-17"]


NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.txt;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} proxy_protocol;
    return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
  }}
}}
"""


@both_versions
def test_nginx_understands_the_addresses(tidegate, folder, certificates, version):
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(port=port, folder=folder))
    made = listener("behind", tls=tls_settings(certificates.site))
    with ServerProcess([binary, "-p", folder, "-c", configuration], port, folder, "nginx") as nginx:
        tidegate({"listeners": [made], "pools": [pool("behind", nginx, proxy_protocol=version)]})
        with TLSStream(dial(address(made)), certificates.client_context("1.3")) as client:
            own = client.peer.getsockname()
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            _, body = parse_head(read_to_end(client))
    assert body.decode() == f"{own[0]} {own[1]} 127.0.0.1 {address(made)[1]}"


def test_one_tidegate_understands_the_other(tidegate, certificates):
    """Two in a row: the log of the second names the client of the first."""
    with EchoServer() as echo:
        inner = listener("echo", name="inner", proxy_protocol={"from": "127.0.0.1"})
        second = tidegate({"listeners": [inner], "pools": [pool("echo", echo)]})
        host, port = address(inner)
        outer = listener("inner", tls=tls_settings(certificates.site))
        tidegate({"listeners": [outer], "pools": [pool("inner", f"{host}:{port}", proxy_protocol="v2")]})
        with TLSStream(dial(address(outer)), certificates.client_context("1.3")) as client:
            own = client.peer.getsockname()
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert b" 426 " in read_to_end(client)
        assert second.record().client == f"{own[0]}:{own[1]}"
