"""The contest of `cargo bench --bench simulate`, drawn by a loop in NumPy: what a careful analyst would write.

Reads the words of the contest's plan (src/contest/simulate/gpu/flat.rs) from the file that is its first argument, draws
for so many seconds as the second says with NumPy's own random numbers, and prints draws a second and a core's time for
each; then, to the file that is its third, each entry's sum of cents, wins and draws, as 64-bit numbers.
"""
import sys
import time

import numpy as np

words = np.fromfile(sys.argv[1], dtype=np.uint32)
slots, rosters, rows, parts, opens, span, places, paid, base = (int(word) for word in words[:9])
at = [int(word) for word in words[9:19]]
fixed = words[at[0] : at[0] + rows].view(np.int32)
players = words[at[1] : at[1] + 12 * opens].reshape(opens, 12)
open_rows = words[at[2] : at[3]][: int(players[:, 11].max())].astype(np.int64)
cells = words[at[3] : at[3] + 1024 * len(open_rows)].view(np.int32).reshape(-1, 1024)
entries = words[at[4] : at[4] + (slots * rosters + 1) // 2].view(np.uint16)[: slots * rosters].reshape(slots, rosters).astype(np.int64)
before = words[at[8] : at[8] + 2 * (paid + 1)].view(np.uint64).astype(np.int64)
numbers, weights = players[:, :5].astype(np.int64), players[:, 5:10].view(np.int32) / 2.0**14
# One row for each player here: nobody has a multiplier.
assert len(open_rows) == opens and (words[at[5] : at[5] + rosters] == 1).all()

random = np.random.default_rng(1)
cents, wins, draws = np.zeros(rosters, np.int64), np.zeros(rosters, np.int64), 0
points = fixed.astype(np.int64)
every = np.arange(opens)
started, core_started = time.perf_counter(), time.process_time()
while time.perf_counter() - started < float(sys.argv[2]):
    normal = random.standard_normal(4 * parts)
    mixed = (normal[numbers] * weights).sum(1)
    cell = np.clip(np.floor(mixed * 128).astype(np.int64) + 512, 0, 1023)
    points[open_rows] = cells[every, cell]
    totals = points[entries].sum(0)
    _, which, count = np.unique(-totals, return_inverse=True, return_counts=True)
    above = np.cumsum(count) - count
    share = (before[np.minimum(above + count, paid)] - before[np.minimum(above, paid)]) // count
    cents += share[which]
    wins += which == 0
    draws += 1
took = time.perf_counter() - started
core = time.process_time() - core_started
print(f"{draws / took:.0f} contests/s, {core / draws * 1e6:.0f} us of a core's time each")
np.concatenate([cents, wins, [draws]]).astype(np.uint64).tofile(sys.argv[3])
