"""Writes the cards of the models of players' points and of season output; `card` calls it.

Judges the shipped files on the validation seasons as `training/evaluate` does, twice: with all the history there is, and
with the table alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import paths, players, players_evaluate, points, shipped

NOTES = Path(__file__).resolve().parents[1] / "notes"
Reports = dict[str, dict[str, object]]
"""By what was known before the first game."""


def _reports() -> Reports:
    """Both reports."""
    files, earlier = [paths.quarters(paths.VALIDATE)], [paths.quarters(paths.LEARN)]
    own, before = [paths.plays(paths.VALIDATE)], [paths.plays(paths.LEARN)]
    return {
        "history from 2009": players_evaluate.of_quarters(files, earlier, [*before, *own], shipped.FOLDER),
        "the table alone": players_evaluate.of_quarters(files, [], own, shipped.FOLDER),
    }


def _figures(name: str, reports: Reports) -> list[str]:
    rows = ["| known before | rows of | rows | MAE | baseline | gain | interval holds | its width |", "|---|---|--:|--:|--:|--:|--:|--:|"]
    for known, report in reports.items():
        for model, of, f in players_evaluate.lines(report):
            is_group = of.startswith("known, ") and of.count(",") == 2
            if model != name or not f["rows"] or (is_group and known != "history from 2009"):
                continue
            shares = f"{f['gain']:.1%} | {f['coverage']:.1%} | {f['width']:.2f}"
            rows.append(f"| {known} | {of} | {f['rows']:,} | {f['mae']:.3f} | {f['baseline_mae']:.3f} | {shares} |")
    return rows


def _rulesets() -> list[str]:
    """Live points in the other rulesets that are served."""
    data = points.read([paths.quarters(paths.LEARN), paths.quarters(paths.VALIDATE)])
    rows = points.rows_of(data, min(a.season for a in points.read([paths.quarters(paths.VALIDATE)]).appearances))
    text = ["", "Other rulesets, history from 2009, a game known: gain over the same baseline; what the interval holds.", ""]
    text += ["| ruleset | " + " | ".join(players_evaluate.MOMENTS.values()) + " |", "|---|" + "--:|" * len(players_evaluate.MOMENTS)]
    for ruleset in players.Rules.read().served:
        if ruleset.name != players.JUDGED:
            judged = players_evaluate.of_points(data, rows, shipped.FOLDER, ruleset)["populations"]["known"]["quarters"]
            text.append(f"| {ruleset.name} | " + " | ".join(f"{f['gain']:.1%}; {f['coverage']:.1%}" for f in judged.values()) + " |")
    return text


def _network(manifest: dict[str, object], heads: int) -> str:
    recipe, width = manifest["trained"]["recipe"], len(manifest["features"])
    layers = " → ".join(map(str, (width, *recipe["hidden"])))
    return (
        f"{recipe['members']} × {layers} → {heads} × bins, SiLU, dropout {recipe['dropout']:g}; softmax over bins of points, "
        "averaged; median and interval are read off it inside the file"
    )


def card(name: str, model: shipped.Model, reports: Reports, latency: list[str]) -> str:
    """The whole card."""
    manifest = model.manifest
    first, last = manifest["trained"]["seasons"]
    classes, width = manifest["classes"], len(manifest["features"])
    notes = NOTES / f"{name}.md"
    return "\n".join(
        [
            f"# {name}, version {manifest['version']}",
            "",
            f"Answers: {manifest['about']}.",
            "",
            "<!-- Written by training/card: figures are not to be edited. -->",
            "| | |",
            "|---|---|",
            f"| file | `{manifest['file']}`, manifest beside it |",
            f"| input | `features` [N, {width}] float32, named in the manifest; standardised inside the file |",
            f"| output | `{manifest['output']}` [N, {len(classes)}], points: {', '.join(classes)} |",
            f"| network | {_network(manifest, len(classes) // 3)} |",
            f"| learnt from | {manifest['trained']['rows']:,} rows an epoch, {manifest['trained']['recipe']['epochs']} epochs, "
            f"of the seasons {first}–{last}; continuous ranked probability score |",
            f"| interval | {manifest['interval']:.0%}; its mass by the network's own measure: {', '.join(map(str, manifest['spans']))}, "
            f"found on {manifest['trained']['recipe']['folds']} folds of seasons that one network each had not seen |",
            f"| validated on | the seasons {last + 1}–2017, which decided which features stayed and how long to train |",
            "| precision | fp32; no fp16 or int8 variant ships |",
            "",
            f"## Figures on the validation seasons{'' if name == 'season_team' else ', DraftKings'}",
            "",
            *_figures(name, reports),
            *(_rulesets() if name == "points" else []),
            "",
            "## Latency",
            "",
            "ONNX Runtime, one thread of a shared CPU, called from Python, µs a run; both backends: `cargo bench --bench infer`.",
            "",
            "| rows | median | 99th percentile |",
            "|--:|--:|--:|",
            *latency,
            "",
            notes.read_text().strip(),
            "",
        ]
    )


def write(asked: list[str], latency: Callable[[shipped.Model, np.ndarray], list[str]]) -> None:
    """The cards that are asked for."""
    reports = _reports()
    for name in (name for name in shipped.PLAYERS if name in asked):
        model = shipped.Model(name)
        rows = np.zeros((256, len(model.manifest["features"])), np.float32)
        file = shipped.model_file(name).with_suffix(".md")
        file.write_text(card(name, model, reports, latency(model, rows)))
        print(file)
