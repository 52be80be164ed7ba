"""What the posted lines alone say that each `player:` topic must show, change by change.

A reading of the feed of its own, for players under DraftKings' rules: it shares nothing with the server. The stat
ids are those of loadtest/src/gsis.rs, the rules for changes those of loadtest/src/truth.rs. Defences are left out:
points allowed move them by ways that are not followed event by event.
"""

import collections
import json

ONE = 10_000  # amounts and points are whole numbers of 1/10,000

# What a stat record counts for, once: the protocol's names.
COUNTS = {
    10: ["rushing_attempts"],
    11: ["rushing_attempts", "rushing_tds"],
    13: ["rushing_tds"],
    14: ["passing_attempts"],
    15: ["passing_attempts", "completions"],
    16: ["passing_attempts", "completions", "passing_tds"],
    19: ["passing_attempts", "interceptions"],
    20: ["sacked"],
    21: ["receptions"],
    22: ["receptions", "receiving_tds"],
    24: ["receiving_tds"],
    115: ["targets"],
    **dict.fromkeys([34, 36, 46, 48, 64], ["return_tds"]),
    **dict.fromkeys([56, 58, 108], ["fumble_recovery_tds"]),
    106: ["fumbles_lost"],
    **dict.fromkeys([69, 71], ["field_goals_missed"]),
    72: ["extra_points"],
    **dict.fromkeys([73, 74], ["extra_points_missed"]),
    **dict.fromkeys([75, 77, 104], ["two_point_conversions"]),
}
# And by its yards.
YARDS = {
    **dict.fromkeys([10, 11, 12, 13], "rushing_yards"),
    **dict.fromkeys([15, 16], "passing_yards"),
    **dict.fromkeys([21, 22, 23, 24], "receiving_yards"),
    **dict.fromkeys([33, 34, 35, 36, 45, 46, 47, 48], "return_yards"),
    70: "field_goal_yards",
}
# Field goals: from so many yards on these names.
FIELD_GOALS = [
    (60, ["field_goals_50_plus", "field_goals_60_plus"]),
    (50, ["field_goals_50_plus"]),
    (40, ["field_goals_40_49"]),
    (30, ["field_goals_0_39", "field_goals_30_39"]),
    (20, ["field_goals_0_39", "field_goals_20_29"]),
    (-99, ["field_goals_0_39", "field_goals_0_19"]),
]
# draftkings.com/help/rules/nfl, in 1/100 point.
RULESET = "draftkings"
WORTH = {
    "passing_yards": 4,
    "passing_tds": 400,
    "interceptions": -100,
    "rushing_yards": 10,
    "rushing_tds": 600,
    "receptions": 100,
    "receiving_yards": 10,
    "receiving_tds": 600,
    "fumbles_lost": -100,
    "two_point_conversions": 200,
    "fumble_recovery_tds": 600,
    "return_tds": 600,
    "extra_points": 100,
    "field_goals_0_39": 300,
    "field_goals_40_49": 400,
    "field_goals_50_plus": 500,
}
BONUSES = [("passing_yards", 300), ("rushing_yards", 100), ("receiving_yards", 100)]
BONUS = 300


def credits(stat, yards):
    """What a record adds for its player: (name, amount) pairs."""
    for name in COUNTS.get(stat, []):
        yield name, 1
    if stat in YARDS:
        yield YARDS[stat], yards
    if stat == 70:
        for name in next(names for least, names in FIELD_GOALS if yards >= least):
            yield name, 1


def points(line):
    """In 1/10,000."""
    worth = sum(WORTH.get(name, 0) * amount for name, amount in line.items())
    worth += sum(BONUS for name, least in BONUSES if line.get(name, 0) >= least)
    return worth * ONE // 100


class Topic:
    """What one player's topic must show: after its change number `seq`, `moves[seq - 1]` is the event that made it
    and the points from then on."""

    def __init__(self, name):
        self.name = name
        self.moves = []
        self.line = collections.Counter()
        self.records = 0
        self.game = None

    def points_at(self, seq):
        if seq == 0:
            return 0
        return self.moves[seq - 1][1] if 0 < seq <= len(self.moves) else None


class Revisions:
    """Which lines say something new."""

    def __init__(self):
        self.highest = {}

    def counts(self, event):
        kind = {"retract": "play"}.get(event["type"], event["type"])
        if kind == "players":
            return True
        part = event.get("after_play" if kind == "situation" else "play")
        item, rev = (event["game"], kind, part), event.get("rev", 1)
        is_new = rev > self.highest.get(item, 0)
        self.highest[item] = max(rev, self.highest.get(item, 0))
        return is_new


class Truth:
    """By topic, and by event whether it repeats what was said (`repeats`)."""

    def __init__(self, events):
        self.topics, self.repeats = {}, []
        revisions, plays = Revisions(), {}
        for number, event in enumerate(events):
            is_new = revisions.counts(event)
            self.repeats.append(not is_new)
            if is_new and event["type"] in ("play", "retract"):
                play = (event["game"], event["play"])
                old = plays.get(play, [])
                plays[play] = event.get("stats", []) if event["type"] == "play" else []
                self.apply(number, event["game"], old, plays[play])

    def apply(self, number, game, old, new):
        touched = {}
        for sign, records in ((-1, old), (1, new)):
            for record in records:
                player = record.get("player")
                if player in (None, "", "0"):
                    continue
                topic = self.topics.setdefault(f"player:{player}", Topic(f"player:{player}"))
                if topic.game not in (None, game):
                    raise ValueError(f"{topic.name} plays in two games: what it shows is not followed here")
                topic.game = game
                touched.setdefault(topic.name, (topic, self.shown(topic)))
                topic.records += sign
                for name, amount in credits(record["stat"], record.get("yards", 0)):
                    topic.line[name] += sign * amount
        for topic, (line, is_listed) in touched.values():
            now_line, now_listed = self.shown(topic)
            if now_line != line or (now_listed and not is_listed):
                topic.moves.append((number, points(topic.line)))

    @staticmethod
    def shown(topic):
        return {name: amount for name, amount in topic.line.items() if amount}, topic.records > 0


def read(lines):
    """The events of a text of lines."""
    return [json.loads(line) for line in lines.splitlines() if line.strip()]
