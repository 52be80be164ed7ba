"""What a model is told of a coming snap. The server computes the same from a game's state, field by field.

`GameFold` takes a game's plays in their order and says at any moment what the next snap looks like: the situation,
this game's calls of the team with the ball measured against `expectation`, its last ten and last three, the drive, the
clock's pace, and what both teams did in earlier games. Nothing of the snap's own outcome, and of its formation only the
last three names, which the blind models leave out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from . import expectation
from .history import HOME_POINTS, History, Past, Tally
from .plays import DROPBACKS, Game, Play

RECENT = 10
"""Calls that the window looks back."""
SKIPPED = ("admin", "other", "timeout", "no_play")
"""Entries of a play list that are no snap, or a snap that a penalty undid."""
KICKS = ("kickoff", "punt", "field_goal", "extra_point", "two_point")
"""Plays that end a drive, or follow its end."""


@dataclass(slots=True)
class Call:
    """A run or a dropback that stands."""

    dropback: bool
    yards: int
    shotgun: bool
    no_huddle: bool
    residual: float
    game_left: int
    gained_enough: bool


def _shrunk(total: float, count: float, weight: float, prior: float = 0.0) -> float:
    """A mean, as if `weight` more had been seen at `prior`."""
    return (total + weight * prior) / (count + weight)


def _gained_enough(play: Play) -> bool:
    """Whether a call gained 40% of the distance on first down, 60% on second, all of it later."""
    needed = {1: 4, 2: 6}.get(play.down, 10)
    return play.yards * 10 >= play.distance * needed


SITUATION = (
    "down_1 down_2 down_3 down_4 distance distance_short yards_to_goal goal_to_go quarter overtime half_left "
    "half_last_150 game_left game_last_420 lead lead_sign lead_late lead_last_300 lead_by_time points points_against "
    "timeouts timeouts_against at_home expected"
).split()
GAME = (
    "game_calls game_residual game_shotgun game_no_huddle game_shotgun_residual game_under_center_residual "
    "game_down_residual game_short_residual game_run_yards game_pass_yards game_run_success game_pass_success "
    "opponent_residual"
).split()
WINDOW = (
    "window_calls window_residual window_dropbacks window_shotgun window_yards drive_calls drive_dropbacks pace "
    "after_incompletion after_timeout after_penalty"
).split()
LAST = [f"last_{i}_{what}" for i in (1, 2, 3) for what in ("call", "yards", "shotgun", "residual", "success")]
PAST = (
    "past_calls past_residual past_first_residual past_second_residual past_late_residual past_short_residual "
    "past_shotgun past_no_huddle past_shotgun_residual past_under_center_residual past_run_yards past_pass_yards "
    "opponent_past_residual opponent_past_yards rating"
).split()
BLIND = SITUATION + GAME + WINDOW + LAST + PAST
"""What the models without formation are told, in this order."""
FORMED = BLIND + ["shotgun", "no_huddle", "expected_formed"]
"""What the models with formation are told."""


class GameFold:
    """A game's plays so far."""

    def __init__(self, game: Game, history: History) -> None:
        self.home = game.home
        self.pasts: dict[str, Past] = {team: history.before(team, game.day) for team in (game.home, game.away)}
        self.nobody = history.before("", game.day)
        self.tallies: dict[str, Tally] = defaultdict(Tally)
        self.calls: dict[str, list[Call]] = defaultdict(list)
        self.drive_of = ""
        self.drive: list[Call] = []
        self.interruption = ""

    def take(self, play: Play, expected: float, formed: float) -> None:
        """The next play. `expected`, `formed`: the probability of a dropback there, blind and with its formation."""
        if play.kind in SKIPPED:
            if play.kind in ("timeout", "no_play"):
                self.interruption = play.kind
            return
        self.interruption = ""
        if play.offence != self.drive_of or play.kind in KICKS:
            self.drive_of, self.drive = play.offence, []
        if not play.is_call:
            return
        dropback = play.kind in DROPBACKS
        residual = dropback - expected
        _, game_left = expectation.seconds_left(play.quarter, play.seconds_left)
        call = Call(dropback, play.yards, play.shotgun, play.no_huddle, residual, game_left, _gained_enough(play))
        self.calls[play.offence].append(call)
        self.drive.append(call)
        self._count(play, call, dropback - formed)

    def _count(self, play: Play, call: Call, formed_residual: float) -> None:
        tally = self.tallies[play.offence]
        tally.calls += 1
        tally.residual += call.residual
        tally.formed += 1
        tally.no_huddle += call.no_huddle
        if call.shotgun:
            tally.shotgun += 1
            tally.shotgun_residual += formed_residual
        else:
            tally.under_center_residual += formed_residual
        name = {1: "first", 2: "second"}.get(play.down, "late")
        setattr(tally, name, getattr(tally, name) + 1)
        setattr(tally, f"{name}_residual", getattr(tally, f"{name}_residual") + call.residual)
        if play.distance <= 2:
            tally.short += 1
            tally.short_residual += call.residual
        if call.dropback:
            tally.passes += 1
            tally.pass_yards += call.yards
            tally.pass_successes += call.gained_enough
        else:
            tally.runs += 1
            tally.run_yards += call.yards
            tally.run_successes += call.gained_enough
        other = self.tallies[play.defence]
        other.faced += 1
        other.faced_residual += call.residual
        other.faced_yards += call.yards

    def features(self, snap: Play, expected: float, formed: float) -> list[float]:
        """`FORMED` of a coming snap. `expected`, `formed`: log-odds; 0 for a kick."""
        return [
            *self._situation(snap, expected),
            *self._game(snap),
            *self._window(snap),
            *self._last(snap),
            *self._past(snap),
            float(snap.shotgun),
            float(snap.no_huddle),
            formed,
        ]

    def _situation(self, snap: Play, expected: float) -> list[float]:
        half, game = expectation.seconds_left(snap.quarter, snap.seconds_left)
        lead = snap.points - snap.points_against
        return [
            *(float(snap.down == down) for down in (1, 2, 3, 4)),
            min(snap.distance, 30),
            float(snap.down > 0 and snap.distance <= 2),
            snap.yards_to_goal,
            float(snap.down > 0 and snap.distance >= snap.yards_to_goal),
            min(snap.quarter, 4),
            float(snap.quarter > 4),
            half,
            min(half, 150),
            game,
            min(game, 420),
            max(-35, min(35, lead)),
            float(lead > 0) - float(lead < 0),
            max(-28, min(28, lead)) if game < 900 else 0,
            max(-28, min(28, lead)) if game < 300 else 0,
            max(-35, min(35, lead)) / math.sqrt(game / 60 + 1),
            snap.points,
            snap.points_against,
            snap.timeouts,
            snap.timeouts_against,
            float(snap.offence == self.home),
            expected,
        ]

    def _game(self, snap: Play) -> list[float]:
        tally = self.tallies[snap.offence]
        name = {1: "first", 2: "second"}.get(snap.down, "late")
        opponent = self.tallies[snap.defence]
        return [
            tally.calls,
            _shrunk(tally.residual, tally.calls, 12),
            _shrunk(tally.shotgun, tally.formed, 8, 0.55),
            _shrunk(tally.no_huddle, tally.formed, 8, 0.08),
            _shrunk(tally.shotgun_residual, tally.shotgun, 10),
            _shrunk(tally.under_center_residual, tally.formed - tally.shotgun, 10),
            _shrunk(getattr(tally, f"{name}_residual"), getattr(tally, name), 8),
            _shrunk(tally.short_residual, tally.short, 4),
            _shrunk(tally.run_yards, tally.runs, 6, 4.2),
            _shrunk(tally.pass_yards, tally.passes, 8, 6.2),
            _shrunk(tally.run_successes, tally.runs, 6, 0.45),
            _shrunk(tally.pass_successes, tally.passes, 8, 0.45),
            _shrunk(opponent.faced_residual, opponent.faced, 12),
        ]

    def _window(self, snap: Play) -> list[float]:
        calls = self.calls[snap.offence][-RECENT:]
        count = len(calls)
        drive = self.drive if snap.offence == self.drive_of else []
        _, game_left = expectation.seconds_left(snap.quarter, snap.seconds_left)
        pace = max(-60, min(60, drive[-1].game_left - game_left)) if drive else -1
        return [
            count,
            _shrunk(sum(call.residual for call in calls), count, 4),
            _shrunk(sum(call.dropback for call in calls), count, 3, 0.58),
            _shrunk(sum(call.shotgun for call in calls), count, 3, 0.55),
            _shrunk(sum(call.yards for call in calls), count, 4, 5.5),
            len(drive),
            sum(call.dropback for call in drive),
            pace,
            float(bool(drive) and drive[-1].dropback and drive[-1].yards == 0),
            float(self.interruption == "timeout"),
            float(self.interruption == "no_play"),
        ]

    def _last(self, snap: Play) -> list[float]:
        calls = self.calls[snap.offence]
        features: list[float] = []
        for back in (1, 2, 3):
            if back > len(calls):
                features += [0.0] * 5
                continue
            call = calls[-back]
            features += [
                1.0 if call.dropback else -1.0,
                max(-15, min(40, call.yards)),
                1.0 if call.shotgun else -1.0,
                call.residual,
                1.0 if call.gained_enough else -1.0,
            ]
        return features

    def _past(self, snap: Play) -> list[float]:
        past = self.pasts.get(snap.offence, self.nobody)
        opponent = self.pasts.get(snap.defence, self.nobody)
        tally = past.tally
        at_home = HOME_POINTS if snap.offence == self.home else -HOME_POINTS
        return [
            min(tally.calls, 600),
            _shrunk(tally.residual, tally.calls, 100),
            _shrunk(tally.first_residual, tally.first, 50),
            _shrunk(tally.second_residual, tally.second, 50),
            _shrunk(tally.late_residual, tally.late, 40),
            _shrunk(tally.short_residual, tally.short, 20),
            _shrunk(tally.shotgun, tally.formed, 60, 0.55),
            _shrunk(tally.no_huddle, tally.formed, 60, 0.08),
            _shrunk(tally.shotgun_residual, tally.shotgun, 80),
            _shrunk(tally.under_center_residual, tally.formed - tally.shotgun, 80),
            _shrunk(tally.run_yards, tally.runs, 60, 4.2),
            _shrunk(tally.pass_yards, tally.passes, 80, 6.2),
            _shrunk(opponent.tally.faced_residual, opponent.tally.faced, 100),
            _shrunk(opponent.tally.faced_yards, opponent.tally.faced, 100, 5.5),
            past.rating - opponent.rating + at_home,
        ]


def is_snap(play: Play) -> bool:
    """Whether there is something to predict: a snap from scrimmage that counted, or a kick after one."""
    return bool(play.offence) and play.kind not in SKIPPED


def expected_rows(game: Game) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of the two expectations for every play of a game."""
    blind = [
        expectation.inputs(p.down, p.distance, p.yards_to_goal, p.quarter, p.seconds_left, p.points - p.points_against)
        for p in game.plays
    ]
    formed = [row + [float(p.shotgun), float(p.no_huddle)] for row, p in zip(blind, game.plays)]
    return np.array(blind), np.array(formed)


def of_game(game: Game, expected: expectation.Expectation, history: History) -> list[tuple[Play, list[float]]]:
    """Every snap of a game with its `FORMED`; the game goes into the history after that."""
    blind_rows, formed_rows = expected_rows(game)
    blind = expected.blind_log_odds(blind_rows)
    formed = expected.formed_log_odds(formed_rows)
    fold = GameFold(game, history)
    snaps = []
    for play, b, f in zip(game.plays, blind.tolist(), formed.tolist()):
        if is_snap(play):
            known = (b, f) if play.down else (0.0, 0.0)
            snaps.append((play, fold.features(play, *known)))
        fold.take(play, 1 / (1 + math.exp(-b)), 1 / (1 + math.exp(-f)))
    history.take(game.day, fold.tallies, game.home, game.away, game.final_score())
    return snaps
