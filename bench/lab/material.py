"""Certificates, made anew for each run."""

import os
import subprocess


def certificates(folder):
    """Paths of a P-256 and an RSA-2048 PEM file, each with certificate and key."""
    return (
        _pem(folder, "ec", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]),
        _pem(folder, "rsa", ["-newkey", "rsa:2048"]),
    )


def _pem(folder, name, key):
    base = os.path.join(folder, name)
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", *key, "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-days", "30",
         "-keyout", base + ".key", "-out", base + ".crt"],
        check=True, capture_output=True)
    with open(base + ".pem", "w") as pem:
        for part in (".crt", ".key"):
            with open(base + part) as source:
                pem.write(source.read())
    os.chmod(base + ".pem", 0o644)
    return base + ".pem"
