#!/usr/bin/env bash
# What half of the clients on a bad link cost the other half: p99 of the near half, with the far half
# behind a link with delay and loss, and behind the same link without either, in turns. Prints each pair
# with its ratio, then the median ratio.
#
#   loadtest/bad-link.sh [CLIENTS_EACH] [PAIRS]          as root; builds nothing: see SCOREWIRE, LOADTEST
#
# Both halves are load tests of their own, each with a game of its own and every frame verified; they
# share the server and its shards. The near one begins when the far one is connected and receives. The
# two network namespaces are this run's own, and go with it.
set -euo pipefail
. "$(dirname "$0")/children.sh"

CLIENTS=${1:-2000}
PAIRS=${2:-5}
DELAY_MS=${DELAY_MS:-50}
LOSS=${LOSS:-0.01}
EVENTS=${EVENTS:-60}
INTERVAL_MS=${INTERVAL_MS:-250}
# For the far half to connect and to receive its first plays.
FAR_S_MAX=${FAR_S_MAX:-90}
# For connecting, all plays and stragglers: a half that takes longer hangs.
HALF_S_MAX=${HALF_S_MAX:-$((150 + EVENTS * 2 * INTERVAL_MS / 1000))}
TARGET=${CARGO_TARGET_DIR:-$(dirname "$0")/../target}
SCOREWIRE=${SCOREWIRE:-$TARGET/release/scorewire}
LOADTEST=${LOADTEST:-$TARGET/release/scorewire-loadtest}
NEAR=scorewire-near-$$
FAR=scorewire-far-$$
WORK=$(mktemp -d)
LINK= SERVER= NEAR_HALF= FAR_HALF=

end() {
  stop $NEAR_HALF $FAR_HALF $SERVER $LINK
  LINK= SERVER= NEAR_HALF= FAR_HALF=
  # The link takes them with it, unless it had to be killed.
  for namespace in "$NEAR" "$FAR"; do
    [ ! -e "/run/netns/$namespace" ] || ip netns delete "$namespace" || true
  done
}
trap 'end; rm -rf "$WORK"' EXIT

half() { # NAMESPACE ADDRESS EVENTS LOG; in the background
  exec timeout -k 5 "$HALF_S_MAX" ip netns exec "$1" "$LOADTEST" run broadcast --url "ws://$2:8080" \
    --clients "$CLIENTS" --events "$3" --interval-ms "$INTERVAL_MS" >"$4" 2>&1
}

p99_ms() {
  sed -n 's/^ *latency .*p99 \([0-9.]*\) ms.*/\1/p' "$1"
}

run() { # DELAY_MS LOSS; the p99 of both halves, in ms
  rm -rf "${WORK:?}"/*
  "$LOADTEST" link --delay-ms "$1" --loss "$2" --near "$NEAR" --far "$FAR" >"$WORK/link" 2>&1 &
  LINK=$!
  await 'link up' "$WORK/link" "$LINK"
  SCOREWIRE__AUTH__OPEN_TO=all ip netns exec "$NEAR" "$SCOREWIRE" serve --bind 0.0.0.0:8080 --data-dir "$WORK/log" >"$WORK/server" 2>&1 &
  SERVER=$!
  await listening "$WORK/server" "$SERVER"
  # The far half plays on for longer than the near one, which is measured while it does.
  half "$FAR" 198.18.0.1 $((EVENTS * 2)) "$WORK/far" &
  FAR_HALF=$!
  await 'deliveries, [1-9][0-9]*/s' "$WORK/far" "$FAR_HALF" "$FAR_S_MAX"
  half "$NEAR" 127.0.0.1 "$EVENTS" "$WORK/near" &
  NEAR_HALF=$!
  wait "$NEAR_HALF" || { cat "$WORK/near" >&2; exit 1; }
  NEAR_HALF=
  kill -0 "$FAR_HALF" 2>/dev/null || { echo "the far half ended first; raise EVENTS" >&2; cat "$WORK/far" >&2; exit 1; }
  wait "$FAR_HALF" || { cat "$WORK/far" >&2; exit 1; }
  FAR_HALF=
  end
  NEAR_MS=$(p99_ms "$WORK/near") FAR_MS=$(p99_ms "$WORK/far")
}

RATIOS=
for _ in $(seq "$PAIRS"); do
  run 0 0
  clean_near=$NEAR_MS clean_far=$FAR_MS
  run "$DELAY_MS" "$LOSS"
  ratio=$(awk "BEGIN { printf \"%.3f\", $NEAR_MS / $clean_near }")
  RATIOS="$RATIOS $ratio"
  echo "$CLIENTS clients each: near p99 $clean_near ms, with delay $DELAY_MS ms and loss $LOSS each way $NEAR_MS ms: $ratio (far p99 $clean_far and $FAR_MS ms)"
done
median $RATIOS
