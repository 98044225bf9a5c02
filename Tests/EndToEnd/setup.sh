#!/bin/sh
# Installs what the end-to-end tests need: peers from Debian, Python packages into a virtual environment.
# usage: setup.sh [FOLDER]      (default: .venv in the repository's root). Doing it twice changes nothing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${1:-$(cd "$here/../.." && pwd)/.venv}

missing=""
for pair in nginx:nginx haproxy:haproxy socat:socat curl:curl openssl:openssl node:nodejs chromium:chromium; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || [ -x "/usr/sbin/${pair%%:*}" ] || missing="$missing ${pair##*:}"
done
python3 -c 'import venv, ensurepip' 2>/dev/null || missing="$missing python3-venv"
if [ -n "$missing" ]; then
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -q
  # A package's service must not start: the tests run nginx themselves, on ports of their own.
  # shellcheck disable=SC2086
  $sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -q -y --no-install-recommends $missing
fi

[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
if ! cmp -s "$here/requirements.txt" "$venv/tidegate-requirements.txt"; then
  "$venv/bin/python" -m pip install -q -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/tidegate-requirements.txt"
fi
