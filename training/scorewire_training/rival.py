"""Gradient-boosted trees on the same rows, beside the networks that ship: what is left on the table.

Trees are not shipped: one of the server's two engines cannot run them. Prints the figures of `training/evaluate` for
the validation seasons, which say when to stop, as they do for the networks.
"""

from __future__ import annotations

import argparse
import time

import lightgbm
import numpy as np

from . import dataset, evaluate, features, shipped, tables

TREES = {
    "learning_rate": 0.05,
    "num_leaves": 63,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5,
    "verbose": -1,
    "seed": 1,
}
ROUNDS, PATIENCE = 800, 40


def trees(learn: dataset.Snaps, validate: dataset.Snaps, names: list[str], threads: int) -> np.ndarray:
    """The probability of a dropback for the calls of the validation seasons."""
    known = lightgbm.Dataset(learn.columns(names), learn.kind, free_raw_data=True)
    held = lightgbm.Dataset(validate.columns(names), validate.kind, reference=known)
    settings = {**TREES, "objective": "binary", "num_threads": threads}
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    return lightgbm.train(settings, known, ROUNDS, [held], callbacks=[stop]).predict(validate.columns(names))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="training/rival", description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    try:
        learn, validate = dataset.parts()
    except tables.TableError as error:
        parser.error(str(error))
    learn, validate = learn.where(learn.is_call), validate.where(validate.is_call)
    no_past = [name for name in features.BLIND if not name.startswith(("past_", "opponent_past_", "rating"))]
    lists = {
        "next_play": features.BLIND,
        "next_play, no past": no_past,
        "next_play_formed": features.FORMED,
        "next_play_formed, no past": no_past + [name for name in features.FORMED if name not in features.BLIND],
    }
    print(f"{'':<34} " + " ".join(f"{head:>10}" for head in evaluate.COLUMNS.values()))
    for name, names in lists.items():
        begun = time.monotonic()
        judged = {f"{name}: trees": evaluate.figures(trees(learn, validate, names, arguments.threads), validate.kind)}
        took = time.monotonic() - begun
        if name in shipped.SPECS:
            p = shipped.Model(name)(validate.columns(names))
            judged[f"{name}: network"] = evaluate.figures(evaluate.dropback(p), validate.kind)
        for label, figures in judged.items():
            print(f"{label:<34} " + " ".join(f"{evaluate.cell(figures[column]):>10}" for column in evaluate.COLUMNS), flush=True)
        print(f"({took:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
