"""Trains the models of players' points and of season output; `train` calls it.

First the interval's width is calibrated: seasons are dealt into folds, each fold judged by one network that has not seen
it. Then the members that ship are trained on all seasons.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np

from . import bin_file, bin_nets, bins, nets, paths, players, points, season, shipped

RECIPES = {
    "points": bin_nets.Recipe(hidden=(128, 96), epochs=7, members=3),
    "season": bin_nets.Recipe(hidden=(96, 64), epochs=3),
    "season_team": bin_nets.Recipe(hidden=(24, 16), epochs=30),
}
Rows = players.Live | players.Moments
DIFFERS_MAX = 0.02
"""Points by which ONNX Runtime may differ from the training's own answer."""


def rows_of(name: str) -> Rows:
    """What a model is learnt from."""
    rules, data = players.Rules.read(), points.read([paths.quarters(paths.LEARN)])
    if name == "points":
        return players.Live.of(data, rules)
    plays = season.read_plays([paths.plays(paths.LEARN)])
    return {"season": players.SeasonPlayers, "season_team": players.SeasonTeams}[name].of(data, plays, rules)


def _moments(name: str, features: np.ndarray) -> list[np.ndarray]:
    """Which rows each of a model's spans is of: for live points one by quarter end, else one for all."""
    if name != "points":
        return [np.ones(len(features), bool)]
    return [features[:, points.NAMES.index(f"quarter_{q}")] == 1 for q in range(points.MOMENTS)]


def calibrate(name: str, rows: Rows, run: nets.Run) -> list[float]:
    """The interval's spans: by moment, or by head."""
    recipe = RECIPES[name]
    years = sorted(set(rows.seasons[0].tolist()))
    told: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for fold in range(recipe.folds):
        held = years[fold :: recipe.folds]
        print(f"{name}: seasons {', '.join(f'{year:.0f}' for year in held)} held out", flush=True)
        learn, out = rows.where(lambda seasons: ~np.isin(seasons, held)), rows.where(lambda seasons: np.isin(seasons, held))
        scaling = bin_nets.Scaling.of(learn, recipe.seed)
        checkpoint = paths.WORK / f"{name}-fold-{fold}.pt"
        net = bin_nets.train(recipe, recipe.seed, learn, scaling, checkpoint, run)
        for source in out.sources:
            features = rows.features(source)
            told.append((features, bin_nets.mass([net], scaling, features, rows.heads), rows.targets(source)))
    features, mass, targets = (np.concatenate(column) for column in zip(*told))
    spans = []
    for is_of in _moments(name, features):
        for head in range(rows.heads):
            asked = is_of & ~np.isnan(targets[:, head])
            spans.append(bins.calibrate(mass[asked, head], targets[asked, head]))
    return spans


def span_weights(name: str, spans: list[float]) -> np.ndarray:
    """Spans as weights of the features and a constant, `[F + 1, heads]`."""
    names = shipped.PLAYERS[name].features
    if name != "points":
        return np.concatenate([np.zeros((len(names), len(spans))), [spans]])
    weights = np.zeros((len(names) + 1, 1))
    for quarter, span in enumerate(spans):
        weights[names.index(f"quarter_{quarter}"), 0] = span
    return weights


def write(name: str, folder: Path, members: list, scaling: bin_nets.Scaling, spans: list[float], rows: Rows) -> None:
    """The file and its manifest; ONNX Runtime has to answer what the networks do."""
    spec, weights = shipped.PLAYERS[name], span_weights(name, spans)
    layers = [nets.weights(net) for net in members]
    bin_file.save(shipped.model_file(name, folder), name, spec.output, layers, scaling, weights)
    years = rows.seasons[0]
    trained = {
        "seasons": [int(years.min()), int(years.max())],
        "rows": rows.rows,
        "recipe": dataclasses.asdict(RECIPES[name]),
    }
    more: dict[str, object] = {"interval": bins.INTERVAL, "spans": spans, "history_games_max": points.HISTORY_GAMES_MAX}
    if name != "season_team":
        more["ruleset_ranges"] = players.RULESET_RANGES
    if name != "points":
        more["plays_max"] = season.PLAYS_MAX
    shipped.write_manifest(spec, folder, trained, more)
    features = rows.features(rows.sources[0].take(slice(0, None, 97)))
    mass = bin_nets.mass(members, scaling, features, rows.heads)
    span = features @ weights[:-1] + weights[-1]
    wanted = np.concatenate([bins.answer(mass[:, head], span[:, head]) for head in range(rows.heads)], axis=1)
    differs = float(np.abs(shipped.Model(name, folder)(features) - wanted).max())
    if not differs <= DIFFERS_MAX:
        raise RuntimeError(f"{name}: ONNX Runtime differs from the networks by {differs} points")
    print(f"{name}: ONNX Runtime differs from the networks by at most {differs:.1e} points", flush=True)


def train(name: str, run: nets.Run, folder: Path) -> None:
    """Trains one model and writes it."""
    begun, recipe, rows = time.monotonic(), RECIPES[name], rows_of(name)
    print(f"{name}: {shipped.PLAYERS[name].about}; {rows.rows} rows an epoch", flush=True)
    spans = calibrate(name, rows, run)
    scaling, members = bin_nets.Scaling.of(rows, recipe.seed), []
    for number in range(recipe.members):
        checkpoint = paths.WORK / f"{name}-{number}.pt"
        members.append(bin_nets.train(recipe, recipe.seed + number, rows, scaling, checkpoint, run))
    write(name, folder, members, scaling, spans, rows)
    print(f"{name}: written after {time.monotonic() - begun:.0f} s", flush=True)
