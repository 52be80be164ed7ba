"""Correlation of fantasy points within a game, and the factor weights that the contest simulator draws them with.

Reads the folder of SCOREWIRE_DATA (train/player_quarters_*.csv.gz, train/plays_*.csv.gz); needs numpy. What a player
had beyond the mean of his last eight games (three at least) becomes a normal score within his position; defences
and kickers are made of the plays (sacks, turnovers, points allowed; field goals). Then the weights of K factors of
the own team (a) and K of the opponent's (b) are fitted: same team AA'+BB', opponents AB'+BA'.
"""
import csv, gzip, glob, os, sys
from collections import defaultdict
import numpy as np
from statistics import NormalDist

ROOT = os.environ.get("SCOREWIRE_DATA", "../shared/data/nfl")
POS = ["QB", "RB", "WR", "TE", "K", "DST"]
K = int(sys.argv[1]) if len(sys.argv) > 1 else 2

def rows(pattern):
    for path in sorted(glob.glob(os.path.join(ROOT, "train", pattern))):
        with gzip.open(path, "rt") as f:
            yield from csv.DictReader(f)

def tier(points):
    return next(v for top, v in ((0, 10), (6, 7), (13, 4), (20, 1), (27, 0), (34, -1), (999, -4)) if points <= top)

last, place = {}, defaultdict(lambda: defaultdict(int))
for r in rows("player_quarters_*.csv.gz"):
    key = (r["game_id"], r["gsis_id"])
    if key not in last or int(r["quarter"]) > int(last[key]["quarter"]): last[key] = r
    if r["position"]: place[r["gsis_id"]][r["position"]] += 1
# per (game, team): list of (position, player, points)
games = defaultdict(list)
score = {}
for (game, who), r in last.items():
    seen = place[who]
    p = max(seen, key=seen.get) if seen else ""
    p = {"FB": "RB", "HB": "RB"}.get(p, p)
    k = (game, r["team"])
    score[k] = (r["opponent"], max(int(r["opp_score"] or 0), score.get(k, ("", 0))[1]))
    if p in ("QB", "RB", "WR", "TE"):
        if p == "QB" and int(r["pass_att"] or 0) < 5: continue
        games[k].append((p, who, float(r["dk_points"])))
dst, kick = defaultdict(float), defaultdict(float)
for r in rows("plays_*.csv.gz"):
    g, d, o = r["game_id"], r["defteam"], r["posteam"]
    if r["play_type"] == "sack": dst[g, d] += 1
    if r["turnover"] == "1" and r["play_type"] in ("pass", "run", "sack"): dst[g, d] += 2
    if r["play_type"] == "field_goal" and r["scoring_play"] == "1": kick[g, o] += 3
    if r["play_type"] == "extra_point" and r["scoring_play"] == "1": kick[g, o] += 1
for k, (opponent, allowed) in score.items():
    games[k].append(("DST", "D" + k[1], dst[k] + tier(allowed)))
    games[k].append(("K", "K" + k[1], kick[k]))
# residuals in order of time
past, res = defaultdict(list), defaultdict(list)
for k in sorted(games):
    for p, who, pts in games[k]:
        h = past[who]
        if len(h) >= 3:
            m = np.mean(h[-8:])
            if m >= 5 or p in ("DST", "K"): res[k].append((p, pts - m))
        h.append(pts)
norm = NormalDist()
z = defaultdict(list)
for p in POS:
    vals = np.array([v for k in res for q, v in res[k] if q == p])
    order = np.argsort(np.argsort(vals + np.random.default_rng(1).normal(0, 1e-6, len(vals))))
    sc = iter([norm.inv_cdf((o + .5) / len(vals)) for o in order])
    for k in res:
        for q, v in res[k]:
            if q == p: z[k].append((p, next(sc)))
    print(p, "player-games", len(vals), "sd", round(float(vals.std()), 2))
sumxy, n = np.zeros((2, 6, 6)), np.zeros((2, 6, 6))
for k in z:
    g, t = k
    other = (g, score[k][0])
    a = [(POS.index(p), v) for p, v in z[k]]
    b = [(POS.index(p), v) for p, v in z.get(other, [])]
    for i, (p, v) in enumerate(a):
        for j, (q, w) in enumerate(a):
            if i != j: sumxy[0, p, q] += v * w; n[0, p, q] += 1
        for q, w in b: sumxy[1, p, q] += v * w; n[1, p, q] += 1
R = sumxy / np.maximum(n, 1)
W = n.copy()
for p in ("QB", "K", "DST"): W[0, POS.index(p), POS.index(p)] = 0
np.set_printoptions(precision=2, suppress=True, linewidth=120)
print("pairs", n[:, 0].astype(int).tolist())
print("same team", POS); print(R[0]); print("opponents"); print(R[1])
# fit
def loss(x):
    A, B = x[:6], x[6:]
    E0, E1 = A @ A.T + B @ B.T - R[0], A @ B.T + B @ A.T - R[1]
    w0, w1 = np.sqrt(W[0]), np.sqrt(W[1])
    return (w0 * E0**2).sum() + (w1 * E1**2).sum(), E0, E1, w0, w1
best = None
for seed in range(8):
    rng = np.random.default_rng(seed)
    x = rng.normal(0, .3, (12, K)); m = np.zeros_like(x); s = np.zeros_like(x)
    for it in range(1, 6001):
        L, E0, E1, w0, w1 = loss(x)
        A, B = x[:6], x[6:]
        G0, G1 = 2 * w0 * E0, 2 * w1 * E1
        g = np.concatenate([(G0 + G0.T) @ A + (G1 + G1.T) @ B, (G0 + G0.T) @ B + (G1 + G1.T) @ A])
        over = np.maximum(0, (A**2).sum(1) + (B**2).sum(1) - .8)[:, None]
        g += np.concatenate([4000 * over * A, 4000 * over * B])
        m = .9 * m + .1 * g; s = .999 * s + .001 * g * g
        x = x - .01 * (m / (1 - .9**it)) / (np.sqrt(s / (1 - .999**it)) + 1e-9)
    L += 1000 * (np.maximum(0, (x[:6]**2).sum(1) + (x[6:]**2).sum(1) - .8)**2).sum()
    if best is None or L < best[0]: best = (L, x.copy())
L, x = best
_, E0, E1, _, _ = loss(x)
print("loss", L, "largest miss", abs(E0[W[0] > 0]).max(), abs(E1).max())
u, _, vt = np.linalg.svd(x, full_matrices=False)
print("a, b by position (own, opponent)")
for i, p in enumerate(POS): print(p, x[i], x[6 + i], "share", round(float((x[i]**2).sum() + (x[6+i]**2).sum()), 2))
print("fitted same"); print(E0 + R[0]); print("fitted opp"); print(E1 + R[1])
