"""Trains `season-1.onnx` (players) and `season_team-1.onnx` (teams): output over the coming games of a season.

    training/run season_train all --train FILE… --plays FILE… [--out config/models] [--seed 1]

The network, its loss and the calibration of its interval are those of `points_train`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from . import points, season, shipped
from .points_train import FOLDS, INTERVAL, bins_of, calibrate, export, fit, perturbed

NO_PLAYS = 0.25  # of the rows are shown without the team's plays, as a server that starts without them sees them
ALONE = 0.3  # of the rows without earlier seasons
TEAM_HIDDEN, TEAM_EPOCHS = (24, 16), 30
PLAYER_HIDDEN, PLAYER_EPOCHS = (96, 64), 3


def without_plays(features: np.ndarray, names: list[str], rng: np.random.Generator) -> np.ndarray:
    """Forgets the plays of some rows."""
    columns = [i for i, n in enumerate(names) if n.startswith("plays")]
    forgotten = rng.random(len(features)) < NO_PLAYS
    features[np.ix_(forgotten, columns)] = 0
    return features


class Players:
    """An epoch of players: half of the rows in the judged ruleset, half in another."""

    def __init__(self, whole: season.Moments, alone: season.Moments, rulesets, judged) -> None:
        self.sources, self.rulesets, self.judged = [whole, alone], rulesets, judged
        self.names = season.features(whole.take(slice(0, 1)), judged)[1]
        self.rows = len(whole.week) + int(ALONE * len(alone.week))

    def __call__(self, epoch: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        xs, ys = [], []
        for m, part in zip(self.sources, (1.0, ALONE)):
            kept = rng.permutation(len(m.week))[:int(part * len(m.week))]
            other = perturbed(self.rulesets[int(rng.integers(len(self.rulesets)))], rng)
            for ruleset, chosen in ((other, kept[:len(kept) // 2]), (self.judged, kept[len(kept) // 2:])):
                taken = m.take(chosen)
                xs.append(without_plays(season.features(taken, ruleset)[0], self.names, rng))
                ys.append(season.targets(taken, ruleset))
        return np.concatenate(xs), np.concatenate(ys)


class Teams:
    """An epoch of teams."""

    def __init__(self, whole: season.Moments, alone: season.Moments) -> None:
        (self.x, self.names), (x, _) = season.team_features(whole), season.team_features(alone)
        self.x, self.y = np.concatenate([self.x, x]), np.concatenate([season.team_targets(whole), season.team_targets(alone)])
        self.rows = len(self.x)

    def __call__(self, epoch: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        return without_plays(self.x.copy(), self.names, rng), self.y


def alone_moments(whole: points.Season, plays: dict) -> list[season.Moments]:
    """Players' and teams' moments of each season with no history but its own."""
    parts = []
    for year in sorted({a.season for a in whole.appearances}):
        own = points.Season([a for a in whole.appearances if a.season == year], whole.teams)
        parts.append(season.moments_of(own, plays))
    return [season.Moments(**{k: np.concatenate([getattr(p[i], k) for p in parts]) for k in season.Moments.__dataclass_fields__})
            for i in range(2)]


def train(make, features, targets, whole: season.Moments, alone: season.Moments, seed: int, outputs: list[str], **shape):
    """Folds by seasons to calibrate, then the network of all."""
    years = sorted(set(whole.season.tolist()))
    bins, target = [], []
    for fold in range(FOLDS):
        held = years[fold::FOLDS]
        out, out_alone = np.isin(whole.season, held), np.isin(alone.season, held)
        sampler = make(whole.take(~out), alone.take(~out_alone))
        net = fit(sampler, len(sampler.names), sampler.rows, seed, heads=len(outputs), **shape)
        for m in (whole.take(out), alone.take(out_alone)):
            bins.append(bins_of(net, features(m)))
            target.append(targets(m))
    bins, target = np.concatenate(bins), np.concatenate(target)
    spans = []
    for head in range(len(outputs)):
        there = ~np.isnan(target[:, head])
        spans.append(calibrate(bins[there, head], target[there, head]))
    print("spans:", dict(zip(outputs, spans)))
    sampler = make(whole, alone)
    net = fit(sampler, len(sampler.names), sampler.rows, seed, heads=len(outputs), log=print, **shape)
    for head, span in enumerate(spans):
        net.span_base[head] = span
    return net, sampler.names, spans


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", nargs="+", type=Path, required=True, help="player_quarters files to learn from")
    parser.add_argument("--plays", nargs="+", type=Path, required=True, help="plays files of the same seasons")
    parser.add_argument("--rulesets", type=Path, default=shipped.FOLDER.parent / "rulesets")
    parser.add_argument("--judged", default="draftkings")
    parser.add_argument("--out", type=Path, default=shipped.FOLDER)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rulesets = [points.read_ruleset(p) for p in sorted(args.rulesets.glob("*.toml"))]
    judged = next(r for r in rulesets if r.name == args.judged)
    data, plays = points.read(args.train), season.read_plays(args.plays)
    (players, teams), (players_alone, teams_alone) = season.moments_of(data, plays), alone_moments(data, plays)
    years = sorted({a.season for a in data.appearances})
    common = {"interval": INTERVAL, "seed": args.seed, "trained_on": f"{years[0]}-{years[-1]}", "device": "cpu",
              "history_games_max": points.HISTORY_GAMES_MAX, "plays_max": season.PLAYS_MAX}

    net, names, spans = train(lambda w, a: Players(w, a, rulesets, judged), lambda m: season.features(m, judged)[0],
                              lambda m: season.targets(m, judged), players, players_alone, args.seed, ["per_game", "total_a_week"],
                              hidden=PLAYER_HIDDEN, epochs=PLAYER_EPOCHS)
    export(net, "season", args.out, names, ["per_game", "total_a_week"], season.features(players, judged)[0][::97].copy(),
           {"spans": spans, **common,
            "about": "points a coming game he appears in; points of all coming weeks of the regular season, a week"})
    net, names, spans = train(Teams, lambda m: season.team_features(m)[0], season.team_targets, teams, teams_alone, args.seed,
                              ["per_game"], hidden=TEAM_HIDDEN, epochs=TEAM_EPOCHS)
    export(net, "season_team", args.out, names, ["per_game"], season.team_features(teams)[0][::7].copy(),
           {"spans": spans, **common, "about": "points scored a coming game"})


if __name__ == "__main__":
    main()
