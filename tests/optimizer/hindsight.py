#!/usr/bin/env python3
"""The best lineup that a recorded week had room for on DraftKings: points as they were paid, salaries as they were.

    tests/optimizer/run hindsight [--week 2017w03] [-n 20] [--scorewire FILE]

`scorewire optimize` and HiGHS must find the same points, lineup by lineup. Reads `dev/WEEK/truth_dk_rotoguru.csv` and
`schedule.csv` in the folder SCOREWIRE_DATA, or else in ../shared/data/nfl beside the checkout. All games of the week count;
players without a salary are left out.
"""

import argparse
import csv
import os
import pathlib
import sys
import tempfile
import asking
from program import Program
from sites import ONE, SITES, Row

SITE = SITES["draftkings"]
MINE = {"JAX": "JAC"}  # the schedule's name of a team, the salaries' name


def read(folder):
    with open(folder / "schedule.csv", newline="") as file:
        games = {line["game_id"]: line for line in csv.DictReader(file)}
    rows = []
    with open(folder / "truth_dk_rotoguru.csv", newline="") as file:
        for line in csv.DictReader(file):
            salary = int(float(line["dk_salary"] or 0))
            if not salary:
                continue
            game, position = games[line["game_id"]], line["pos"]
            away, home = (MINE.get(game[side], game[side]) for side in ("away", "home"))
            year, month, day = game["date"].split("-")
            hour, minute = game["time_et"].split(":")
            # Kickoffs before ten are in the morning in London alone.
            half = "AM" if game["time_et"] == "9:30" else "PM"
            kickoff = f"{month}/{day}/{year} {int(hour):02}:{minute}{half} ET"
            slots = (position, "FLEX") if position in ("RB", "WR", "TE") else (position,)
            first, _, last = line["name"].partition(" ")
            # Defences have no id of the league's, nor have some players.
            number = line["gsis_id"] or f"{position}-{line['team']}-{len(rows)}"
            rows.append(
                Row(
                    number,
                    len(rows),
                    first,
                    last,
                    position,
                    slots,
                    salary,
                    line["team"],
                    away,
                    home,
                    kickoff,
                    line["dk_points"],
                    None,
                )
            )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--week", default="2017w03")
    parser.add_argument("-n", type=int, default=20, help="lineups")
    parser.add_argument("--scorewire", default=str(asking.TARGET / "debug" / "scorewire"))
    given = parser.parse_args()
    data = pathlib.Path(os.environ.get("SCOREWIRE_DATA", asking.ROOT.parent / "shared" / "data" / "nfl"))
    folder = data / "dev" / given.week
    if not folder.is_dir():
        print(f"no recorded week in {folder} (set SCOREWIRE_DATA)")
        return 1 if os.environ.get("CI") == "true" else 0
    rows = read(folder)
    with tempfile.TemporaryDirectory() as files:
        answer = asking.Command(given.scorewire, files, SITE, rows, {}).run(given.n)
    if answer.refused or not answer.proven or len(answer.lineups) != given.n:
        print(f"not {given.n} proven lineups: {answer.said}", file=sys.stderr)
        return 1
    program, wrong = Program(SITE, rows, {}), 0
    for number, lineup in enumerate(answer.lineups):
        best, found = program.solve()
        program.forbid(found, None)
        if best != answer.totals[number]:
            wrong += 1
            print(f"lineup {number + 1}: {answer.totals[number] / ONE} points, HiGHS {best / ONE}", file=sys.stderr)
        if number == 0:
            show(rows, lineup, answer.totals[0])
    print(f"{given.n} lineups of {len(rows)} players against HiGHS: {given.n - wrong} equal, {wrong} differ")
    return 1 if wrong else 0


def show(rows, lineup, total):
    for row, slot in sorted(lineup, key=lambda place: place[1]):
        player = rows[row]
        print(f"{SITE.slots[slot][0]:5}{player.name:24}{player.team:5}${player.salary:<7}{float(player.projection):>6.2f}")
    print(f"{'':34}${sum(rows[row].salary for row, _ in lineup):<7}{total / ONE:>6.2f}")


if __name__ == "__main__":
    sys.exit(main())
