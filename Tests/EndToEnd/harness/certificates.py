"""Self-signed certificates of several kinds, made by the openssl command."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    certificate: Path
    key: Path

    @property
    def der(self):
        return ssl.PEM_cert_to_DER_cert(self.certificate.read_text())

    def settings(self):
        return {"certificate": str(self.certificate), "key": str(self.key)}


class Certificates:
    """`site` (P-256) and `site_rsa` for localhost, `other`, and `wild` for a wildcard name."""

    def __init__(self, folder):
        self.folder = Path(folder)
        local = ["localhost", "chat.example.com"]
        self.site = self._make("site", local, "ec")
        self.site_rsa = self._make("site-rsa", local, "rsa")
        self.other = self._make("other", ["other.example.com"], "ec")
        self.wild = self._make("wild", ["*.wild.example.com"], "ec")
        self.bundle = self.folder / "bundle.pem"
        every = [self.site, self.site_rsa, self.other, self.wild]
        self.bundle.write_text("".join(c.certificate.read_text() for c in every))

    def _make(self, name, hosts, kind):
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        names = [f"DNS:{host}" for host in hosts]
        if "localhost" in hosts:
            names += ["IP:127.0.0.1", "IP:::1"]
        algorithm = (
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else ["-newkey", "rsa:2048"]
        )
        subprocess.run(
            ["openssl", "req", "-x509", "-nodes", *algorithm, "-keyout", key, "-out", certificate]
            + ["-days", "2", "-subj", f"/CN={hosts[0]}", "-addext", "subjectAltName=" + ",".join(names)],
            check=True,
            capture_output=True,
            timeout=20,
        )
        return Certificate(certificate, key)

    def client_context(self, version=None, alpn=("http/1.1",)):
        """A client's context that verifies; `version` "1.2" or "1.3" allows only that one."""
        context = ssl.create_default_context(cafile=str(self.bundle))
        # Self-signed leaves: their own trust anchors.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if version:
            only = ssl.TLSVersion.TLSv1_2 if version == "1.2" else ssl.TLSVersion.TLSv1_3
            context.minimum_version = context.maximum_version = only
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context
