"""The stats socket, with socat and with `tidegate ctl`."""

import re
import socket
import stat
import subprocess
import sys
import time

import pytest

from harness.frames import TEXT, client_frame, open_pair
from harness.matrix import tls_settings
from harness.raw import Backend, TLSStream, dial, read_exactly
from harness.servers import HELPERS, EchoServer
from harness.tidegate import Tidegate, address, command, listener, pool
from harness.waiting import eventually

INFO = (
    "Name, Version, Release_date, Nbthread, Nbproc, Process_num, Pid, Uptime, Uptime_sec, Start_time_sec, "
    "Memmax_MB, Memmax_bytes, PoolAlloc_MB, PoolAlloc_bytes, PoolUsed_MB, PoolUsed_bytes, PoolFailed, "
    "Ulimit-n, Maxsock, Maxconn, Hard_maxconn, CurrConns, CumConns, CumReq, MaxSslConns, CurrSslConns, "
    "CumSslConns, Maxpipes, PipesUsed, PipesFree, ConnRate, ConnRateLimit, MaxConnRate, SessRate, "
    "SessRateLimit, MaxSessRate, SslRate, SslRateLimit, MaxSslRate, SslFrontendKeyRate, "
    "SslFrontendMaxKeyRate, SslFrontendSessionReuse_pct, SslBackendKeyRate, SslBackendMaxKeyRate, "
    "SslCacheLookups, SslCacheMisses, CompressBpsIn, CompressBpsOut, CompressBpsRateLim, ZlibMemUsage, "
    "MaxZlibMemUsage, Tasks, Run_queue, Idle_pct, node, description, Stopping, Jobs, Unstoppable Jobs, "
    "Listeners, ActivePeers, ConnectedPeers, DroppedLogs, BusyPolling, FailedResolutions, TotalBytesOut, "
    "TotalSplicedBytesOut, BytesOutRate, DebugCommandsIssued, CumRecvLogs, Build info, Tainted, "
    "TotalWarnings, MaxconnReached, BootTime_ms, Niced_tasks"
).split(", ")
# Without these nobody can work.
NEEDED = {"Name", "Version", "Pid", "Uptime_sec", "Nbthread", "Maxconn", "CurrConns", "CumConns", "CumReq"}
NEEDED |= {"CurrSslConns", "CumSslConns", "Ulimit-n", "Listeners", "Stopping", "DroppedLogs", "TotalBytesOut"}

STAT = (
    "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status,weight,"
    "act,bck,chkfail,chkdown,lastchg,downtime,qlimit,pid,iid,sid,throttle,lbtot,tracked,type,rate,rate_lim,rate_max,"
    "check_status,check_code,check_duration,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,hanafail,"
    "req_rate,req_rate_max,req_tot,cli_abrt,srv_abrt,comp_in,comp_out,comp_byp,comp_rsp,lastsess,last_chk,last_agt,"
    "qtime,ctime,rtime,ttime,agent_status,agent_code,agent_duration,check_desc,agent_desc,check_rise,check_fall,"
    "check_health,agent_rise,agent_fall,agent_health,addr,cookie,mode,algo,conn_rate,conn_rate_max,conn_tot,"
    "intercepted,dcon,dses,wrew,connect,reuse,cache_lookups,cache_hits,srv_icur,src_ilim,qtime_max,ctime_max,"
    "rtime_max,ttime_max,eint,idle_conn_cur,safe_conn_cur,used_conn_cur,need_conn_est,uweight,agg_server_status,"
    "agg_server_status_check,agg_check_status,srid,sess_other,h1_sess,h2_sess,h3_sess,req_other,h1req,h2req,h3req,"
    "proto,priv_idle_cur,reqbin,reqbout,resbin,resbout,cache_hint_hits,-,"
)


@pytest.fixture
def gate(tidegate, certificates):
    with Backend() as backend:
        plain = listener("chat", name="plain")
        tls = listener("chat", name="tls", tls=tls_settings(certificates.site))
        chat = pool("chat", {"name": "one", "address": backend.endpoint})
        proxy = tidegate({"listeners": [plain, tls], "pools": [chat]})
        yield proxy, address(plain), address(tls), backend


def socat(proxy, text):
    done = subprocess.run(
        ["socat", "-t", "5", "-", f"UNIX-CONNECT:{proxy.socket}"],
        input=text,
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_lists_the_commands(gate):
    said = socat(gate[0], "help\n")
    for line in ("help", "prompt", "quit", "show info", "show stat"):
        assert line in said


def test_show_info_has_haproxys_names_in_their_order(gate):
    said = socat(gate[0], "show info\n")
    assert said.endswith("\n\n") and "\n\n" not in said[:-2]
    names = [re.match(r"([^:]+):", line)[1] for line in said.strip().split("\n")]
    known = [name for name in names if name in INFO]
    assert known == sorted(known, key=INFO.index)
    assert NEEDED <= set(names)
    assert names[: len(known)] == known, "names of ours come last"
    missing = [name for name in INFO if name not in names]
    print("left out:", missing)


def test_show_info_tells_the_truth(gate, certificates):
    proxy, plain, tls, backend = gate
    with dial(plain) as one, TLSStream(dial(tls), certificates.client_context()) as two:
        open_pair(one, backend)
        open_pair(two, backend)
        info = proxy.info()
        assert info["Name"].lower() == "tidegate"
        assert int(info["Pid"]) == proxy.process.pid
        assert (info["Nbthread"], info["CurrConns"], info["CurrSslConns"]) == ("2", "2", "1")
        assert (info["CumConns"], info["CumSslConns"], info["CumReq"]) == ("2", "1", "2")
        assert (info["Listeners"], info["Stopping"]) == ("2", "0")
    for served in backend.taken:
        served.close()
    proxy.expect_idle()
    assert proxy.info()["CumConns"] == "2"


def test_show_stat_has_haproxys_header_to_the_letter(gate):
    lines = socat(gate[0], "show stat\n").split("\n")
    assert lines[0].startswith(STAT)
    assert lines[-2:] == ["", ""]
    columns = lines[0].count(",")
    rows = [line for line in lines[1:] if line]
    assert {line.count(",") for line in rows} == {columns}
    kinds = [(row.split(",")[0], row.split(",")[1]) for row in rows]
    assert ("plain", "FRONTEND") in kinds and ("tls", "FRONTEND") in kinds
    assert ("chat", "one") in kinds and ("chat", "BACKEND") in kinds


def test_show_stat_counts(gate):
    proxy, plain, _, backend = gate
    with dial(plain) as client:
        served, request, answer = open_pair(client, backend)
        sent = client_frame(TEXT, b"x" * 1000)
        client.sendall(sent)
        read_exactly(served, len(sent))
        eventually(lambda: proxy.stat()[("chat", "one")]["bin"] == str(len(request) + len(sent)), what="bin")
        table = proxy.stat()
        front, server, back = table[("plain", "FRONTEND")], table[("chat", "one")], table[("chat", "BACKEND")]
        assert (front["status"], front["type"], front["scur"], front["stot"]) == ("OPEN", "0", "1", "1")
        assert (server["type"], server["scur"], server["stot"], server["lbtot"]) == ("2", "1", "1", "1")
        assert (back["status"], back["type"], back["scur"]) == ("UP", "1", "1")
        assert server["status"] in ("UP", "no check")
        assert server["addr"] == backend.endpoint
        assert front["bin"] == server["bin"] and server["bout"] == str(len(answer))
        assert front["hrsp_1xx"] == "1" and front["req_tot"] == "1"
        served.close()
    eventually(lambda: proxy.stat()[("chat", "one")]["scur"] == "0")


def test_clear_counters_lets_them_begin_anew_and_forgets_no_connection(gate):
    proxy, plain, _, backend = gate
    with dial(plain) as client:
        served, request, _ = open_pair(client, backend)
        eventually(lambda: proxy.stat()[("chat", "one")]["stot"] == "1", what="stot")
        total = proxy.info()["CumConns"]
        with dial(plain) as second:
            open_pair(second, backend)[0].close()
        eventually(lambda: proxy.stat()[("chat", "one")]["scur"] == "1", what="scur")
        assert proxy.stat()[("chat", "one")]["smax"] == "2"
        assert proxy.ask("clear counters") == "\n"
        row = proxy.stat()[("chat", "one")]
        assert (row["stot"], row["smax"]) == ("2", "1")
        assert proxy.ask("clear counters all") == "\n"
        table = proxy.stat()
        for row in (table[("plain", "FRONTEND")], table[("chat", "one")], table[("chat", "BACKEND")]):
            assert (row["stot"], row["bin"], row["bout"], row["scur"]) == ("0", "0", "0", "1")
        assert int(proxy.info()["CumConns"]) == int(total) + 1
        sent = client_frame(TEXT, b"x" * 100)
        client.sendall(sent)
        read_exactly(served, len(sent))
        eventually(lambda: proxy.stat()[("chat", "one")]["bin"] == str(len(sent)), what="bin")
        assert "Success=1" in proxy.ask("reload")
        assert proxy.stat()[("chat", "one")]["bin"] == str(len(sent))
        served.close()


def test_commands_are_separated_by_semicolons(gate):
    said = socat(gate[0], "show info; show stat\n")
    info, table = said.split("\n\n")[:2]
    assert info.startswith("Name: ") and table.startswith("# pxname")


def test_the_prompt_keeps_the_connection(gate):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(5)
        peer.connect(str(gate[0].socket))

        def until(end):
            got = b""
            while not got.endswith(end):
                block = peer.recv(65536)
                assert block, got
                got += block
            return got

        peer.sendall(b"prompt\n")
        until(b"> ")
        for _ in range(3):
            peer.sendall(b"show info\n")
            assert until(b"\n\n> ").startswith(b"Name: ")
        peer.sendall(b"quit\n")
        assert peer.recv(10) == b""


def test_without_the_prompt_a_connection_ends_behind_its_answer(gate):
    assert gate[0].ask("show info").startswith("Name: ")


def test_an_unknown_command_prints_the_usage(gate):
    said = socat(gate[0], "sink ships\n")
    assert "nknown command" in said and "show info" in said


def test_an_empty_line_and_a_very_long_one_harm_nobody(gate):
    socat(gate[0], "\n")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(5)
        peer.connect(str(gate[0].socket))
        try:
            for _ in range(100):
                peer.sendall(b"x" * 65536)
            peer.sendall(b"\n")
            while peer.recv(65536):
                pass
        except ConnectionError:
            pass
    assert gate[0].info()["Name"]


def test_a_client_that_reads_nothing_blocks_nobody(gate):
    deaf = [socket.socket(socket.AF_UNIX) for _ in range(10)]
    for peer in deaf:
        peer.connect(str(gate[0].socket))
        peer.sendall(b"show stat;" * 300 + b"show stat\n")
    assert gate[0].info()["Name"]
    for peer in deaf:
        peer.close()


def test_the_socket_has_mode_0600(gate):
    assert stat.S_IMODE(gate[0].socket.stat().st_mode) == 0o600


def test_another_mode_is_set_where_it_is_asked_for(tidegate, folder):
    with EchoServer() as echo:
        path = folder / "wide.sock"
        settings = {"admin": {"stats_socket": {"path": str(path), "mode": "0660"}}}
        proxy = Tidegate(folder / "p", {**settings, "listeners": [listener("p")], "pools": [pool("p", echo)]})
        proxy.socket = path
        try:
            proxy.start()
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            proxy.finish()
        finally:
            proxy.kill()


def test_ctl_is_a_client_of_the_socket(gate):
    done = command("ctl", "--socket", gate[0].socket, "show", "info")
    assert done.returncode == 0, done.stderr
    assert f"Pid: {gate[0].process.pid}\n" in done.stdout


def test_ctl_takes_a_quoted_command_too(gate):
    done = command("ctl", "--socket", gate[0].socket, "show stat")
    assert done.returncode == 0 and done.stdout.startswith(STAT)


def test_ctl_says_when_nobody_answers(folder):
    done = command("ctl", "--socket", folder / "nobody.sock", "show", "info")
    assert done.returncode != 0 and "nobody.sock" in done.stderr


@pytest.mark.timeout(40)
def test_it_answers_while_the_workers_are_saturated(tidegate):
    """Streams as fast as they go through every worker; each answer is there within a second."""
    with Backend() as drain:
        entry = listener("pool", mode="tcp")
        proxy = tidegate({"listeners": [entry], "pools": [pool("pool", drain)]})
        descriptor = drain.socket.fileno()
        sink = subprocess.Popen([sys.executable, HELPERS / "sink.py", str(descriptor)], pass_fds=[descriptor])
        flood = subprocess.Popen([sys.executable, HELPERS / "flood.py", *map(str, address(entry)), "8"])
        try:
            eventually(lambda: proxy.info()["CurrConns"] == "8", what="all streams are there")
            end, asked = time.monotonic() + 3, 0
            while time.monotonic() < end:
                begun = time.monotonic()
                proxy.info()
                proxy.stat()
                assert time.monotonic() - begun < 1
                asked += 1
            assert asked >= 5
        finally:
            for child in (flood, sink):
                child.kill()
                child.wait()
