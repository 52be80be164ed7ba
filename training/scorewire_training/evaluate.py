"""Judges the shipped models on tables of plays or of players' quarters, as a table and as JSON.

The JSON is one document: `plays` for the models of plays, `players` for those of players and teams.

What teams did before the first game of a table is taken from the shipped history where that ends before it, and from
`--history` tables. Each game is judged with what was known before it.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np

from . import dataset, expectation, historical, history, metrics, players_evaluate, plays, points, shipped, tables


def figures(p: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Figures of a probability of y = 1, or of those of several classes; then calibration is over all of them together."""
    coverage, right = metrics.at_confidence(p, y)
    return {
        "accuracy": metrics.accuracy(p, y),
        "log_loss": metrics.log_loss(p, y),
        "brier": metrics.brier(p, y),
        "auc": metrics.auc(p, y),
        "calibration_error": metrics.calibration_error(p.ravel(), y if p.ndim == 1 else np.eye(p.shape[1])[y].ravel()),
        "coverage_at_confidence_70": coverage,
        "accuracy_at_confidence_70": right,
        "coverage_at_accuracy_85": metrics.coverage_at(p, y),
    }


def dropback(p: np.ndarray) -> np.ndarray:
    """The probability of a dropback where it is one or a run, from that of each kind."""
    return p[:, 1] / (p[:, 0] + p[:, 1])


def judge(name: str, p: np.ndarray, snaps: dataset.Snaps) -> dict[str, object]:
    """All figures of one model's answers about the snaps it is asked about."""
    if name == "win":
        decided = snaps.is_decided & (snaps.down > 0)
        return {"rows": int(decided.sum()), "win": figures(p[decided, 1], snaps.win[decided].astype(int))}
    if name == "drive":
        return {"rows": len(p), "ends": figures(p, snaps.drive)}
    calls = snaps.is_call
    run_or_dropback = figures(dropback(p[calls]), snaps.kind[calls])
    return {"rows": int(calls.sum()), "run_or_dropback": run_or_dropback, "kinds": figures(p, snaps.kind)}


def answers(name: str, snaps: dataset.Snaps, folder: Path) -> tuple[np.ndarray, np.ndarray, dataset.Snaps]:
    """A model's probabilities, the historical table's, and the snaps that they are about."""
    spec = shipped.SPECS[name]
    asked = snaps.where(spec.rows(snaps))
    tables = historical.load(shipped.found("historical.json", folder))
    table = tables["next_play" if name.startswith("next_play") else name]
    return shipped.Model(name, folder)(asked.columns(spec.features)), table.rows(asked.axes([name for name, _ in table.axes])), asked


def read(files: list[Path], earlier: list[Path], folder: Path) -> dataset.Snaps:
    """The snaps of tables; those of `earlier` only for what teams did in them."""
    expected = expectation.Expectation.load(shipped.found("expectation.json", folder))
    games = [game for file in files for game in plays.read(file)]
    before = [game for file in earlier for game in plays.read(file)]
    games.sort(key=lambda game: (game.day, game.id))
    past = history.load(shipped.found("history.json", folder))
    if before:
        dataset.build(sorted(before, key=lambda game: (game.day, game.id)), expected, past)
    snaps = dataset.build(games, expected, past)
    if not len(snaps.kind):
        raise tables.TableError(f"{', '.join(map(str, files))}: there is no snap to judge")
    return snaps


def of_plays(files: list[Path], earlier: list[Path], folder: Path) -> dict[str, object]:
    """Every model's figures on tables of plays, beside the historical table's, all together and by season."""
    snaps = read(files, earlier, folder)
    report: dict[str, object] = {}
    for name in shipped.SPECS:
        p, table, asked = answers(name, snaps, folder)
        by_season = {}
        for season in np.unique(asked.season):
            rows = asked.season == season
            by_season[str(season)] = judge(name, p[rows], asked.where(rows))
        report[name] = {
            "version": shipped.SPECS[name].version,
            "file": str(shipped.found(shipped.model_file(name).name, folder)),
            "model": judge(name, p, asked),
            "historical": judge(name, table, asked),
            "by_season": by_season,
        }
    return report


def cell(value: float) -> str:
    """A figure in a table."""
    return "–" if math.isnan(value) else f"{value:.4f}"


def _lines(name: str, judged: dict[str, object], label: str) -> list[str]:
    lines = []
    for question, values in judged.items():
        if isinstance(values, dict):
            cells = " ".join(f"{cell(values[column]):>9}" for column in COLUMNS)
            lines.append(f"{name:<17} {question:<16} {label:<11} {judged['rows']:>7} {cells}")
    return lines


COLUMNS = {
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "brier": "Brier",
    "auc": "AUC",
    "calibration_error": "calibr.",
    "coverage_at_confidence_70": "cov@conf70",
    "accuracy_at_confidence_70": "right",
    "coverage_at_accuracy_85": "cov@85%",
}


def table(report: dict[str, object]) -> str:
    """The report for people."""
    heads = " ".join(f"{head:>9}" for head in COLUMNS.values())
    lines = [f"{'model':<17} {'question':<16} {'by':<11} {'rows':>7} {heads}"]
    for name, entry in report.items():
        lines += _lines(name, entry["model"], "model")
        for season, judged in entry["by_season"].items() if len(entry["by_season"]) > 1 else ():
            lines += _lines(name, judged, season)
        lines += _lines(name, entry["historical"], "historical")
    return "\n".join(lines)


def files(report: dict[str, object]) -> str:
    """Which file each model was read from, for people."""
    return "\n".join(f"{name:<17} {entry['file']}" for part in report.values() for name, entry in part.items())


def as_json(report: object) -> str:
    """A report as JSON: a figure that nothing can be said of is null."""

    def told(value: object) -> object:
        if isinstance(value, dict):
            return {key: told(inner) for key, inner in value.items()}
        return None if isinstance(value, float) and math.isnan(value) else value

    return json.dumps(told(report), indent=1, allow_nan=False)


def judge_all(arguments: argparse.Namespace) -> tuple[dict[str, object], list[str]]:
    """The whole report, and its tables for people."""
    past_quarters = [file for file in arguments.history if points.is_player_quarters(file)]
    past_plays = [file for file in arguments.history if file not in past_quarters]
    report: dict[str, object] = {}
    texts = []
    if arguments.plays:
        report["plays"] = of_plays(arguments.plays, past_plays, arguments.models)
        texts.append(table(report["plays"]))
    if arguments.player_quarters:
        known_plays = [*past_plays, *arguments.plays]
        report["players"] = players_evaluate.of_quarters(arguments.player_quarters, past_quarters, known_plays, arguments.models)
        texts.append(players_evaluate.table(report["players"]))
    return report, [*texts, files(report)]


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="training/evaluate", description=__doc__)
    parser.add_argument("--plays", type=Path, nargs="+", default=[], help="tables of plays, .csv or .csv.gz")
    parser.add_argument("--player-quarters", type=Path, nargs="+", default=[], help="tables of players' quarters")
    parser.add_argument("--history", type=Path, nargs="+", default=[], help="tables of earlier seasons, of either layout")
    parser.add_argument("--models", type=shipped.folder_of_models, default=shipped.FOLDER, help="a folder of models; what it has not is taken from config/models")
    parser.add_argument("--json", type=Path, help="write the figures there instead of after the table; - for JSON alone")
    arguments = parser.parse_args()
    if not arguments.plays and not arguments.player_quarters:
        parser.error("nothing to judge: give --plays FILE or --player-quarters FILE")
    for file in [*arguments.plays, *arguments.player_quarters, *arguments.history]:
        if not file.exists():
            parser.error(f"{file}: no such file")
    try:
        report, texts = judge_all(arguments)
    except (tables.TableError, ValueError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    text = as_json(report)
    if str(arguments.json) == "-":
        print(text)
        return 0
    print("\n\n".join(texts))
    if arguments.json:
        arguments.json.write_text(text + "\n")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
