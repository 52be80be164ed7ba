"""Writes each model's card: data, features, split, figures, calibration plot, latency.

Judges the shipped files on the validation seasons, as `training/evaluate` does, and adds what `training/notes/` says
about the model in words. Latency is ONNX Runtime's on this machine, on one thread; `cargo bench --bench infer` has both
backends'.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import matplotlib
import numpy as np

from . import dataset, evaluate, metrics, paths, players_card, shipped

matplotlib.use("agg")
from matplotlib import pyplot  # noqa: E402

NOTES = Path(__file__).resolve().parents[1] / "notes"
BATCHES = (1, 32, 256)
INK, MODEL, TABLE = "#444444", "#1f6feb", "#999999"


def question(name: str, p: np.ndarray, snaps: dataset.Snaps) -> tuple[np.ndarray, np.ndarray, str]:
    """The probabilities and results that a plot shows, and what they are of."""
    if name == "win":
        decided = (snaps.win != 0.5) & (snaps.down > 0)
        return p[decided, 1], snaps.win[decided].astype(int), "the team with the ball wins"
    if name == "drive":
        return p.ravel(), np.eye(p.shape[1], dtype=int)[snaps.drive].ravel(), "any one end of the drive"
    calls = snaps.is_call
    return evaluate.dropback(p[calls]), snaps.kind[calls], "a dropback"


def plot(path: Path, name: str, p: np.ndarray, table: np.ndarray, snaps: dataset.Snaps) -> None:
    """Calibration, and how many calls are right among the surest."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    left.plot([0, 1], [0, 1], color=INK, linewidth=0.6)
    for answers, colour, label in ((table, TABLE, "historical table"), (p, MODEL, f"{name} {shipped.VERSION}")):
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


def latency(model: shipped.Model, rows: np.ndarray) -> list[str]:
    """Median and 99th percentile of a run, by batch."""
    lines = []
    for batch in BATCHES:
        part = np.ascontiguousarray(rows[:batch], dtype=np.float32)
        took = []
        for _ in range(2_000):
            begun = time.perf_counter_ns()
            model.run(part)
            took.append((time.perf_counter_ns() - begun) / 1e3)
        lines.append(f"| {batch} | {np.percentile(took, 50):.0f} | {np.percentile(took, 99):.0f} |")
    return lines


def figures(entry: dict[str, object]) -> list[str]:
    """The table of figures."""
    lines = ["| question | by | rows | " + " | ".join(evaluate.COLUMNS.values()) + " |"]
    lines.append("|---|---|--:|" + "--:|" * len(evaluate.COLUMNS))
    groups = [("all", entry["model"]), *entry["by_season"].items(), ("historical table", entry["historical"])]
    for label, judged in groups:
        for asked, values in judged.items():
            if isinstance(values, dict):
                cells = " | ".join(f"{values[c]:.4f}" if c in values else "–" for c in evaluate.COLUMNS)
                lines.append(f"| {asked.replace('_', ' ')} | {label} | {judged['rows']:,} | {cells} |")
    return lines


def card(name: str, entry: dict[str, object], model: shipped.Model, rows: np.ndarray) -> str:
    """The whole card."""
    trained = model.manifest["trained"]
    recipe = trained["recipe"]
    first, last = trained["seasons"]
    width = len(model.manifest["features"])
    layers = [width, *recipe["hidden"], len(model.manifest["classes"])]
    products = recipe["members"] * sum(a * b for a, b in zip(layers, layers[1:]))
    notes = NOTES / f"{name}.md"
    plot_file = shipped.model_file(name).with_suffix(".png").name
    weighing = f"; a season weighs half after {recipe['half_life']:g} more" if recipe["half_life"] else ""
    return "\n".join(
        [
            f"# {name}, version {shipped.VERSION}",
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
            f"| learnt from | {trained['rows']:,} snaps of the seasons {first}–{last}{weighing} |",
            f"| validated on | the seasons {last + 1}–2017, which decided when to stop and which features stayed |",
            "| precision | fp32; no fp16 or int8 variant ships |",
            "",
            "## Figures on the validation seasons",
            "",
            *figures(entry),
            "",
            "cov@conf70, right: the share of snaps whose call is given at least 0.70, and how many of these calls are "
            "right. cov@85%: the largest share of snaps, surest first, of whose calls 85% are right. Calibration error: "
            f"{metrics.BINS} bins of equal width.",
            "",
            f"![calibration, and accuracy at coverage]({plot_file})",
            "",
            "## Latency",
            "",
            "ONNX Runtime, one thread of a shared CPU, called from Python, µs a run; both backends: `cargo bench --bench infer`.",
            "",
            "| rows | median | 99th percentile |",
            "|--:|--:|--:|",
            *latency(model, rows),
            "",
            notes.read_text().strip() if notes.exists() else "",
            "",
        ]
    )


def of_plays(names: list[str]) -> None:
    """The cards of the models of plays."""
    table = paths.plays(paths.VALIDATE)
    report = evaluate.of_plays([table], [], shipped.FOLDER)
    snaps = evaluate.read([table], [], shipped.FOLDER)
    for name in (name for name in shipped.SPECS if name in names):
        p, historical, asked = evaluate.answers(name, snaps, shipped.FOLDER)
        model = shipped.Model(name)
        file = shipped.model_file(name)
        plot(file.with_suffix(".png"), name, p, historical, asked)
        file.with_suffix(".md").write_text(card(name, report[name], model, asked.columns(model.manifest["features"])))
        print(f"{file.with_suffix('.md')}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="training/card", description=__doc__)
    known = [*shipped.SPECS, *shipped.PLAYERS]
    parser.add_argument("model", nargs="*", help=f"which of {', '.join(known)} (default: all)")
    asked = parser.parse_args().model or known
    if set(asked) & set(shipped.SPECS):
        of_plays(asked)
    if set(asked) & set(shipped.PLAYERS):
        players_card.write(asked, latency)


if __name__ == "__main__":
    main()
