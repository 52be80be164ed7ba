"""Writes each model's card: data, features, split, figures, calibration plot, latency.

Judges the files on the validation seasons, as `training/evaluate` does, and adds what `training/notes/` has: words, and
what the server's bench said of both backends.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np

from . import dataset, evaluate, metrics, notes, paths, players_card, shipped

matplotlib.use("agg")
from matplotlib import pyplot  # noqa: E402

INK, MODEL, TABLE = "#444444", "#1f6feb", "#999999"


def question(name: str, p: np.ndarray, snaps: dataset.Snaps) -> tuple[np.ndarray, np.ndarray, str]:
    """The probabilities and results that a plot shows, and what they are of."""
    if name == "win":
        decided = snaps.is_decided & (snaps.down > 0)
        return p[decided, 1], snaps.win[decided].astype(int), "the team with the ball wins"
    if name == "drive":
        return p.ravel(), np.eye(p.shape[1], dtype=int)[snaps.drive].ravel(), "any one end of the drive"
    calls = snaps.is_call
    return evaluate.dropback(p[calls]), snaps.kind[calls], "a dropback"


def plot(path: Path, name: str, p: np.ndarray, table: np.ndarray, snaps: dataset.Snaps) -> None:
    """Calibration, and how many calls are right among the surest."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.plot([0, 1], [0, 1], color=INK, linewidth=0.6)
    for answers, colour, label in ((table, TABLE, "historical table"), (p, MODEL, path.stem)):
        forecast, happened, what = question(name, answers, snaps)
        bins = metrics.calibration(forecast, happened)
        sizes = [4 + 60 * rows / len(forecast) for *_, rows in bins]
        left.plot([b[0] for b in bins], [b[1] for b in bins], color=colour, linewidth=1)
        left.scatter([b[0] for b in bins], [b[1] for b in bins], s=sizes, color=colour, label=label)
        if name == "drive":
            top, hits = answers.max(axis=1), answers.argmax(axis=1) == snaps.drive
        else:
            top, hits = np.maximum(forecast, 1 - forecast), (forecast > 0.5) == happened
        order = np.argsort(-top, kind="mergesort")
        share = np.arange(1, len(order) + 1) / len(order)
        some = slice(len(order) // 50, None, max(1, len(order) // 400))
        right.plot(share[some], (np.cumsum(hits[order]) / np.arange(1, len(order) + 1))[some], color=colour)
    left.set(xlabel=f"forecast that {what}" if name != "drive" else f"forecast of {what}", ylabel="how often it happened")
    left.legend(frameon=False, fontsize=8)
    right.set(xlabel="share of snaps, surest first", ylabel="calls that are right")
    if name.startswith("next_play"):
        right.axhline(metrics.RIGHT, color=INK, linewidth=0.6, linestyle=":")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)


def figures(entry: dict[str, object]) -> list[str]:
    """The table of figures."""
    lines = ["| question | by | rows | " + " | ".join(evaluate.COLUMNS.values()) + " |"]
    lines.append("|---|---|--:|" + "--:|" * len(evaluate.COLUMNS))
    groups = [("all", entry["model"]), *entry["by_season"].items(), ("historical table", entry["historical"])]
    for label, judged in groups:
        for asked, values in judged.items():
            if isinstance(values, dict):
                cells = " | ".join(evaluate.cell(values[column]) for column in evaluate.COLUMNS)
                lines.append(f"| {asked.replace('_', ' ')} | {label} | {judged['rows']:,} | {cells} |")
    return lines


def card(name: str, entry: dict[str, object], model: shipped.Model) -> str:
    """The whole card."""
    trained = model.manifest["trained"]
    recipe = trained["recipe"]
    first, last = trained["seasons"]
    width = len(model.manifest["features"])
    layers = [width, *recipe["hidden"], len(model.manifest["classes"])]
    products = recipe["members"] * sum(a * b for a, b in zip(layers, layers[1:]))
    stem = shipped.model_file(name).stem
    weighing = f"; a season weighs half after {recipe['half_life']:g} more" if recipe["half_life"] else ""
    return "\n".join(
        [
            f"# {name}, version {model.manifest['version']}",
            "",
            f"Answers: {model.manifest['about']} ({', '.join(model.manifest['classes'])}).",
            "",
            "<!-- Written by training/card: figures are not to be edited. -->",
            "| | |",
            "|---|---|",
            f"| file | `{model.manifest['file']}`, manifest beside it |",
            f"| input | `features` [N, {width}] float32, named in the manifest; standardised inside the file |",
            f"| output | `probabilities` [N, {len(model.manifest['classes'])}] |",
            f"| network | {recipe['members']} perceptrons {' → '.join(map(str, layers))}, ReLU, dropout "
            f"{recipe['dropout']:g}, softmax, averaged; {products:,} multiplications a row |",
            f"| learnt from | {trained['rows']:,} snaps of the seasons {first}–{last}{weighing} (`{paths.plays(paths.LEARN).name}`) |",
            f"| validated on | the seasons {last + 1}–2017, which decided when to stop and which features stayed "
            f"(`{paths.plays(paths.VALIDATE).name}`) |",
            "| precision | fp32; no fp16 or int8 variant ships |",
            "",
            "## Figures on the validation seasons",
            "",
            *figures(entry),
            "",
            "cov@conf70, right: the share of snaps whose call is given at least 0.70, and how many of these calls are "
            "right. cov@85%: the largest share of snaps, surest first, of whose calls 85% are right. Calibration error: "
            f"{metrics.BINS} bins of equal width. Of several classes AUC is the mean of each against the rest, and "
            "calibration is over all of them together.",
            "",
            f"![calibration, and accuracy at coverage]({stem}.png)",
            "",
            "## Latency",
            "",
            *notes.latency(stem),
            "",
            notes.words(name),
            "",
        ]
    )


def of_plays(names: list[str], folder: Path) -> None:
    """The cards of the models of plays."""
    table = paths.plays(paths.VALIDATE)
    report = evaluate.of_plays([table], [], folder)
    snaps = evaluate.read([table], [], folder)
    for name in (name for name in shipped.SPECS if name in names):
        p, historical, asked = evaluate.answers(name, snaps, folder)
        file = shipped.model_file(name, folder)
        plot(file.with_suffix(".png"), name, p, historical, asked)
        file.with_suffix(".md").write_text(card(name, report[name], shipped.Model(name, folder)))
        print(f"{file.with_suffix('.md')}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="training/card", description=__doc__)
    known = [*shipped.SPECS, *shipped.PLAYERS]
    parser.add_argument("model", nargs="*", help=f"which of {', '.join(known)} (default: all)")
    parser.add_argument("--models", type=shipped.folder_of_models, default=shipped.FOLDER, help="a folder of models, and where cards go (default: config/models)")
    arguments = parser.parse_args()
    asked = arguments.model or known
    if set(asked) & set(shipped.SPECS):
        of_plays(asked, arguments.models)
    if set(asked) & set(shipped.PLAYERS):
        players_card.write(asked, arguments.models)


if __name__ == "__main__":
    main()
