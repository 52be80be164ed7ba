#!/usr/bin/env python3
"""Measures the figures of several nodes in docs/performance.md, all of them, Redis and the clients on this machine.

    loadtest/cluster.py FIGURE [--runs 5] [--clients 1000]

edges       plays to all clients: a server that is alone; then an engine that the feed posts to, and 1, 2, 4 edges
            that share the clients
slate       the same of a Sunday at ten times its speed, 15-player rosters
ingest      plays a second: a server that is alone, and an engine beside an edge
takeover    an engine is killed: until another one owns all of its partitions
start       an edge starts behind 200,000 plays: with bases, and with the whole streams

Needs a release build (cargo build --release --workspace), redis-server, and a machine with nothing else to do.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
PARTITIONS = 16
LISTENS_WITHIN_S = 60
LOADS = {
    "edges": ["broadcast", "--events", "200", "--interval-ms", "100"],
    "slate": ["slate", "--speed", "10", "--seconds", "30"],
    "ingest": ["ingest", "--events", "100000"],
}
SHOWN = {
    "p50 ms": lambda run: run["latency"]["p50_ms"],
    "p99 ms": lambda run: run["latency"]["p99_ms"],
    "last ms (median)": lambda run: run["last"]["p50_ms"],
    "events a second": lambda run: run["extra"]["events_per_s"],
    "nodes' CPU s": lambda run: run["nodes_cpu_s"],
    "Redis' CPU s": lambda run: run["redis_cpu_s"],
    "Redis sent MB": lambda run: run["redis_sent_mb"],
}


class Started(contextlib.ExitStack):
    """Redis and nodes; they end with this."""

    def __init__(self):
        super().__init__()
        self.folder = pathlib.Path(self.enter_context(tempfile.TemporaryDirectory()))
        self.nodes, self.redis, self.port = [], None, None

    def start_redis(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        command += ["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""]
        self.redis = self.process(command, stdout=subprocess.DEVNULL)
        began = time.monotonic()
        while not self.ask("PING").startswith("+PONG"):
            if time.monotonic() > began + LISTENS_WITHIN_S:
                sys.exit("redis-server does not answer")
            time.sleep(0.02)

    def ask(self, command):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as asked:
                asked.sendall(command.encode() + b"\r\n")
                return asked.recv(65536).decode(errors="replace")
        except OSError:
            return ""

    def process(self, command, **options):
        process = subprocess.Popen(command, **options)

        def end():
            process.kill()
            process.wait()

        self.callback(end)
        return process

    def start_node(self, role, **settings):
        """Returns the process and where it listens."""
        log = self.folder / f"node-{len(self.nodes)}.log"
        settings = {"CLUSTER__ROLE": role, "SERVER__SHARDS": "1", "PREDICT__ENABLED": "false", **settings}
        if role != "all":
            settings |= {"CLUSTER__REDIS": f"redis://127.0.0.1:{self.port}", "CLUSTER__NODE": f"node-{len(self.nodes)}"}
            settings |= {"CLUSTER__PARTITIONS": str(PARTITIONS)}
        environment = dict(os.environ, **{"SCOREWIRE__" + key: value for key, value in settings.items()})
        serve = [TARGET / "scorewire", "serve", "--bind", "127.0.0.1:0", "--data-dir", self.folder / log.stem]
        with log.open("w") as errors:
            node = self.process(serve, env=environment, stderr=errors)
        began = time.monotonic()
        while node.poll() is None and time.monotonic() < began + LISTENS_WITHIN_S:
            for line in log.read_text().split("\n")[:-1]:
                if "listening" in line and (told := re.search(r"\baddress[=\":]+([\d.]+:\d+)", line)):
                    self.nodes.append(node)
                    return node, told[1]
            time.sleep(0.005)
        sys.exit(f"the node does not listen\n{log.read_text()}")


def metric(address, name):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://{address}/metrics", timeout=10) as answer:
        told = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)
    return float(told[1]) if told else 0.0


def cpu_s(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(what, holds):
    began = time.monotonic()
    while not holds():
        if time.monotonic() > began + LISTENS_WITHIN_S:
            sys.exit(f"{what}: not within {LISTENS_WITHIN_S} s")
        time.sleep(0.01)
    return time.monotonic() - began


def owned(address):
    return metric(address, "scorewire_cluster_partitions_owned")


def run_load(started, load, ingest, clients_at):
    report = started.folder / "report.json"
    command = [TARGET / "scorewire-loadtest", "run", *load, "--url", f"ws://{clients_at[0]}", "--ingest-url", f"http://{ingest}", "--json", report]
    for other in clients_at[1:]:
        command += ["--also-url", f"ws://{other}"]
    before = [cpu_s(node) for node in started.nodes]
    redis_before = (cpu_s(started.redis), sent(started)) if started.redis else None
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    run = json.loads(report.read_text())
    run["nodes_cpu_s"] = sum(cpu_s(node) for node in started.nodes) - sum(before)
    if redis_before:
        run["redis_cpu_s"] = cpu_s(started.redis) - redis_before[0]
        run["redis_sent_mb"] = (sent(started) - redis_before[1]) / 1e6
    return run


def sent(started):
    return int(re.search(r"total_net_output_bytes:(\d+)", started.ask("INFO stats"))[1])


def measure(load, edges):
    """One run; `edges` is nothing for a server that is alone."""
    with Started() as started:
        if edges is None:
            _, address = started.start_node("all")
            return run_load(started, load, address, [address])
        started.start_redis()
        _, engine = started.start_node("engine")
        until("it owns all", lambda: owned(engine) == PARTITIONS)
        clients_at = [started.start_node("edge")[1] for _ in range(edges)] or [engine]
        return run_load(started, load, engine, clients_at)


def takeover(runs):
    took = []
    with Started() as started:
        started.start_redis()
        node, address = started.start_node("engine")
        until("it owns all", lambda: owned(address) == PARTITIONS)
        for _ in range(runs):
            other, other_address = started.start_node("engine")
            until("they share", lambda: owned(other_address) == PARTITIONS // 2)
            # Some renewals, so that the kill comes at any moment between two.
            time.sleep(1 + took[-1] % 0.4 if took else 1)
            node.kill()
            took.append(until("another one takes over", lambda: owned(other_address) == PARTITIONS))
            node, address = other, other_address
    print(f"another engine owns all {PARTITIONS} partitions after {spread(took)} s")


def start(runs):
    for name, settings in {"bases": {"CLUSTER__BASE_EVERY_S": "1"}, "whole streams": {"CLUSTER__BASE_EVERY_S": "86400", "CLUSTER__BASE_EVERY_RECORDS": "1000000000"}}.items():
        with Started() as started:
            started.start_redis()
            _, engine = started.start_node("engine", **settings)
            until("it owns all", lambda: owned(engine) == PARTITIONS)
            run_load(started, ["ingest", "--events", "200000"], engine, [engine])
            if name == "bases":
                until("bases cover all", lambda: metric(engine, "scorewire_cluster_records_since_base") == 0)
            took = []
            for _ in range(runs):
                began = time.monotonic()
                node, _ = started.start_node("edge")
                took.append(time.monotonic() - began)
                node.send_signal(signal.SIGTERM)
                node.wait()
            memory = re.search(r"used_memory:(\d+)", started.ask("INFO memory"))[1]
            print(f"{name}: an edge listens after {spread(took)} s; Redis holds {int(memory) / 1e6:.0f} MB")


def spread(figures):
    return f"{statistics.median(figures):.2f} ({min(figures):.2f}–{max(figures):.2f})"


def values(runs, figure):
    try:
        return [figure(run) for run in runs]
    except KeyError:
        return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=[*LOADS, "takeover", "start"])
    parser.add_argument("--runs", type=int, default=5, help="turns; default: 5")
    parser.add_argument("--clients", type=int, default=1000, help="default: 1,000")
    arguments = parser.parse_args()
    if arguments.figure == "takeover":
        return takeover(arguments.runs)
    if arguments.figure == "start":
        return start(arguments.runs)
    load = LOADS[arguments.figure] + ([] if arguments.figure == "ingest" else ["--clients", str(arguments.clients)])
    counts = [None, 1] if arguments.figure == "ingest" else [None, 0, 1, 2, 4]
    runs = {count: [] for count in counts}
    for turn in range(arguments.runs):
        for count in counts if turn % 2 == 0 else reversed(counts):
            runs[count].append(measure(load, count))
        print(f"turn {turn + 1} of {arguments.runs} done", file=sys.stderr)
    for count, done in runs.items():
        name = "alone" if count is None else f"an engine and {count} edges"
        print(f"{name}: median of {len(done)} (least–most)")
        for label, figure in SHOWN.items():
            if figures := values(done, figure):
                print(f"  {label:18} {spread(figures)}")
        for label in ("p50 ms", "p99 ms") if count is not None and arguments.figure != "ingest" else ():
            more = [SHOWN[label](run) - SHOWN[label](alone) for alone, run in zip(runs[None], done)]
            print(f"  {label + ' more':18} {spread(more)}")


# Told to end, it ends what it started, too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
main()
