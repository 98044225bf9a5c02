#!/bin/sh
# Fuzzes every parser of Sources/Wire, the record layer, the handshake and AES-GCM for SECONDS each (60 by default), with
# libFuzzer and the address sanitizer, the C code with that of undefined behaviour too.
# An input that traps, or gives another answer in pieces than as a whole, ends the run and is kept in .build/fuzz.
set -eu
# A trap is libFuzzer's to report.
export SWIFT_BACKTRACE=enable=no
seconds="${1:-60}"
cd "$(dirname "$0")/.."
out="$PWD/.build/fuzz"
mkdir -p "$out"

build() { # MODULE SOURCES... -> a module and its object, visible to the targets
  module="$1"
  shift
  swiftc -O -swift-version 6 -sanitize=address -sanitize-coverage=edge,inline-8bit-counters,pc-table,trace-cmp \
    -enable-testing -assert-config Debug -parse-as-library -whole-module-optimization -module-name "$module" \
    -emit-module -emit-module-path "$out/$module.swiftmodule" -I "$out" -I Sources/COpenSSL/include -I Sources/CAES/include \
    -emit-object -o "$out/$module.o" "$@"
}

build Basics Sources/Basics/*.swift
build Wire Sources/Wire/*.swift
for source in Sources/COpenSSL/*.c Sources/CAES/*.c; do
  clang -O1 -g -fsanitize=address,undefined -fsanitize-trap=undefined -I "$(dirname "$source")/include" -c "$source" -o "$out/$(basename "$source" .c)-c.o"
done
build TLS Sources/TLS/*.swift Sources/TLS/*/*.swift
for target in Fuzz/Targets/*.swift; do
  name="$(basename "$target" .swift)"
  swiftc -O -swift-version 6 -sanitize=fuzzer,address -assert-config Debug -parse-as-library -I "$out" \
    -I Sources/COpenSSL/include -I Sources/CAES/include -o "$out/$name" "$out/Basics.o" "$out/Wire.o" "$out/TLS.o" "$out"/*-c.o \
    Fuzz/Support/*.swift "$target" -lssl -lcrypto
  corpus="$out/corpus-$name"
  mkdir -p "$corpus"
  seeds="Fuzz/Seeds/$name"
  [ -d "$seeds" ] || seeds=""
  echo "== $name"
  # shellcheck disable=SC2086
  "$out/$name" -max_total_time="$seconds" -max_len=4096 -timeout=10 -verbosity=0 -print_final_stats=1 \
    -artifact_prefix="$out/$name-" "$corpus" $seeds </dev/null
done
