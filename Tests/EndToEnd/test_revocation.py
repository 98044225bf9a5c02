"""Lists of revoked certificates: who is refused, what a reload and an expired list do."""

import signal
import ssl

import pytest

from harness.authority import Authority
from harness.matrix import tls_settings
from harness.raw import Backend, TLSStream, dial, read_exactly
from harness.s_client import SClient
from harness.tidegate import address, command, listener, pool
from harness.waiting import eventually


@pytest.fixture(scope="module")
def authority(module_folder):
    return Authority(module_folder / "ca")


@pytest.fixture(scope="module")
def member(authority):
    return authority.issue("member")


@pytest.fixture(scope="module")
def revoked(authority):
    made = authority.issue("revoked")
    authority.revoke(made)
    return made


@pytest.fixture
def current(authority, revoked, folder):
    """A list that has `revoked`."""
    return authority.list(folder / "crl.pem")


def settings(certificates, authority, backend, crl, **more):
    tls = tls_settings(certificates.site, client_ca=str(authority.certificate), client_crl=str(crl), **more)
    return {"listeners": [listener("behind", mode="tcp", name="public", tls=tls)], "pools": [pool("behind", backend)]}


def enter(made, certificates, client, version="1.3", session=None, backend=None):
    """The stream of a client that is served, or None. `session` is (its context, the session)."""
    context = session[0] if session else certificates.client_context(version)
    if client and not session:
        context.load_cert_chain(client.certificate, client.key)
    peer = dial(address(made["listeners"][0]))
    try:
        stream = TLSStream(peer, context, session=session and session[1])
        # In TLS 1.3 the client hears only after its handshake what is made of its certificate.
        stream.sendall(b"hello")
        served = backend.accept() if backend else None
        if served:
            assert read_exactly(served, 5) == b"hello"
            served.sendall(b"there")
            assert read_exactly(stream, 5) == b"there"
            stream.context = context
            return stream
        stream.recv(1)
    except ssl.SSLError as error:
        assert "revoked" in str(error).lower() or "ALERT" in str(error), error
    peer.close()
    return None


@pytest.fixture
def backend():
    with Backend() as made:
        yield made


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("needed", ["required", "optional"])
def test_who_is_on_the_list_is_refused(
    tidegate, certificates, authority, member, revoked, current, backend, version, needed
):
    made = settings(certificates, authority, backend, current, client_certificates=needed)
    proxy = tidegate(made)
    assert enter(made, certificates, revoked, version) is None
    enter(made, certificates, member, version, backend=backend).close()
    if needed == "optional":
        enter(made, certificates, None, version, backend=backend).close()
    backend.hang_up()
    ends = [record.ended for record in proxy.records(3 if needed == "optional" else 2)]
    assert ends.count(("client", "handshaking", "malformed")) == 1


def test_s_client_is_told_why(tidegate, certificates, authority, revoked, current, backend):
    made = settings(certificates, authority, backend, current)
    tidegate(made)
    arguments = ["-cert", revoked.certificate, "-key", revoked.key, "-tls1_2"]
    with SClient(address(made["listeners"][0]), *arguments) as client:
        assert "alert certificate revoked" in client.end()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("how", ["signal", "command"])
def test_a_reload_brings_the_next_list_also_to_those_with_tickets(
    tidegate, certificates, authority, folder, backend, version, how
):
    leaver = authority.issue(f"leaver-{version}-{how}")
    stayer = authority.issue(f"stayer-{version}-{how}")
    place = authority.list(folder / "crl.pem")
    made = settings(certificates, authority, backend, place)
    proxy = tidegate(made)
    with enter(made, certificates, leaver, version, backend=backend) as live:
        session = live.context, live.tls.session
        with enter(made, certificates, leaver, version, session, backend=backend) as again:
            assert again.tls.session_reused
        authority.revoke(leaver)
        authority.list(place)
        # As long as nobody has said so, the old one counts.
        enter(made, certificates, leaver, version, session, backend=backend).close()
        if how == "signal":
            proxy.signal(signal.SIGHUP)
            eventually(lambda: "notice reloaded" in proxy.stderr() or "reload" in proxy.stderr(), what="reloaded")
            eventually(lambda: enter(made, certificates, leaver, version, session) is None, what="refused")
        else:
            assert "Success=1" in proxy.ask("reload")
            assert enter(made, certificates, leaver, version, session) is None
        enter(made, certificates, stayer, version, backend=backend).close()
        # Live connections stay.
        live.sendall(b"still")
        assert read_exactly(backend.taken[0], 5) == b"still"


def test_an_expired_list_is_warned_about_and_refuses_all(tidegate, certificates, authority, member, folder, backend):
    place = authority.list(
        folder / "crl.pem", "-crl_lastupdate", "20240101000000Z", "-crl_nextupdate", "20240201000000Z"
    )
    made = settings(certificates, authority, backend, place)
    proxy = tidegate(made)
    said = 'the list of "CN=Clients" expired on 2024-02-01T00:00:00Z: its clients are refused'
    eventually(lambda: f"{place}: {said}" in proxy.stderr(), what="the warning")
    assert enter(made, certificates, member) is None
    checked = command("check", "--config", proxy.config)
    assert checked.returncode == 0 and said in checked.stdout + checked.stderr
    authority.list(place)
    assert "are refused" not in (answer := proxy.ask("reload")) and "Success=1" in answer
    enter(made, certificates, member, backend=backend).close()


def test_an_authority_without_a_list_is_warned_about(tidegate, certificates, authority, current, folder, backend):
    other = Authority(folder / "other", "Other")
    bundle = folder / "both.pem"
    bundle.write_text(authority.certificate.read_text() + other.certificate.read_text())
    made = settings(certificates, authority, backend, current)
    made["listeners"][0]["tls"]["client_ca"] = str(bundle)
    proxy = tidegate(made)
    eventually(
        lambda: f'{current}: no list of "CN=Other": its clients are refused' in proxy.stderr(), what="the warning")


def test_a_list_that_is_none_is_an_error_with_its_place(tidegate, certificates, authority, folder, backend, current):
    made = settings(certificates, authority, backend, current)
    proxy = tidegate(made)
    line, text = next(
        (number, text) for number, text in enumerate(proxy.config.read_text().splitlines(), 1) if "client_crl" in text
    )
    column = text.index("client_crl: ") + len("client_crl: ") + 1
    good = current.read_bytes()
    for content, complaint in [
        (None, f"{current}: No such file or directory"),
        (authority.certificate.read_bytes(), f"{current}: no PEM list of revoked certificates in it"),
        (Authority(folder / "twin").list(folder / "x.pem").read_bytes(), "isn't signed by it"),
    ]:
        current.unlink()
        if content:
            current.write_bytes(content)
        checked = command("check", "--config", proxy.config)
        assert checked.returncode != 0
        assert complaint in checked.stderr and f"{proxy.config}:{line}:{column}: " in checked.stderr, checked.stderr
        answer = proxy.ask("reload")
        assert "Success=0" in answer and complaint in answer
        if not content:
            current.touch()
    current.write_bytes(good)
    assert "Success=1" in proxy.ask("reload")
