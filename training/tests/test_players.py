"""Features of players: nothing of what comes later is in them."""

import json
import tempfile
import unittest
from pathlib import Path

import numpy as np

from scorewire_training import evaluate, players, players_card, players_evaluate, points, season, shipped
from tests import made_up

RULES = players.Rules.read()


def features(rows: list[dict[str, str]]) -> tuple[points.Rows, np.ndarray]:
    """Of a made-up table."""
    with tempfile.TemporaryDirectory() as folder:
        path = made_up.write(Path(folder) / "quarters.csv", rows)
        told = points.rows_of(points.read([path]))
    return told, points.features(told, RULES.judged)[0]


class Leaks(unittest.TestCase):
    def test_changing_a_later_row_changes_no_earlier_feature(self) -> None:
        rows = made_up.quarters(weeks=4)
        _, before = features(rows)
        for changed in rows:
            again = [dict(row) for row in rows]
            again[rows.index(changed)]["rec_yds"] = "99"
            told, after = features(again)
            week, quarter = int(changed["week"]), int(changed["quarter"])
            earlier = (told.week < week) | ((told.week == week) & (told.quarter < min(quarter, 4)))
            np.testing.assert_array_equal(before[earlier], after[earlier], f"week {week}, quarter {quarter}")
            self.assertTrue((before != after).any() or week == 4, f"week {week}, quarter {quarter} is told to nobody")

    def test_pregame_never_sees_the_game_itself(self) -> None:
        told, values = features(made_up.quarters(weeks=3))
        pregame = values[:, points.NAMES.index("past_points")]
        for week in (1, 2, 3):
            finals = [RULES.judged.points(told.final[(told.week == w) & (told.quarter == 0)])[0] for w in range(1, week)]
            wanted = np.mean(finals) if finals else 0.0
            np.testing.assert_allclose(pregame[told.week == week], wanted, rtol=1e-6)

    def test_season_moments_know_only_weeks_that_are_over(self) -> None:
        rows = made_up.quarters(weeks=4)
        changed = [dict(row, rec_yds="99") if row["week"] == "4" else row for row in rows]
        told = []
        for table in (rows, changed):
            with tempfile.TemporaryDirectory() as folder:
                path = made_up.write(Path(folder) / "quarters.csv", table)
                moments, _ = season.moments_of(points.read([path]), {})
            told.append((moments.week, season.features(moments, RULES.judged)[0]))
        (week, before), (_, after) = told
        np.testing.assert_array_equal(before[week < 4], after[week < 4])
        self.assertTrue((before[week >= 4] != after[week >= 4]).any())


class Weeks(unittest.TestCase):
    def test_a_week_that_the_tables_do_not_have_is_no_week_without_points(self) -> None:
        told = []
        for lacking in ((), ("3",)):
            rows = [row for row in made_up.quarters(weeks=4) if row["week"] not in lacking]
            with tempfile.TemporaryDirectory() as folder:
                path = made_up.write(Path(folder) / "quarters.csv", rows)
                moments, _ = season.moments_of(points.read([path]), {})
            total = season.targets(moments, RULES.judged)[:, 1]
            told.append({int(week): total[moments.week == week] for week in (1, 4)})
        finals = [RULES.judged.points(np.array([{"rec": 4 * (w + 1), "rec_yds": 4 * (10 + w)}.get(s, 0) for s in points.STATS])) for w in (2, 3, 4)]
        whole, lacking = told
        np.testing.assert_allclose(whole[1], np.mean(finals), atol=1e-4)
        np.testing.assert_allclose(lacking[1], np.mean(finals[::2]), atol=1e-4)
        self.assertTrue(np.isnan(whole[4]).all(), "no week is left")

    def test_a_table_of_the_post_season_alone_has_no_moment(self) -> None:
        rows = [row | {"season_type": "POST"} for row in made_up.quarters(weeks=2)]
        with tempfile.TemporaryDirectory() as folder:
            path = made_up.write(Path(folder) / "quarters.csv", rows)
            told = players_evaluate.of_quarters([path], [], [], shipped.FOLDER)
        self.assertEqual(told["season"]["per_game"]["all"], {"rows": 0})
        json.loads(evaluate.as_json(told))


class Tables(unittest.TestCase):
    def test_a_baseline_without_an_error_leaves_no_gain_to_tell(self) -> None:
        judged = players_evaluate.Judged(np.array([[3.0, 2.0, 4.0]]), np.array([2.0]), np.array([2.0]))
        told = {"week": judged.figures(np.array([True]))}
        report = {"points": {"populations": {"known": {"quarters": {}, "groups": {}}}}, "season": {"per_game": told}, "season_team": {}}
        text = players_evaluate.table(report)
        self.assertIn("  –  100.0%", text)
        card = players_card._figures("season", {"history from 2009": report})[-1]
        self.assertIn("| 1.000 | 0.000 | – | 100.0% |", card)
        self.assertNotIn("nan", text + card)


class Targets(unittest.TestCase):
    def test_remaining_is_the_final_points_less_those_so_far(self) -> None:
        told, _ = features(made_up.quarters(weeks=1))
        so_far, final = RULES.judged.points(told.line), RULES.judged.points(told.final)
        np.testing.assert_allclose(points.remaining(told, RULES.judged), final - so_far, atol=0.005)

    def test_the_baseline_at_kickoff_is_the_mean_of_the_games_before(self) -> None:
        told, _ = features(made_up.quarters(weeks=3))
        at_kickoff = (told.quarter == 0) & (told.week == 3)
        finals = [RULES.judged.points(told.final[(told.week == w) & (told.quarter == 0)])[0] for w in (1, 2)]
        self.assertAlmostEqual(points.baseline(told, RULES.judged)[at_kickoff][0], np.mean(finals))


if __name__ == "__main__":
    unittest.main()
