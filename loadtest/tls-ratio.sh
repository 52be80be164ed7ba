#!/usr/bin/env bash
# What TLS costs the server: CPU per delivery of a broadcast over TLS and plain, in turns, a server of
# its own for each run, every frame verified. Prints each pair with its ratio, then the median ratio.
#
#   loadtest/tls-ratio.sh [CLIENTS] [PAIRS]              builds nothing: see SCOREWIRE, LOADTEST
#
# The certificate is made for the purpose (ECDSA, P-256) and believed by the clients (--tls-ca). Handshakes
# are over before the first play, so they are no part of the CPU.
set -euo pipefail
. "$(dirname "$0")/children.sh"

CLIENTS=${1:-10000}
PAIRS=${2:-5}
EVENTS=${EVENTS:-40}
INTERVAL_MS=${INTERVAL_MS:-250}
# For connecting, all plays and stragglers: a run that takes longer hangs.
RUN_S_MAX=${RUN_S_MAX:-$((150 + EVENTS * INTERVAL_MS / 1000))}
PORT=${PORT:-8443}
TARGET=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}
SCOREWIRE=${SCOREWIRE:-$TARGET/release/scorewire}
LOADTEST=${LOADTEST:-$TARGET/release/scorewire-loadtest}
WORK=$(mktemp -d)
RUN= SERVER=

end() {
  stop $RUN $SERVER
  RUN= SERVER=
}
trap 'end; rm -rf "$WORK"' EXIT

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>"$WORK/openssl" ||
  { cat "$WORK/openssl" >&2; exit 1; }

run() { # SCHEME; the server's CPU per delivery, in µs
  rm -f "$WORK/server"
  rm -rf "$WORK/log"
  "$SCOREWIRE" serve --bind "127.0.0.1:$PORT" --data-dir "$WORK/log" >"$WORK/server" 2>&1 &
  SERVER=$!
  await listening "$WORK/server" "$SERVER"
  timeout -k 5 "$RUN_S_MAX" "$LOADTEST" run broadcast --url "$1://127.0.0.1:$PORT" --tls-ca "$WORK/cert.pem" --clients "$CLIENTS" \
    --events "$EVENTS" --interval-ms "$INTERVAL_MS" --server-pid "$SERVER" >"$WORK/run" 2>"$WORK/progress" &
  RUN=$!
  wait "$RUN" || { cat "$WORK/progress" "$WORK/run" >&2; exit 1; }
  RUN=
  end
  CPU_US=$(sed -n 's/^ *server *\([0-9.]*\) µs CPU per delivery.*/\1/p' "$WORK/run")
}

RATIOS=
for _ in $(seq "$PAIRS"); do
  run ws
  plain=$CPU_US
  SCOREWIRE__SERVER__TLS_CERT=$WORK/cert.pem SCOREWIRE__SERVER__TLS_KEY=$WORK/key.pem run wss
  ratio=$(awk "BEGIN { printf \"%.3f\", $CPU_US / $plain }")
  RATIOS="$RATIOS $ratio"
  echo "$CLIENTS clients: plain $plain µs, TLS $CPU_US µs CPU per delivery: $ratio"
done
median $RATIOS
