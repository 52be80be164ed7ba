"""Writes made-up players and teams with the features they must give: what the server's own are compared with.

Nothing of a real game is in them; `golden` calls this.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from . import players, points, season, shipped

FOLDER = shipped.FOLDER.parents[1] / "tests" / "golden"
SEASON = 2024
RULESETS = ["draftkings", "half_ppr", "standard"]
GREATEST = {
    "passer": [420, 5, 4, 60, 2, 0, 0, 0, 2, 2, 0, 1, 50, 9],
    "runner": [0, 0, 0, 160, 3, 8, 90, 2, 2, 1, 1, 0, 0, 26],
    "catcher": [0, 0, 0, 20, 1, 12, 180, 3, 1, 1, 1, 0, 1, 2],
}
"""Greatest values of a made-up final line, in the order of `points.STATS`."""
MOMENTS = [
    ("passer", 0, 0, 1),
    ("passer", 1, 16, 17),
    ("runner", 2, 9, 4),
    ("runner", 3, 3, 8),
    ("catcher", 1, 1, 2),
    ("catcher", 3, 25, 19),
    ("catcher", 2, 8, 12),
    ("runner", 0, 5, 1),
]
"""Of live points: role, quarter end, games known, week."""
SEASONS = [("passer", 0, 12, 17, 0), ("runner", 5, 4, 5, 1), ("catcher", 16, 30, 20, 0), ("catcher", 9, 1, 1, 0)]
"""Of season output: role, weeks over, games known, games known of the club, its games since his last."""


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


def past_games(rng: np.random.Generator, role: str, count: int, week: int) -> list[points.PastGame]:
    """A player's games before that week, the first some for another club."""
    when = [(SEASON - 1, w) for w in range(1, 18)] + [(SEASON, w) for w in range(1, week)]
    when = when[-count - 1 : -1] if count else []
    games = []
    for number, (year, w) in enumerate(when):
        line = made_up(rng, role)
        sums = np.floor(np.array([35, 27, 21]) + 6 * rng.random(3))
        games.append(points.PastGame(year, w, "BBB" if number < 2 else "AAA", line, sums))
    return games


def past_named(game: points.PastGame) -> dict[str, object]:
    """A past game as JSON."""
    sums = dict(zip(points.ROLES, map(int, game.team_sums)))
    return {"season": game.season, "week": game.week, "team": game.team, "line": named(game.line), "team_sums": sums}


def rounded(values: np.ndarray) -> list[float]:
    """Features as they are written."""
    return [round(float(value), 6) for value in values]


def points_case(rng: np.random.Generator, number: int, ruleset: points.Ruleset) -> dict[str, object]:
    """A case of `points.features`."""
    role, quarter, count, week = MOMENTS[number]
    before = made_up(rng, role, 0.25) if quarter > 1 else np.zeros(len(points.STATS))
    line = before + (made_up(rng, role, 0.25) if quarter else 0)
    team_line = line + (made_up(rng, "passer", 0.5) + made_up(rng, "catcher", 0.5) if quarter else 0)
    score = (float(rng.integers(0, 28)), float(rng.integers(0, 28))) if quarter else (0.0, 0.0)
    past = past_games(rng, role, count, min(week, points.REGULAR_WEEKS))
    now = points.Now(SEASON, week, "AAA", bool(number % 2), line, before, team_line, score)
    row = points.moment(quarter, now, past)
    rows = points.Rows(**{k: np.asarray([row.get(k, 0)], dtype=np.float64) for k in points.Rows.__dataclass_fields__})
    return {
        "ruleset": ruleset.name,
        "quarter": quarter,
        "season": SEASON,
        "week": week,
        "team": "AAA",
        "home": now.home,
        "line": named(line),
        "line_before": named(before),
        "team_line": named(team_line),
        "score": list(map(int, score)),
        "past": [past_named(game) for game in past],
        "features": rounded(points.features(rows, ruleset)[0][0]),
    }


def season_case(rng: np.random.Generator, number: int, ruleset: points.Ruleset) -> dict[str, object]:
    """A case of `season.features` and `season.team_features`."""
    role, week, count, clubs, since = SEASONS[number]
    past = past_games(rng, role, count, week + 1)
    club = season.Club(season=SEASON, season_games=min(week, clubs))
    club.games = [team_game(rng) for _ in range(clubs)]
    sums = np.array([70, 40, 420, 35, 3, 4, 50, 25])
    club.plays = [np.floor(sums * (0.5 + 0.5 * rng.random(len(sums)))) for _ in range(clubs)]
    club.played = [{"p"}] * (clubs - since) + [set()] * since
    moments = season.stack([season.player_row(week, SEASON, past, club, "p", {}, ())])
    return {
        "ruleset": ruleset.name,
        "week": week,
        "season": SEASON,
        "past": [past_named(game) for game in past],
        "club_games_since_his_last": since,
        "club_season_games": club.season_games,
        "club": [team_named(game) for game in club.games],
        "club_plays": [dict(zip(season.PLAY_COLUMNS, map(int, game))) for game in club.plays],
        "features": rounded(season.features(moments, ruleset)[0][0]),
        "team_features": rounded(season.team_features(moments)[0][0]),
    }


def write(file: Path, names: dict[str, list[str]], cases: list[dict[str, object]]) -> None:
    """A case a line."""
    heads = [f' "{key}": {json.dumps(values)},' for key, values in names.items()]
    rows = ",\n".join("  " + json.dumps(case) for case in cases)
    file.write_text("\n".join(["{", *heads, ' "cases": [', rows, " ]", "}"]) + "\n")
    print(f"{file}: {len(cases)} cases")


def write_all(folder: Path = FOLDER) -> None:
    """Both files."""
    rulesets = [points.read_ruleset(players.RULESETS / f"{name}.toml") for name in RULESETS]
    rng = np.random.default_rng(20260101)
    cases = [points_case(rng, number, rulesets[number % len(rulesets)]) for number in range(len(MOMENTS))]
    write(folder / "points_features.json", {"names": points.NAMES}, cases)
    cases = [season_case(rng, number, rulesets[number % len(rulesets)]) for number in range(len(SEASONS))]
    write(folder / "season_features.json", {"names": season.NAMES, "team_names": season.TEAM_NAMES}, cases)
