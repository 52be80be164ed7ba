"""What teams did before: how it decays, and that a game is never in its own."""

import dataclasses
import json
import tempfile
import unittest
from pathlib import Path

from scorewire_training.history import GAME_KEEPS, RATING_GAIN, HOME_POINTS, SEASON_KEEPS, History, Tally, load


class Decay(unittest.TestCase):
    def test_a_game_keeps_its_share_and_a_season_too(self) -> None:
        history, first, second = History(), 17_400, 17_407
        history.take(first, {"NE": Tally(calls=60)}, "NE", "PHI", (20, 20))
        history.take(second, {"NE": Tally(calls=50)}, "NE", "PHI", (20, 20))
        self.assertAlmostEqual(history.before("NE", second + 7).tally.calls, 60 * GAME_KEEPS + 50)
        self.assertAlmostEqual(history.before("NE", second + 365).tally.calls, (60 * GAME_KEEPS + 50) * SEASON_KEEPS)

    def test_a_game_is_not_known_on_its_own_day(self) -> None:
        history = History()
        history.take(17_400, {"NE": Tally(calls=60)}, "NE", "PHI", (20, 17))
        self.assertEqual(history.before("NE", 17_400).tally.calls, 0)
        self.assertEqual(history.before("NE", 17_401).tally.calls, 60)

    def test_ratings_move_by_the_surprise_and_add_up_to_nothing(self) -> None:
        history = History()
        history.take(17_400, {}, "NE", "PHI", (20, 10))
        home, away = (history.before(team, 17_401).rating for team in ("NE", "PHI"))
        self.assertAlmostEqual(home, RATING_GAIN * (10 - HOME_POINTS))
        self.assertAlmostEqual(home + away, 0)

    def test_a_score_that_nobody_knows_moves_no_rating(self) -> None:
        history = History()
        history.take(17_400, {"NE": Tally(calls=60)}, "NE", "PHI", None)
        self.assertEqual((history.before("NE", 17_401).rating, history.before("NE", 17_401).tally.calls), (0, 60))


class Clubs(unittest.TestCase):
    def test_a_club_that_moved_or_is_spelt_in_two_ways_keeps_its_past(self) -> None:
        history = History()
        history.take(17_400, {"SD": Tally(calls=60), "JAC": Tally(calls=50)}, "SD", "JAC", (20, 17))
        for before, now, calls in (("SD", "LAC", 60), ("JAC", "JAX", 50)):
            self.assertEqual(history.before(before, 17_407), history.before(now, 17_407))
            self.assertEqual(history.before(now, 17_407).tally.calls, calls)

    def test_a_file_of_older_letters_is_read_as_the_clubs_they_are_now(self) -> None:
        told = {"SD": (2016, 1), "STL": (2015, 2), "LA": (2016, 3), "JAX": (2016, 5), "JAC": (2016, 4), "NE": (2016, 6)}
        tally = dataclasses.asdict(Tally())
        teams = {team: {"season": season, "rating": rating, "tally": tally} for team, (season, rating) in told.items()}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "history.json"
            file.write_text(json.dumps([{"through_day": 17_000, "teams": teams}]))
            history = load(file)
        for team, rating in {"SD": 1, "LAC": 1, "LA": 3, "STL": 3, "JAX": 5, "NE": 6}.items():
            self.assertEqual(history.before(team, 17_100).rating, rating, team)


if __name__ == "__main__":
    unittest.main()
