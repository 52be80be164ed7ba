#!/usr/bin/env python3
"""Measures the figures of docs/performance.md: each run on a fresh server, in turns, medians and spread.

    loadtest/figures.py FIGURE [--runs 5] [--clients 10000]

Needs a release build (cargo build --release --workspace) and a machine with nothing else to do.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"

BROADCAST = ["broadcast", "--floor"]
FAST = ["broadcast", "--events", "2000", "--interval-ms", "5", "--floor"]
SLATE = ["slate", "--speed", "10", "--floor"]
OFF = {"METRICS__ENABLED": "false", "LOG__FILTER": "off"}

# For each figure its variants, which take turns: name, the server's settings, what the load test does.
FIGURES = {
    "broadcast": [(writer, {"FANOUT__WRITER": writer}, BROADCAST) for writer in ("send", "uring")],
    "one-shard": [(writer, {"FANOUT__WRITER": writer, "SERVER__SHARDS": "1"}, BROADCAST) for writer in ("send", "uring")],
    "fast": [(writer, {"FANOUT__WRITER": writer}, FAST) for writer in ("send", "uring")],
    "slate": [("slate", {}, SLATE + ["--seconds", "120"])],
    "metrics": [("off", OFF, ["broadcast"]), ("on", {}, ["broadcast"])],
    "ingest": [("ingest", {"ENGINE__GAMES_MAX": "16384"}, ["ingest", "--events", "500000"])],
}

# What is shown of a run: name and where it stands in the report.
SHOWN = {
    "CPU µs a delivery": lambda run: run["server"]["cpu_us_per_delivery"],
    "p50 ms": lambda run: run["latency"]["p50_ms"],
    "p99 ms": lambda run: run["latency"]["p99_ms"],
    "last ms (median)": lambda run: run["last"]["p50_ms"],
    "KiB a connection": lambda run: run["server"]["rss_per_connection_kib"],
    "connected in s": lambda run: run["connect_s"],
    "frames a delivery": lambda run: run["frames"] / run["deliveries"],
    "receiver CPU µs": lambda run: run["client_cpu_us_per_delivery"],
    "floor CPU µs": lambda run: run["floors"][0]["cpu_us_per_delivery"],
    "floor p99 ms": lambda run: run["floors"][0]["latency"]["p99_ms"],
    "floor last ms": lambda run: run["floors"][0]["last"]["p50_ms"],
    "CPU / floor": lambda run: run["floors"][0]["cpu_ratio"],
    "p99 / floor": lambda run: run["floors"][0]["p99_ratio"],
    "last / floor": lambda run: run["floors"][0]["last_ratio"],
    "events a second": lambda run: run["extra"]["events_per_s"],
    "CPU µs an event": lambda run: run["extra"]["server_cpu_us_per_event"],
}


def measure(settings, load, clients):
    """One run against a server of its own; the load test's report."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % probe.getsockname()[1]
    environment = dict(os.environ, **{"SCOREWIRE__" + key: value for key, value in settings.items()})
    server = subprocess.Popen([TARGET / "scorewire", "serve", "--bind", address], env=environment, stderr=subprocess.DEVNULL)
    try:
        wait_for(address)
        with tempfile.TemporaryDirectory() as folder:
            report = pathlib.Path(folder) / "report.json"
            command = [TARGET / "scorewire-loadtest", "run", *load, "--url", f"ws://{address}"]
            command += ["--server-pid", str(server.pid), "--json", report]
            command += [] if load[0] == "ingest" else ["--clients", str(clients)]
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if done.returncode != 0:
                sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
            return json.loads(report.read_text())
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


def wait_for(address):
    host, port = address.split(":")
    for _ in range(100):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"no server at {address}")


def show(name, runs):
    print(f"{name}: median of {len(runs)} (least–most)")
    for label, pick in SHOWN.items():
        try:
            values = [pick(run) for run in runs]
        except (KeyError, IndexError, TypeError, ZeroDivisionError):
            continue
        if None not in values:
            print(f"  {label:20} {statistics.median(values):10.2f} ({min(values):.2f}–{max(values):.2f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=FIGURES)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--clients", type=int, help="default: 10,000, for `fast` 2,000")
    arguments = parser.parse_args()
    clients = arguments.clients or (2000 if arguments.figure == "fast" else 10000)
    variants = FIGURES[arguments.figure]
    runs = {name: [] for name, _, _ in variants}
    for turn in range(arguments.runs):
        for name, settings, load in variants:
            runs[name].append(measure(settings, load, clients))
            print(f"turn {turn + 1} of {arguments.runs}: {name} done", file=sys.stderr)
    for name, done in runs.items():
        show(name, done)
    if len(variants) == 2:
        (first, *_), (second, *_) = variants
        cpu = SHOWN["CPU µs a delivery"]
        ratios = [cpu(b) / cpu(a) for a, b in zip(runs[first], runs[second])]
        print(f"CPU of {second} / {first}: {statistics.median(ratios):.3f} ({min(ratios):.3f}–{max(ratios):.3f})")


main()
