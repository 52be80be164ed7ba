# What the scripts beside this one have in common: children that are waited for, and stopped, within
# bounds; and the median of what was measured.

# Until process $3 has written a line with $1 (a regular expression) to the file $2: at most $4 s (10).
await() {
  for _ in $(seq $((${4:-10} * 10))); do
    grep -qs "$1" "$2" && return
    kill -0 "$3" 2>/dev/null || break
    sleep 0.1
  done
  echo "no \"$1\" within ${4:-10} s:" >&2
  cat "$2" >&2
  exit 1
}

# Ends each process named: by TERM, and after 5 s by KILL. Not by INT: a shell starts what is in the
# background deaf to that.
stop() {
  for process; do
    kill -TERM "$process" 2>/dev/null || true
    for _ in $(seq 50); do kill -0 "$process" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
  done
}

# The median of the figures given, and the least and the most.
median() {
  printf '%s\n' "$@" | sort -n | awk '{ r[NR] = $1 }
    END { m = NR % 2 ? r[(NR + 1) / 2] : (r[NR / 2] + r[NR / 2 + 1]) / 2; printf "median %.3f, %s to %s\n", m, r[1], r[NR] }'
}

# A shell that is told to end does so by its EXIT trap.
trap 'exit 130' INT
trap 'exit 143' TERM HUP
