#!/bin/sh
# Proves the load generator against itself: what the clients count has to be what the backend counts, what is
# wrong has to show in the exit code, and TLS against a server that isn't ours (openssl, nginx where installed).
set -eu
cd "$(dirname "$0")/.."
storm=${TIDEGATE_STORM_BINARY:-.build/release/tidegate-storm}
work=$(mktemp -d)
pids=
trap 'for pid in $pids; do kill "$pid" 2>/dev/null || true; done; rm -rf "$work"' EXIT
port=${TIDEGATE_SELFTEST_PORT:-7900}
at=127.0.0.1:$port

fail() { echo "FAILED: $*" >&2; exit 1; }

# field NAME FILE: a figure of the last line of JSON, with dots into objects.
field() {
  python3 -c 'import functools, json, sys
last = open(sys.argv[2]).read().strip().split("\n")[-1]
print(functools.reduce(lambda value, key: value[key], sys.argv[1].split("."), json.loads(last)))' "$1" "$2"
}

equal() {
  actual=$(field "$1" "$2")
  [ "$actual" = "$3" ] || fail "$4: $1 is $actual, not $3"
}

backend() {
  "$storm" backend --bind "$at" --seconds 120 --json "$@" > "$work/backend" &
  backend_pid=$!
  pids="$pids $backend_pid"
  for _ in $(seq 100); do grep -q ready "$work/backend" && return; sleep 0.05; done
  fail "the backend doesn't start"
}

end_backend() { kill "$backend_pid"; wait "$backend_pid"; }

backend
"$storm" cycle --address "$at" --count 500 --json > "$work/cycle" || fail "cycle"
"$storm" echo --address "$at" --size 300000 --connections 3 --count 60 --json > "$work/echo" || fail "echo"
"$storm" echo --address "$at" --size 126 --connections 9 --count 900 --json > "$work/echo2" || fail "echo"
echo | "$storm" idle --address "$at" --connections 300 --json > "$work/idle" || fail "idle"
"$storm" calm --address "$at" --connections 20 --rate 50 --seconds 1 --json > "$work/calm" || fail "calm"
"$storm" storm --address "$at" --clients 400 --stay 0 --seconds 20 --json > "$work/storm" || fail "storm"
end_backend
equal cycles "$work/cycle" 500 cycle
equal messages "$work/echo" 60 echo
equal closed_in_order "$work/idle" 300 idle
equal total.admitted "$work/storm" 400 storm
equal upgraded "$work/backend" $((500 + 3 + 9 + 300 + 20 + 400)) "the backend's upgrades"
equal messages "$work/backend" $((60 + 900 + $(field echoes "$work/calm") + 400)) "the backend's messages"
echo "ok: clients and backend count the same"

backend --answer 503 --retry-after 1
"$storm" cycle --address "$at" --count 3 > /dev/null && fail "a 503 passed as a cycle"
"$storm" storm --address "$at" --clients 50 --retry retry-after --give-up 1500ms --seconds 10 --json \
  > "$work/storm" && fail "a storm with nobody in passed"
end_backend
equal total.refused_unavailable "$work/storm" 100 "two attempts each, a second apart"
equal total.gave_up "$work/storm" 50 "gave up"
"$storm" cycle --address "$at" --count 3 > /dev/null && fail "a port without a server passed"

backend --delay 400ms
"$storm" storm --address "$at" --clients 50 --timeout 200ms --retry immediate --give-up 300ms --seconds 10 --json \
  > "$work/storm" && fail "a storm with nobody in passed"
end_backend
equal total.timeouts "$work/storm" 100 "two attempts each, 200 ms apart"
echo "ok: refusals, timeouts and dead ports show"

command -v nginx > /dev/null || { echo "skipped: TLS, for want of nginx"; exit 0; }
backend
openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=localhost -days 2 \
  -keyout "$work/key" -out "$work/certificate" 2> /dev/null
cat > "$work/nginx.conf" <<END
daemon off; worker_processes 1; error_log $work/error.log; pid $work/nginx.pid; events { }
http {
  access_log off; client_body_temp_path $work/a; proxy_temp_path $work/b; fastcgi_temp_path $work/c;
  uwsgi_temp_path $work/d; scgi_temp_path $work/e;
  server {
    listen 127.0.0.1:$((port + 1)) ssl; ssl_certificate $work/certificate; ssl_certificate_key $work/key;
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {
      proxy_pass http://$at; proxy_http_version 1.1;
      proxy_set_header Upgrade \$http_upgrade; proxy_set_header Connection upgrade;
    }
  }
}
END
chmod 755 "$work"
nginx -p "$work" -c "$work/nginx.conf" -e "$work/error.log" &
pids="$pids $!"
tls=127.0.0.1:$((port + 1))
for _ in $(seq 100); do "$storm" cycle --address "$tls" --tls 1.3 --count 1 > /dev/null 2>&1 && break; sleep 0.05; done
for version in 1.2 1.3; do
  "$storm" cycle --address "$tls" --tls $version --groups P-256 --count 200 --json > "$work/cycle" || fail "TLS $version: $(cat "$work/cycle")"
  equal resumed "$work/cycle" 0 "TLS $version full"
  "$storm" cycle --address "$tls" --tls $version --resume --count 208 --json > "$work/cycle" || fail "TLS $version: $(cat "$work/cycle")"
  equal resumed "$work/cycle" 200 "TLS $version resumed"
  "$storm" echo --address "$tls" --tls $version --size 100000 --connections 3 --count 90 --json > "$work/echo" ||
    fail "TLS $version echo"
done
"$storm" storm --address "$tls" --tls 1.3 --clients 200 --resumed-share 0.5 --json > "$work/storm" || fail "TLS storm"
equal total.admitted_resumed "$work/storm" 100 "half of the herd"
end_backend
echo "ok: TLS 1.2 and 1.3, full and resumed"
