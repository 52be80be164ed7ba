"""Live points: what is known of a player at a moment of a game, and the features made of it.

Owns the reading of `player_quarters_*.csv.gz`, the tables of history a server has to hold, the rulesets as weights,
and the features and targets of the model `points`. Needs numpy alone. Nothing here looks at the game that is
predicted beyond the moment, nor at a later one; `tests/golden/points_features.json` pins the features.

A *moment* is the end of quarter 0 (before kickoff), 1, 2 or 3. A moment between two ends is served by two rows, one for
each neighbouring end, with the line as it stands, mixed in proportion to the time (see its card).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import tables
from .clubs import club

STATS = (
    "pass_yds pass_td int rush_yds rush_td rec rec_yds rec_td fumbles_lost two_pt ret_td off_fumrec_td pass_att rush_att"
).split()
"""A box-score line, in the order of the file's columns."""
INDEX = {name: i for i, name in enumerate(STATS)}
ROLES = ("pass_att", "rush_att", "rec")
"""What says how much a player is used; his team's sums of them are told too."""
ROLE_COLUMNS = [INDEX[name] for name in ROLES]
HISTORY_GAMES_MAX = 16  # of a player; the baseline and most features look at the last 8
HISTORY_GAMES_NEAR = 8
MOMENTS = 4
REGULAR_WEEKS = 17

RULESET_KEYS = {
    "passing_yards": "pass_yds",
    "passing_tds": "pass_td",
    "interceptions": "int",
    "rushing_yards": "rush_yds",
    "rushing_tds": "rush_td",
    "receptions": "rec",
    "receiving_yards": "rec_yds",
    "receiving_tds": "rec_td",
    "fumbles_lost": "fumbles_lost",
    "two_point_conversions": "two_pt",
    "return_tds": "ret_td",
    "fumble_recovery_tds": "off_fumrec_td",
}
"""Names in a ruleset's file, and here. The yards' weights and touchdowns other than passing are equal in all that are served."""
BONUS_KEYS = {
    "passing_yards": ("pass_yds", 300),
    "rushing_yards": ("rush_yds", 100),
    "receiving_yards": ("rec_yds", 100),
}


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


NOTHING = Ruleset("nothing", np.zeros(len(STATS)), np.zeros(len(BONUS_KEYS)))


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


COLUMNS = ["game_id", "season", "season_type", "week", "gsis_id", "name", "position", "team", "opponent", "home", "quarter", *STATS]
"""Columns of the layout that are read, with `team_score`."""


def is_player_quarters(path: Path) -> bool:
    """Whether a table has this layout, by its first line."""
    return "gsis_id" in tables.header(path)


class _Reader:
    """Tables of players' quarters, row by row."""

    def __init__(self) -> None:
        self.appearances: dict[tuple[str, str], Appearance] = {}
        self.scores: dict[tuple[str, str], np.ndarray] = {}
        self.last: dict[tuple[str, str], int] = {}
        self.seen: set[tuple[str, str, int]] = set()

    def take(self, row: dict[str, str]) -> None:
        """One row. Overtime, and it may be told in several, is the last quarter end, in place of the fourth."""
        quarter = min(int(row["quarter"]), 5)
        key = row["gsis_id"], row["game_id"]
        if quarter < 1 or (*key, quarter) in self.seen:
            raise ValueError(f"game {key[1]}, player {key[0]}: quarter {quarter} is told twice, or is none")
        self.seen.add((*key, quarter))
        game = self.appearances.setdefault(key, _appearance(row))
        score = self.scores.setdefault((game.game, game.team), np.zeros(5))
        line, points = np.array([float(row[s] or 0) for s in STATS]), float(row["team_score"])
        if quarter <= 3:
            game.lines[quarter], score[quarter] = line, points
        elif quarter >= self.last.get(key, 0):
            game.lines[4], score[4] = line, max(score[4], points)
            self.last[key] = quarter

    def season(self) -> "Season":
        """All of it, in the order of play."""
        appearances = sorted(self.appearances.values(), key=lambda a: (a.game, a.player))
        teams: dict[tuple[str, str], TeamGame] = {}
        for a in appearances:
            own = teams.setdefault((a.game, a.team), TeamGame(np.zeros((5, len(STATS))), self.scores[a.game, a.team]))
            own.lines += a.lines
        return Season(appearances, teams)


def _appearance(row: dict[str, str]) -> Appearance:
    regular = row["season_type"] == "REG"
    return Appearance(
        game=row["game_id"],
        season=int(row["season"]),
        week=int(row["week"]) + (0 if regular else REGULAR_WEEKS),
        regular=regular,
        player=row["gsis_id"],
        name=row["name"],
        position=row["position"],
        team=club(row["team"]),
        opponent=club(row["opponent"]),
        home=row["home"] == "1",
        lines=np.zeros((5, len(STATS))),
    )


def read(paths: list[Path]) -> Season:
    """Reads tables of the layout `player_quarters_*.csv.gz`; a quarter told twice is an error."""
    reader = _Reader()
    for path in paths:
        tables.read(path, [*COLUMNS, "team_score"], reader.take)
    return reader.season()


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





SHAPES = {
    "line": (len(STATS),),
    "line_before": (len(STATS),),
    "team_line": (len(STATS),),
    "score": (2,),
    "history": (HISTORY_GAMES_MAX, len(STATS)),
    "history_team": (HISTORY_GAMES_MAX, len(ROLES)),
    "final": (len(STATS),),
}
"""Of the columns of `Rows` that are more than a number a row."""


@dataclass
class PastGame:
    """What a server holds of a player's game that is over."""

    season: int
    week: int  # 1-17, then 18-21 after the season
    team: str
    line: np.ndarray  # [14]
    team_sums: np.ndarray  # [3] pass_att, rush_att and rec of all his team


@dataclass
class Now:
    """What a server knows of a player in the game that is on."""

    season: int
    week: int
    team: str
    home: bool
    line: np.ndarray  # [14] so far
    line_before: np.ndarray  # [14] at the quarter end before
    team_line: np.ndarray  # [14] sums of his team so far
    score: tuple[float, float]  # his team's, the opponent's


def history_of(past: list[PastGame]) -> tuple[int, np.ndarray, np.ndarray]:
    """Games known, at most 16, and their lines and team sums, newest first, zeros where there is none."""
    kept = past[: -HISTORY_GAMES_MAX - 1 : -1]
    lines, sums = np.zeros((HISTORY_GAMES_MAX, len(STATS))), np.zeros((HISTORY_GAMES_MAX, 3))
    for i, game in enumerate(kept):
        lines[i], sums[i] = game.line, game.team_sums
    return len(kept), lines, sums


def moment(quarter: int, now: Now, past: list[PastGame]) -> dict[str, object]:
    """One row of `Rows`, less `final` and `game`, of what a server knows of a player at a moment."""
    games, history, history_team = history_of(past)
    near = past[: -HISTORY_GAMES_NEAR - 1 : -1]
    same = [game for game in near if game.season == now.season]
    return {
        "quarter": quarter,
        "week": now.week,
        "home": float(now.home),
        "line": now.line,
        "line_before": now.line_before,
        "team_line": now.team_line,
        "score": list(now.score),
        "games": games,
        "games_season": len(same),
        "games_club": sum(game.team == now.team for game in near),
        "weeks_away": max(now.week - same[0].week - 1, 0) if same else 0,
        "history": history,
        "history_team": history_team,
    }


def rows_of(season: Season, first: int = 0) -> Rows:
    """Four moments of each appearance of the seasons from `first` on; earlier ones are history alone."""
    past: dict[str, list[PastGame]] = {}
    nobody = TeamGame(np.zeros((5, len(STATS))), np.zeros(5))
    out: dict[str, list] = {name: [] for name in Rows.__dataclass_fields__}
    # A player has one appearance a game, so all that is known of him when his turn comes is earlier games.
    for number, a in enumerate(season.appearances):
        own = season.teams[a.game, a.team]
        other = season.teams.get((a.game, a.opponent), nobody)
        known = past.setdefault(a.player, [])
        for q in range(MOMENTS if a.season >= first else 0):
            score = own.score[q], other.score[q]
            now = Now(a.season, a.week, a.team, a.home, a.lines[q], a.lines[max(q - 1, 0)], own.lines[q], score)
            for name, value in (moment(q, now, known) | {"final": a.lines[4], "game": number}).items():
                out[name].append(value)
        known.append(PastGame(a.season, a.week, a.team, a.lines[4], own.lines[4][ROLE_COLUMNS]))
    kinds = {"game": np.int64}
    return Rows(**{name: np.asarray(values, dtype=kinds.get(name, np.float64)) for name, values in out.items()})


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """A part of a whole, 0 where there is none."""
    return np.where(whole > 0, part / np.maximum(whole, 1), 0.0)


class Columns:
    """Features by name, in the order they are put in."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.names: list[str] = []
        self.values: list[np.ndarray] = []

    def put(self, name: str, value: np.ndarray | float) -> None:
        """A feature `[rows]`, or one value for all."""
        self.names.append(name)
        self.values.append(np.broadcast_to(value, self.rows))

    def put_rules(self, ruleset: Ruleset) -> None:
        """What of a ruleset the network is told."""
        for key in ("rec", "pass_td", "int", "fumbles_lost", "two_pt", "ret_td"):
            self.put(f"rule_{key}", ruleset.weights[INDEX[key]])
        self.put("rule_bonus", ruleset.bonuses.mean())

    def done(self) -> tuple[np.ndarray, list[str]]:
        """`[rows, F]` in single precision, and the names."""
        return np.stack(self.values, axis=1).astype(np.float32), self.names


def features(rows: Rows, ruleset: Ruleset) -> tuple[np.ndarray, list[str]]:
    """Features `[n, F]` and their names, in the order the network takes them."""
    columns = Columns(len(rows.quarter))
    columns.put_rules(ruleset)
    _put_game(columns, rows, ruleset)
    _put_past_points(columns, rows, ruleset)
    _put_past_lines(columns, rows)
    return columns.done()


def _put_game(columns: Columns, rows: Rows, ruleset: Ruleset) -> None:
    """The moment, the score, the line so far, and what of it came since the quarter end before."""
    for quarter in range(MOMENTS):
        columns.put(f"quarter_{quarter}", rows.quarter == quarter)
    columns.put("week", rows.week)
    columns.put("home", rows.home)
    columns.put("score", rows.score[:, 0])
    columns.put("opp_score", rows.score[:, 1])
    columns.put("lead", rows.score[:, 0] - rows.score[:, 1])
    columns.put("points", ruleset.points(rows.line))
    for name, i in INDEX.items():
        columns.put(f"line_{name}", rows.line[:, i])
    recent = rows.line - rows.line_before
    for name in ROLES:
        columns.put(f"recent_{name}", recent[:, INDEX[name]])
    for name in ROLES:
        columns.put(f"team_{name}", rows.team_line[:, INDEX[name]])
    for name in ROLES:
        columns.put(f"share_{name}", share(rows.line[:, INDEX[name]], rows.team_line[:, INDEX[name]]))
    columns.put("line_scrimmage_yds", rows.line[:, INDEX["rush_yds"]] + rows.line[:, INDEX["rec_yds"]])


def _put_past_points(columns: Columns, rows: Rows, ruleset: Ruleset) -> None:
    """What the player's last games were worth in this ruleset."""
    known = np.arange(HISTORY_GAMES_MAX)[None, :] < rows.games[:, None]
    near_known = known[:, :HISTORY_GAMES_NEAR]
    games = np.clip(rows.games, 1, HISTORY_GAMES_NEAR)
    past = ruleset.points(rows.history[:, :HISTORY_GAMES_NEAR]) * near_known
    mean = past.sum(1) / games
    columns.put("games", rows.games)
    columns.put("games_season", rows.games_season)
    columns.put("games_club", rows.games_club)
    columns.put("weeks_away", rows.weeks_away)
    columns.put("past_points", mean)
    columns.put("past_points_3", past[:, :3].sum(1) / np.minimum(games, 3))
    columns.put("past_points_1", past[:, 0])
    columns.put("past_points_16", (ruleset.points(rows.history) * known).sum(1) / np.maximum(rows.games, 1))
    spread = ((past - mean[:, None]) ** 2 * near_known).sum(1) / games
    columns.put("past_points_sd", np.sqrt(np.maximum(spread, 0)))
    columns.put("baseline_rest", mean * (1 - rows.quarter / MOMENTS))


def _put_past_lines(columns: Columns, rows: Rows) -> None:
    """The means of the player's last lines, and his share of his team's."""
    near, near_team = rows.history[:, :HISTORY_GAMES_NEAR], rows.history_team[:, :HISTORY_GAMES_NEAR]
    games = np.clip(rows.games, 1, HISTORY_GAMES_NEAR)
    for name, i in INDEX.items():
        columns.put(f"past_{name}", near[:, :, i].sum(1) / games)
    for name in (*ROLES, "rec_yds", "rush_yds"):
        columns.put(f"past_{name}_3", near[:, :3, INDEX[name]].sum(1) / np.minimum(games, 3))
    for name in ROLES:
        columns.put(f"past_{name}_1", near[:, 0, INDEX[name]])
    for place, name in enumerate(ROLES):
        columns.put(f"past_share_{name}", share(near[:, :, INDEX[name]].sum(1), near_team[:, :, place].sum(1)))
    for name in ROLES:
        columns.put(f"past_{name}_16", rows.history[:, :, INDEX[name]].sum(1) / np.maximum(rows.games, 1))


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


NAMES = features(Rows(**{name: np.zeros((1, *SHAPES.get(name, ()))) for name in Rows.__dataclass_fields__}), NOTHING)[1]
"""The features, in their order."""
