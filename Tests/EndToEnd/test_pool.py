"""Which backend gets a connection, and what happens when one can't."""

import asyncio
from functools import partial

import pytest
from websockets.asyncio.client import connect as async_connect

from harness.clients import join
from harness.frames import open_pair, upgrade_head
from harness.http import parse_head
from harness.ports import free_port
from harness.raw import Backend, dial, outcome, read_head
from harness.servers import EchoServer, uvicorn
from harness.tidegate import address, listener, pool, uri
from harness.waiting import eventually


def dead():
    """An address where nobody listens."""
    return f"127.0.0.1:{free_port()}"


def dial_unless_reset(where):
    try:
        return dial(where)
    except ConnectionResetError:
        return None


def open_at(where, path="/name"):
    host, port = where
    client = join(f"ws://{host}:{port}{path}")
    client.send("who")
    return client, client.recv(5)


@pytest.fixture
def three():
    with EchoServer("a") as a, EchoServer("b") as b, EchoServer("c") as c:
        yield a, b, c


def test_least_connections_spreads_evenly_and_fills_up_what_was_left(tidegate, three):
    entry = listener("pool")
    tidegate({"listeners": [entry], "pools": [pool("pool", *three, balance="least-connections")]})
    where = address(entry)
    clients = [open_at(where) for _ in range(12)]
    assert [server.live for server in three] == [4, 4, 4]
    for client, name in clients:
        if name == "b":
            client.close()
    eventually(lambda: three[1].live == 0)
    # Ended sessions are gone from the count only once the proxy has seen both ends.
    again = []
    eventually(lambda: again.append(open_at(where)) or again[-1][1] == "b", what="b is the least loaded")
    again += [open_at(where) for _ in range(3)]
    assert three[1].live >= 3
    for client, _ in clients + again:
        client.close()


def test_least_connections_counts_over_all_workers(tidegate, three):
    entry = listener("pool")
    tidegate({"workers": 4, "listeners": [entry], "pools": [pool("pool", *three)]})
    clients = [open_at(address(entry))[0] for _ in range(30)]
    assert [server.live for server in three] == [10, 10, 10]
    for client in clients:
        client.close()


def test_a_heavier_backend_gets_more(tidegate, three):
    entry = listener("pool")
    weighted = [
        {"name": "a", "address": three[0].endpoint, "weight": 150},
        {"name": "b", "address": three[1].endpoint, "weight": 50},
    ]
    tidegate({"listeners": [entry], "pools": [pool("pool", *weighted)]})
    clients = [open_at(address(entry))[0] for _ in range(20)]
    assert (three[0].live, three[1].live) == (15, 5)
    for client in clients:
        client.close()


def test_round_robin_takes_turns(tidegate, three):
    entry = listener("pool")
    tidegate({"workers": 1, "listeners": [entry], "pools": [pool("pool", *three, balance="round-robin")]})
    names = []
    for _ in range(9):
        client, name = open_at(address(entry))
        names.append(name)
        client.close()
    assert sorted(names) == sorted("abc" * 3)
    assert len(set(names[:3])) == 3


def test_a_backend_that_refuses_costs_a_try_and_no_client(tidegate, three):
    entry = listener("pool")
    proxy = tidegate({"listeners": [entry], "pools": [pool("pool", dead(), three[0], dead())]})
    for _ in range(6):
        client, name = open_at(address(entry))
        assert name == "a"
        client.close()
    records = proxy.records(6)
    assert {record.backend for record in records} == {three[0].endpoint}


def test_only_as_many_backends_are_tried_as_the_settings_say(tidegate, three):
    entry = listener("pool")
    only_one = pool("pool", dead(), retry={"attempts": 1})
    proxy = tidegate({"listeners": [entry], "pools": [only_one]})
    with dial(address(entry)) as client:
        client.sendall(upgrade_head())
        head, _ = parse_head(outcome(client)[0])
    assert head.status == 503
    assert proxy.record().cause == "unreachable"


def test_503_when_none_is_left_and_service_again_when_one_is_back(tidegate):
    port = free_port()
    entry = listener("pool")
    tidegate({"listeners": [entry], "pools": [pool("pool", f"127.0.0.1:{port}", dead())]})
    with dial(address(entry)) as client:
        client.sendall(upgrade_head())
        assert parse_head(outcome(client)[0])[0].status == 503
    with Backend(port=port) as backend, dial(address(entry)) as client:
        open_pair(client, backend)


def test_a_missing_unix_socket_is_passed_over(tidegate, folder, three):
    entry = listener("pool")
    tidegate({"listeners": [entry], "pools": [pool("pool", f"unix:{folder}/nobody.sock", three[0])]})
    for _ in range(3):
        client, name = open_at(address(entry))
        assert name == "a"
        client.close()


def test_a_full_backend_is_passed_over_and_a_full_pool_is_503(tidegate, three):
    entry = listener("pool")
    limited = [{"name": s.name, "address": s.endpoint, "connections": 2} for s in three[:2]]
    tidegate({"workers": 1, "listeners": [entry], "pools": [pool("pool", *limited)]})
    clients = [open_at(address(entry)) for _ in range(4)]
    assert sorted(name for _, name in clients) == ["a", "a", "b", "b"]
    with dial(address(entry)) as client:
        client.sendall(upgrade_head())
        assert parse_head(outcome(client)[0])[0].status == 503
    for client, _ in clients:
        client.close()


def test_routes_pick_the_pool_by_host_and_path(tidegate, three):
    routes = [
        {"host": "chat.example.com", "path": "/name", "pool": "a"},
        {"host": "*.wild.example.com", "pool": "b"},
        {"path": "/name", "pool": "c"},
    ]
    entry = listener(routes=routes)
    tidegate({"listeners": [entry], "pools": [pool(s.name, s) for s in three]})
    expected = {
        ("chat.example.com", "/name"): "a",
        ("CHAT.example.com:8443", "/name?x=/y"): "a",
        ("x.wild.example.com", "/name"): "b",
        ("wild.example.com", "/name"): "c",
        ("elsewhere.example.com", "/name"): "c",
        ("elsewhere.example.com", "/names"): None,
        ("chat.example.com", "/"): None,
    }
    for (host, path), name in expected.items():
        with dial(address(entry)) as client:
            client.sendall(upgrade_head(path, host))
            head, _ = parse_head(read_head(client))
            assert head.status == (101 if name else 404), (host, path)
        if name:
            server = next(s for s in three if s.name == name)
            eventually(partial(bool, server.sessions), what=f"{name} is reached for {host}{path}")
            server.sessions.clear()


def test_a_backend_process_killed_in_the_middle_ends_its_clients_and_no_others(tidegate, folder, three):
    with uvicorn(folder) as victim:
        routes = [{"path": "/victim", "pool": "victim"}]
        entry = listener("other", routes=routes)
        proxy = tidegate({"listeners": [entry], "pools": [pool("victim", victim), pool("other", three[0])]})
        where = address(entry)
        dying = [join(uri("ws", entry, "/victim")) for _ in range(20)]
        living, _ = open_at(where)
        for client in dying:
            client.send("alive?")
            assert client.recv(5) == "alive?"
        victim.kill()
        for client in dying:
            with pytest.raises(Exception, match="no close frame|1006|1012"):
                client.recv(5)
        living.send("who")
        assert living.recv(5) == "a"
        records = proxy.records(20)
        assert {(record.who, record.phase) for record in records} == {("backend", "relaying")}
        living.close()


def test_a_thousand_connections_at_once(tidegate, certificates):
    with EchoServer("a") as a, EchoServer("b") as b:
        entry = listener("pool", tls={"certificates": [certificates.site.settings()]})
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", a, b)]})
        context = certificates.client_context()
        where = uri("wss", entry)

        async def one(number, everyone):
            async with async_connect(where, ssl=context, proxy=None, ping_interval=None, open_timeout=25) as client:
                await everyone.wait()
                await client.send(str(number))
                assert await client.recv() == str(number)

        async def all_of_them():
            await asyncio.gather(*(one(number, everyone) for number in range(1000)))

        everyone = asyncio.Barrier(1000)
        asyncio.run(asyncio.wait_for(all_of_them(), 28))
        records = proxy.records(1000, 10)
        assert {record.cause for record in records} == {"finished"}
        assert abs(len(a.sessions) - len(b.sessions)) <= 20


@pytest.mark.parametrize("workers", [1, 4])
def test_the_limit_of_connections_is_exact_over_all_workers(tidegate, workers):
    with Backend() as backend:
        entry = listener("pool", mode="tcp")
        settings = {"workers": workers, "limits": {"connections": 20}}
        proxy = tidegate({**settings, "listeners": [entry], "pools": [pool("pool", backend)]})
        clients = [client for client in (dial_unless_reset(address(entry)) for _ in range(60)) if client]
        for _ in range(20):
            backend.accept()
        with pytest.raises(TimeoutError):
            backend.accept(0.5)
        assert proxy.info()["CurrConns"] == "20"
        for client in clients:
            client.close()
        backend.hang_up()


def test_the_limit_of_connections_holds_and_lets_in_again(tidegate, three):
    entry = listener("pool")
    proxy = tidegate({"limits": {"connections": 5}, "listeners": [entry], "pools": [pool("pool", three[0])]})
    where = address(entry)
    clients = [open_at(where)[0] for _ in range(5)]
    with pytest.raises(ConnectionResetError):  # It hears at once that it has to come again.
        with dial(where) as refused:
            refused.recv(1)
    assert len(three[0].sessions) == 5
    clients.pop().close()
    proxy.expect_idle(5, live=4)
    client, head = open_at(where)
    clients.append(client)
    for client in clients:
        client.close()
