"""Trains the models of plays, of players and of teams, and writes their ONNX files and manifests.

Each member of an ensemble has its own seed. For models of plays the seasons after the last that is learnt from say when
to stop; for the others (`players_train`) the number of epochs is fixed. The same
rows, seeds and machine give the same file.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from pathlib import Path

import numpy as np
import torch

from . import dataset, nets, onnx_file, paths, players_train, shipped, tables

RECIPES = {
    "next_play": nets.Recipe(hidden=(128, 64), dropout=0.15, epochs=14, members=4, half_life=4),
    "next_play_formed": nets.Recipe(hidden=(128, 64), dropout=0.15, epochs=14, members=4, half_life=4),
    "drive": nets.Recipe(hidden=(96, 48), dropout=0.15, epochs=8, members=2),
    "win": nets.Recipe(hidden=(96, 48), dropout=0.2, epochs=6, members=3),
}


@dataclasses.dataclass(frozen=True)
class Ensemble:
    """Networks whose probabilities are averaged, and how their inputs are standardised."""

    members: list[torch.nn.Sequential]
    mean: np.ndarray
    scale: np.ndarray

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities `[rows, classes]` of features as they are."""
        on = next(self.members[0].parameters()).device
        inputs = torch.tensor(onnx_file.standardise(rows, self.mean, self.scale), dtype=torch.float32, device=on)
        with torch.no_grad():
            return torch.stack([torch.softmax(net(inputs), dim=1) for net in self.members]).mean(0).cpu().numpy()


def fit(
    spec: shipped.Spec, recipe: nets.Recipe, learn: dataset.Snaps, validate: dataset.Snaps, checkpoints: str, run: nets.Run
) -> Ensemble:
    """Trains a recipe's members on the snaps that a model is asked about."""
    rows = learn.columns(spec.features)
    mean = rows.mean(axis=0)
    scale = 1 / np.maximum(rows.std(axis=0), 1e-3)
    age = learn.season.max() - learn.season
    weights = 0.5 ** (age / recipe.half_life) if recipe.half_life else np.ones(len(rows))
    to = lambda snaps, weights: nets.Rows.of(  # noqa: E731
        onnx_file.standardise(snaps.columns(spec.features), mean, scale), spec.labels(snaps), weights, run.on
    )
    learn_rows, validate_rows = to(learn, weights), to(validate, np.ones(len(validate.kind)))
    members = []
    for number in range(recipe.members):
        own = dataclasses.replace(recipe, seed=recipe.seed * 1000 + number)
        members.append(nets.train(own, learn_rows, validate_rows, paths.WORK / f"{checkpoints}-{number}.pt", run))
    return Ensemble(members, mean, scale)


def train(name: str, learn: dataset.Snaps, validate: dataset.Snaps, run: nets.Run, folder: Path) -> None:
    """Trains one model and writes it."""
    spec, recipe, started = shipped.SPECS[name], RECIPES[name], time.monotonic()
    learn, validate = (snaps.where(spec.rows(snaps)) for snaps in (learn, validate))
    print(f"{name}: {spec.about}; {len(learn.kind)} rows, {len(spec.features)} features", flush=True)
    fitted = fit(spec, recipe, learn, validate, name, run)
    layers = [nets.weights(net) for net in fitted.members]
    onnx_file.save(shipped.model_file(name, folder), name, layers, fitted.mean, fitted.scale)
    trained = {
        "seasons": [int(learn.season.min()), int(learn.season.max())],
        "rows": len(learn.kind),
        "recipe": dataclasses.asdict(recipe),
    }
    shipped.write_manifest(spec, folder, trained)
    print(f"{name}: written after {time.monotonic() - started:.0f} s", flush=True)


def train_plays(names: list[str], run: nets.Run, folder: Path) -> None:
    """Trains models of plays."""
    learn, validate = dataset.parts()
    for name in names:
        train(name, learn, validate, run, folder)


def main() -> None:
    """The command."""
    known = [*RECIPES, *players_train.RECIPES]
    parser = argparse.ArgumentParser(prog="training/train", description=__doc__)
    parser.add_argument("model", nargs="*", help=f"which of {', '.join(known)} (default: all)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda:0 (default: auto)")
    parser.add_argument("--resume", action="store_true", help="go on from checkpoints that are of the same settings and rows")
    parser.add_argument("--models", type=Path, default=shipped.FOLDER, help="where models go (default: config/models)")
    parser.add_argument("--threads", type=int, default=1, help="threads on the CPU; figures repeat with the same number")
    parser.add_argument("--accumulate", type=int, default=1, metavar="PARTS", help="work through each batch in so many parts")
    arguments = parser.parse_args()
    if arguments.accumulate < 1:
        parser.error("--accumulate: at least 1 part")
    unknown = set(arguments.model) - set(known)
    if unknown:
        parser.error(f"no such model: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(arguments.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    asked = arguments.model or known
    paths.WORK.mkdir(parents=True, exist_ok=True)
    arguments.models.mkdir(parents=True, exist_ok=True)
    run = nets.Run(nets.device(arguments.device), arguments.resume, arguments.accumulate)
    try:
        of_plays = [name for name in asked if name in RECIPES]
        if of_plays:
            train_plays(of_plays, run, arguments.models)
        for name in asked:
            if name in players_train.RECIPES:
                players_train.train(name, run, arguments.models)
    except tables.TableError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
