"""Session tickets across processes, restarts and reloads, as `openssl s_client` and Python's ssl see them."""

import base64
import hashlib
import hmac
import os
import re
import shutil
import signal
import subprocess

import pytest
from harness.matrix import tls_settings
from harness.ports import free_port
from harness.raw import TLSStream, dial, read_head
from harness.s_client import SClient
from harness.servers import EchoServer, ServerProcess
from harness.tidegate import address, command, listener, pool
from harness.waiting import eventually

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])
LAYERS = pytest.mark.parametrize("layer", ["tidegate", "openssl"])
REQUEST = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def echo():
    with EchoServer() as server:
        yield server


def key(byte, size=80):
    """A key of parts that are told apart: name, then two secrets."""
    half = (size - 16) // 2
    return bytes([byte]) * 16 + bytes([byte + 1]) * half + bytes([byte + 2]) * half


def haproxy_file(path, *keys):
    path.write_text("".join(base64.b64encode(one).decode() + "\n" for one in keys))
    return path


def raw_file(path, one):
    path.write_bytes(one)
    path.chmod(0o600)
    return path


def secret_file(folder, name="fleet.secret"):
    return raw_file(folder / name, os.urandom(48))


def settings_with(certificates, echo, tickets, port=None, **more):
    """One listener with these tickets, and where it listens."""
    tls = tls_settings(certificates.site, **more)
    if tickets:
        tls["tickets"] = {name: str(value) if not isinstance(value, list) else value for name, value in tickets.items()}
    entry = listener("pool", port=port, tls=tls)
    return {"listeners": [entry], "pools": [pool("pool", echo)]}, address(entry)


def connect(where, version, certificates, session=None):
    """One request by Python: whether the session was resumed, and what may be resumed next."""
    context = certificates.client_context(version) if session is None else session[0]
    with TLSStream(dial(where), context, session=session and session[1]) as client:
        client.sendall(REQUEST.encode())
        read_head(client)
        resumed, following = client.tls.session_reused, client.tls.session
        client.send_close_notify()
    return resumed, (context, following)


def s_client(where, version, way, session):
    """One request by s_client, which saves (`-sess_out`) or offers (`-sess_in`) a session; what it calls it."""
    flag = "-tls" + version.replace(".", "_")
    with SClient(where, flag, "-ign_eof", "-servername", "localhost", way, session) as client:
        client.say(REQUEST.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
        client.expect(r"HTTP/1\.1 \d+")
        said = client.end()
    return re.search(r"\b(New|Reused), TLSv", said).group(1)


def saved_ticket(path):
    """The ticket in a session that s_client saved."""
    shown = subprocess.run(
        ["openssl", "sess_id", "-in", path, "-noout", "-text"], capture_output=True, text=True, check=True, timeout=10
    ).stdout
    dump = shown.split("TLS session ticket:\n")[1].split("\n\n")[0]
    rows = re.findall(r"[0-9a-f]{4} - ((?:[0-9a-f]{2}[ -]){1,16})", dump)
    return bytes.fromhex("".join(rows).replace("-", " "))


def server(version):
    """The names of `certificates.site`, where they are part of a ticket's code."""
    return [b"chat.example.com", b"localhost"] if version == "1.3" else None


def is_sealed_by(ticket, name, authentication_key, server=None):
    """RFC 5077 section 4: name, vector, what is encrypted, HMAC over all of that; where the server makes handshakes of
    its own, HMAC over that and the hash of its names."""
    right = hmac.new(authentication_key, ticket[:-32], hashlib.sha256).digest()
    if server:
        identity = hashlib.sha256(b"".join(host + b"\0" for host in server)).digest()
        right = hmac.new(authentication_key, right + identity, hashlib.sha256).digest()
    return ticket[:16] == name and ticket[-32:] == right


@VERSIONS
@LAYERS
def test_instances_with_one_secret_resume_each_others_sessions(tidegate, certificates, echo, folder, version, layer):
    tickets = {"fleet_secret": secret_file(folder)}
    places = []
    for _ in range(2):
        settings, where = settings_with(certificates, echo, tickets, record_layer=layer)
        tidegate(settings)
        places.append(where)
    resumed, session = connect(places[0], version, certificates)
    assert not resumed
    resumed, session = connect(places[1], version, certificates, session)
    assert resumed
    assert connect(places[0], version, certificates, session)[0]
    saved = folder / "session.pem"
    assert s_client(places[0], version, "-sess_out", saved) == "New"
    assert s_client(places[1], version, "-sess_in", saved) == "Reused"


@VERSIONS
def test_instances_with_other_secrets_do_not(tidegate, certificates, echo, folder, version):
    places = []
    for name in ("one", "two"):
        settings, where = settings_with(certificates, echo, {"fleet_secret": secret_file(folder, name)})
        tidegate(settings)
        places.append(where)
    _, session = connect(places[0], version, certificates)
    assert not connect(places[1], version, certificates, session)[0]


@VERSIONS
@pytest.mark.parametrize("form", ["haproxy", "nginx", "nginx small"])
def test_instances_with_one_file_of_keys_resume_each_others_sessions(
    tidegate, certificates, echo, folder, version, form
):
    path = folder / "tickets.keys"
    if form == "haproxy":
        haproxy_file(path, key(1), key(11, 48), key(21))
    else:
        raw_file(path, key(1, 48 if form == "nginx small" else 80))
    places = []
    for _ in range(2):
        settings, where = settings_with(certificates, echo, {"keys": path})
        tidegate(settings)
        places.append(where)
    _, session = connect(places[0], version, certificates)
    assert connect(places[1], version, certificates, session)[0]
    saved = folder / "session.pem"
    assert s_client(places[0], version, "-sess_out", saved) == "New"
    assert s_client(places[1], version, "-sess_in", saved) == "Reused"


@VERSIONS
@pytest.mark.parametrize("source, survives", [("secret", True), ("file", True), ("random", False)])
def test_sessions_survive_a_restart_where_the_keys_do(tidegate, certificates, echo, folder, version, source, survives):
    tickets = {
        "secret": lambda: {"fleet_secret": secret_file(folder)},
        "file": lambda: {"keys": haproxy_file(folder / "k", key(1), key(11), key(21))},
        "random": dict,
    }[source]()
    settings, where = settings_with(certificates, echo, tickets)
    proxy = tidegate(settings)
    _, session = connect(where, version, certificates)
    proxy.expect_idle()
    proxy.signal(signal.SIGINT)
    assert proxy.wait(5) == 0
    proxy.start()
    assert connect(where, version, certificates, session)[0] == survives


def reload(proxy):
    said = len(proxy.stderr())
    proxy.signal(signal.SIGHUP)
    return eventually(lambda: proxy.stderr()[said:], 5, "a message about the reload")


@VERSIONS
def test_a_reload_retires_the_keys_that_are_gone_from_the_file(tidegate, certificates, echo, folder, version):
    path = haproxy_file(folder / "tickets.keys", key(1), key(11), key(21))
    settings, where = settings_with(certificates, echo, {"keys": path})
    proxy = tidegate(settings)
    _, first = connect(where, version, certificates)
    # What HAProxy's users do: one in at the end, the last but one seals.
    haproxy_file(path, key(1), key(11), key(21), key(31))
    reload(proxy)
    resumed, second = connect(where, version, certificates, first)
    assert resumed
    haproxy_file(path, key(21), key(31), key(41))
    reload(proxy)
    assert not connect(where, version, certificates, first)[0], "sealed by a key that is gone"
    assert connect(where, version, certificates, second)[0], "renewed under the key that came"


@VERSIONS
@pytest.mark.parametrize("source", ["secret", "random"])
def test_a_reload_keeps_derived_and_random_keys(tidegate, certificates, echo, folder, version, source):
    tickets = {"fleet_secret": secret_file(folder)} if source == "secret" else None
    settings, where = settings_with(certificates, echo, tickets)
    proxy = tidegate(settings)
    _, session = connect(where, version, certificates)
    reload(proxy)
    assert connect(where, version, certificates, session)[0]


@VERSIONS
@pytest.mark.parametrize("size", [48, 80])
def test_the_stats_socket_names_keys_and_takes_another(tidegate, certificates, echo, folder, version, size):
    path = haproxy_file(folder / "t.keys", *(key(n, size) for n in (10, 20, 30)))
    settings, where = settings_with(certificates, echo, {"keys": path})
    proxy = tidegate(settings)

    def names():
        rows = [line.split(" ") for line in proxy.ask("show tls-keys 0").splitlines() if line.startswith("0.")]
        return [(int(row[1][:2], 16), row[3]) for row in rows]

    assert proxy.ask("show tls-keys") == f"# id (file)\n0 ({path})\n\n"
    assert names() == [(10, "decrypting"), (20, "encrypting"), (30, "decrypting")]
    shown = proxy.ask("show tls-keys *")
    assert all(line not in shown for line in path.read_text().split()) and (bytes([21]) * 8).hex() not in shown
    _, session = connect(where, version, certificates)
    assert "added" in proxy.ask(f"set ssl tls-key {path} {base64.b64encode(key(40, size)).decode()}")
    assert names() == [(20, "decrypting"), (30, "encrypting"), (40, "decrypting")]
    assert connect(where, version, certificates, session)[0]
    saved = folder / "session.pem"
    s_client(where, version, "-sess_out", saved)
    assert saved_ticket(saved)[:16] == bytes([30]) * 16
    assert "Success=1" in proxy.ask("reload")
    assert names()[0][0] == 10


@VERSIONS
def test_a_bad_file_at_a_reload_changes_nothing(tidegate, certificates, echo, folder, version):
    path = haproxy_file(folder / "tickets.keys", key(1), key(11), key(21))
    settings, where = settings_with(certificates, echo, {"keys": path})
    proxy = tidegate(settings)
    _, session = connect(where, version, certificates)
    path.write_text("hello\n")
    said = reload(proxy)
    assert "line 1 is no base64" in said and re.search(r"tidegate\.yaml:\d+:\d+: ", said), said
    assert connect(where, version, certificates, session)[0]


@VERSIONS
def test_listeners_may_have_keys_of_their_own(tidegate, certificates, echo, folder, version):
    entries = [
        listener("pool", name=name, tls=tls_settings(certificates.site, **more))
        for name, more in [
            ("a", {}),
            ("b", {}),
            ("c", {"tickets": {"fleet_secret": str(secret_file(folder))}}),
        ]
    ]
    tidegate({"listeners": entries, "pools": [pool("pool", echo)]})
    a, b, c = map(address, entries)
    _, session = connect(a, version, certificates)
    assert connect(b, version, certificates, session)[0]
    _, session = connect(a, version, certificates)
    assert not connect(c, version, certificates, session)[0]


# Where the secrets stand: FORMATS is right only if the peers themselves seal with the same bytes.


def sealed(where, version, folder):
    saved = folder / "session.pem"
    flag = "-tls" + version.replace(".", "_")
    with SClient(where, flag, "-ign_eof", "-servername", "localhost", "-sess_out", saved) as client:
        client.say(REQUEST)
        eventually(lambda: client._read(0.1) or saved.exists(), 8, "a session is saved")
        eventually(lambda: saved.exists() and saved.read_text().endswith("-----END SSL SESSION PARAMETERS-----\n"))
    return saved_ticket(saved)


@VERSIONS
@pytest.mark.parametrize("size", [48, 80])
def test_a_raw_file_seals_as_nginx_does(tidegate, certificates, echo, folder, version, size):
    one = key(1, size)
    path = raw_file(folder / "ticket.key", one)
    authentication_key = one[32:] if size == 48 else one[16:48]
    settings, where = settings_with(certificates, echo, {"keys": path})
    tidegate(settings)
    assert is_sealed_by(sealed(where, version, folder), one[:16], authentication_key, server(version))
    port = free_port()
    (folder / "nginx.conf").write_text(
        f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.txt;
events {{ worker_connections 64; }}
stream {{
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificates.site.certificate}; ssl_certificate_key {certificates.site.key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_ticket_key {path};
    return "HTTP/1.1 200 OK\\r\\n\\r\\n";
  }}
}}
"""
    )
    modules = "/usr/lib/nginx/modules/ngx_stream_module.so"
    arguments = ["-g", f"load_module {modules};"] if os.path.exists(modules) else []
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    arguments = [binary, "-p", folder, "-c", folder / "nginx.conf", *arguments]
    with ServerProcess(arguments, port, folder, "nginx"):
        (folder / "session.pem").unlink()
        assert is_sealed_by(sealed(("127.0.0.1", port), version, folder), one[:16], authentication_key)


@VERSIONS
@pytest.mark.parametrize("size", [48, 80])
def test_a_file_of_lines_seals_as_haproxy_does(tidegate, certificates, echo, folder, version, size):
    keys = [key(byte, size) for byte in (1, 11, 21, 31)]
    path = haproxy_file(folder / "tickets.keys", *keys)
    name, authentication_key = keys[2][:16], keys[2][-(size - 16) // 2 :]
    settings, where = settings_with(certificates, echo, {"keys": path})
    tidegate(settings)
    assert is_sealed_by(sealed(where, version, folder), name, authentication_key, server(version))
    binary = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")
    if not binary:
        return
    both = folder / "both.pem"
    both.write_text(certificates.site.certificate.read_text() + certificates.site.key.read_text())
    port = free_port()
    (folder / "haproxy.cfg").write_text(
        f"""
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 5s
frontend f
  bind 127.0.0.1:{port} ssl crt {both} tls-ticket-keys {path}
  http-request return status 200
"""
    )
    with ServerProcess([binary, "-db", "-f", folder / "haproxy.cfg"], port, folder, "haproxy"):
        (folder / "session.pem").unlink()
        assert is_sealed_by(sealed(("127.0.0.1", port), version, folder), name, authentication_key)


CHECKED = """\
listeners:
  - bind: 127.0.0.1:9000
    pool: chat
    tls:
      certificates: [{{certificate: {certificate}, key: {key}}}]
      tickets: {{{tickets}}}
pools: [{{name: chat, backends: ["127.0.0.1:9001"]}}]
"""


@pytest.mark.parametrize(
    "tickets, column, words",
    [
        ("keys: none.key", 23, "none.key: No such file or directory"),
        ("keys: short.key", 23, "short.key: line 1 is no base64 of a ticket key's 48 or 80 bytes"),
        ("keys: [good.key, none.key]", 34, "none.key: No such file or directory"),
        ("fleet_secret: short.key", 31, "short.key: 6 bytes; a fleet secret has at least 32"),
    ],
)
def test_check_tells_what_is_wrong_with_the_keys_and_where(certificates, folder, tickets, column, words):
    raw_file(folder / "good.key", key(1))
    raw_file(folder / "short.key", b"hello\n")
    path = folder / "site.yaml"
    site = certificates.site
    path.write_text(CHECKED.format(certificate=site.certificate, key=site.key, tickets=tickets))
    done = command("check", "--config", path)
    assert done.returncode == 1
    assert re.search(rf"site\.yaml:6:{column}: .*{re.escape(words)}", done.stderr), done.stderr


def test_check_warns_about_keys_that_everybody_can_read_and_certificates_that_end_soon(certificates, folder):
    raw_file(folder / "open.key", key(1)).chmod(0o644)
    path = folder / "site.yaml"
    site = certificates.site
    path.write_text(CHECKED.format(certificate=site.certificate, key=site.key, tickets="keys: open.key"))
    done = command("check", "--config", path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"warning: .*site\.yaml:6:23: .*open\.key: everybody can read this secret", done.stderr)
    # The suite's certificates last two days.
    assert re.search(r"warning: .*site\.yaml:5:22: .*site\.pem: the certificate expires on \d{4}-", done.stderr)
