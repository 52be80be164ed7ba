"""What seasons cost that pass between learning and serving: the recipes of the next play's models, two seasons less.

They learn up to 2013, stop by 2014–2015 and are judged on both 2014–2015 and 2016–2017. So 2014–2015 had a say in when
they stop, and 2016–2017 in neither that nor the weights, but in which features there are, as these are the recipes'. The
expectation that calls are measured against is the one that ships, fitted on 2009–2015. Nothing of it is kept.
"""

from __future__ import annotations

import argparse
import dataclasses

import torch

from . import dataset, evaluate, nets, shipped, tables, train

LEARN_THROUGH = 2013
MODELS = ("next_play", "next_play_formed")


def spans(spec: shipped.Spec, learn: dataset.Snaps, last: dataset.Snaps) -> tuple[dataset.Snaps, dict[str, dataset.Snaps]]:
    """The rows to learn from, and those that are judged, by their seasons."""
    learn, last = (snaps.where(spec.rows(snaps)) for snaps in (learn, last))
    stops = learn.where(learn.season > LEARN_THROUGH)
    judged = {f"{snaps.season.min()}-{snaps.season.max()}": snaps for snaps in (stops, last)}
    return learn.where(learn.season <= LEARN_THROUGH), judged


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="training/drift", description=__doc__)
    parser.add_argument("model", nargs="*", default=MODELS, help=f"which of {', '.join(MODELS)} (default: both)")
    weighing = "seasons after which one weighs half, 0: all the same (default: the recipe's)"
    parser.add_argument("--half-life", type=float, nargs="+", help=weighing)
    parser.add_argument("--members", type=int, default=2, help="networks of an ensemble (default: 2, half of what ships)")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if unknown := set(arguments.model) - set(MODELS):
        parser.error(f"no such model: {', '.join(sorted(unknown))}; there are {', '.join(MODELS)}")
    torch.set_num_threads(arguments.threads)
    run, lines = nets.Run(torch.device("cpu")), []
    try:
        parts = dataset.parts()
    except tables.TableError as error:
        parser.error(str(error))
    for name in arguments.model:
        spec, recipe = shipped.SPECS[name], train.RECIPES[name]
        learn, judged = spans(spec, *parts)
        for half_life in arguments.half_life or [recipe.half_life]:
            own = dataclasses.replace(recipe, half_life=half_life, members=arguments.members)
            stops = next(iter(judged.values()))
            fitted = train.fit(spec, own, learn, stops, f"drift-{name}", run)
            for seasons, snaps in judged.items():
                calls = snaps.where(snaps.is_call)
                figures = evaluate.figures(evaluate.dropback(fitted(calls.columns(spec.features))), calls.kind)
                cells = " ".join(f"{evaluate.cell(figures[column]):>10}" for column in evaluate.COLUMNS)
                lines.append(f"{name:<17} {half_life:>9g} {seasons:<10} {len(calls.kind):>7} {cells}")
    heads = " ".join(f"{head:>10}" for head in evaluate.COLUMNS.values())
    print(f"{'model':<17} {'half-life':>9} {'judged on':<10} {'rows':>7} {heads}", *lines, sep="\n")


if __name__ == "__main__":
    main()
