#!/usr/bin/env python3
"""The optimiser beside pydfs-lineup-optimizer (with the CBC that comes with PuLP) and HiGHS, on the same slate and
constraints, in the same run.

    tests/optimizer/run peers [--runs 5] [--only plain|stacks|back|long] [--json FILE]

plain       400 players, DraftKings classic: 1 lineup; 150 of ours
stacks      QB with two of his WR and TE, nobody in more than 40 %, at most 7 players shared: 20 lineups; 150 of ours
back        the same, and one WR of the other team
long        150 plain ones, once: pydfs takes minutes

Medians of --runs runs in turns, the least and the most beside them. What each column is:

in process  the search alone, its players read: of ours where the answer says it (`took_ms`); of pydfs its generator
            run to the end, which starts CBC once a lineup; of HiGHS its own run, once a lineup
command     of ours, `scorewire optimize` as somebody calls it: start, reading the players' file, search, writing

How long a search of ours takes without its start: `cargo bench --bench optimize`, on slates of the same kind.

The totals of ours and of each peer must be equal, lineup by lineup, or the run fails. Needs a release build.
"""

import argparse
import json
import pathlib
import random
import statistics
import sys
import tempfile
import time
import asking
import reading
import slate
from program import Program
from sites import ONE, SITES, write_players

SITE = SITES["draftkings"]
STACK = {"with": "QB", "positions": ["WR", "TE"], "at_least": 2}
STACKS = {"stack": [STACK], "max_exposure": 0.4, "max_shared": 7}
BACK = {**STACKS, "stack": [{**STACK, "bring_back": 1, "bring_back_positions": ["WR"]}]}


class Pydfs:
    name = "pydfs-lineup-optimizer"

    def __init__(self, rows, asked):
        import pydfs_lineup_optimizer as pydfs
        from pydfs_lineup_optimizer.player import GameInfo

        optimizer = pydfs.get_optimizer(pydfs.Site.DRAFTKINGS, pydfs.Sport.FOOTBALL)
        # It tells games apart by identity.
        games = {row.game: GameInfo(row.home, row.away, None) for row in rows}
        optimizer.player_pool.load_players(
            [
                pydfs.Player(
                    row.id,
                    row.first,
                    row.last,
                    [row.position],
                    row.team,
                    row.salary,
                    float(row.projection),
                    game_info=games[row.game],
                )
                for row in rows
            ]
        )
        if "stack" in asked:
            optimizer.add_stack(pydfs.PositionsStack(["QB", ("WR", "TE"), ("WR", "TE")]))
            if "bring_back" in asked["stack"][0]:
                optimizer.force_positions_for_opposing_team(("QB", "WR"))
            optimizer.set_max_repeating_players(asked["max_shared"])
        self.optimizer, self.most = optimizer, asked.get("max_exposure")
        self.units = {row.id: row.points() for row in rows}

    def make(self, n):
        began = time.perf_counter()
        made = list(self.optimizer.optimize(n, max_exposure=self.most))
        took = time.perf_counter() - began
        return took, [sum(self.units[player.id] for player in lineup.players) for lineup in made]


class Highs:
    name = "HiGHS"

    def __init__(self, rows, asked):
        self.rows, self.asked = rows, asked

    def make(self, n):
        program, made, took = Program(SITE, self.rows, self.asked), [], 0.0
        all_shares = reading.shares(self.rows, self.asked, n)
        banned = set()
        for _ in range(n):
            for share in set(reading.closed(self.rows, all_shares, [lineup for _, lineup in made], n)[0]) - banned:
                banned.add(share)
                program.limit(share, False)
            began = time.perf_counter()
            found = program.solve()
            took += time.perf_counter() - began
            made.append(found)
            program.forbid(found[1], self.asked.get("max_shared"))
        return took, [points for points, _ in made]


class Ours:
    name = "scorewire"

    def __init__(self, scorewire, folder, rows, asked):
        self.command = asking.Command(scorewire, folder, SITE, rows, asked)

    def make(self, n):
        began = time.perf_counter()
        answer = self.command.run(n)
        self.wall_s = time.perf_counter() - began
        if answer.refused or not answer.complete or not answer.proven:
            sys.exit(f"scorewire made no whole, proven answer: {answer.said}")
        return answer.took_ms and answer.took_ms / 1000, answer.totals


def measure(makers, n, runs):
    """Runs in turns; per maker the times and the totals of the last run."""
    times, walls, totals = {maker.name: [] for maker in makers}, [], {}
    for turn in range(runs):
        for maker in makers if turn % 2 == 0 else makers[::-1]:
            took, totals[maker.name] = maker.make(n)
            if took is not None:
                times[maker.name].append(took * 1000)
            if isinstance(maker, Ours):
                walls.append(maker.wall_s * 1000)
    return times, walls, totals


def compare(what, asked, rows, given, folder, figures, wrong):
    ours, pydfs, highs = Ours(given.scorewire, folder, rows, asked), Pydfs(rows, asked), Highs(rows, asked)
    for n, makers, runs in {
        "plain": [(1, [ours, pydfs, highs], given.runs), (150, [ours], given.runs)],
        "stacks": [(20, [ours, pydfs, highs], given.runs), (150, [ours], given.runs)],
        "back": [(20, [ours, pydfs], given.runs), (150, [ours], given.runs)],
        "long": [(150, [ours, pydfs], 1)],
    }[what]:
        times, walls, totals = measure(makers, n, runs)
        for name, list_of in totals.items():
            for number, (mine, its) in enumerate(zip(totals[ours.name], list_of, strict=True)):
                if mine != its:
                    wrong.append(f"{what}, lineup {number + 1} of {n}: {mine / ONE} here, {its / ONE} of {name}")
                    break
            command = walls if name == ours.name else []
            figures.append({"what": what, "lineups": n, "who": name, "in_process_ms": times[name], "command_ms": command})


def shown(times):
    if not times:
        return ""
    if len(times) == 1:
        return f"{times[0]:.3g} (once)"
    return f"{statistics.median(times):.3g} ({min(times):.3g} to {max(times):.3g})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=2017)
    parser.add_argument("--only", choices=["plain", "stacks", "back", "long"])
    parser.add_argument("--scorewire", default=str(asking.TARGET / "release" / "scorewire"))
    parser.add_argument("--json", help="file for the figures")
    given = parser.parse_args()
    rows = slate.main_slate(random.Random(given.seed))
    print(f"{asking.machine()}; slate of seed {given.seed}: {len(rows)} players; {given.runs} runs in turns\n", flush=True)
    figures, wrong = [], []
    with tempfile.TemporaryDirectory() as folder:
        for what, asked in (("plain", {}), ("stacks", STACKS), ("back", BACK), ("long", {})):
            if given.only in (what, None):
                compare(what, asked, rows, given, pathlib.Path(folder) / what, figures, wrong)
    print("| what | lineups | who | in process, ms | command, ms |\n|---|---|---|---|---|")
    for line in figures:
        cells = [line["what"], str(line["lineups"]), line["who"], shown(line["in_process_ms"]), shown(line["command_ms"])]
        print(f"| {' | '.join(cells)} |")
    if given.json:
        pathlib.Path(given.json).write_text(json.dumps(figures, indent=1) + "\n")
    print(*wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
