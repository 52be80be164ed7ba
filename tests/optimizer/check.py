#!/usr/bin/env python3
"""Holds `scorewire optimize` against HiGHS on slates by chance.

    tests/optimizer/run check [--slates 1000] [--seed N] [--lineups-max 20] [--scorewire FILE] [--keep FOLDER]

Each seed makes a slate (DraftKings classic or showdown, FanDuel, Yahoo), constraints of some kinds, and asks for 1 to 20
lineups. What comes back has to be, for each lineup in turn:

- allowed, by a plain reading of docs/optimizer.md (reading.py), and worth what it says, to the 1/10,000 point;
- as good as the optimum of the same problem by HiGHS (program.py), given the lineups before it: the points must be equal.

What is refused must be impossible: HiGHS finds no such lineup either; and the constraints that the refusal of a single
lineup names must be a smallest set: impossible together, possible without any one of them. Where `min` exposures had to be spread from the
beginning, lineups are held to the rest, and counted as such. A difference is printed with its seed; its files stay.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import os
import pathlib
import random
import shutil
import sys
import tempfile
import asking
import chance
import reading
import reasons
import slate
from program import Program
from sites import ONE, SITES

FAULTS_SHOWN = 20
LINEUPS_MAX = 20
# Long enough that the limit on work decides, which is the same on every machine.
TIME_MS = 500_000
LATE_SWAPS = 0.1  # of all slates


class Case:
    """All that a seed says."""

    def __init__(self, seed, lineups_max=LINEUPS_MAX):
        self.seed, self.random = seed, random.Random(seed)
        self.site_name = self.random.choice(sorted(SITES))
        self.site = SITES[self.site_name]
        self.rows = slate.slate(self.random, self.site_name)
        self.n = min(self.random.choice([1, 1, 1, 5, 8, 12, LINEUPS_MAX]), lineups_max)
        self.asked = chance.constraints(self.random, self.site_name, self.rows, self.n)
        # Lineups to be solved again, one each: what stays of it.
        self.kept, self.started = [[] for _ in range(self.n)], []

    def is_swap(self):
        return bool(self.started)

    def begin_games(self, scorewire, folder):
        """Lineups are made, some games begin, projections change; `late_swap` for the constraints."""
        before = asking.Command(scorewire, folder / "before", self.site, self.rows, {}, self.random)
        lineups = folder / "lineups.csv"
        made = before.run(self.n)
        before.upload(self.n, lineups)
        games = sorted({row.game for row in self.rows})
        self.started = self.random.sample(games, self.random.randint(1, max(len(games) - 1, 1)))
        factors = {row.person: self.random.uniform(0.5, 1.5) for row in self.rows}
        self.rows = [
            dataclasses.replace(row, projection=f"{float(row.projection) * factors[row.person]:.4f}") for row in self.rows
        ]
        self.kept = [[place for place in lineup if self.rows[place[0]].game in self.started] for lineup in made.lineups]
        # What is asked for between lineups, of single players or of their shares is not asked for of those who stay.
        apart = ("lock", "exclude", "ownership", "exposure", "max_exposure", "max_shared")
        self.asked = {key: value for key, value in self.asked.items() if key not in apart}
        return {"lineups": str(lineups), "started": self.started}

    def program(self, number):
        return Program(self.site, self.rows, self.asked, self.kept[number], self.started)


def check(seed, lineups_max, scorewire, folder):
    """(what it was, what is wrong with it)."""
    case = Case(seed, lineups_max)
    try:
        swap = case.begin_games(scorewire, folder) if case.random.random() < LATE_SWAPS else None
        more = {"limits": {"time_ms": TIME_MS}} | ({"late_swap": swap} if swap else {})
        command = asking.Command(scorewire, folder, case.site, case.rows, case.asked, case.random, more)
        answer = command.run(case.n)
        case.named = command.named
        what, wrong = judge(case, answer)
        return f"{what} (late swap)" if case.is_swap() else what, wrong
    except Exception as error:  # noqa: BLE001  a crash of either side is a finding
        return "broken", [f"{type(error).__name__}: {error}"]


def judge(case, answer):
    if answer.refused:
        return refusal(case, answer)
    if not answer.proven or not answer.complete:
        return "not proven", [f"not proven, {len(answer.lineups)} of {case.n}: {answer.said}", *allowed(case, answer)]
    wrong = []
    if len(answer.lineups) != case.n:
        wrong.append(f"{len(answer.lineups)} of {case.n} lineups")
    wrong += allowed(case, answer)
    if wrong:
        return "made", wrong
    return optimal(case, answer)


def allowed(case, answer):
    """What the lineups break, one by one and together."""
    wrong, most = [], reading.shared_most(case.site, case.asked)
    for number, lineup in enumerate(answer.lineups):
        found = reading.broken(case.site, case.rows, case.asked, lineup)
        if {place for place in lineup if case.rows[place[0]].game in case.started} != set(case.kept[number]):
            found.append(f"begun games: {case.kept[number]} stay")
        points = reading.Shown(case.site, case.rows, lineup).points
        if points != answer.totals[number]:
            found.append(f"worth {points / ONE}, told {answer.totals[number] / ONE}")
        for other in range(number):
            before = answer.lineups[other]
            is_whole = len(case.kept[number]) == case.site.size
            if not is_whole and reading.alike(case.site, case.rows, lineup, before):
                found.append(f"the same as lineup {other + 1}")
            if most is not None and reading.in_common(case.rows, lineup, before) > most:
                found.append(f"more than {most} players of lineup {other + 1}")
        wrong += [f"lineup {number + 1}: {what}" for what in found]
    for share in reading.shares(case.rows, case.asked, case.n):
        count = reading.used(case.rows, share, answer.lineups)
        if answer.complete and not share.least <= count <= share.most:
            wrong.append(f"in {count} lineups, to be in {share.least} to {share.most}: {sorted(share.persons)}")
    return wrong


def optimal(case, answer):
    """Each lineup against the optimum that the ones before it leave."""
    program, closed = case.program(0), set()
    all_shares = reading.shares(case.rows, case.asked, case.n)
    has_least = any(share.least for share in all_shares)
    wrong, what = [], "made"
    for number, lineup in enumerate(answer.lineups):
        if case.is_swap():
            program = case.program(number)
            for before in answer.lineups[:number] if len(case.kept[number]) < case.site.size else []:
                program.forbid(before, None)
        for counts, shares in enumerate(reading.closed(case.rows, all_shares, answer.lineups[:number], case.n)):
            for share in shares:
                if (share, counts) not in closed:
                    closed.add((share, counts))
                    program.limit(share, bool(counts))
        found = program.solve()
        best = found and found[0]
        if best != answer.totals[number]:
            told = f"lineup {number + 1}: HiGHS {best and best / ONE}, told {answer.totals[number] / ONE}"
            if has_least and best is not None and best > answer.totals[number]:
                # Minimums that were spread from the beginning cost points earlier than they must.
                what = "made, minimums spread"
            else:
                wrong.append(told)
                break
        program.forbid(lineup, reading.shared_most(case.site, case.asked))
    return what, wrong


def refusal(case, answer):
    """Refused: nothing can be made, by HiGHS, or not as many as were asked for."""
    if answer.is_unknown:
        return "not proven", [answer.said]
    program, closed, made = case.program(0), set(), []
    all_shares = reading.shares(case.rows, case.asked, case.n)
    for number in range(case.n):
        if case.is_swap():
            program = case.program(number)
            for before in made if len(case.kept[number]) < case.site.size else []:
                program.forbid(before, None)
        for counts, shares in enumerate(reading.closed(case.rows, all_shares, made, case.n)):
            for share in shares:
                if (share, counts) not in closed:
                    closed.add((share, counts))
                    program.limit(share, bool(counts))
        found = program.solve()
        if found is None:
            what = "refused as nonsense" if answer.is_nonsense else "refused" if not made else "refused, of several"
            has_reason = case.n == 1 and not answer.is_nonsense and not case.is_swap()
            return what, reasons.judge(case.site, case.rows, case.asked, case.named, answer.said) if has_reason else []
        made.append(found[1])
        program.forbid(found[1], reading.shared_most(case.site, case.asked))
    return "refused", [f"HiGHS makes all {case.n}; refused: {answer.said}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slates", type=int, default=1000)
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--lineups-max", type=int, default=LINEUPS_MAX, help="fewer take less time")
    parser.add_argument("--scorewire", default=str(asking.TARGET / "debug" / "scorewire"))
    parser.add_argument("--keep", help="folder for the files of whatever differs")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    given = parser.parse_args()
    if not os.access(given.scorewire, os.X_OK):
        print(f"no program at {given.scorewire}: cargo build first, or name one with --scorewire", file=sys.stderr)
        return 2
    seeds = [given.seed] if given.seed is not None else range(given.first, given.first + given.slates)
    keep = pathlib.Path(given.keep or tempfile.mkdtemp(prefix="scorewire-optimizer-"))
    counts, wrong = collections.Counter(), 0
    with concurrent.futures.ProcessPoolExecutor(given.jobs) as pool:
        asked = {pool.submit(check, seed, given.lineups_max, given.scorewire, keep / str(seed)): seed for seed in seeds}
        for done in concurrent.futures.as_completed(asked):
            seed, (what, faults) = asked[done], done.result()
            counts[what] += 1
            if not faults:
                shutil.rmtree(keep / str(seed))
                continue
            wrong += 1
            if wrong <= FAULTS_SHOWN:
                again = f"--seed {seed}" + (f" --lineups-max {given.lineups_max}" if given.lineups_max < LINEUPS_MAX else "")
                print(f"seed {seed}: {'; '.join(faults[:5])}")
                print(f"  again: tests/optimizer/run check {again}; files: {keep / str(seed)}")
    kinds = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    print(f"{len(seeds)} slates against HiGHS: {kinds}; {wrong} differ")
    if not wrong and not any(keep.iterdir()):
        keep.rmdir()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
