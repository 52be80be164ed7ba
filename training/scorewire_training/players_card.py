"""Writes the cards of the models of players' points and of season output; `card` calls it.

Judges the shipped files on the validation seasons as `training/evaluate` does, twice: with all the history there is, and
with the table alone.
"""

from __future__ import annotations

from pathlib import Path

from . import notes, paths, players, players_evaluate, points, shipped

Reports = dict[str, dict[str, object]]
"""By what was known before the first game."""


def _reports(folder: Path) -> Reports:
    """Both reports."""
    files, earlier = [paths.quarters(paths.VALIDATE)], [paths.quarters(paths.LEARN)]
    own, before = [paths.plays(paths.VALIDATE)], [paths.plays(paths.LEARN)]
    return {
        "history from 2009": players_evaluate.of_quarters(files, earlier, [*before, *own], folder),
        "the table alone": players_evaluate.of_quarters(files, [], own, folder),
    }


def _figures(name: str, reports: Reports) -> list[str]:
    rows = ["| known before | rows of | rows | MAE | baseline | gain | interval holds | its width |", "|---|---|--:|--:|--:|--:|--:|--:|"]
    for known, report in reports.items():
        for model, of, f in players_evaluate.lines(report):
            is_group = of.startswith("known, ") and of.count(",") == 2
            if model != name or not f["rows"] or (is_group and known != "history from 2009"):
                continue
            shares = f"{players_evaluate.share(f['gain'])} | {players_evaluate.share(f['coverage'])} | {f['width']:.2f}"
            rows.append(f"| {known} | {of} | {f['rows']:,} | {f['mae']:.3f} | {f['baseline_mae']:.3f} | {shares} |")
    return rows


def _rulesets(folder: Path) -> list[str]:
    """Live points in the other rulesets that are served."""
    data = points.read([paths.quarters(paths.LEARN), paths.quarters(paths.VALIDATE)])
    rows = points.rows_of(data, min(a.season for a in points.read([paths.quarters(paths.VALIDATE)]).appearances))
    text = ["", "Other rulesets, history from 2009, a game known: gain over the same baseline; what the interval holds.", ""]
    text += ["| ruleset | " + " | ".join(players_evaluate.MOMENTS.values()) + " |", "|---|" + "--:|" * len(players_evaluate.MOMENTS)]
    for ruleset in players.Rules.read().served:
        if ruleset.name != players.JUDGED:
            judged = players_evaluate.of_points(data, rows, folder, ruleset)["populations"]["known"]["quarters"]
            cells = [f"{players_evaluate.share(f['gain'])}; {players_evaluate.share(f['coverage'])}" for f in judged.values()]
            text.append(f"| {' | '.join([ruleset.name, *cells])} |")
    return text


def _network(manifest: dict[str, object], heads: int) -> str:
    recipe, width = manifest["trained"]["recipe"], len(manifest["features"])
    layers = " → ".join(map(str, (width, *recipe["hidden"])))
    return (
        f"{recipe['members']} × {layers} → {heads} × bins, SiLU, dropout {recipe['dropout']:g}; softmax over bins of points, "
        "averaged; median and interval are read off it inside the file"
    )


def card(name: str, folder: Path, reports: Reports) -> str:
    """The whole card."""
    manifest = shipped.Model(name, folder).manifest
    first, last = manifest["trained"]["seasons"]
    classes, width = manifest["classes"], len(manifest["features"])
    tables = [paths.quarters, paths.plays] if name != "points" else [paths.quarters]
    learnt, validated = (", ".join(f"`{table(which).name}`" for table in tables) for which in (paths.LEARN, paths.VALIDATE))
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
            f"of the seasons {first}–{last} ({learnt}); continuous ranked probability score |",
            f"| interval | {manifest['interval']:.0%}; its mass by the network's own measure: {', '.join(map(str, manifest['spans']))}, "
            f"found on {manifest['trained']['recipe']['folds']} folds of seasons that one network each had not seen |",
            f"| validated on | the seasons {last + 1}–2017, which decided which features stayed and how long to train ({validated}) |",
            "| precision | fp32; no fp16 or int8 variant ships |",
            "",
            f"## Figures on the validation seasons{'' if name == 'season_team' else ', DraftKings'}",
            "",
            *_figures(name, reports),
            *(_rulesets(folder) if name == "points" else []),
            "",
            "## Latency",
            "",
            *notes.latency(shipped.model_file(name).stem),
            "",
            notes.words(name),
            "",
        ]
    )


def write(asked: list[str], folder: Path) -> None:
    """The cards that are asked for."""
    reports = _reports(folder)
    for name in (name for name in shipped.PLAYERS if name in asked):
        file = shipped.model_file(name, folder).with_suffix(".md")
        file.write_text(card(name, folder, reports))
        print(file)
