"""Output over the coming games of a season: moments, features and targets of the models `season` and `season_team`.

A *moment* is after week 0–16 of a regular season (0: before the first game). Coming is what is left of that regular season, at most
16 games. Players: everybody with a game known of this season or the one before. Two targets:
- `per_game`: the mean points of the coming games he appears in (rows with at least one);
- `total`: the points of all coming weeks, 0 for a week without him, divided by these weeks (all rows). A week that the
  tables do not have at all is none of them.
Teams: the mean points scored a coming game. Of plays the history holds sums over the team's last 1,000.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import points, tables
from .clubs import club
from .points import HISTORY_GAMES_MAX, HISTORY_GAMES_NEAR, INDEX, REGULAR_WEEKS, ROLES, STATS

PLAYS_MAX = 1000
WEEKS_MAX = REGULAR_WEEKS + 4
"""Weeks of a season with its post-season."""
# Sums of lines of a team's game that are held.
TEAM_COLUMNS = ["pass_att", "rush_att", "rec", "pass_yds", "rush_yds", "pass_td", "rush_td"]
TEAM_INDEX = [INDEX[c] for c in TEAM_COLUMNS]
# Sums of a team's game over its runs, passes and sacks.
PLAY_COLUMNS = ["plays", "passes", "yards", "successes", "turnovers", "touchdowns", "shotgun", "first_downs"]


READ = ["game_id", "posteam", "play_type", "yards_gained", "success", "turnover", "td", "shotgun", "first_down"]
"""Columns of a table of plays that are read."""


def read_plays(paths: list[Path]) -> dict[tuple[str, str], np.ndarray]:
    """`PLAY_COLUMNS` of each game and team of tables of the layout `plays_*.csv.gz`."""
    out: dict[tuple[str, str], np.ndarray] = {}

    def take(row: dict[str, str]) -> None:
        if row["play_type"] in ("run", "pass", "sack"):
            sums = out.setdefault((row["game_id"], club(row["posteam"])), np.zeros(len(PLAY_COLUMNS)))
            flags = [row[name] == "1" for name in ("success", "turnover", "td", "shotgun", "first_down")]
            sums += [1, row["play_type"] != "run", float(row["yards_gained"] or 0), *flags]

    for path in paths:
        tables.read(path, READ, take)
    return out


def past_team_game(own: points.TeamGame, other: points.TeamGame) -> np.ndarray:
    """What a server holds of a team's game that is over, [2, 8]: points and `TEAM_COLUMNS`, had and allowed."""
    return np.stack([np.concatenate([[t.score[4]], t.lines[4][TEAM_INDEX]]) for t in (own, other)])


@dataclass
class Club:
    """A team's regular and post-season games so far, newest last: points and sums, had and allowed; and its plays."""

    games: list[np.ndarray] = field(default_factory=list)
    plays: list[np.ndarray] = field(default_factory=list)
    played: list[set[str]] = field(default_factory=list)
    season: int = 0
    season_games: int = 0

    def last_plays(self) -> np.ndarray:
        """Sums over the newest games that hold at most about 1,000 plays (the game that passes it is the last)."""
        total = np.zeros(len(PLAY_COLUMNS))
        for game in reversed(self.plays):
            if total[0] >= PLAYS_MAX:
                break
            total = total + game
        return total


@dataclass
class Moments:
    """Rows of players or, with `player` empty, of teams."""

    week: np.ndarray  # [n] weeks over
    season: np.ndarray  # [n]
    games: np.ndarray  # [n] known, at most 16
    games_season: np.ndarray  # [n] of this season
    club_season: np.ndarray  # [n] games of his club in this season
    since: np.ndarray  # [n] games of his club since his last
    history: np.ndarray  # [n, 16, 14] newest first (players)
    history_team: np.ndarray  # [n, 16, 3] (players)
    club_games: np.ndarray  # [n] games known of the club, at most 16
    club: np.ndarray  # [n, 16, 2, 8] points and sums, had and allowed, newest first
    plays: np.ndarray  # [n, 8] sums over the last 1,000
    coming: np.ndarray  # [n, 17, 14] the lines of the coming weeks (target; players), or points in column 0 (teams)
    appears: np.ndarray  # [n, 17] whether he appears in that week (target)
    recorded: np.ndarray  # [n, 17] whether that week is coming and somebody appears in it (target)

    def take(self, index) -> "Moments":
        """The rows of an index or a mask."""
        return Moments(**{k: v[index] for k, v in self.__dict__.items()})


def _coming(by_week: dict, season: points.Season, year: int) -> tuple[dict, dict]:
    """By week of a regular season: players' lines, and teams' points."""
    lines: dict[str, dict[int, np.ndarray]] = {}
    scores: dict[str, dict[int, float]] = {}
    for week in range(1, REGULAR_WEEKS + 1):
        for a in by_week.get((year, week), []):
            lines.setdefault(a.player, {})[week] = a.lines[4]
            scores.setdefault(a.team, {})[week] = season.teams[a.game, a.team].score[4]
    return lines, scores


def moments_of(season: points.Season, plays: dict, first: int = 0) -> tuple[Moments, Moments]:
    """Players' and teams' moments of the regular seasons from `first` on."""
    by_week: dict[tuple[int, int], list[points.Appearance]] = {}
    for a in season.appearances:
        by_week.setdefault((a.season, a.week), []).append(a)
    past: dict[str, list[points.PastGame]] = {}
    clubs: dict[str, Club] = {}
    players: list[dict] = []
    teams: list[dict] = []
    for year in sorted({year for year, _ in by_week}):
        for club in clubs.values():
            club.season, club.season_games = year, 0
        lines, scores = _coming(by_week, season, year)
        weeks = [week for of, week in by_week if of == year]
        for week in range(WEEKS_MAX + 1):
            _play(by_week.get((year, week), []), season, plays, past, clubs)
            if week >= REGULAR_WEEKS or year < first:
                continue
            for player, games in past.items():
                if games[-1].season >= year - 1:
                    players.append(player_row(week, year, games, clubs[games[-1].team], player, lines.get(player, {}), weeks))
            for name, club in sorted(clubs.items()):
                teams.append(_team_row(week, year, club, scores.get(name, {}), weeks))
    return stack(players), stack(teams)


def stack(rows: list[dict]) -> Moments:
    """Rows as columns."""
    if not rows:
        return NOBODY.take(slice(0, 0))
    return Moments(**{name: np.asarray([row[name] for row in rows], dtype=np.float64) for name in Moments.__dataclass_fields__})


def _play(appearances, season: points.Season, plays: dict, past: dict, clubs: dict[str, Club]) -> None:
    """A week that is over enters the history."""
    seen: dict[tuple[str, str], set[str]] = {}
    nobody = points.TeamGame(np.zeros((5, len(STATS))), np.zeros(5))
    for a in appearances:
        own = season.teams[a.game, a.team]
        game = points.PastGame(a.season, a.week, a.team, a.lines[4], own.lines[4][points.ROLE_COLUMNS])
        past.setdefault(a.player, []).append(game)
        seen.setdefault((a.game, a.team), set()).add(a.player)
        if len(seen[a.game, a.team]) == 1:
            other = season.teams.get((a.game, a.opponent), nobody)
            club = clubs.setdefault(a.team, Club(season=a.season))
            club.games.append(past_team_game(own, other))
            club.plays.append(plays.get((a.game, a.team), np.zeros(len(PLAY_COLUMNS))))
            club.played.append(seen[a.game, a.team])
            club.season_games += 1


def _club_row(club: Club) -> dict:
    games = np.zeros((HISTORY_GAMES_MAX, 2, 1 + len(TEAM_COLUMNS)))
    kept = club.games[: -HISTORY_GAMES_MAX - 1 : -1]
    for place, game in enumerate(kept):
        games[place] = game
    return {"club_season": club.season_games, "club_games": len(kept), "club": games, "plays": club.last_plays()}


def _recorded(week: int, weeks: Collection[int]) -> np.ndarray:
    return np.array([week < w and w in weeks for w in range(1, REGULAR_WEEKS + 1)], np.float64)


def player_row(
    week: int, year: int, past: list, club: Club, player: str, coming: dict[int, np.ndarray], weeks: Collection[int]
) -> dict[str, object]:
    """One row of `Moments` of a player after that week; `club`: that of his last game; `weeks`: those that tables have."""
    games, history, history_team = points.history_of(past)
    since = 0
    for names in reversed(club.played[-HISTORY_GAMES_MAX:]):
        if player in names:
            break
        since += 1
    lines, appears = np.zeros((REGULAR_WEEKS, len(STATS))), np.zeros(REGULAR_WEEKS)
    for w, line in coming.items():
        if w > week:
            lines[w - 1], appears[w - 1] = line, 1
    return {
        "week": week,
        "season": year,
        "games": games,
        "games_season": sum(game.season == year for game in past[-HISTORY_GAMES_MAX:]),
        "since": since,
        "history": history,
        "history_team": history_team,
        "coming": lines,
        "appears": appears,
        "recorded": _recorded(week, weeks),
        **_club_row(club),
    }


def _team_row(week: int, year: int, club: Club, coming: dict[int, float], weeks: Collection[int]) -> dict:
    lines, appears = np.zeros((REGULAR_WEEKS, 1)), np.zeros(REGULAR_WEEKS)
    for w, score in coming.items():
        if w > week:
            lines[w - 1], appears[w - 1] = score, 1
    nobody = {"games": 0, "games_season": 0, "since": 0, "history": np.zeros(0), "history_team": np.zeros(0)}
    return {"week": week, "season": year, **nobody, "coming": lines, "appears": appears, "recorded": _recorded(week, weeks), **_club_row(club)}


def _put_club(columns: points.Columns, m: Moments) -> None:
    """The club's last games and its last 1,000 plays; zeros where nothing is known."""
    near = np.clip(m.club_games, 1, HISTORY_GAMES_NEAR)
    long = np.maximum(m.club_games, 1)
    columns.put("club_games", m.club_games)
    columns.put("club_season", m.club_season)
    for place, name in enumerate(["points", *TEAM_COLUMNS]):
        columns.put(f"club_{name}", m.club[:, :HISTORY_GAMES_NEAR, 0, place].sum(1) / near)
    columns.put("club_points_16", m.club[:, :, 0, 0].sum(1) / long)
    columns.put("club_points_3", m.club[:, :3, 0, 0].sum(1) / np.minimum(near, 3))
    columns.put("club_allowed_points", m.club[:, :HISTORY_GAMES_NEAR, 1, 0].sum(1) / near)
    columns.put("club_allowed_points_16", m.club[:, :, 1, 0].sum(1) / long)
    columns.put("plays", np.minimum(m.plays[:, 0], PLAYS_MAX))
    for place, name in enumerate(PLAY_COLUMNS[1:], start=1):
        columns.put(f"plays_{name}", m.plays[:, place] / np.maximum(m.plays[:, 0], 1))


def _put_past_points(columns: points.Columns, m: Moments, ruleset: points.Ruleset) -> None:
    """What the player's last games were worth in this ruleset."""
    known = np.arange(HISTORY_GAMES_MAX)[None, :] < m.games[:, None]
    near = np.clip(m.games, 1, HISTORY_GAMES_NEAR)
    past = ruleset.points(m.history) * known
    mean = past[:, :HISTORY_GAMES_NEAR].sum(1) / near
    columns.put("past_points", mean)
    columns.put("past_points_16", past.sum(1) / np.maximum(m.games, 1))
    columns.put("past_points_3", past[:, :3].sum(1) / np.minimum(near, 3))
    columns.put("past_points_1", past[:, 0])
    columns.put("past_points_max", past.max(1))
    spread = (((past - mean[:, None]) ** 2) * known)[:, :HISTORY_GAMES_NEAR].sum(1) / near
    columns.put("past_points_sd", np.sqrt(spread))
    here = np.arange(HISTORY_GAMES_MAX)[None, :] < np.minimum(m.games_season, m.games)[:, None]
    columns.put("past_points_season", (past * here).sum(1) / np.maximum(here.sum(1), 1))


def _put_past_lines(columns: points.Columns, m: Moments) -> None:
    """The means of the player's last lines, and his share of his team's."""
    near = np.clip(m.games, 1, HISTORY_GAMES_NEAR)
    last = m.history[:, :HISTORY_GAMES_NEAR]
    for name, i in INDEX.items():
        columns.put(f"past_{name}", last[:, :, i].sum(1) / near)
    for name in ROLES:
        columns.put(f"past_{name}_3", m.history[:, :3, INDEX[name]].sum(1) / np.minimum(near, 3))
        columns.put(f"past_{name}_16", m.history[:, :, INDEX[name]].sum(1) / np.maximum(m.games, 1))
    for place, name in enumerate(ROLES):
        team = m.history_team[:, :HISTORY_GAMES_NEAR, place].sum(1)
        columns.put(f"past_share_{name}", points.share(last[:, :, INDEX[name]].sum(1), team))


def features(m: Moments, ruleset: points.Ruleset) -> tuple[np.ndarray, list[str]]:
    """Features of players' moments `[n, F]` in single precision, and their names."""
    columns = points.Columns(len(m.week))
    columns.put_rules(ruleset)
    columns.put("weeks_left", REGULAR_WEEKS - m.week)
    columns.put("games", m.games)
    columns.put("games_season", m.games_season)
    columns.put("since", m.since)
    columns.put("missed_season", np.maximum(m.club_season - m.games_season, 0))
    _put_past_points(columns, m, ruleset)
    _put_past_lines(columns, m)
    _put_club(columns, m)
    return columns.done()


def team_features(m: Moments) -> tuple[np.ndarray, list[str]]:
    """Features of teams' moments, as `features`."""
    columns = points.Columns(len(m.week))
    columns.put("weeks_left", REGULAR_WEEKS - m.week)
    _put_club(columns, m)
    return columns.done()


def rolling(m: Moments, ruleset: points.Ruleset) -> np.ndarray:
    """The baseline: the mean of a player's last up to 8 games."""
    return points.baseline_mean(m.history, m.games, ruleset)


def team_rolling(m: Moments) -> np.ndarray:
    """The baseline: the mean points of a team's last up to 8 games."""
    return m.club[:, :HISTORY_GAMES_NEAR, 0, 0].sum(1) / np.clip(m.club_games, 1, HISTORY_GAMES_NEAR)


def targets(m: Moments, ruleset: points.Ruleset) -> np.ndarray:
    """`per_game` (NaN where he never appears) and `total` a week (NaN where tables have none that is coming), [n, 2]."""
    total = (ruleset.points(m.coming) * m.appears).sum(1)
    means = [np.where(of > 0, total / np.maximum(of, 1), np.nan) for of in (m.appears.sum(1), m.recorded.sum(1))]
    return np.round(np.stack(means, axis=1), 4)


def team_targets(m: Moments) -> np.ndarray:
    """Points a coming game, NaN where none is left, [n, 1]."""
    games = m.appears.sum(1)
    return np.where(games > 0, m.coming[:, :, 0].sum(1) / np.maximum(games, 1), np.nan)[:, None]


NOBODY = stack([player_row(0, 0, [], Club(), "", {}, ())])
"""A row of which nothing is known."""
NAMES, TEAM_NAMES = features(NOBODY, points.NOTHING)[1], team_features(NOBODY)[1]
"""The features, in their order."""
