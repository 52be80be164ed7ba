#!/usr/bin/env python3
"""Measures the figures of docs/performance.md: each run on a fresh server, in turns whose order swaps,
medians and spread.

    loadtest/figures.py FIGURE [--runs 5] [--clients 10000] [--seconds 120]

broadcast   everybody on one game, both ways to write, beside the bare loop
one-shard   the same with one shard
fast        200 plays a second
slate       a Sunday at ten times its speed, 15-player rosters
lineups     the same, each client with its 15 players one by one, and as one lineup
coding      JSON, the binary coding, JSON compressed
stalled     the others' latency while a tenth of the clients does not read
probe       how soon a busy server answers, both ways to write
hostile     2,000 clients, and the same beside 2,000 hostile ones, who must all be gone 75 s after the end
metrics     metrics and logs off; and on: logs in JSON, /metrics read every second
ingest      plays a second, with the event log and without
predictions a Sunday at ten times its speed without predictions, and with them; how soon the next play's is there

Needs a release build (cargo build --release --workspace) and a machine with nothing else to do.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import typing
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"

BROADCAST = ["broadcast", "--floor"]
FAST = ["broadcast", "--events", "2000", "--interval-ms", "5", "--floor"]
PROBE = ["broadcast", "--probe", "--kernel-times", "--floor"]
# Long enough for those who stall to be found out (`clients.stall_timeout_ms`), and for some to come back.
QUIET = ["broadcast", "--events", "200"]
INGEST = ["ingest", "--events", "500000"]
HOSTILE = QUIET + ["--hostile", "2000", "--hostile-gone-s", "75"]
LISTENS_WITHIN_S = 10
# But for the line that tells the address.
OFF = {"METRICS__ENABLED": "false", "LOG__FILTER": "off,scorewire::command=info"}
ON = {"METRICS__ENABLED": "true", "LOG__FILTER": "info", "LOG__FORMAT": "json"}


class Variant(typing.NamedTuple):
    name: str
    settings: dict  # the server's
    load: list  # what the load test does
    scraped: bool = False  # whether somebody reads /metrics meanwhile
    counted: bool = False  # whether /metrics is read at the end, for its histograms


def by_writer(load, **settings):
    return [Variant(writer, {"FANOUT__WRITER": writer, **settings}, load) for writer in ("send", "uring")]


# For each figure its variants, which take turns.
FIGURES = {
    "broadcast": by_writer(BROADCAST),
    "one-shard": by_writer(BROADCAST, SERVER__SHARDS="1"),
    "fast": by_writer(FAST),
    "slate": [Variant("slate", {}, ["slate", "--speed", "10", "--floor"])],
    "lineups": [
        Variant("players", {}, ["slate", "--speed", "10"]),
        Variant("lineups", {}, ["slate", "--speed", "10", "--lineups"], counted=True),
    ],
    "coding": [
        Variant("json", {}, BROADCAST),
        Variant("bin", {}, BROADCAST + ["--coding", "bin"]),
        Variant("json+deflate", {}, BROADCAST + ["--deflate"]),
    ],
    "predictions": [
        Variant(name, {"PREDICT__ENABLED": enabled}, ["slate", "--speed", "10"], counted=enabled == "true")
        for name, enabled in (("off", "false"), ("on", "true"))
    ],
    "stalled": [Variant("stalled", {}, ["stalled"])],
    "probe": by_writer(PROBE),
    "metrics": [Variant("off", OFF, ["broadcast"]), Variant("on", ON, ["broadcast"], scraped=True)],
    "hostile": [Variant("quiet", {}, QUIET), Variant("hostile", {}, HOSTILE)],
    "ingest": [
        Variant(durability, {"STORE__DURABILITY": durability, "ENGINE__GAMES_MAX": "16384"}, INGEST)
        for durability in ("group", "memory")
    ],
}
CLIENTS = {"fast": 2000, "hostile": 2000}


def extra(name):
    return lambda run: run["extra"][name]


def score_path(server):
    """The part of the server's CPU that did not go into predicting."""
    return 1 - server["predicting_cpu_s"] / server["cpu_s"]


def buckets(run, name, label=""):
    """A histogram of the server's: bounds in seconds, and how many there are up to each."""
    line = re.compile(rf'{name}_bucket{{{label}{"," if label else ""}le="([^"]+)"}} (\d+)')
    return [(float(bound), int(count)) for bound, count in line.findall(run["metrics"])]


def quantile_ms(run, share, name, label=""):
    """As Prometheus has it: linear within a bucket; nothing where nothing was counted."""
    below, counted = 0, 0
    told = buckets(run, name, label)
    wanted = share * told[-1][1] if told else 0
    for bound, count in told:
        if count >= wanted > 0:
            return 1e3 * (below + (bound - below) * (wanted - counted) / (count - counted)) if bound != float("inf") else 1e3 * below
        below, counted = bound, count
    return None


def share_within(run, seconds, name, label=""):
    """How many took at most as long as one of the bounds, of all."""
    told = dict(buckets(run, name, label))
    return told[seconds] / told[float("inf")]


def longest(figures):
    """The longest that a hostile connection stood."""
    return max((value for name, value in figures.items() if name.endswith("_longest_s")), default=None)


# What is shown of a run: name and where it stands in the report.
SHOWN = {
    "CPU µs a delivery": lambda run: run["server"]["cpu_us_per_delivery"],
    "the score path's": lambda run: score_path(run["server"]) * run["server"]["cpu_us_per_delivery"],
    "p50 ms": lambda run: run["latency"]["p50_ms"],
    "p99 ms": lambda run: run["latency"]["p99_ms"],
    "last ms (median)": lambda run: run["last"]["p50_ms"],
    "KiB a connection": lambda run: run["server"]["rss_per_connection_kib"],
    "connected in s": lambda run: run["connect_s"],
    "bytes a delivery": lambda run: run["frame_bytes"] / run["deliveries"],
    "frames a delivery": lambda run: run["frames"] / run["deliveries"],
    "receiver CPU µs": lambda run: run["client_cpu_us_per_delivery"],
    "floor CPU µs": lambda run: run["floors"][0]["cpu_us_per_delivery"],
    "floor p99 ms": lambda run: run["floors"][0]["latency"]["p99_ms"],
    "floor last ms": lambda run: run["floors"][0]["last"]["p50_ms"],
    "CPU / floor": lambda run: run["floors"][0]["cpu_ratio"],
    "p99 / floor": lambda run: run["floors"][0]["p99_ratio"],
    "last / floor": lambda run: run["floors"][0]["last_ratio"],
    "all reading: p99 ms": extra("reading_p99_ms"),
    "some stalled: p99 ms": extra("stalled_p99_ms"),
    "stalled / reading": extra("stalled_p99_ratio"),
    "all reading: cores": extra("reading_server_cores"),
    "some stalled: cores": extra("stalled_server_cores"),
    "hostile connections": extra("hostile_connections"),
    "refused of those": extra("hostile_refused"),
    "hostile CPU s": extra("hostile_cpu_s"),
    "longest stood, s": lambda run: longest(run["extra"]),
}
# From a play's or a snap's arrival to the next play's prediction in its topic, and a model's run, on the server.
NEXT_PLAY = ("scorewire_prediction_seconds", 'what="next_play"')
for share in (0.5, 0.99):
    SHOWN[f"next play p{share * 100:.0f} ms"] = lambda run, share=share: quantile_ms(run, share, *NEXT_PLAY)
    SHOWN[f"inference p{share * 100:.0f} ms"] = lambda run, share=share: quantile_ms(run, share, "scorewire_inference_seconds")
    SHOWN[f"in lineups p{share * 100:.0f} ms"] = lambda run, share=share: quantile_ms(run, share, "scorewire_state_to_lineups_seconds")
SHOWN["next play within 5 ms"] = lambda run: share_within(run, 0.005, *NEXT_PLAY)
for question in ("ping", "subscribe", "connect"):
    for part in ("p50", "p99"):
        SHOWN[f"{question} {part} ms"] = extra(f"probe_walk_{question}_{part}_ms")
    SHOWN[f"floor {question} p99 ms"] = extra(f"probe_floor_send_walk_{question}_p99_ms")

# The same for `ingest`, whose watchers are few, and not timed.
SHOWN_OF_FEEDS = {
    "events a second": extra("events_per_s"),
    "accepted a second": extra("accepted_per_s"),
    "CPU µs an event": extra("server_cpu_us_per_event"),
    "stat records an event": extra("stat_records_per_event"),
}

# Of these the ratio to the first variant is told, too.
COMPARED = ["CPU µs a delivery", "the score path's", "p50 ms", "p99 ms", "last ms (median)", "bytes a delivery", "ping p99 ms", "subscribe p99 ms", "connect p99 ms"]


def measure(variant, options):
    """One run against a server of its own; the load test's report."""
    environment = dict(os.environ, **{"SCOREWIRE__" + key: value for key, value in variant.settings.items()})
    with tempfile.TemporaryDirectory() as folder:
        log, report = pathlib.Path(folder) / "server.log", pathlib.Path(folder) / "report.json"
        with log.open("w") as errors:
            serve = [TARGET / "scorewire", "serve", "--bind", "127.0.0.1:0", "--data-dir", pathlib.Path(folder) / "log"]
            server = subprocess.Popen(serve, env=environment, stderr=errors)
        try:
            address = listens(server, log)
            if address is None:
                sys.exit(f"the server does not listen\n{log.read_text()}")
            command = [TARGET / "scorewire-loadtest", "run", *variant.load, *options, "--url", f"ws://{address}"]
            command += ["--server-pid", str(server.pid), "--json", report]
            with scraping(address) if variant.scraped else contextlib.nullcontext():
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if done.returncode != 0:
                sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
            run = json.loads(report.read_text())
            if variant.counted:
                run["metrics"] = page(address)
            return run
        finally:
            server.send_signal(signal.SIGKILL)
            server.wait()


def page(address):
    """What /metrics shows."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(f"http://{address}/metrics", timeout=10) as answer:
        return answer.read().decode()


@contextlib.contextmanager
def scraping(address):
    """Reads /metrics every second, as an eager collector does; no run counts in which that failed."""
    ended, failures = threading.Event(), []

    def scrape():
        while not ended.wait(1):
            try:
                page(address)
            except Exception as error:
                failures.append(error)

    reader = threading.Thread(target=scrape)
    reader.start()
    try:
        yield
    finally:
        ended.set()
        reader.join()
    if failures:
        sys.exit(f"/metrics could not be read: {failures[0]}")


def listens(server, log):
    """The address that a server listens on, by its log in text or JSON; nothing where it does not listen."""
    began = time.monotonic()
    while server.poll() is None and time.monotonic() < began + LISTENS_WITHIN_S:
        for line in log.read_text().split("\n")[:-1]:
            if "listening" in line and (told := re.search(r'\baddress[=":]+([\d.]+:\d+)', line)):
                return told[1]
        time.sleep(0.05)
    return None


def values(runs, figure):
    """The figure of each run; none where one of them does not have it."""
    try:
        figures = [figure(run) for run in runs]
    except (KeyError, IndexError, TypeError, ZeroDivisionError):
        return []
    return [] if None in figures else figures


def spread(figures, digits):
    return f"{statistics.median(figures):.{digits}f} ({min(figures):.{digits}f}–{max(figures):.{digits}f})"


def show(runs, shown):
    """Each variant's figures, then the ratios of the later ones to the first, turn by turn."""
    for name, done in runs.items():
        print(f"{name}: median of {len(done)} (least–most)")
        for label, figure in shown.items():
            if figures := values(done, figure):
                print(f"  {label:22} {spread(figures, 2)}")
    (first, base), *others = runs.items()
    for name, done in others:
        print(f"{name} / {first}: median of {len(done)} pairs (least–most)")
        for label in COMPARED:
            pairs = list(zip(values(base, shown[label]), values(done, shown[label])))
            if pairs and all(before for before, _ in pairs):
                print(f"  {label:22} {spread([after / before for before, after in pairs], 3)}")


def conditions(figure, run):
    """Which machine, when, who: without that a figure says nothing."""
    machine, day = run["machine"], time.strftime("%Y-%m-%d", time.gmtime(run["began_us"] / 1e6))
    who = f"{run['extra']['feeds']:.0f} feeds" if figure == "ingest" else f"{run['clients']} clients"
    return f"{figure}: {machine['cores']} cores ({machine['model']}), Linux {machine['kernel']}; {day}; {who}"


def minutes(seconds):
    return f"{int(seconds) // 60} min {int(seconds) % 60:02} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figure", choices=FIGURES)
    parser.add_argument("--runs", type=int, default=5, help="turns; default: 5")
    parser.add_argument("--clients", type=int, help="default: 10,000, for `fast` and `hostile` 2,000; `ingest` has its own")
    parser.add_argument("--seconds", type=int, default=120, help="length of a run of `slate`, `predictions` and `lineups`; default: 120")
    arguments = parser.parse_args()
    figure, variants = arguments.figure, FIGURES[arguments.figure]
    options = [] if figure == "ingest" else ["--clients", str(arguments.clients or CLIENTS.get(figure, 10000))]
    options += ["--seconds", str(arguments.seconds)] if figure in ("slate", "predictions", "lineups") else []
    runs = {variant.name: [] for variant in variants}
    begun, done, due = time.monotonic(), 0, arguments.runs * len(variants)
    for turn in range(arguments.runs):
        # Whoever comes second in one turn comes first in the next: what a run leaves behind hits all alike.
        for variant in variants if turn % 2 == 0 else reversed(variants):
            runs[variant.name].append(measure(variant, options))
            done += 1
            left = (time.monotonic() - begun) / done * (due - done)
            print(f"turn {turn + 1} of {arguments.runs}: {variant.name} done, about {minutes(left)} left", file=sys.stderr)
    print(conditions(figure, runs[variants[0].name][0]))
    show(runs, SHOWN_OF_FEEDS if figure == "ingest" else SHOWN)


# Told to end, it ends its server, too.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
main()
