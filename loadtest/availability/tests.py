#!/usr/bin/env python3
"""`loadtest/availability/tests.py`: what the figures rest on, against cases worked out by hand."""

import sys

sys.dont_write_bytecode = True

import unittest
import book
import report
import truth


class Books(unittest.TestCase):
    def test_intervals(self):
        self.assertEqual(book.union([(3, 4), (0, 1), (1, 2), (5, 5)]), [(0, 2), (3, 4)])
        self.assertEqual(book.both([(0, 2), (3, 6)], [(1, 4), (5, 9)]), [(1, 2), (3, 4), (5, 6)])
        self.assertEqual(book.without([(0, 10)], [(2, 3), (9, 12)]), [(0, 2), (3, 9)])

    def test_time_is_good_unless_one_of_the_causes_says_so_and_is_told_once(self):
        mine = book.Book()
        mine.add("wanted", 0, 10)
        mine.add("wanted", 20, 30)
        mine.add("away", 1.5, 2.0)
        mine.add("behind", 1.75, 4.25)
        mine.add("wrong", 9.5, 20.5)  # it did not want to be there from 10 to 20
        total = book.Sum([(0.0, 25.0)])
        total.add(mine)
        told = total.figures()
        self.assertEqual(told["client_seconds"], 15)
        self.assertEqual(total.bad, {"wrong": 1.0, "away": 0.5, "behind": 2.25})
        self.assertEqual(told["good_percent"], 75)
        self.assertEqual(told["right_and_timely_connected_or_not_percent"], round(100 * (1 - 3.5 / 15), 4))
        # Touched are the seconds 1 to 4, 9 and 20.
        self.assertEqual((total.seconds, total.seconds_bad), (15, 6))

    def test_time_left_out_counts_for_nothing(self):
        mine = book.Book()
        mine.add("wanted", 0, 10)
        mine.add("away", 4, 6)
        total = book.Sum(book.without([(0.0, 10.0)], [(4, 7)]))
        total.add(mine)
        self.assertEqual((total.wanted, total.bad["away"]), (7, 0))


class Truths(unittest.TestCase):
    def play(self, rev, *stats, kind="play"):
        records = [{"player": player, "stat": stat, "yards": yards} for player, stat, yards in stats]
        return {"type": kind, "game": "g", "play": "1", "rev": rev, "stats": records}

    def test_a_revision_replaces_and_a_retraction_takes_back(self):
        events = [
            self.play(1, ("q", 16, 300), ("w", 22, 99)),
            self.play(1, ("q", 15, 1)),  # a repeat
            self.play(2, ("q", 15, 299), ("w", 21, 99)),
            self.play(3, kind="retract"),
            self.play(2, ("q", 15, 1)),  # late, and dead
        ]
        told = truth.Truth(events)
        # 300 yards are worth 12 and a bonus of 3, a touchdown 4; a catch 1, 99 yards 9.9, a touchdown 6.
        self.assertEqual(told.topics["player:q"].moves, [(0, 190_000), (2, 119_600), (3, 0)])
        self.assertEqual(told.topics["player:w"].moves, [(0, 169_000), (2, 109_000), (3, 0)])
        self.assertEqual(told.repeats, [False, True, False, False, True])

    def test_whoever_is_named_for_the_first_time_is_listed_and_then_moves_with_his_stats(self):
        other = {"type": "play", "game": "g", "play": "2", "stats": [{"player": "l", "stat": 79}]}
        told = truth.Truth([self.play(1, ("l", 79, 0)), other])
        self.assertEqual(told.topics["player:l"].moves, [(0, 0)])

    def test_field_goals_by_distance(self):
        for yards, due in ((19, 3), (39, 3), (40, 4), (50, 5), (63, 5)):
            told = truth.Truth([self.play(1, ("k", 70, yards))])
            self.assertEqual(told.topics["player:k"].moves, [(0, due * truth.ONE)], yards)


class Growth(unittest.TestCase):
    def faults(self, rss_kib, descriptors, seconds=600):
        """Of one life, of 2 games in a run of so many seconds, each of which may cost 500 KiB."""
        looks = [
            {"at_s": at_s, "life": 1, "rss_kib": rss_kib(at_s), "descriptors": descriptors(at_s) + at_s % 40, "clients": at_s % 40}
            for at_s in range(seconds)
        ]
        return list(report.growth(report.lives(looks), 2, seconds, 500))

    def test_memory_may_grow_with_the_games(self):
        due = report.SPARE_KIB / 300 + 1000 / 600  # KiB a second, over the second half
        self.assertEqual(self.faults(lambda at_s: 20_000 + 0.95 * due * at_s, lambda _: 30), [])
        (fault,) = self.faults(lambda at_s: 20_000 + 1.05 * due * at_s, lambda _: 30)
        self.assertIn("0:00 to 9:59", fault)
        # What comes at first, and stays, is no growth.
        self.assertEqual(self.faults(lambda at_s: min(20_000 + 1_000 * at_s, 200_000), lambda _: 30), [])

    def test_descriptors_may_not(self):
        flat = lambda _: 20_000
        self.assertEqual(self.faults(flat, lambda at_s: 30 + (at_s % 7) * 20), [])
        self.assertEqual(self.faults(flat, lambda at_s: 30 + at_s // 100), [])
        (fault,) = self.faults(flat, lambda at_s: 30 + at_s // 40)
        self.assertIn("descriptors", fault)

    def test_a_short_life_says_nothing(self):
        self.assertEqual(self.faults(lambda at_s: 20_000 + 1_000 * at_s, lambda at_s: at_s, seconds=60), [])


if __name__ == "__main__":
    unittest.main()
