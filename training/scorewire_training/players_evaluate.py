"""Judges the models of players' points and of season output on tables of players' quarters; `evaluate` calls it.

Needs numpy and ONNX Runtime alone. Earlier seasons, where given, are known when the table's first game begins and are not
judged. Without them the table's own earlier games are all the history there is, for the models and for the baselines.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import metrics, players, points, season, shipped

POPULATIONS = {"known": "players with a game known before this one", "all": "all players with a row"}
MOMENTS = {"0": "before kickoff", "1": "end of Q1", "2": "end of Q2", "3": "end of Q3"}
POSITIONS = ("QB", "RB", "WR", "TE")
WEEKS = {
    "all": (0, 16),
    "before week 1": (0, 0),
    "after weeks 1-4": (1, 4),
    "after weeks 5-8": (5, 8),
    "after weeks 9-12": (9, 12),
    "after weeks 13-16": (13, 16),
}
"""Spans of weeks over."""


@dataclass
class Judged:
    """Forecasts beside a baseline and what happened, in points."""

    forecast: np.ndarray
    """`[rows, 3]`: median, low, high."""
    baseline: np.ndarray
    final: np.ndarray

    def figures(self, rows: np.ndarray) -> dict[str, float]:
        """Of some of the rows, as they are served: in hundredths of a point."""
        if not rows.any():
            return {"rows": 0}
        (middle, low, high), final = np.round(self.forecast[rows], 2).T, self.final[rows]
        error, base_error = np.abs(middle - final).mean(), np.abs(self.baseline[rows] - final).mean()
        final = np.round(final, 2)
        return {
            "rows": int(rows.sum()),
            "mae": round(float(error), 4),
            "baseline_mae": round(float(base_error), 4),
            "gain": round(float(1 - error / base_error), 4) if base_error else metrics.NOTHING,
            "coverage": round(float(((final >= low) & (final <= high)).mean()), 4),
            "width": round(float((high - low).mean()), 3),
            "below": round(float((final < low).mean()), 4),
            "above": round(float((final > high).mean()), 4),
        }


def groups_of(rows: points.Rows, positions: np.ndarray) -> np.ndarray:
    """A position, or where the table has none what he did most in this and his last games. For reports alone."""
    recent = rows.history[:, : points.HISTORY_GAMES_NEAR][:, :, points.ROLE_COLUMNS].sum(1)
    roles = rows.final[:, points.ROLE_COLUMNS] + recent
    derived = np.array(["(passer)", "(runner)", "(catcher)"])[roles.argmax(1)]
    derived = np.where(roles.sum(1) == 0, "(other)", derived)
    named = np.where(positions == "FB", "RB", positions)
    return np.where(np.isin(named, POSITIONS), named, derived)


def of_points(data: points.Season, rows: points.Rows, models: Path, ruleset: points.Ruleset) -> dict[str, object]:
    """Live points of rows of `data`, by population, moment and group."""
    model = shipped.Model("points", models)
    remaining = model(points.features(rows, ruleset)[0]).astype(np.float64)
    forecast = remaining + ruleset.points(rows.line)[:, None]
    judged = Judged(forecast, points.baseline(rows, ruleset), ruleset.points(rows.final))
    groups = groups_of(rows, np.array([a.position for a in data.appearances])[rows.game])
    populations = {}
    for population, meaning in POPULATIONS.items():
        chosen = rows.games > 0 if population == "known" else np.ones(len(rows.games), bool)
        at = {q: chosen & (rows.quarter == int(q)) for q in MOMENTS}
        populations[population] = {
            "meaning": meaning,
            "quarters": {q: judged.figures(mask) for q, mask in at.items()},
            "groups": {
                group: {q: judged.figures(mask & (groups == group)) for q, mask in at.items()}
                for group in sorted(set(groups.tolist()))
            },
        }
    return {"version": model.manifest["version"], "file": str(model.file), "ruleset": ruleset.name, "populations": populations}


def _by_weeks(judged: Judged, week: np.ndarray, asked: np.ndarray) -> dict[str, dict]:
    spans = {name: asked & (week >= low) & (week <= high) for name, (low, high) in WEEKS.items()}
    return {name: judged.figures(rows) for name, rows in spans.items()}


def of_season(moments: season.Moments, models: Path, ruleset: points.Ruleset) -> dict[str, object]:
    """Players' output over the coming games, beside the rolling average of the last 8."""
    model = shipped.Model("season", models)
    coming = model(season.features(moments, ruleset)[0])
    target, rolling = season.targets(moments, ruleset), season.rolling(moments, ruleset)
    left = moments.recorded.sum(1)
    # One of a season's weeks is his club's week off, somewhere in the middle.
    games_left = left * (1 - 1 / season.REGULAR_WEEKS)
    per_game = Judged(coming[:, :3], rolling, target[:, 0])
    total = Judged(coming[:, 3:] * left[:, None], rolling * games_left, target[:, 1] * left)
    return {
        "version": model.manifest["version"],
        "file": str(model.file),
        "ruleset": ruleset.name,
        "per_game": _by_weeks(per_game, moments.week, ~np.isnan(target[:, 0])),
        "total": _by_weeks(total, moments.week, left > 0),
    }


def of_season_team(moments: season.Moments, models: Path) -> dict[str, object]:
    """Teams' points a coming game, beside the rolling average of the last 8."""
    model = shipped.Model("season_team", models)
    target = season.team_targets(moments)[:, 0]
    judged = Judged(model(season.team_features(moments)[0]), season.team_rolling(moments), target)
    asked = ~np.isnan(target) & (moments.club_games > 0)
    return {"version": model.manifest["version"], "file": str(model.file), "per_game": _by_weeks(judged, moments.week, asked)}


def of_quarters(files: list[Path], earlier: list[Path], plays: list[Path], folder: Path) -> dict[str, object]:
    """Every model's figures on tables of players' quarters. `earlier` is history alone; `plays` may be of both."""
    first = min(a.season for a in points.read(files).appearances)
    data, rules = points.read([*earlier, *files]), players.Rules.read()
    of_players, of_teams = season.moments_of(data, season.read_plays(plays), first)
    return {
        "points": of_points(data, points.rows_of(data, first), folder, rules.judged),
        "season": of_season(of_players, folder, rules.judged),
        "season_team": of_season_team(of_teams, folder),
    }


def lines(report: dict[str, object]) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Each row of figures with its model and what it is of, as both table and card show them."""
    for name, population in report["points"]["populations"].items():
        for moment, figures in population["quarters"].items():
            yield "points", f"{name}, {MOMENTS[moment]}", figures
    for group, moments in report["points"]["populations"]["known"]["groups"].items():
        for moment, figures in moments.items():
            yield "points", f"known, {group}, {MOMENTS[moment]}", figures
    for model in ("season", "season_team"):
        for question in ("per_game", "total"):
            for weeks, figures in report[model].get(question, {}).items():
                yield model, f"{question.replace('_', ' ')}, {weeks}", figures


def share(value: float) -> str:
    """A share in a table."""
    return "–" if math.isnan(value) else f"{value:.1%}"


def table(report: dict[str, object]) -> str:
    """The report for people."""
    text = [f"{'model':<12} {'rows of':<34} {'rows':>7} {'MAE':>8} {'baseline':>9} {'gain':>7} {'holds':>7} {'width':>7}"]
    for model, of, f in lines(report):
        if f["rows"]:
            shares = f"{share(f['gain']):>7} {share(f['coverage']):>7}"
            text.append(f"{model:<12} {of:<34} {f['rows']:>7} {f['mae']:>8.3f} {f['baseline_mae']:>9.3f} {shares} {f['width']:>7.2f}")
    return "\n".join(text)
