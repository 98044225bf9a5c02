"""SIGTERM, SIGINT, SIGHUP."""

import signal
import socket
import ssl
import time

import pytest
from websockets.exceptions import ConnectionClosed

from harness.clients import join
from harness.frames import TEXT, client_frame, open_pair, read_frame
from harness.matrix import tls_settings
from harness.raw import Backend, TLSStream, dial, outcome
from harness.servers import EchoServer
from harness.tidegate import Tidegate, address, listener, pool
from harness.waiting import eventually


@pytest.fixture
def echo():
    with EchoServer("first") as server:
        yield server


def enter(where, path="/"):
    host, port = where
    client = join(f"ws://{host}:{port}{path}")
    client.send("x")
    return client, client.recv(5)


def refused(where):
    """Nobody listens there any more."""
    try:
        socket.create_connection(where, 1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_sigterm_lets_live_connections_finish_and_takes_no_new_ones(tidegate, echo):
    entry = listener("pool")
    proxy = tidegate({"drain": {"window": "20s"}, "listeners": [entry], "pools": [pool("pool", echo)]})
    client, _ = enter(address(entry))
    proxy.signal(signal.SIGTERM)
    eventually(lambda: refused(address(entry)), what="the listener is closed")
    client.send("still here")
    assert client.recv(5) == "still here"
    assert proxy.running
    client.close()
    assert proxy.wait(5) == 0
    # Beside it there may be one that found the listener still open.
    assert [record.cause for record in proxy.records() if record.pool] == ["finished"]


def test_sigterm_ends_what_is_left_at_the_windows_end(tidegate, echo):
    entry = listener("pool")
    proxy = tidegate({"drain": {"window": "1s"}, "listeners": [entry], "pools": [pool("pool", echo)]})
    client, _ = enter(address(entry))
    begun = time.monotonic()
    proxy.signal(signal.SIGTERM)
    with pytest.raises(ConnectionClosed):
        client.recv(6)
    assert proxy.wait(5) == 0
    # Not at once, and not past the window; what is left is told to go ahead of its end.
    assert 0.3 <= time.monotonic() - begun < 2
    assert (proxy.record().who, proxy.record().cause) == ("operator", "drained")


def test_sigterm_without_connections_ends_at_once(tidegate, echo):
    entry = listener("pool")
    proxy = tidegate({"drain": {"window": "60s"}, "listeners": [entry], "pools": [pool("pool", echo)]})
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(3) == 0


def test_a_second_sigterm_ends_at_once(tidegate, echo):
    entry = listener("pool")
    proxy = tidegate({"drain": {"window": "60s"}, "listeners": [entry], "pools": [pool("pool", echo)]})
    enter(address(entry))
    proxy.signal(signal.SIGTERM)
    eventually(lambda: refused(address(entry)))
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(3) == 0


def test_sigint_ends_at_once_with_a_line_for_each_connection(tidegate, echo):
    entry = listener("pool")
    proxy = tidegate({"drain": {"window": "60s"}, "listeners": [entry], "pools": [pool("pool", echo)]})
    clients = [enter(address(entry))[0] for _ in range(10)]
    proxy.signal(signal.SIGINT)
    assert proxy.wait(3) == 0
    records = proxy.records(10)
    assert {record.who for record in records} == {"operator"}
    for client in clients:
        client.close()


def test_the_stats_socket_is_gone_with_the_process(tidegate, echo):
    entry = listener("pool")
    proxy = tidegate({"listeners": [entry], "pools": [pool("pool", echo)]})
    assert proxy.socket.exists()
    proxy.signal(signal.SIGTERM)
    assert proxy.wait(3) == 0
    assert not proxy.socket.exists()


def test_a_stats_socket_left_by_a_killed_process_is_replaced(tidegate, folder, echo):
    entry = listener("pool")
    settings = {
        "admin": {"stats_socket": {"path": str(folder / "p1" / "stats.sock")}},
        "listeners": [entry],
        "pools": [pool("pool", echo)],
    }
    (folder / "p1").mkdir()
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(folder / "p1" / "stats.sock"))
    left.close()
    proxy = Tidegate(folder / "p1", settings)
    try:
        proxy.start()
        proxy.finish()
    finally:
        proxy.kill()


# -- SIGHUP


def reload(proxy, settings, seconds=5):
    """Writes new settings, sends SIGHUP, and waits until the process has said what came of it."""
    said = len(proxy.stderr())
    proxy.write(settings)
    proxy.signal(signal.SIGHUP)

    def words():
        # What was said at the start may come late.
        text = proxy.stderr()[said:]
        return text if " reload: " in text else None

    return eventually(words, seconds, "a message about the reload")


def test_sighup_gives_new_connections_the_new_backends_and_leaves_the_live_ones(tidegate, echo):
    with EchoServer("second") as second:
        entry = listener("pool")
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", echo)]})
        old, name = enter(address(entry), "/name")
        assert name == "first"
        reload(proxy, {"listeners": [entry], "pools": [pool("pool", second)]})

        def moved():
            client, name = enter(address(entry), "/name")
            client.close()
            return name == "second"

        eventually(moved, what="new connections go to the second backend")
        old.send("x")
        assert old.recv(5) == "first"
        old.close()


def test_sighup_opens_new_listeners_and_closes_old_ones(tidegate, echo):
    one, two, stays = (listener("pool", name=name) for name in ("one", "two", "stays"))
    proxy = tidegate({"listeners": [one, stays], "pools": [pool("pool", echo)]})
    on_old, _ = enter(address(one))
    reload(proxy, {"listeners": [two, stays], "pools": [pool("pool", echo)]})
    eventually(lambda: refused(address(one)), what="the old listener is closed")
    for where in (two, stays):
        client, _ = enter(address(where))
        client.close()
    on_old.send("alive")
    assert on_old.recv(5) == "alive"
    on_old.close()


def test_sighup_loads_other_certificates(tidegate, certificates, folder, echo):
    entry = listener("pool", tls=tls_settings(certificates.site))
    proxy = tidegate({"listeners": [entry], "pools": [pool("pool", echo)]})
    context = certificates.client_context()

    def presented(name):
        with TLSStream(dial(address(entry)), context, server_name=name) as client:
            return client.tls.getpeercert(binary_form=True)

    assert presented("localhost") == certificates.site.der
    changed = {**entry, "tls": tls_settings(certificates.site_rsa)}
    reload(proxy, {"listeners": [changed], "pools": [pool("pool", echo)]})
    eventually(lambda: presented("localhost") == certificates.site_rsa.der, what="the new certificate")


@pytest.mark.parametrize(
    "break_it, hint",
    [
        (lambda text: text.replace("pools:", "poools:"), "pools"),
        (lambda text: text + "deadlines: {idle: soon}\n", "duration"),
        (lambda text: text + "\t- [\n", ""),
    ],
    ids=["an unknown key", "an impossible value", "no YAML"],
)
def test_a_bad_configuration_changes_nothing_and_says_where(tidegate, echo, break_it, hint):
    entry = listener("pool")
    proxy = tidegate({"listeners": [entry], "pools": [pool("pool", echo)]})
    client, _ = enter(address(entry))
    said = len(proxy.stderr())
    good = proxy.config.read_text()
    proxy.config.write_text(break_it(good))
    proxy.signal(signal.SIGHUP)
    message = eventually(lambda: proxy.stderr()[said:], what="a message about the bad configuration")
    eventually(lambda: "tidegate.yaml:" in proxy.stderr()[said:], what="file and line in the message")
    assert hint in message or hint in proxy.stderr()[said:]
    client.send("alive")
    assert client.recv(5) == "alive"
    client.close()
    client, _ = enter(address(entry))
    client.close()
    proxy.config.write_text(good)


def test_a_missing_certificate_at_a_reload_changes_nothing(tidegate, certificates, folder, echo):
    entry = listener("pool", tls=tls_settings(certificates.site))
    proxy = tidegate({"listeners": [entry], "pools": [pool("pool", echo)]})
    bad = {**entry, "tls": {"certificates": [{"certificate": f"{folder}/none.pem", "key": f"{folder}/none.key"}]}}
    assert "none.pem" in reload(proxy, {"listeners": [bad], "pools": [pool("pool", echo)]})
    with TLSStream(dial(address(entry)), certificates.client_context()):
        pass


def test_a_port_that_is_taken_at_a_reload_changes_nothing(tidegate, echo):
    with Backend() as other:
        entry = listener("pool", name="entry")
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", echo)]})
        taken = listener("pool", name="taken", port=other.port)
        reload(proxy, {"listeners": [entry, taken], "pools": [pool("pool", echo)]})
        client, _ = enter(address(entry))
        client.close()
        assert proxy.running


def test_reloads_under_load_lose_no_connection(tidegate, echo):
    entry = listener("pool")
    settings = {"listeners": [entry], "pools": [pool("pool", echo)]}
    proxy = tidegate(settings)
    steady, _ = enter(address(entry))
    for round in range(15):
        proxy.write({**settings, "deadlines": {"idle": f"{60 + round}s"}})
        proxy.signal(signal.SIGHUP)
        for _ in range(4):
            client, answer = enter(address(entry))
            assert answer == "x"
            client.close()
        steady.send(str(round))
        assert steady.recv(5) == str(round)
    steady.close()
    proxy.expect_idle()
    assert {record.cause for record in proxy.records(61)} == {"finished"}


def test_a_client_in_its_handshake_survives_a_reload(tidegate, certificates, echo):
    entry = listener("pool", tls=tls_settings(certificates.site))
    settings = {"listeners": [entry], "pools": [pool("pool", echo)]}
    proxy = tidegate(settings)
    arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = certificates.client_context().wrap_bio(arriving, leaving, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = leaving.read()
    with dial(address(entry)) as client:
        client.sendall(hello[:100])
        reload(proxy, {**settings, "limits": {"connections": 1000}})
        client.sendall(hello[100:])
        while True:
            arriving.write(client.recv(65536))
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                continue


def test_a_drain_passes_frames_of_both_sides_to_the_end(tidegate):
    with Backend() as backend:
        entry = listener("pool")
        proxy = tidegate({"drain": {"window": "20s"}, "listeners": [entry], "pools": [pool("pool", backend)]})
        with dial(address(entry)) as client:
            served, _, _ = open_pair(client, backend)
            proxy.signal(signal.SIGTERM)
            eventually(lambda: refused(address(entry)))
            client.sendall(client_frame(TEXT, b"during the drain"))
            assert read_frame(served)[2] == b"during the drain"
            served.close()
            assert outcome(client)[1] == "end"
        assert proxy.wait(5) == 0
