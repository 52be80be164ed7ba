#!/usr/bin/env python3
"""Writes scorewire.json, the dashboard; with --check says whether it is what this writes.

One line a query: what stands in the JSON beside it (ids, places, options) is the same for all panels of a kind.
Edit here, not in Grafana: an exported dashboard has everything in another order.
"""

import json
import pathlib
import sys

OUT = pathlib.Path(__file__).with_name("scorewire.json")
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
# What every query is narrowed to.
S = 'job=~"$job", instance=~"$instance"'
R = "$__rate_interval"
COLUMNS = 24
RED, AMBER, GREEN = "red", "orange", "green"

panels = []
place = {"x": 0, "y": 0, "row_height": 0}


def put(panel, width, height):
    """Gives a panel its id and the next place, from left to right."""
    if place["x"] + width > COLUMNS:
        place["x"], place["y"] = 0, place["y"] + place["row_height"]
        place["row_height"] = 0
    panel = {"id": len(panels) + 1, **panel}
    panel["gridPos"] = {"h": height, "w": width, "x": place["x"], "y": place["y"]}
    panels.append(panel)
    place["x"] += width
    place["row_height"] = max(place["row_height"], height)


def row(title):
    place["x"], place["y"] = 0, place["y"] + place["row_height"]
    place["row_height"] = 0
    put({"type": "row", "title": title, "collapsed": False, "panels": []}, COLUMNS, 1)
    place["x"], place["y"], place["row_height"] = 0, place["y"] + 1, 0


def targets(queries, instant=False, form="time_series"):
    return [
        {
            "refId": chr(ord("A") + number),
            "datasource": SOURCE,
            "editorMode": "code",
            "expr": expr,
            "legendFormat": legend,
            "format": form,
            "instant": instant,
            "range": not instant,
        }
        for number, (expr, legend) in enumerate(queries)
    ]


def thresholds(steps):
    """Steps as (from, color), the first from below."""
    return {"mode": "absolute", "steps": [{"color": color, "value": value} for value, color in steps]}


def stat(title, text, unit, expr, steps=((None, GREEN),), decimals=None):
    defaults = {"unit": unit, "thresholds": thresholds(steps), "mappings": []}
    if decimals is not None:
        defaults["decimals"] = decimals
    put(
        {
            "type": "stat",
            "title": title,
            "description": text,
            "datasource": SOURCE,
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "options": {
                "colorMode": "value",
                "graphMode": "area",
                "justifyMode": "auto",
                "textMode": "auto",
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            },
            "targets": targets([(expr, title)]),
        },
        4,
        4,
    )


def chart(title, text, unit, *queries, line=None, stacked=False, least=0, width=8):
    """Lines over time; `line` is where the objective or a limit stands."""
    custom = {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 25 if stacked else 5,
        "showPoints": "never",
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "line" if line is not None else "off"},
    }
    steps = [(None, GREEN)] if line is None else [(None, GREEN), (line, RED)]
    defaults = {"unit": unit, "custom": custom, "thresholds": thresholds(steps)}
    if least is not None:
        defaults["min"] = least
    put(
        {
            "type": "timeseries",
            "title": title,
            "description": text,
            "datasource": SOURCE,
            "fieldConfig": {"defaults": defaults, "overrides": []},
            "options": {
                "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
                "tooltip": {"mode": "multi", "sort": "desc"},
            },
            "targets": targets(queries),
        },
        width,
        8,
    )


def heatmap(title, text, expr):
    put(
        {
            "type": "heatmap",
            "title": title,
            "description": text,
            "datasource": SOURCE,
            "fieldConfig": {"defaults": {}, "overrides": []},
            "options": {
                "calculate": False,
                "cellGap": 1,
                "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64, "exponent": 0.5, "fill": "dark-orange", "scale": "exponential"},
                "yAxis": {"unit": "s", "axisPlacement": "left", "reverse": False},
                "tooltip": {"show": True, "yHistogram": False},
                "legend": {"show": True},
            },
            "targets": targets([(expr, "{{le}}")], form="heatmap"),
        },
        8,
        8,
    )


def per_second(metric, by, labels=""):
    inner = f"{S}, {labels}" if labels else S
    return f"sum by ({by}) (rate({metric}{{{inner}}}[{R}]))"


def total(metric, labels=""):
    inner = f"{S}, {labels}" if labels else S
    return f"sum(rate({metric}{{{inner}}}[{R}]))"


def quantile(share, metric, by="", labels=""):
    inner = f"{S}, {labels}" if labels else S
    by = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({by}) (rate({metric}_bucket{{{inner}}}[{R}])))"


row("Now")
stat("Nodes that answer", "Nodes whose scrape works.", "none", f"sum(up{{{S}}})", ((None, RED), (1, GREEN)))
stat("Alerts", "Alerts that fire now; docs/alerts.md says what to do.", "none", 'count(ALERTS{alertname=~"Scorewire.*", alertstate="firing"}) or vector(0)', ((None, GREEN), (1, RED)))
stat("Clients", "Open WebSockets and event streams.", "short", f"sum(scorewire_connections{{{S}}})")
stat("Games under way", "Games that are being played, as feeds say.", "none", f"max(scorewire_games_live{{{S}}})")
stat("Feed heard", "How long ago any feed told of any game. Only while games are under way does it matter.", "s", f"min(scorewire_feed_last_heard_seconds{{{S}}})", ((None, GREEN), (60, AMBER), (300, RED)), 0)
stat("Memory level", "How much is shed for want of memory, 0 to 5: docs/memory.md.", "none", f"max(scorewire_memory_pressure{{{S}}})", ((None, GREEN), (1, AMBER), (4, RED)))
stat("Events", "Events of games, a second, from all feeds.", "eps", total("scorewire_feed_events_total"), decimals=1)
stat("Deliveries", "Changes written to clients, a second.", "cps", total("scorewire_changes_delivered_total", 'outcome="written"'))
stat("Slowest stage, p99", "The slowest stage of the slowest node over five minutes; all together should take 10 ms.", "s", f'max(instance:scorewire_stage_seconds:p99{{{S}, stage!="walk"}})', ((None, GREEN), (0.005, AMBER), (0.010, RED)))
stat("Late, last hour", "At most this share of the deliveries took over 10 ms: docs/slo.md.", "percentunit", "scorewire:slo_late:ratio_rate1h", ((None, GREEN), (0.01, RED)), 2)
stat("Latency budget left", "Of the 1% that may be late in 28 days.", "percentunit", "1 - scorewire:slo_late:ratio_rate28d / 0.01", ((None, RED), (0, AMBER), (0.25, GREEN)), 0)
stat("Availability budget left", "Of the 0.1% of the time that nodes may be away in 28 days.", "percentunit", "1 - scorewire:slo_unavailable:ratio28d / 0.001", ((None, RED), (0, AMBER), (0.25, GREEN)), 0)
chart("Clients", "By node.", "short", (f"sum by (instance) (scorewire_connections{{{S}}})", "{{instance}}"), stacked=True)
chart("Clients that come", "Taken in, and turned away by reason: pace is a crowd that is told when to come, full is a node without room.", "cps", (total("scorewire_connections_opened_total"), "taken in"), (per_second("scorewire_connections_refused_total", "reason"), "turned away: {{reason}}"), (total("scorewire_memory_shed_total", 'what="connections"'), "turned away: memory"))
chart("Slowest stages, p99", "Of all nodes. The line is the 10 ms that all stages together should take.", "s", (f'max by (stage) (instance:scorewire_stage_seconds:p99{{{S}, stage!="walk"}})', "{{stage}}"), line=0.010)

row("Latency per stage")
STAGES = ("ingest_to_state", "state_to_encode", "encode_to_written")
chart("p99", "Of all nodes together, from a batch's arrival to the sockets: log and state, waiting for the shard, fan-out.", "s", *((quantile(0.99, f"scorewire_{stage}_seconds"), stage) for stage in STAGES), line=0.010)
chart("p50", "The same, the median.", "s", *((quantile(0.5, f"scorewire_{stage}_seconds"), stage) for stage in STAGES))
chart("Late deliveries", "The share of deliveries that took over 10 ms is at most this; the line is what the objective allows.", "percentunit", ("scorewire:slo_late:ratio_rate5m", "five minutes"), ("scorewire:slo_late:ratio_rate1h", "an hour"), line=0.01)
heatmap("From encoding to sockets", "Deliveries by how long they took: a second band far above the first is one crowded topic, not every client.", f"sum by (le) (rate(scorewire_encode_to_written_seconds_bucket{{{S}}}[{R}]))")
chart("From the feed's clock", "How old an event is when it comes in. Both clocks' errors are in it: docs/slo.md.", "s", (quantile(0.5, "scorewire_feed_to_ingest_seconds"), "p50"), (quantile(0.99, "scorewire_feed_to_ingest_seconds"), "p99"))
chart("Lineups", "From an event's effect to the shards being told of the lineups that it moved.", "s", (quantile(0.5, "scorewire_state_to_lineups_seconds"), "p50"), (quantile(0.99, "scorewire_state_to_lineups_seconds"), "p99"), line=0.010)

row("Fan-out and fairness")
chart("Changes by outcome", "Offered equals written, merged, expired and abandoned together, but for what is pending.", "cps", (per_second("scorewire_changes_delivered_total", "outcome"), "{{outcome}}"))
chart("Merged", "Changes that went out merged with later ones, of those offered. Clients that ask for a rate of their own merge, too.", "percentunit", (f"instance:scorewire_changes_merged:ratio_rate5m{{{S}}}", "{{instance}}"), line=0.5)
chart("Spread of a fan-out", "From the first client of a walk to the last: how much later the last one hears of a play. Each walk begins at another client.", "s", (quantile(0.5, "scorewire_fanout_walk_seconds"), "p50"), (quantile(0.99, "scorewire_fanout_walk_seconds"), "p99"))
chart("Clients that take no bytes", "Their sockets are full now, and those closed for it, a second.", "short", (f"sum by (instance) (scorewire_slow_clients{{{S}}})", "{{instance}}"), (total("scorewire_connections_closed_total", 'reason="stalled"'), "closed a second"))
chart("Clients that go", "By reason: the close codes of docs/protocol.md.", "cps", (per_second("scorewire_connections_closed_total", "reason"), "{{reason}}"))
chart("Pending", "Changes that clients have yet to be sent, and subscriptions.", "short", (f"sum(scorewire_changes_pending{{{S}}})", "changes pending"), (f"sum(scorewire_subscriptions{{{S}}})", "subscriptions"))
chart("Queues and rings", "How full, of what the settings allow. A ring may be full for good; a queue may not.", "percentunit", (f'max by (of) (instance:scorewire_fill:ratio{{{S}, of=~"ring|notices|commands|jobs"}})', "{{of}}"), line=0.75)
chart("Signs of too much", "Looks at every topic because news found no room; walks put off for a rest; writes that sockets refused.", "cps", (total("scorewire_shard_resyncs_total"), "looks at every topic"), (total("scorewire_lineup_resyncs_total"), "looks at every lineup"), (total("scorewire_walks_rested_total"), "walks rested"), (total("scorewire_writes_refused_total"), "writes refused"))
chart("Bytes to clients", "What their sockets took, and what compression made of the frames that were compressed.", "Bps", (total("scorewire_sent_bytes_total"), "sent"), (per_second("scorewire_deflated_bytes_total", "side"), "compressed: {{side}}"))
chart("Topics and lineups", "Topics that are watched or have a history, and fans' lineups.", "short", (f"sum(scorewire_topics{{{S}}})", "topics"), (f"sum(scorewire_lineups{{{S}}})", "lineups"), (f"sum(scorewire_ring_entries{{{S}}})", "changes in rings"))
chart("Snapshots", "Frames that say everything, for newcomers and for those whom a ring has passed.", "cps", (total("scorewire_snapshots_written_total"), "snapshots"))
chart("What clients say", "Messages, by whether they made sense, and subscriptions refused.", "cps", (per_second("scorewire_client_messages_total", "outcome"), "{{outcome}}"), (per_second("scorewire_topics_refused_total", "reason"), "refused: {{reason}}"))

row("Feeds")
chart("Events by feed", "Whatever became of them. The label is the rank in feeds.sources.", "eps", (per_second("scorewire_feed_events_total", "source"), "{{source}}"))
chart("Events by outcome", "Repetitions are normal; rejected, full and too many are not.", "eps", (per_second("scorewire_events_total", "outcome"), "{{outcome}}"))
chart("Feed last heard", "How long ago each feed told of any game; the line is five minutes.", "s", (f"min by (source) (scorewire_feed_last_heard_seconds{{{S}}})", "{{source}}"), line=300)
chart("Games under way", "And those in which a feed is silent while another goes on.", "none", (f"max(scorewire_games_live{{{S}}})", "under way"), (f"max by (source) (scorewire_feed_silent_games{{{S}}})", "silent: {{source}}"))
chart("Feeds differ", "Plays of which feeds say different things now, and words that replaced another feed's.", "none", (f"max by (about) (scorewire_feed_differences{{{S}}})", "{{about}}"), (f"sum by (by) (increase(scorewire_feed_takeovers_total{{{S}}}[{R}]))", "taken over by {{by}}"))
chart("Requests refused", "By reason; log_unavailable, log_slow and busy keep events from getting in.", "reqps", (per_second("scorewire_requests_refused_total", "reason"), "{{reason}}"), (per_second("scorewire_auth_refused_total", "scope"), "no right to {{scope}}"))

row("Log")
chart("Takes events", "1 while it does; 0 while the disk fails and events are answered 503.", "none", (f"min by (instance) (scorewire_log_healthy{{{S}}})", "{{instance}}"))
chart("Last sync", "How long it took; feeds wait that long. The line is where an alert begins.", "s", (f"max by (instance) (scorewire_log_last_sync_seconds{{{S}}})", "{{instance}}"), line=0.1)
chart("Lag", "Bytes written and not yet on disk, and batches that wait, of what the settings allow.", "percentunit", (f'max by (instance, of) (instance:scorewire_fill:ratio{{{S}, of=~"unsynced_bytes|log_batches"}})', "{{of}} {{instance}}"), line=0.5)
chart("Writes and syncs", "One write or sync serves all that waits.", "iops", (total("scorewire_log_writes_total"), "writes"), (total("scorewire_log_syncs_total"), "syncs"), (total("scorewire_log_failures_total"), "failures"))
chart("Size", "Of the log's files, and of all with its snapshots, against store.bytes_max.", "bytes", (f"sum by (instance) (scorewire_log_bytes{{{S}}})", "log {{instance}}"), (f"sum by (instance) (scorewire_store_bytes{{{S}}})", "with snapshots {{instance}}"), (f'min(scorewire_limit{{{S}, what="store_bytes"}})', "limit"))
chart("Snapshots of the log", "Made, and rounds that failed, an hour.", "none", (f"sum by (outcome) (increase(scorewire_log_snapshots_total{{{S}}}[1h]))", "{{outcome}}"))

row("Cluster")
chart("Connected to Redis", "1 while it is; a node alone has no Redis.", "none", (f"min by (instance) (scorewire_cluster_connected{{{S}}})", "{{instance}}"))
chart("Behind Redis", "How old what a node shows its clients is; the line is where an alert begins.", "s", (f"max by (instance) (scorewire_cluster_late_seconds{{{S}}})", "{{instance}}"), line=5)
chart("Leases that change hands", "In five minutes. One failover moves all partitions of a node once; every minute some is no failover.", "none", (f"sum by (instance) (increase(scorewire_cluster_lease_changes_total{{{S}}}[5m]))", "{{instance}}"))

chart("Nodes", "That renew their entries in Redis, and those scraped that the others know by their names.", "none", (f"max(scorewire_cluster_nodes{{{S}}})", "nodes"), (f"sum(scorewire_cluster_listed{{{S}}})", "known to the others"))
chart("Clock against Redis'", "How far ahead it is; the line is where an alert begins, as on the other side of 0.", "s", (f"max by (instance) (scorewire_cluster_clock_offset_seconds{{{S}}})", "{{instance}}"), line=1, least=None)
chart("Questions that go up a tier", "That an edge could not answer from what it has, by what became of them. Answered, cached and joined got an engine's answer; unknown the edge's own; the others what is left on disk, or the edge's own.", "reqps", (per_second("scorewire_tier_requests_total", "result"), "{{result}}"))
chart("Answers kept by edges", "Looks into each layer of the cache, by what became of them. The disk is looked at where no engine answers; failed: the layer can't be asked, or has rubbish.", "reqps", (per_second("scorewire_cache_requests_total", "layer, result"), "{{layer}} {{result}}"))
chart("Size of what edges keep", "Of engines' answers, on each edge.", "bytes", (f"sum by (instance, layer) (scorewire_cache_bytes{{{S}}})", "{{instance}} {{layer}}"))

row("Predictions")
chart("Time to a prediction, p99", "From an event's arrival; of the next play 5 ms are promised.", "s", (quantile(0.99, "scorewire_prediction_seconds", "what"), "{{what}}"), line=0.005)
chart("Predictions by source", "A model's where it is sure enough, else history's.", "cps", (per_second("scorewire_predictions_total", "kind, source"), "{{kind}} {{source}}"))
chart("Worse than history", "By how much a version's mean log loss is above history's on the same outcomes, in nats: below 0 it is better.", "none", (f"max by (model, version) (instance:scorewire_model_log_loss:excess{{{S}}})", "{{model}} {{version}}"), line=0.02, least=None)
chart("Right where sure", "Accuracy, and the share of outcomes for which a version was sure.", "percentunit", (f'avg by (model, version) (scorewire_model_figures{{{S}, figure="accuracy"}})', "{{model}} {{version}} right"), (f'avg by (model, version) (scorewire_model_figures{{{S}, figure="coverage"}})', "{{model}} {{version}} sure"))
chart("Models", "Versions by state: resting, withdrawn and refused want a look at GET /v1/models.", "none", (f"sum by (state) (scorewire_models{{{S}}})", "{{state}}"))
chart("Runs of models", "How long a run takes, whatever its rows.", "s", (quantile(0.5, "scorewire_inference_seconds"), "p50"), (quantile(0.99, "scorewire_inference_seconds"), "p99"))
chart("Answers", "Questions to models by what became of them, and forecasts of players' points by source.", "cps", (per_second("scorewire_prediction_rows_total", "outcome"), "{{outcome}}"), (per_second("scorewire_points_forecasts_total", "source"), "points: {{source}}"), (total("scorewire_model_failed_runs_total"), "failed runs"))
chart("Threads that predict", "1 while they run; 0 also where predictions are turned off.", "none", (f"min by (instance) (scorewire_predictor_running{{{S}}})", "plays {{instance}}"), (f"min by (instance) (scorewire_points_running{{{S}}})", "points {{instance}}"))
chart("Calibration", "Where probabilities are right, what was forecast and what happened lie on each other; by tenths of the probability given.", "percentunit", (f'avg by (model, bin) (scorewire_model_calibration_ratio{{{S}, version!="historical", what="happened"}} - ignoring (what) scorewire_model_calibration_ratio{{{S}, version!="historical", what="forecast"}})', "{{model}} {{bin}}"), least=None)

row("Memory")
chart("Resident", "What the process holds, and its budget.", "bytes", (f"sum by (instance) (scorewire_memory_resident_bytes{{{S}}})", "{{instance}}"), (f"max(scorewire_memory_budget_bytes{{{S}}})", "budget"))
chart("Whose it is", "By estimate; what is in no account: games, code, stacks, what the allocator keeps.", "bytes", (f"sum by (owner) (scorewire_memory_bytes{{{S}}})", "{{owner}}"), stacked=True)
chart("Level and what went", "The level (docs/memory.md), and what was dropped or refused for it, a second.", "none", (f"max by (instance) (scorewire_memory_pressure{{{S}}})", "level {{instance}}"), (per_second("scorewire_memory_shed_total", "what"), "shed: {{what}}"))

row("Machine")
chart("CPU", "Cores in use by this process.", "none", (per_second("process_cpu_seconds_total", "instance"), "{{instance}}"))
chart("Descriptors and connections", "Of what the system and the settings allow.", "percentunit", (f'max by (instance, of) (instance:scorewire_fill:ratio{{{S}, of=~"descriptors|connections"}})', "{{of}} {{instance}}"), line=0.9)
chart("Up since", "How long each node has run: a fall is a restart.", "s", (f"time() - max by (instance) (process_start_time_seconds{{{S}}})", "{{instance}}"))
chart("Writers", "Shards by how they write, and times that io_uring was given up.", "none", (f"sum by (writer) (scorewire_shard_writers{{{S}}})", "{{writer}}"), (f"sum(increase(scorewire_uring_failures_total{{{S}}}[{R}]))", "given up"))
chart("TLS handshakes", "By how they ended; shed: too many were under way.", "cps", (per_second("scorewire_tls_handshakes_total", "outcome"), "{{outcome}}"))
chart("Certificate", "Time until it expires; the line is a week.", "s", (f"min by (instance) ((scorewire_tls_certificate_expiry_timestamp_seconds{{{S}}} > 0) - time())", "{{instance}}"), line=604800, least=None)
chart("GPU", "Part of the time in which something runs on it.", "percentunit", (f"max by (instance) (scorewire_gpu_use_ratio{{{S}}})", "{{instance}}"))
chart("GPU memory", "In use, whoever uses it.", "bytes", (f"max by (instance) (scorewire_gpu_memory_used_bytes{{{S}}})", "{{instance}}"))
chart("Drain", "How long ago a drain began, and how long it may take.", "s", (f"max by (instance) (scorewire_drain_seconds{{{S}}})", "{{instance}}"), (f'max(scorewire_limit{{{S}, what="drain_seconds"}})', "limit"))


def variable(name, label, query):
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": "scorewire.*" if name == "job" else ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


dashboard = {
    "uid": "scorewire",
    "title": "Scorewire",
    "description": "From feed to sockets: what to look at when a game begins, and where to look when something is wrong.",
    "tags": ["scorewire"],
    "schemaVersion": 39,
    "version": 1,
    "editable": True,
    "graphTooltip": 1,
    "refresh": "10s",
    "time": {"from": "now-1h", "to": "now"},
    "timezone": "browser",
    "templating": {
        "list": [
            {
                "type": "datasource",
                "name": "datasource",
                "label": "Prometheus",
                "query": "prometheus",
                "refresh": 1,
                "current": {"selected": False, "text": "Prometheus", "value": "prometheus"},
            },
            variable("job", "Job", 'label_values(up{job=~"scorewire.*"}, job)'),
            variable("instance", "Node", 'label_values(up{job=~"$job"}, instance)'),
        ]
    },
    "annotations": {
        "list": [
            {
                "name": "Alerts",
                "enable": True,
                "iconColor": RED,
                "datasource": SOURCE,
                "expr": 'ALERTS{alertname=~"Scorewire.*", alertstate="firing"}',
                "titleFormat": "{{alertname}}",
                "textFormat": "{{instance}}",
            }
        ]
    },
    "panels": panels,
}

text = json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
if sys.argv[1:] == ["--check"]:
    if not OUT.exists() or OUT.read_text(encoding="utf-8") != text:
        sys.exit(f"{OUT.name} is not what {pathlib.Path(__file__).name} writes: run it without --check")
elif sys.argv[1:]:
    sys.exit(__doc__)
else:
    OUT.write_text(text, encoding="utf-8")
