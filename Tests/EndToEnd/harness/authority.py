"""A certificate authority for clients, made by the openssl command: issues, revokes, lists."""

import subprocess
from pathlib import Path

from .certificates import Certificate

CONFIGURATION = """
[ca]
default_ca = main
[main]
dir = {folder}
database = $dir/index.txt
new_certs_dir = $dir
serial = $dir/serial
crlnumber = $dir/crlnumber
default_md = sha256
default_days = 2
default_crl_days = 2
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
x509_extensions = authority
[name]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
"""


class Authority:
    """`certificate` is its own; `issue` gives clients theirs, `revoke` takes them back, `list` says so."""

    def __init__(self, folder, name="Clients"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.configuration = self.folder / "ca.cnf"
        self.configuration.write_text(CONFIGURATION.format(folder=self.folder))
        (self.folder / "index.txt").touch()
        (self.folder / "serial").write_text("01\n")
        (self.folder / "crlnumber").write_text("01\n")
        self.certificate, self.key = self.folder / "ca.pem", self.folder / "ca.key"
        self._openssl(
            *["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2"],
            *["-config", self.configuration, "-keyout", self.key, "-out", self.certificate, "-subj", f"/CN={name}"],
        )

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr

    def _ca(self, *arguments):
        self._openssl(
            *["ca", "-batch", "-config", self.configuration, "-keyfile", self.key, "-cert", self.certificate],
            *arguments,
        )

    def issue(self, subject):
        made = Certificate(self.folder / f"{subject}.pem", self.folder / f"{subject}.key")
        request = self.folder / "request.pem"
        self._openssl(
            *["req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            *["-config", self.configuration, "-keyout", made.key, "-out", request, "-subj", f"/CN={subject}", "-utf8"],
        )
        self._ca("-in", request, "-out", made.certificate, "-notext", "-utf8")
        return made

    def revoke(self, certificate):
        self._ca("-revoke", certificate.certificate)

    def list(self, place, *arguments):
        """Writes the list of the revoked; `arguments` are those of `openssl ca -gencrl`."""
        self._ca("-gencrl", "-out", place, *arguments)
        return place
