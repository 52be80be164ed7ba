"""How drives end and what was called, on a small made-up game."""

import unittest

from scorewire_training import labels
from scorewire_training.plays import Game, Play


def play(number: int, kind: str, offence: str, down: int = 1, quarter: int = 1, **told: object) -> Play:
    """A play, plain but for what is told."""
    fields: dict[str, object] = {
        "seconds_left": 900 - 10 * number,
        "distance": 10,
        "yards_to_goal": 50,
        "defence": "PHI" if offence == "NE" else "NE",
        "points": 0,
        "points_against": 0,
        "timeouts": 3,
        "timeouts_against": 3,
        "shotgun": False,
        "no_huddle": False,
        "yards": 0,
        "drive": 0,
        "touchdown": False,
        "turnover": False,
        "scored": False,
        "first_down": False,
    }
    return Play(id=number, kind=kind, offence=offence, down=down, quarter=quarter, **{**fields, **told})


def ends(*plays: Play) -> dict[int, str]:
    """How the drive of each snap ends."""
    game = Game("2017090700", 2017, False, 17_416, "NE", "PHI", list(plays))
    return {number: labels.DRIVE_ENDS[end] for number, end in labels.drive_ends(game).items()}


class DriveEnds(unittest.TestCase):
    def test_a_game(self) -> None:
        told = ends(
            play(1, "kickoff", "PHI", down=0),
            play(2, "run", "NE"),
            play(3, "punt", "NE", down=4),
            play(4, "pass", "PHI"),
            play(5, "pass", "PHI", touchdown=True, scored=True),
            play(6, "extra_point", "PHI", down=0, scored=True),
            play(7, "kickoff", "PHI", down=0),
            play(8, "pass", "NE", turnover=True),
            play(9, "run", "PHI"),
            play(10, "field_goal", "PHI", down=4, scored=True),
            play(11, "kickoff", "PHI", down=0),
            play(12, "run", "NE", down=4),
            play(13, "pass", "PHI", quarter=2),
            play(14, "run", "PHI", quarter=3),
        )
        wanted = {2: "punt", 3: "punt", 4: "touchdown", 5: "touchdown", 8: "turnover", 9: "field_goal", 10: "field_goal"}
        # A fourth down that fails; then halftime, and the end of the list.
        self.assertEqual(told, wanted | {12: "turnover", 13: "other", 14: "other"})

    def test_a_timeout_and_a_play_that_a_penalty_undid_end_nothing(self) -> None:
        told = ends(play(1, "run", "NE"), play(2, "timeout", "", down=0), play(3, "no_play", "NE"), play(4, "punt", "NE", down=4))
        self.assertEqual(told, {1: "punt", 4: "punt"})

    def test_a_missed_field_goal_is_other(self) -> None:
        self.assertEqual(ends(play(1, "field_goal", "NE", down=4)), {1: "other"})

    def test_a_blocked_one_that_is_returned_for_a_touchdown_is_other(self) -> None:
        self.assertEqual(ends(play(1, "field_goal", "NE", down=4, scored=True, touchdown=True)), {1: "other"})


class Winners(unittest.TestCase):
    def score(self, *plays: Play) -> tuple[int, int] | None:
        """Home's and away's points at the end of a game at NE."""
        return Game("2017090700", 2017, False, 17_416, "NE", "PHI", list(plays)).final_score()

    def last(self, kind: str, **told: object) -> tuple[int, int] | None:
        """The same of a game that ends with NE's play at 20 to 20."""
        return self.score(play(1, kind, "NE", quarter=4, seconds_left=3, points=20, points_against=20, scored=True, **told))

    def test_a_touchdown_is_that_of_who_ends_with_the_ball(self) -> None:
        self.assertEqual(self.last("run", touchdown=True), (26, 20))
        self.assertEqual(self.last("pass", touchdown=True, turnover=True), (20, 26))
        for kick in ("kickoff", "punt", "field_goal"):
            self.assertEqual(self.last(kick, touchdown=True), (20, 26), kick)
            self.assertEqual(self.last(kick, touchdown=True, turnover=True), (26, 20), kick)

    def test_kicks_tries_and_safeties(self) -> None:
        for kind, score in {"field_goal": (23, 20), "extra_point": (21, 20), "two_point": (22, 20), "sack": (20, 22), "run": (20, 22)}.items():
            self.assertEqual(self.last(kind), score, kind)

    def test_a_list_that_breaks_off_or_has_no_play_of_either_team_names_no_winner(self) -> None:
        self.assertIsNone(self.score())
        self.assertIsNone(self.score(play(1, "admin", "", down=0)))
        self.assertIsNone(self.score(play(1, "run", "NE", quarter=3, points=20)))
        self.assertIsNone(self.score(play(1, "run", "NE", quarter=4, seconds_left=400, points=20)))
        self.assertEqual(self.score(play(1, "run", "NE", quarter=5, seconds_left=400, points=20)), (20, 0))
        self.assertEqual(labels.wins(Game("2017090700", 2017, False, 17_416, "NE", "PHI", [])), {})


class Kinds(unittest.TestCase):
    def test_a_sack_is_a_dropback_and_a_kick_without_a_down_has_no_kind(self) -> None:
        self.assertEqual(labels.KINDS[labels.kind(play(1, "sack", "NE"))], "pass")
        self.assertEqual(labels.kind(play(1, "kickoff", "NE", down=0)), labels.NONE)


if __name__ == "__main__":
    unittest.main()
