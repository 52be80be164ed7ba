"""From tables of plays to rows: fits the expectation and the historical tables, folds every game.

Writes `expectation.json`, `history.json` and `historical.json` into the models' folder, and all rows into the work
folder.
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import torch

from . import dataset, expectation, features, historical, history, labels, nets, paths, plays, shipped

EXPECTATION = nets.Recipe(hidden=(32, 32), dropout=0.0, epochs=14, patience=14, step=8e-3, decay=0.0)
NEXT_PLAY = [
    ("down", [1.5, 2.5, 3.5]),
    ("distance", [1.5, 2.5, 3.5, 5.5, 7.5, 9.5, 10.5, 15.5]),
    ("lead", [-14.5, -7.5, -0.5, 0.5, 7.5, 14.5]),
]
DRIVE = [
    ("down", [1.5, 2.5, 3.5]),
    ("distance", [2.5, 5.5, 9.5, 10.5]),
    ("yards_to_goal", [3.5, 10.5, 20.5, 35.5, 50.5, 65.5, 80.5]),
]
WIN = [
    ("lead", [-16.5, -10.5, -7.5, -3.5, -0.5, 0.5, 3.5, 7.5, 10.5, 16.5]),
    ("game_left", [60.5, 120.5, 300.5, 600.5, 900.5, 1800.5, 2700.5]),
    ("yards_to_goal", [20.5, 50.5, 80.5]),
]


def fit_expectation(games: list[plays.Game]) -> expectation.Expectation:
    """Fits both networks on the calls of the games."""
    blind_rows, formed_rows, dropbacks = [], [], []
    for game in games:
        blind, formed = features.expected_rows(game)
        calls = [place for place, play in enumerate(game.plays) if play.is_call]
        blind_rows.append(blind[calls])
        formed_rows.append(formed[calls])
        dropbacks += [game.plays[place].kind in plays.DROPBACKS for place in calls]
    hit = np.array(dropbacks, float)
    run = nets.Run(torch.device("cpu"))
    fitted = []
    for name, rows in (("blind", np.concatenate(blind_rows)), ("formed", np.concatenate(formed_rows))):
        print(f"expectation, {name}: {len(rows)} calls", flush=True)
        learn = nets.Rows.of(rows, np.stack([1 - hit, hit], axis=1), np.ones(len(hit)), run.on)
        net = nets.train(EXPECTATION, learn, learn, paths.WORK / f"expectation-{name}.pt", run)
        *inner, (weight, bias) = [(w.astype(float), b.astype(float)) for w, b in nets.weights(net)]
        # Log-odds: of a dropback, less those of a run.
        fitted.append([*inner, (weight[1:] - weight[:1], bias[1:] - bias[:1])])
    return expectation.Expectation(*fitted)


def fit_tables(learn: dataset.Snaps) -> dict[str, historical.Table]:
    """The historical tables, of the seasons that are learnt from."""
    calls = learn.where(learn.kind >= 0)
    drives = learn.where(learn.drive >= 0)
    decided = learn.where(learn.is_decided)
    fit = historical.Table.fit
    return {
        "next_play": fit(NEXT_PLAY, labels.KINDS, calls.axes([name for name, _ in NEXT_PLAY]), calls.kind),
        "drive": fit(DRIVE, labels.DRIVE_ENDS, drives.axes([name for name, _ in DRIVE]), drives.drive),
        "win": fit(WIN, ("loss", "win"), decided.axes([name for name, _ in WIN]), decided.win.astype(int)),
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="training/features", description=__doc__)
    parser.add_argument("--models", type=Path, default=shipped.FOLDER, help="where models go (default: config/models)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.models.mkdir(parents=True, exist_ok=True)
    paths.WORK.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    games = [game for which in (paths.LEARN, paths.VALIDATE) for game in plays.read(paths.plays(which))]
    print(f"{len(games)} games, {sum(len(game.plays) for game in games)} plays, {time.monotonic() - started:.0f} s")
    fit_expectation([game for game in games if game.season <= dataset.LEARN_THROUGH]).save(
        arguments.models / "expectation.json"
    )
    expected = expectation.Expectation.load(arguments.models / "expectation.json")
    past, pasts = history.History(), []
    parts = []
    for is_learnt in (True, False):
        some = [game for game in games if (game.season <= dataset.LEARN_THROUGH) == is_learnt]
        parts.append(dataset.build(some, expected, past))
        pasts.append(copy.deepcopy(past))
    history.save(pasts, arguments.models / "history.json")
    historical.save(fit_tables(parts[0]), arguments.models / "historical.json")
    for name, part in zip(("learn", "validate"), parts):
        part.save(paths.WORK / f"snaps-{name}.npz")
        print(f"{name}: {len(part.kind)} snaps, {int(part.is_call.sum())} of them runs or dropbacks")
    print(f"done in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
