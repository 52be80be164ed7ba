# What the scripts beside this one have in common: children that are waited for, and stopped, within bounds.

# Until process $3 has written $1 to the file $2: at most 10 s.
await() {
  for _ in $(seq 100); do
    grep -qs "$1" "$2" && return
    kill -0 "$3" 2>/dev/null || break
    sleep 0.1
  done
  echo "no \"$1\" within 10 s:" >&2
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

# A shell that is told to end does so by its EXIT trap.
trap 'exit 130' INT
trap 'exit 143' TERM HUP
