#!/usr/bin/env python3
"""What the optimiser is held against, held against the plainest search there is: every lineup of a tiny slate."""

import itertools
import os
import random
import unittest
import chance
import reading
import slate
from program import Program
from sites import SITES, units


def every_lineup(site, rows):
    """All of them, each in one of its orders."""
    if site.size == 6:
        captains = [number for number, row in enumerate(rows) if row.slots == ("CPT",)]
        others = [number for number, row in enumerate(rows) if row.slots == ("FLEX",)]
        for captain in captains:
            for five in itertools.combinations(others, 5):
                yield [(captain, 0), *((one, 1) for one in five)]
        return
    pools = [[number for number, row in enumerate(rows) if row.position in positions] for _, positions, _, _ in site.slots]
    quarterback, backs, receivers, ends, flexes, defenses = pools
    for two in itertools.combinations(backs, 2):
        for three in itertools.combinations(receivers, 3):
            for end in ends:
                # Whoever is in FLEX comes after those of his position, so that a lineup comes once.
                taken = {*two, *three, end}
                for flex in flexes:
                    peers = [one for one in taken if rows[one].position == rows[flex].position]
                    if flex in taken or flex < max(peers):
                        continue
                    for passer, defense in itertools.product(quarterback, defenses):
                        filled = [passer, *two, *three, end, flex, defense]
                        yield list(zip(filled, [0, 1, 1, 2, 2, 2, 3, 4, 5], strict=True))


def tiny(chosen, site_name):
    """So few that every lineup can be looked at."""
    rows = slate.slate(chosen, site_name, games=2)
    if site_name == "draftkings_showdown":
        keep = set(chosen.sample(sorted({row.person for row in rows}), 9))
        return [row for row in rows if row.person in keep]
    kept = []
    for position, count in {"QB": 2, "RB": 4, "WR": 5, "TE": 2, SITES[site_name].defense: 2}.items():
        fits = [row for row in rows if row.position == position]
        kept += chosen.sample(fits, min(count, len(fits)))
    chosen.shuffle(kept)
    return kept


def seeds(count):
    if "SCOREWIRE_SEED" in os.environ:
        return [int(os.environ["SCOREWIRE_SEED"])]
    return range(int(os.environ.get("SCOREWIRE_SIM_SEEDS", count)))


class ProgramAgainstEveryLineup(unittest.TestCase):
    def test_same_best_list(self):
        possible = 0
        for seed in seeds(20):
            with self.subTest(f"again: SCOREWIRE_SEED={seed} tests/optimizer/run tests"):
                possible += self.one(seed)
        if "SCOREWIRE_SEED" not in os.environ:
            self.assertGreater(possible, 5, "hardly any slate had a lineup: nothing was compared")

    def one(self, seed):
        chosen = random.Random(seed)
        site_name = chosen.choice(sorted(SITES))
        site, rows = SITES[site_name], tiny(chosen, site_name)
        n = chosen.choice([1, 3, 6])
        asked = chance.constraints(chosen, site_name, rows, n)
        good = [one for one in every_lineup(site, rows) if not reading.broken(site, rows, asked, one)]
        program, made = Program(site, rows, asked), []
        all_shares = reading.shares(rows, asked, n)
        for _ in range(n):
            full, due = reading.closed(rows, all_shares, made, n)
            best = max((points(site, rows, one) for one in good if self.may(site, rows, asked, made, full, due, one)), default=None)
            for share in full:
                program.limit(share, False)
            for share in due:
                program.limit(share, True)
            found = program.solve()
            self.assertEqual(found and found[0], best, asked)
            if found is None:
                break
            program.forbid(found[1], reading.shared_most(site, asked))
            made.append(found[1])
        return bool(made)

    @staticmethod
    def may(site, rows, asked, made, full, due, lineup):
        """What earlier lineups leave, read again."""
        most = asked.get("max_shared", 99)
        if any(reading.in_common(rows, lineup, one) > most or reading.alike(site, rows, lineup, one) for one in made):
            return False
        counts = [reading.used(rows, share, [lineup]) for share in (*full, *due)]
        return not any(counts[: len(full)]) and all(counts[len(full) :])


class Words(unittest.TestCase):
    def test_units_are_rounded_half_away_from_zero(self):
        self.assertEqual([units("1.5"), units("-1.5"), units("2.49"), units("-0.5"), units("0.4")], [2, -2, 2, -1, 0])

    def test_shares_are_counted_exactly(self):
        # 0.29 × 100 is less than 29 as a float, 0.07 × 100 more than 7.
        self.assertEqual([reading.floor_of(0.29, 100), reading.ceil_of(0.07, 100)], [29, 7])


def points(site, rows, lineup):
    return reading.Shown(site, rows, lineup).points


if __name__ == "__main__":
    unittest.main()
