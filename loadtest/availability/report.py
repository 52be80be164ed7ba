"""The figures of a run, and the same for people."""

import os
import platform
import statistics
import book

SLOPE_FROM_S = 120  # a shorter life of a server says nothing about growth
SPARE_KIB = 4096  # what memory may grow by without a reason: allocators keep what they had once
SPARE_DESCRIPTORS = 8


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


def quantile(ordered, share):
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 2) if ordered else None


def summed(run, left_out):
    whole = [(0.0, run.seconds)]
    total = book.Sum(book.without(whole, book.union([(one.began, one.ended) for one in left_out])))
    for who in run.clients:
        total.add(who.book)
    return total.figures()


def lives(looks):
    """Memory and descriptors of each process, from its first look to its last."""
    told = []
    for life in sorted({look["life"] for look in looks}):
        mine = [look for look in looks if look["life"] == life]
        first, last = mine[0], mine[-1]
        figures = {"from_s": first["at_s"], "to_s": last["at_s"]}
        for name in ("rss_kib", "descriptors"):
            figures |= {f"{name}_first": first[name], f"{name}_last": last[name], f"{name}_max": max(look[name] for look in mine)}
        beside = [look["descriptors"] - look["clients"] for look in mine]
        figures |= {"descriptors_beside_clients_median": statistics.median(beside), "descriptors_beside_clients_last": beside[-1]}
        if last["at_s"] - first["at_s"] >= SLOPE_FROM_S:
            # The second half: by then everybody is back.
            later = mine[len(mine) // 2 :]
            slope = statistics.linear_regression([look["at_s"] for look in later], [look["rss_kib"] for look in later]).slope
            figures |= {"rss_kib_per_hour": round(slope * 3600), "slope_s": later[-1]["at_s"] - later[0]["at_s"]}
            quarter = max(len(mine) // 4, 1)
            figures["descriptors_beside_clients_more"] = statistics.median(beside[-quarter:]) - statistics.median(beside[:quarter])
        told.append(figures)
    return told


def growth(lives, games, seconds, growth_kib):
    """What of a server's lives may not be: memory that grows by more than `growth_kib` for each game over a run of so
    many seconds, as far as its slope was measured; descriptors that clients do not account for.
    """
    for life in lives:
        if "slope_s" not in life:
            continue
        when = f"the server from {clock(life['from_s'])} to {clock(life['to_s'])}"
        grew = life["rss_kib_per_hour"] * life["slope_s"] / 3600
        due = SPARE_KIB + growth_kib * games * life["slope_s"] / seconds
        if grew > due:
            yield f"{when} grew by {grew:.0f} KiB in its second half; its games account for {due:.0f}"
        if life["descriptors_beside_clients_more"] > SPARE_DESCRIPTORS:
            yield f"{when} had {life['descriptors_beside_clients_more']:g} descriptors beside its clients' more than at first"


def figures(run):
    incidents = [one for one in run.incidents if hasattr(one, "ended")]
    restarts = [one for one in incidents if one.kind == "restart"]
    for one in run.incidents:
        if one not in incidents:
            run.crowd.fault(f"the {one.kind} at {clock(one.began)} did not come to its end: {len(one.waiting)} clients are not back")
    if len(run.incidents) < run.given.kills + run.given.restarts:
        run.crowd.fault("there was no time for every kill and restart")
    share = summed(run, [])
    ordered = sorted(run.crowd.live_ms)
    feed = run.feed
    for fault in feed.faults:
        run.crowd.fault(fault)
    server_lives = lives(run.looks)
    for fault in growth(server_lives, run.given.games, run.seconds, run.given.growth_kib):
        run.crowd.fault(fault)
    p99 = quantile(ordered, 0.99)
    if p99 is None or p99 > run.given.limit_ms:
        run.crowd.fault(f"p99 is {p99} ms, the limit {run.given.limit_ms:g}")
    return {
        "ok": run.crowd.fault_count == 0 and share["good_percent"] >= run.given.target,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.platform()}",
        "options": vars(run.given),
        "speed": round(run.sunday.speed, 2),
        "share": share,
        "share_without_restarts": summed(run, restarts),
        "share_without_restarts_and_kills": summed(run, incidents),
        "incidents": [one.figures() for one in incidents],
        "latency_ms": {
            "p50": quantile(ordered, 0.5),
            "p99": p99,
            "p999": quantile(ordered, 0.999),
            "max": quantile(ordered, 1),
            "changes": len(ordered),
            "over_limit": sum(ms > run.given.limit_ms for ms in ordered),
        },
        "feed": {
            "events": feed.acknowledged,
            "requests": feed.requests,
            "tries": feed.tries,
            "answered_429_or_503": feed.refused,
            "lines_known_already": feed.known_already,
        },
        "clients": dict(sorted(run.crowd.counts.items())),
        "clients_right_at_the_end": list(run.complete),
        "own_lag_max_ms": round(run.lag_max_s * 1000, 1),
        "server_lives": server_lives,
        "looks": run.looks[:: max(1, len(run.looks) // 600)],
        "fault_count": run.crowd.fault_count,
        "faults": run.crowd.faults,
    }


def text(told):
    share, latency, options = told["share"], told["latency_ms"], told["options"]
    lines = [
        "",
        f"{'GOOD' if told['ok'] else 'NOT GOOD'}: {share['good_percent']} % of {share['client_seconds']:.0f} client-seconds are good "
        f"(target {options['target']} %), {told['fault_count']} faults",
        f"  without restarts {told['share_without_restarts']['good_percent']} %, without kills either "
        f"{told['share_without_restarts_and_kills']['good_percent']} %",
        f"  right totals in time, connected or not: {share['right_and_timely_connected_or_not_percent']} %; "
        f"whole seconds without a bad moment: {share['whole_seconds_good_percent']} %",
        "  bad client-seconds: " + ", ".join(f"{cause} {seconds}" for cause, seconds in share["bad_client_seconds"].items()),
        f"latency of changes due while connected: p50 {latency['p50']} ms, p99 {latency['p99']}, p99.9 {latency['p999']}, "
        f"max {latency['max']} of {latency['changes']}; {latency['over_limit']} over {options['limit_ms']:g} ms "
        f"(the clients' own loop was {told['own_lag_max_ms']} ms late at most)",
    ]
    for one in told["incidents"]:
        lines.append(
            f"{one['kind']} at {clock(one['at_s'])}: server ready after {one['server_ready_s']} s, of {one['clients']} clients "
            f"half back after {one['half_back_s']} s, all after {one['all_back_s']} s"
        )
    lines.append("feed: " + ", ".join(f"{name} {count}" for name, count in told["feed"].items()))
    lines.append("clients: " + ", ".join(f"{name} {count}" for name, count in told["clients"].items()))
    lines.append(f"clients that held every last total: {told['clients_right_at_the_end'][0]} of {told['clients_right_at_the_end'][1]}")
    for life in told["server_lives"]:
        slope = f", {life['rss_kib_per_hour']} KiB an hour" if "rss_kib_per_hour" in life else ""
        lines.append(
            f"server from {clock(life['from_s'])} to {clock(life['to_s'])}: {life['rss_kib_first']} to {life['rss_kib_last']} KiB "
            f"(most {life['rss_kib_max']}{slope}); descriptors {life['descriptors_first']} to {life['descriptors_last']}, beside "
            f"clients {life['descriptors_beside_clients_median']:g} at the median, {life['descriptors_beside_clients_last']} at the end"
        )
    lines += [f"fault: {fault}" for fault in told["faults"]]
    return "\n".join(lines)
