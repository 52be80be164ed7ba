"""Correlation of fantasy points within a game, and the weights with which the contest simulator draws them.

Reads the folder that SCOREWIRE_DATA names (train/player_quarters_*.csv.gz and train/plays_*.csv.gz); needs NumPy. What a player
had beyond the mean of his last eight games (of three at least, and of five points) becomes a normal score within his
position. Defences and kickers are made of the plays: sacks, turnovers and points allowed; field goals and tries. Prints the
mean product of these scores for each pair of positions, in one club and across from it, over all pairs of different
players; then the weights of two factors of the own club (A) and two of the opponent's (B) that are closest to it, as
AA' + BB' for one club and AB' + BA' across, with at most 0.8 of a player's variance shared.
"""
import csv
import glob
import gzip
import os
from collections import defaultdict
from statistics import NormalDist

import numpy as np

ROOT = os.environ.get("SCOREWIRE_DATA", "../shared/data/nfl")
POSITIONS = ["QB", "RB", "WR", "TE", "K", "DST"]
COUNT = len(POSITIONS)
FACTORS = 2
SHARED_MAX = 0.8


def rows(pattern):
    for path in sorted(glob.glob(os.path.join(ROOT, "train", pattern))):
        with gzip.open(path, "rt") as file:
            yield from csv.DictReader(file)


def allowed_points(points):
    tiers = ((0, 10), (6, 7), (13, 4), (20, 1), (27, 0), (34, -1), (999, -4))
    return next(worth for most, worth in tiers if points <= most)


def sides():
    """By (game, club): who played, as (position, player, points); and the opponent."""
    last, seen = {}, defaultdict(lambda: defaultdict(int))
    for row in rows("player_quarters_*.csv.gz"):
        key = (row["game_id"], row["gsis_id"])
        if key not in last or int(row["quarter"]) > int(last[key]["quarter"]):
            last[key] = row
        if row["position"]:
            seen[row["gsis_id"]][row["position"]] += 1
    played, allowed, opponent = defaultdict(list), defaultdict(int), {}
    for (game, player), row in last.items():
        positions = seen[player]
        position = max(positions, key=positions.get) if positions else ""
        position = {"FB": "RB", "HB": "RB"}.get(position, position)
        side = (game, row["team"])
        opponent[side] = row["opponent"]
        allowed[side] = max(allowed[side], int(row["opp_score"] or 0))
        if position == "QB" and int(row["pass_att"] or 0) < 5:
            continue
        if position in ("QB", "RB", "WR", "TE"):
            played[side].append((position, player, float(row["dk_points"])))
    defence, kicks = defaultdict(float), defaultdict(float)
    for row in rows("plays_*.csv.gz"):
        kind, game = row["play_type"], row["game_id"]
        if kind == "sack":
            defence[game, row["defteam"]] += 1
        if row["turnover"] == "1" and kind in ("pass", "run", "sack"):
            defence[game, row["defteam"]] += 2
        if row["scoring_play"] == "1" and kind in ("field_goal", "extra_point"):
            kicks[game, row["posteam"]] += 3 if kind == "field_goal" else 1
    for side in opponent:
        played[side].append(("DST", "DST " + side[1], defence[side] + allowed_points(allowed[side])))
        played[side].append(("K", "K " + side[1], kicks[side]))
    return played, opponent


def scores(played):
    """By (game, club): (position, normal score) of who had been seen before."""
    past, beyond = defaultdict(list), []
    for side in sorted(played):
        for position, player, points in played[side]:
            before = past[player]
            if len(before) >= 3:
                usual = np.mean(before[-8:])
                if usual >= 5 or position in ("DST", "K"):
                    beyond.append((position, side, points - usual))
            before.append(points)
    normal, random, found = NormalDist(), np.random.default_rng(1), defaultdict(list)
    for position in POSITIONS:
        here = [(side, value) for what, side, value in beyond if what == position]
        values = np.array([value for _, value in here])
        print(f"{position}: {len(values)} games of players, standard deviation {values.std():.2f}")
        # Ties are broken by chance.
        places = np.argsort(np.argsort(values + random.normal(0, 1e-6, len(values))))
        for (side, _), place in zip(here, places):
            found[side].append((POSITIONS.index(position), normal.inv_cdf((place + 0.5) / len(values))))
    return found


def measured(found, opponent):
    sums, pairs = np.zeros((2, COUNT, COUNT)), np.zeros((2, COUNT, COUNT))
    for side, ours in found.items():
        theirs = found.get((side[0], opponent[side]), [])
        for at, (one, score) in enumerate(ours):
            for other_at, (two, other) in enumerate(ours):
                if at != other_at:
                    sums[0, one, two] += score * other
                    pairs[0, one, two] += 1
            for two, other in theirs:
                sums[1, one, two] += score * other
                pairs[1, one, two] += 1
    return sums / np.maximum(pairs, 1), pairs


def fitted(wanted, pairs):
    # A club has one of each of these.
    for position in ("QB", "K", "DST"):
        pairs[0, POSITIONS.index(position), POSITIONS.index(position)] = 0
    weight, best = np.sqrt(pairs), None
    for seed in range(8):
        x = np.random.default_rng(seed).normal(0, 0.3, (2 * COUNT, FACTORS))
        mean, square = np.zeros_like(x), np.zeros_like(x)
        for step in range(1, 6001):
            a, b = x[:COUNT], x[COUNT:]
            same, across = a @ a.T + b @ b.T - wanted[0], a @ b.T + b @ a.T - wanted[1]
            over = np.maximum(0, (a**2).sum(1) + (b**2).sum(1) - SHARED_MAX)[:, None]
            g, h = 2 * weight[0] * same, 2 * weight[1] * across
            g, h = g + g.T, h + h.T
            slope = np.concatenate([g @ a + h @ b + 4000 * over * a, g @ b + h @ a + 4000 * over * b])
            mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope * slope
            x = x - 0.01 * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-9)
        loss = (weight[0] * same**2).sum() + (weight[1] * across**2).sum() + 1000 * (over**2).sum()
        if best is None or loss < best[0]:
            best = (loss, x)
    return best[1][:COUNT], best[1][COUNT:]


def main():
    np.set_printoptions(precision=2, suppress=True, linewidth=120)
    played, opponent = sides()
    wanted, pairs = measured(scores(played), opponent)
    print("positions:", *POSITIONS)
    print("measured, in one club:", wanted[0], "measured, across:", wanted[1], sep="\n")
    a, b = fitted(wanted, pairs)
    print("fitted, in one club:", a @ a.T + b @ b.T, "fitted, across:", a @ b.T + b @ a.T, sep="\n")
    for position, own, other in zip(POSITIONS, a, b):
        print(position, "own club's factors", own, "opponent's", other)


main()
