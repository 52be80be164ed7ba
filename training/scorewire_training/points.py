"""Live points: what is known of a player at a moment of a game, and the features made of it.

Owns the reading of `player_quarters_*.csv.gz`, the tables of history a server has to hold, the rulesets as weights,
and the features and targets of the model `points`. Needs numpy alone. Nothing here looks at the game that is
predicted beyond the moment, nor at a later one; `tests/golden/points_features.json` pins the features.

A *moment* is the end of quarter 0 (before kickoff), 1, 2 or 3. A moment between two ends is served by two rows, one for
each neighbouring end, with the line as it stands, mixed in proportion to the time (see its card).
"""

from __future__ import annotations

import csv
import gzip
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# A box-score line, in the order of the file's columns.
STATS = ["pass_yds", "pass_td", "int", "rush_yds", "rush_td", "rec", "rec_yds", "rec_td", "fumbles_lost",
         "two_pt", "ret_td", "off_fumrec_td", "pass_att", "rush_att"]
INDEX = {name: i for i, name in enumerate(STATS)}
HISTORY_GAMES_MAX = 16  # of a player; the baseline and most features look at the last 8
HISTORY_GAMES_NEAR = 8
MOMENTS = 4
# Clubs that moved or changed their letters keep their history.
CLUBS = {"JAC": "JAX", "STL": "LA", "SD": "LAC", "OAK": "LV"}
REGULAR_WEEKS = 17

# What of a ruleset the network is told; the yards' weights and touchdowns other than passing are equal in all that it serves.
RULESET_KEYS = {"passing_yards": "pass_yds", "passing_tds": "pass_td", "interceptions": "int", "rushing_yards": "rush_yds",
                "rushing_tds": "rush_td", "receptions": "rec", "receiving_yards": "rec_yds", "receiving_tds": "rec_td",
                "fumbles_lost": "fumbles_lost", "two_point_conversions": "two_pt", "return_tds": "ret_td",
                "fumble_recovery_tds": "off_fumrec_td"}
BONUS_KEYS = {"passing_yards": ("pass_yds", 300), "rushing_yards": ("rush_yds", 100), "receiving_yards": ("rec_yds", 100)}


@dataclass(frozen=True)
class Ruleset:
    """Weights of the 14 stats, and what 300 passing, 100 rushing and 100 receiving yards pay."""

    name: str
    weights: np.ndarray
    bonuses: np.ndarray

    def points(self, lines: np.ndarray) -> np.ndarray:
        """Points of lines, shape [..., 14] -> [...]."""
        points = lines @ self.weights
        for bonus, (stat, at_least) in zip(self.bonuses, BONUS_KEYS.values()):
            if bonus:
                points = points + bonus * (lines[..., INDEX[stat]] >= at_least)
        return points


def read_ruleset(path: Path) -> Ruleset:
    """A ruleset of `config/rulesets`, as far as players on offence go."""
    text = tomllib.loads(path.read_text())
    weights, bonuses = np.zeros(len(STATS)), np.zeros(len(BONUS_KEYS))
    for key, stat in RULESET_KEYS.items():
        weights[INDEX[stat]] = text["weights"].get(key, 0)
    for row in text.get("threshold", []):
        known = BONUS_KEYS.get(row["stat"])
        if known is None or known[1] != row["at_least"]:
            raise ValueError(f"{path}: no model for a bonus on {row['stat']} at {row['at_least']}")
        bonuses[list(BONUS_KEYS).index(row["stat"])] += row["points"]
    return Ruleset(path.stem, weights, bonuses)


@dataclass
class Appearance:
    """A player's game: his line at the end of quarters 0–3 and at the end, and which game it was."""

    game: str
    season: int
    week: int  # 1–17, then 18–21 after the season
    regular: bool
    player: str
    name: str
    position: str
    team: str
    opponent: str
    home: bool
    lines: np.ndarray  # [5, 14]


@dataclass
class TeamGame:
    """A team's game: the sums of its players' lines and the score at the end of quarters 0–3 and at the end."""

    lines: np.ndarray  # [5, 14]
    score: np.ndarray  # [5]


@dataclass
class Season:
    """All that a file or several say, in the order of play."""

    appearances: list[Appearance]
    teams: dict[tuple[str, str], TeamGame]


def is_player_quarters(path: Path) -> bool:
    """Whether a table has this layout, by its first line."""
    with (gzip.open if str(path).endswith(".gz") else open)(path, "rt", newline="") as file:
        return "pass_yds" in file.readline().split(",")


def read(paths: list[Path]) -> Season:
    """Reads files of the layout `player_quarters_*.csv.gz`; later rows of a game replace none: a row seen twice is an error."""
    seen: dict[tuple[str, str], Appearance] = {}
    last: dict[tuple[str, str], int] = {}
    scores: dict[tuple[str, str], np.ndarray] = {}
    done: set[tuple[str, str, int]] = set()
    for path in paths:
        with (gzip.open if str(path).endswith(".gz") else open)(path, "rt", newline="") as file:
            for row in csv.DictReader(file):
                quarter = min(int(row["quarter"]), 5)
                key = row["gsis_id"], row["game_id"]
                if (*key, quarter) in done:
                    raise ValueError(f"{path}: {key} has quarter {quarter} twice")
                done.add((*key, quarter))
                team = CLUBS.get(row["team"], row["team"])
                game = seen.get(key)
                if game is None:
                    regular = row["season_type"] == "REG"
                    week = int(row["week"]) + (0 if regular else REGULAR_WEEKS)
                    game = Appearance(row["game_id"], int(row["season"]), week, regular, row["gsis_id"], row["name"],
                                      row["position"], team, CLUBS.get(row["opponent"], row["opponent"]),
                                      row["home"] == "1", np.zeros((5, len(STATS))))
                    seen[key] = game
                line = np.array([float(row[s] or 0) for s in STATS])
                score = scores.setdefault((row["game_id"], team), np.zeros(5))
                if quarter <= 3:
                    game.lines[quarter] = line
                    score[quarter] = float(row["team_score"])
                elif quarter >= last.get(key, 0):
                    game.lines[4] = line
                    score[4] = max(score[4], float(row["team_score"]))
                    last[key] = quarter
    appearances = sorted(seen.values(), key=lambda a: (a.game, a.player))
    teams: dict[tuple[str, str], TeamGame] = {}
    for a in appearances:
        own = teams.setdefault((a.game, a.team), TeamGame(np.zeros((5, len(STATS))), scores[a.game, a.team]))
        own.lines += a.lines
    return Season(appearances, teams)


@dataclass
class Rows:
    """Moments, one an entry of the first axis: what the features are made of. `game` says which appearance it is."""

    quarter: np.ndarray  # [n] 0–3
    week: np.ndarray  # [n]
    home: np.ndarray  # [n] 0/1
    line: np.ndarray  # [n, 14] so far
    line_before: np.ndarray  # [n, 14] at the quarter end before
    team_line: np.ndarray  # [n, 14] sums of the team so far
    score: np.ndarray  # [n, 2] own, opponent's
    games: np.ndarray  # [n] of the player, at most 16
    games_season: np.ndarray  # [n] of the last 8 in this season
    games_club: np.ndarray  # [n] of the last 8 with this team
    weeks_away: np.ndarray  # [n] weeks since his last game of this season less one; 0 if none was
    history: np.ndarray  # [n, 16, 14] newest first, zeros where none
    history_team: np.ndarray  # [n, 16, 3] his team's pass_att, rush_att, rec in those games
    final: np.ndarray  # [n, 14] the target's line
    game: np.ndarray  # [n]

    def take(self, index: np.ndarray) -> "Rows":
        """The rows of an index or a mask."""
        return Rows(**{k: v[index] for k, v in self.__dict__.items()})


ROLE_COLUMNS = [INDEX["pass_att"], INDEX["rush_att"], INDEX["rec"]]


@dataclass
class PastGame:
    """What a server holds of a player's game that is over."""

    season: int
    week: int  # 1-17, then 18-21 after the season
    team: str
    line: np.ndarray  # [14]
    team_sums: np.ndarray  # [3] pass_att, rush_att and rec of all his team


def history_of(past: list[PastGame]) -> tuple[int, np.ndarray, np.ndarray]:
    """Games known, at most 16, and their lines and team sums, newest first, zeros where there is none."""
    kept = past[:-HISTORY_GAMES_MAX - 1:-1]
    lines, sums = np.zeros((HISTORY_GAMES_MAX, len(STATS))), np.zeros((HISTORY_GAMES_MAX, 3))
    for i, game in enumerate(kept):
        lines[i], sums[i] = game.line, game.team_sums
    return len(kept), lines, sums


def moment(quarter: int, season: int, week: int, team: str, home: bool, line: np.ndarray, line_before: np.ndarray,
           team_line: np.ndarray, score: tuple[float, float], past: list[PastGame]) -> dict:
    """One row of `Rows`, less `final` and `game`, of what a server knows of a player at a moment."""
    games, history, history_team = history_of(past)
    near = past[:-HISTORY_GAMES_NEAR - 1:-1]
    same = [g for g in near if g.season == season]
    return dict(quarter=quarter, week=week, home=float(home), line=line, line_before=line_before, team_line=team_line,
                score=list(score), games=games, games_season=len(same), games_club=sum(g.team == team for g in near),
                weeks_away=max(week - same[0].week - 1, 0) if same else 0, history=history, history_team=history_team)


def rows_of(season: Season, first: int = 0) -> Rows:
    """Four moments of each appearance of the seasons from `first` on; earlier ones are history alone."""
    past: dict[str, list[PastGame]] = {}
    nobody = TeamGame(np.zeros((5, len(STATS))), np.zeros(5))
    out: dict[str, list] = {name: [] for name in Rows.__dataclass_fields__}
    for number, a in enumerate(season.appearances):  # a player has one appearance a game, so what is past is earlier games
        own = season.teams[a.game, a.team]
        other = season.teams.get((a.game, a.opponent), nobody)
        known = past.setdefault(a.player, [])
        for q in range(MOMENTS if a.season >= first else 0):
            row = moment(q, a.season, a.week, a.team, a.home, a.lines[q], a.lines[max(q - 1, 0)], own.lines[q],
                         (own.score[q], other.score[q]), known)
            for name, value in (row | {"final": a.lines[4], "game": number}).items():
                out[name].append(value)
        known.append(PastGame(a.season, a.week, a.team, a.lines[4], own.lines[4][ROLE_COLUMNS]))
    return Rows(**{name: np.asarray(v, dtype=np.int64 if name == "game" else np.float64) for name, v in out.items()})


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1), 0.0)


def features(rows: Rows, ruleset: Ruleset) -> tuple[np.ndarray, list[str]]:
    """Features [n, F] as float32 and their names, in the order the network takes them."""
    columns: list[tuple[str, np.ndarray]] = []
    put = lambda name, value: columns.append((name, np.broadcast_to(value, rows.quarter.shape)))  # noqa: E731
    for key in ("rec", "pass_td", "int", "fumbles_lost", "two_pt", "ret_td"):
        put(f"rule_{key}", ruleset.weights[INDEX[key]])
    put("rule_bonus", ruleset.bonuses.mean())
    for quarter in range(MOMENTS):
        put(f"quarter_{quarter}", rows.quarter == quarter)
    put("week", rows.week)
    put("home", rows.home)
    put("score", rows.score[:, 0])
    put("opp_score", rows.score[:, 1])
    put("lead", rows.score[:, 0] - rows.score[:, 1])
    played = rows.quarter / MOMENTS

    # The line so far, and what of it came since the quarter end before.
    points = ruleset.points(rows.line)
    put("points", points)
    for name, i in INDEX.items():
        put(f"line_{name}", rows.line[:, i])
    recent = rows.line - rows.line_before
    for name in ("pass_att", "rush_att", "rec"):
        put(f"recent_{name}", recent[:, INDEX[name]])
    team_recent = ("pass_att", "rush_att", "rec")
    for name in team_recent:
        put(f"team_{name}", rows.team_line[:, INDEX[name]])
    for name in team_recent:
        put(f"share_{name}", _share(rows.line[:, INDEX[name]], rows.team_line[:, INDEX[name]]))
    yards = rows.line[:, INDEX["rush_yds"]] + rows.line[:, INDEX["rec_yds"]]
    put("line_scrimmage_yds", yards)

    # The player's last games.
    known = np.arange(HISTORY_GAMES_MAX)[None, :] < rows.games[:, None]
    long = np.maximum(rows.games, 1)
    past_long = (ruleset.points(rows.history) * known).sum(1) / long
    near, near_team = rows.history[:, :HISTORY_GAMES_NEAR], rows.history_team[:, :HISTORY_GAMES_NEAR]
    known = known[:, :HISTORY_GAMES_NEAR]
    games = np.minimum(long, HISTORY_GAMES_NEAR)
    last3 = np.minimum(games, 3)
    put("games", rows.games)
    put("games_season", rows.games_season)
    put("games_club", rows.games_club)
    put("weeks_away", rows.weeks_away)
    past = ruleset.points(near) * known
    mean = past.sum(1) / games
    put("past_points", mean)
    put("past_points_3", past[:, :3].sum(1) / last3)
    put("past_points_1", past[:, 0])
    put("past_points_16", past_long)
    put("past_points_sd", np.sqrt(np.maximum(((past - mean[:, None]) ** 2 * known).sum(1) / games, 0)))
    put("baseline_rest", mean * (1 - played))
    for name, i in INDEX.items():
        put(f"past_{name}", near[:, :, i].sum(1) / games)
    for name in ("pass_att", "rush_att", "rec", "rec_yds", "rush_yds"):
        put(f"past_{name}_3", near[:, :3, INDEX[name]].sum(1) / last3)
    for name in ("pass_att", "rush_att", "rec"):
        put(f"past_{name}_1", near[:, 0, INDEX[name]])
    for j, name in enumerate(("pass_att", "rush_att", "rec")):
        put(f"past_share_{name}", _share(near[:, :, INDEX[name]].sum(1), near_team[:, :, j].sum(1)))

    for name in ("pass_att", "rush_att", "rec"):
        put(f"past_{name}_16", rows.history[:, :, INDEX[name]].sum(1) / long)

    names = [name for name, _ in columns]
    return np.stack([c for _, c in columns], axis=1).astype(np.float32), names


def baseline_mean(history: np.ndarray, games: np.ndarray, ruleset: Ruleset) -> np.ndarray:
    """The mean of the last up to 8 games [n, 16, 14], 0 if none is known."""
    near = np.arange(HISTORY_GAMES_NEAR)[None, :] < games[:, None]
    points = ruleset.points(history[:, :HISTORY_GAMES_NEAR]) * near
    return points.sum(1) / np.clip(games, 1, HISTORY_GAMES_NEAR)


def baseline(rows: Rows, ruleset: Ruleset) -> np.ndarray:
    """`points + pregame × (1 − quarter/4)`: the published baseline, pregame = the mean of the last up to 8 games."""
    return ruleset.points(rows.line) + baseline_mean(rows.history, rows.games, ruleset) * (1 - rows.quarter / MOMENTS)


def remaining(rows: Rows, ruleset: Ruleset) -> np.ndarray:
    """The target: the points still to come. Rounded to a hundredth, so that nothing more is exactly 0."""
    return np.round(ruleset.points(rows.final) - ruleset.points(rows.line), 2)
