"""`tidegate check`, and what `run` says of a configuration that it can't use."""

import re

import pytest
import yaml

from harness.ports import free_port
from harness.raw import Backend
from harness.tidegate import command, listener, pool

GOOD = """\
listeners:
  - bind: 127.0.0.1:9000
    pool: chat
pools:
  - name: chat
    backends: ["127.0.0.1:9001", "[::1]:9002", "unix:/run/chat.sock"]
"""
BACKENDS = '["127.0.0.1:9001", "[::1]:9002", "unix:/run/chat.sock"]'

# By name: what is changed in GOOD; line and column that must be named; words that must be said.
BAD = {
    "a misspelt key at the top": (("pools:", "pool:"), 4, 1, ["pool", "pools"]),
    "a misspelt key of a listener": (("bind:", "bnid:"), 2, 5, ["bnid", "bind"]),
    "a misspelt key of a pool": (("backends:", "backend:"), 6, 5, ["backend", "backends"]),
    "a pool that doesn't exist": (("pool: chat", "pool: chta"), 3, 11, ["chta", "chat"]),
    "an address without a port": (("127.0.0.1:9000", "127.0.0.1"), 2, 11, ["127.0.0.1"]),
    "a port past 65535": (("127.0.0.1:9000", "127.0.0.1:99000"), 2, 11, ["99000"]),
    "a host name as a backend": (('"127.0.0.1:9001"', '"localhost:9001"'), 6, 16, ["localhost:9001"]),
    "a duration without a unit": (("pools:", "deadlines: {idle: 5}\npools:"), 4, 19, ["duration", "5"]),
    "a size that is none": (("pools:", "relay: {high_water: big}\npools:"), 4, 21, ["size", "big"]),
    "marks the wrong way round": (
        ("pools:", "relay: {high_water: 64KiB, low_water: 128KiB}\npools:"),
        4,
        None,
        ["128KiB"],
    ),
    "a misspelt word": (("pool: chat", "mode: webscoket\n    pool: chat"), 3, 11, ["webscoket", "websocket"]),
    "no backends": ((BACKENDS, "[]"), 6, 15, []),
    "a key twice": (("pools:", "workers: 1\nworkers: 2\npools:"), 5, 1, ["workers"]),
    "workers below one": (("pools:", "workers: 0\npools:"), 4, 10, ["0"]),
    "text that is no YAML": (("pools:", "  - ]pools:"), 4, None, []),
}


@pytest.fixture
def check(folder):
    def run(text):
        path = folder / "site.yaml"
        path.write_text(text)
        return command("check", "--config", path)

    return run


def test_a_good_configuration_is_praised_with_exit_code_0(check):
    done = check(GOOD)
    assert done.returncode == 0, done.stderr


def test_the_smallest_configuration_in_flow_style_is_good(check):
    done = check('listeners: [{bind: "0.0.0.0:443", pool: chat}]\npools: [{name: chat, backends: ["10.0.0.1:9001"]}]\n')
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", BAD)
def test_an_error_is_told_with_its_place_and_a_suggestion(check, name):
    (old, new), line, column, words = BAD[name]
    assert old in GOOD
    done = check(GOOD.replace(old, new, 1))
    said = done.stderr + done.stdout
    assert done.returncode == 1, said
    place = rf"site\.yaml:{line}:" + (str(column) if column else r"\d+") + r"\b"
    assert re.search(place, said), said
    for word in words:
        assert word in said, said


def test_every_error_is_told_not_only_the_first(check):
    done = check(GOOD.replace("bind:", "bnid:").replace("backends:", "backend:"))
    said = done.stderr + done.stdout
    assert "bnid" in said and "site.yaml:6:5" in said


def test_a_missing_file_is_told(folder):
    done = command("check", "--config", folder / "nothing.yaml")
    assert done.returncode != 0
    assert "nothing.yaml" in done.stderr + done.stdout


def test_a_missing_certificate_is_told_with_its_place(check):
    tls = "tls: {certificates: [{certificate: none.pem, key: none.key}]}\n    pool: chat"
    done = check(GOOD.replace("pool: chat", tls, 1))
    said = done.stderr + done.stdout
    assert done.returncode == 1 and "none.pem" in said and re.search(r"site\.yaml:3:\d+", said), said


def test_a_key_of_another_certificate_is_told(check, certificates):
    pair = f"{{certificate: {certificates.site.certificate}, key: {certificates.other.key}}}"
    done = check(GOOD.replace("pool: chat", f"tls: {{certificates: [{pair}]}}\n    pool: chat", 1))
    assert done.returncode == 1, done.stderr
    assert re.search(r"site\.yaml:3:\d+", done.stderr + done.stdout)


def test_paths_are_relative_to_the_configuration_file(check, folder, certificates):
    for end in ("certificate", "key"):
        path = getattr(certificates.site, end)
        (folder / path.name).write_bytes(path.read_bytes())
    tls = "tls: {certificates: [{certificate: site.pem, key: site.key}]}\n    pool: chat"
    done = check(GOOD.replace("pool: chat", tls, 1))
    assert done.returncode == 0, done.stderr


def test_run_with_a_bad_configuration_ends_with_the_same_words(folder):
    path = folder / "site.yaml"
    path.write_text(GOOD.replace("bind:", "bnid:"))
    done = command("run", "--config", path)
    assert done.returncode == 1
    assert "site.yaml:2:5" in done.stderr


def test_run_at_a_port_that_is_taken_says_so_and_ends(folder):
    with Backend() as other:
        path = folder / "site.yaml"
        entry = listener("pool", port=other.port)
        path.write_text(yaml.safe_dump({"listeners": [entry], "pools": [pool("pool", f"127.0.0.1:{free_port()}")]}))
        done = command("run", "--config", path)
    assert done.returncode == 1
    assert str(other.port) in done.stderr


def test_help_names_the_commands():
    done = command("--help")
    assert done.returncode == 0
    for word in ("run", "check", "ctl"):
        assert word in done.stdout


def test_an_unknown_command_is_a_usage_error():
    done = command("swim")
    assert done.returncode == 64
    assert "swim" in done.stderr
