"""Key exchange groups: what clients of several makes offer, and what a listener allows."""

import pytest
from tlslite.api import HandshakeSettings, TLSConnection

from harness.matrix import tls_settings
from harness.raw import Backend, dial
from harness.s_client import SClient
from harness.tidegate import Tidegate, address, listener, pool

VERSIONS = pytest.mark.parametrize("version", ["1.2", "1.3"])
LISTENERS = {"usual": {}, "one": {"groups": "P-256"}, "turned": {"groups": ["P-384", "P-256", "X25519"]}}


@pytest.fixture(scope="module")
def site(module_folder, certificates):
    """Listeners with an ECDSA and an RSA certificate that differ in their groups, before a backend of the test's."""
    backend = Backend()
    entries = {
        name: listener(
            "pool", name=name, mode="tcp", tls=tls_settings(certificates.site, certificates.site_rsa, **more)
        )
        for name, more in LISTENERS.items()
    }
    proxy = Tidegate(module_folder, {"listeners": list(entries.values()), "pools": [pool("pool", backend)]}).start()
    yield backend, {name: address(entry) for name, entry in entries.items()}
    proxy.finish()


@VERSIONS
@pytest.mark.parametrize("name", LISTENERS)
@pytest.mark.parametrize("signature", ["ECDSA+SHA256", "RSA-PSS+SHA256"])
@pytest.mark.parametrize("offered", ["P-256", "X25519:P-256", "P-256:X25519", "P-521:P-256"])
def test_s_client_connects_with_the_groups_it_offers_and_resumes(site, folder, version, name, signature, offered):
    backend, where = site
    arguments = ["-tls" + version.replace(".", "_"), "-groups", offered, "-sigalgs", signature, "-ign_eof"]
    for more, kind in [(["-sess_out", folder / "session"], "New"), (["-sess_in", folder / "session"], "Reused")]:
        with SClient(where[name], *arguments, *more, "-servername", "localhost") as client:
            served = backend.accept()
            served.sendall(b"a word of the backend's\n")
            client.expect(f"{kind}, TLSv{version}.*a word of the backend's")
            served.close()
            said = client.end()
        if kind == "New" and name == "one":
            assert "Server Temp Key: ECDH, prime256v1, 256 bits" in said


@VERSIONS
@pytest.mark.parametrize("name", LISTENERS)
@pytest.mark.parametrize("curves", [["secp256r1"], ["x25519", "secp256r1"], ["secp384r1", "secp256r1"]])
@pytest.mark.parametrize("share", ["secp256r1", "first"])
def test_tlslite_connects_whose_shares_of_1_2_are_compressed(site, version, name, curves, share):
    backend, where = site
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = (3, 3) if version == "1.2" else (3, 4)
    settings.eccCurves = curves
    settings.keyShares = [curves[0] if share == "first" else share]
    with dial(where[name]) as peer:
        client = TLSConnection(peer)
        client.handshakeClientCert(settings=settings, serverName="localhost")
        client.send(b"question")
        served = backend.accept()
        assert served.recv(8) == b"question"
        served.sendall(b"answer")
        assert client.recv(6) == b"answer"
        served.close()
        client.close()
