#!/bin/sh
# Debian's testssl.sh against a proxy with the default configuration and a certificate of each kind, on loopback.
# Fails on every finding above its "low", and on what it couldn't look at, but for trust in the certificates.
# usage: testssl.sh      (the release build, or $TIDEGATE; about two minutes)
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
TIDEGATE=${TIDEGATE:-$root/.build/release/tidegate}
folder=$(mktemp -d)
proxy=
trap '[ -z "$proxy" ] || kill -INT "$proxy" || true; wait; rm -rf "$folder"' EXIT
cd "$folder"

certificate() { # NAME KEY-OPTIONS...
  name=$1
  shift
  openssl req -x509 -newkey "$@" -nodes -keyout "$name.key" -out "$name.pem" -days 300 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>openssl.txt
}
certificate ecdsa ec -pkeyopt ec_paramgen_curve:P-256
certificate rsa rsa:2048

port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
where=127.0.0.1:$(port)
cat >tidegate.yaml <<YAML
listeners:
  - bind: $where
    tls: {certificates: [{certificate: ecdsa.pem, key: ecdsa.key}, {certificate: rsa.pem, key: rsa.key}]}
    pool: none
pools: [{name: none, backends: ["127.0.0.1:$(port)"]}]
YAML
"$TIDEGATE" run --config tidegate.yaml >tidegate.txt 2>&1 &
proxy=$!
curl -sk --retry 20 --retry-connrefused --retry-delay 1 -o answer.txt "https://$where/" || { cat tidegate.txt; exit 1; }

testssl --quiet --color 0 --warnings batch --nodns none --jsonfile findings.json "$where" >testssl.txt 2>&1 || true
[ -s findings.json ] || { cat testssl.txt; exit 1; }
python3 - <<'PYTHON'
import json, re, sys

findings = json.load(open("findings.json"))
# Trust in a certificate of one's own making, a backend that isn't there, and what the scanning openssl can't do.
expected = re.compile(r"cert_(chain_of_trust|revocation)( <.*>)?|HTTP_status_code|engine_problem")
# The scanner's s_client has its stdin at its end: it says goodbye behind its Finished, sometimes before it has read a TLS 1.3
# ticket. Without one its second visit "can't connect", with any server: 15 % of 150 here, 19 % with nginx. That sessions
# are resumed is shown by test_tickets.py.
hasty = ("sessionresumption_ticket", "check failed because of connect problem")
bad = []
for finding in findings:
    place, severity = finding["id"], finding["severity"]
    if severity in ("OK", "INFO"):
        continue
    known = severity == "LOW" or expected.fullmatch(place) or (place, finding["finding"]) == hasty
    print(f"{severity:8} {place}: {finding['finding']}{' (ignored)' if known else ''}")
    if not known:
        bad.append(place)
# A scan that broke off finds nothing.
done = {finding["id"] for finding in findings}
missing = {"TLS1_2", "TLS1_3", "cipherlist_STRONG", "heartbleed", "ROBOT", "LUCKY13"} - done
print(f"{len(findings)} findings, {len(bad)} above low" + (f", not looked at: {sorted(missing)}" if missing else ""))
sys.exit(bool(bad or missing))
PYTHON
