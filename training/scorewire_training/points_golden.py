"""Writes `tests/golden/points_features.json` and `season_features.json`: made-up inputs with the features they must give.

    training/run points_golden evaluate [--out tests/golden]

Whoever computes the features elsewhere is held to these files, field by field.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from . import points, season, shipped

RULESETS = ["draftkings", "half_ppr", "standard"]
# Greatest values of a made-up final line of a passer, a runner and a catcher, in the order of `points.STATS`.
GREATEST = {"passer": [420, 5, 4, 60, 2, 0, 0, 0, 2, 2, 0, 1, 50, 9], "runner": [0, 0, 0, 160, 3, 8, 90, 2, 2, 1, 1, 0, 0, 26],
            "catcher": [0, 0, 0, 20, 1, 12, 180, 3, 1, 1, 1, 0, 1, 2]}


def made_up(rng: np.random.Generator, role: str, share: float = 1.0) -> np.ndarray:
    """A line, whole numbers; yards may be negative."""
    line = np.floor(rng.random(len(points.STATS)) ** 2 * (np.array(GREATEST[role]) * share + 0.9))
    if rng.random() < 0.3:
        line[points.INDEX["rush_yds"]] -= 4
    return line


def named(line: np.ndarray) -> dict:
    """A line without its zeros."""
    return {s: int(v) for s, v in zip(points.STATS, line) if v}


def team_game(rng: np.random.Generator) -> np.ndarray:
    """Points and `season.TEAM_COLUMNS`, had and allowed."""
    return np.floor(rng.random((2, 8)) * np.array([45, 50, 40, 30, 400, 200, 5, 4]))


def team_named(game: np.ndarray) -> dict:
    """Both sides of a team's game."""
    names = ["points", *season.TEAM_COLUMNS]
    return {side: {n: int(v) for n, v in zip(names, row)} for side, row in zip(("had", "allowed"), game)}


def past_games(rng: np.random.Generator, role: str, count: int, year: int, week: int) -> list[points.PastGame]:
    """A player's games before (year, week), the first some for another club."""
    when = [(year, w) for w in range(1, week)] if week > 1 else []
    when = ([(year - 1, w) for w in range(1, 18)] + when)[-count - 1:-1] if count else []
    return [points.PastGame(y, w, "BBB" if i < 2 else "AAA", made_up(rng, role), np.floor(np.array([35, 27, 21]) + 6 * rng.random(3)))
            for i, (y, w) in enumerate(when)]


def past_named(game: points.PastGame) -> dict:
    """A past game as JSON."""
    return {"season": game.season, "week": game.week, "team": game.team, "line": named(game.line),
            "team_sums": dict(zip(("pass_att", "rush_att", "rec"), map(int, game.team_sums)))}


def points_cases(rng: np.random.Generator, rulesets: list[points.Ruleset]) -> dict:
    """Cases of `points.features`."""
    cases, names = [], []
    for number, (role, quarter, count, week) in enumerate(
            [("passer", 0, 0, 1), ("passer", 1, 16, 17), ("runner", 2, 9, 4), ("runner", 3, 3, 8), ("catcher", 1, 1, 2),
             ("catcher", 3, 25, 19), ("catcher", 2, 8, 12), ("runner", 0, 5, 1)]):
        before = made_up(rng, role, 0.25) if quarter > 1 else np.zeros(14)
        line = before + (made_up(rng, role, 0.25) if quarter else 0)
        team_line = line + (made_up(rng, "passer", 0.5) + made_up(rng, "catcher", 0.5) if quarter else 0)
        score = (float(rng.integers(0, 28)), float(rng.integers(0, 28))) if quarter else (0.0, 0.0)
        past = past_games(rng, role, count, 2024, min(week, 17))
        ruleset, home = rulesets[number % len(rulesets)], bool(number % 2)
        row = points.moment(quarter, 2024, week, "AAA", home, line, before, team_line, score, past)
        rows = points.Rows(**{k: np.asarray([row.get(k, 0)], dtype=np.float64) for k in points.Rows.__dataclass_fields__})
        values, names = points.features(rows, ruleset)
        cases.append({"ruleset": ruleset.name, "quarter": quarter, "season": 2024, "week": week, "team": "AAA", "home": home,
                      "line": named(line), "line_before": named(before), "team_line": named(team_line), "score": list(map(int, score)),
                      "past": [past_named(g) for g in past], "features": [round(float(v), 6) for v in values[0]]})
    return {"names": names, "cases": cases}


def season_cases(rng: np.random.Generator, rulesets: list[points.Ruleset]) -> dict:
    """Cases of `season.features` and `season.team_features`."""
    cases, names, team_names = [], [], []
    for number, (role, week, count, clubs, since) in enumerate(
            [("passer", 0, 12, 17, 0), ("runner", 5, 4, 5, 1), ("catcher", 16, 30, 20, 0), ("catcher", 9, 1, 1, 0)]):
        past = past_games(rng, role, count, 2024, week + 1)
        club = season.Club(season=2024, season_games=min(week, clubs))
        club.games = [team_game(rng) for _ in range(clubs)]
        club.plays = [np.floor(np.array([70, 40, 420, 35, 3, 4, 50, 25]) * (0.5 + 0.5 * rng.random(8))) for _ in range(clubs)]
        club.played = [{"p"}] * (clubs - since) + [set()] * since
        ruleset = rulesets[number % len(rulesets)]
        row = season._player_row(week, 2024, past, club, "p", {})
        m = season.Moments(**{k: np.asarray([v], dtype=np.float64) for k, v in row.items()})
        (values, names), (team_values, team_names) = season.features(m, ruleset), season.team_features(m)
        cases.append({"ruleset": ruleset.name, "week": week, "season": 2024, "past": [past_named(g) for g in past],
                      "club_games_since_his_last": since, "club_season_games": club.season_games, "club": list(map(team_named, club.games)),
                      "club_plays": [dict(zip(season.PLAY_COLUMNS, map(int, p))) for p in club.plays],
                      "features": [round(float(v), 6) for v in values[0]],
                      "team_features": [round(float(v), 6) for v in team_values[0]]})
    return {"names": names, "team_names": team_names, "cases": cases}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rulesets", type=Path, default=shipped.FOLDER.parent / "rulesets")
    parser.add_argument("--out", type=Path, default=shipped.FOLDER.parents[1] / "tests" / "golden")
    args = parser.parse_args()
    rulesets = [points.read_ruleset(args.rulesets / f"{name}.toml") for name in RULESETS]
    rng = np.random.default_rng(20260101)
    for name, cases in (("points", points_cases(rng, rulesets)), ("season", season_cases(rng, rulesets))):
        lines = ["{", *(f' "{k}": {json.dumps(v)},' for k, v in cases.items() if k != "cases"), ' "cases": [',
                 ",\n".join(" " * 2 + json.dumps(c) for c in cases["cases"]), " ]", "}"]
        (args.out / f"{name}_features.json").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
