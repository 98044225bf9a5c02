#!/bin/sh
# Sealing and opening leave nothing secret in registers or on the stack, in C compiled as SwiftPM compiles it for a
# release.
set -eu
cd "$(dirname "$0")/../.."
[ "$(uname -m)" = x86_64 ] || exit 0
out="$PWD/.build/residue"
mkdir -p "$PWD/.build"
clang -O2 -g -fPIC -fblocks -fno-omit-frame-pointer -Wall -Wextra -Werror -I Sources/CAES/include -o "$out" \
  Sources/CAES/*.c Tests/Residue/residue.c
exec "$out"
