#!/bin/sh
# Sets up and runs the end-to-end tests against the release build, or against $TIDEGATE.
# usage: run.sh [PYTEST ARGUMENTS]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
"$here/setup.sh" "$root/.venv"
TIDEGATE=${TIDEGATE:-$root/.build/release/tidegate}
export TIDEGATE
[ -x "$TIDEGATE" ] || { echo "no binary at $TIDEGATE: build it, or set TIDEGATE" >&2; exit 2; }
cd "$here"
exec "$root/.venv/bin/python" -m pytest "$@"
