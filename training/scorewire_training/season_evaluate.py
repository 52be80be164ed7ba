"""Judges the models `season` and `season_team`; `points_evaluate` calls it. Needs numpy and onnxruntime alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import points, season
from .points_evaluate import judge, load, run


def judge_seasons(data: points.Season, plays: list[Path], first: int, models: Path, ruleset: points.Ruleset) -> dict:
    """Figures beside the rolling average of the last 8 games, for the seasons from `first` on, by weeks over."""
    players, teams = season.moments_of(data, season.read_plays(plays), first)
    features, names = season.features(players, ruleset)
    per_game, total = run(load(models, "season", names)[0], features)
    target = season.targets(players, ruleset)
    rolling, there = season.rolling(players, ruleset), ~np.isnan(target[:, 0])
    left = season.REGULAR_WEEKS - players.week
    # Of the weeks left one more is his club's week off, somewhere in the middle of a season.
    games_left = left * (1 - 1 / season.REGULAR_WEEKS)
    out: dict = {"per game, players": {}, "total, players": {}, "per game, teams": {}}
    spans = {"all": (0, 16), "before week 1": (0, 0), "after weeks 1-4": (1, 4), "after weeks 5-8": (5, 8),
             "after weeks 9-12": (9, 12), "after weeks 13-16": (13, 16)}
    for name, (low, high) in spans.items():
        weeks = (players.week >= low) & (players.week <= high)
        rows = weeks & there
        out["per game, players"][name] = judge(per_game[rows], rolling[rows], target[rows, 0])
        out["total, players"][name] = judge(total[weeks] * left[weeks, None], rolling[weeks] * games_left[weeks],
                                            target[weeks, 1] * left[weeks])
    features, names = season.team_features(teams)
    forecast = run(load(models, "season_team", names)[0], features)[0]
    target, rolling = season.team_targets(teams)[:, 0], season.team_rolling(teams)
    for name, (low, high) in spans.items():
        rows = (teams.week >= low) & (teams.week <= high) & ~np.isnan(target) & (teams.club_games > 0)
        out["per game, teams"][name] = judge(forecast[rows], rolling[rows], target[rows])
    return out
