"""Judges the shipped models `points`, `season` and `season_team` on any file of the layout `player_quarters_*.csv.gz`.

    training/run points_evaluate evaluate --player-quarters FILE [--history FILE…] [--plays FILE…] [--json OUT]

Needs numpy and onnxruntime alone. `--history` are earlier seasons: they are known when the file's first game begins, and are
not judged. Without them the file's own earlier games are all the history there is, for the model and for the baseline alike.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

from . import points, shipped

RULESET = shipped.FOLDER.parent / "rulesets" / "draftkings.toml"
POPULATIONS = {"known": "players with a game known before this one", "all": "all players with a row"}


def session_of(path: Path) -> onnxruntime.InferenceSession:
    """A session of one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def load(models: Path, name: str, names: list[str]) -> tuple[onnxruntime.InferenceSession, dict]:
    """A model and its manifest, whose features must be those that are computed here."""
    path = shipped.model_file(name, models)
    manifest = json.loads(path.with_suffix(".json").read_text())
    if manifest["features"] != names:
        raise SystemExit(f"{path.with_suffix('.json')}: its features are not those of this version; train it again")
    return session_of(path), manifest


def run(session: onnxruntime.InferenceSession, features: np.ndarray) -> list[np.ndarray]:
    """All rows, by 4,096."""
    parts = [session.run(None, {"features": features[i:i + 4096]}) for i in range(0, len(features), 4096)]
    return [np.concatenate(column) for column in zip(*parts)]


def judge(predicted: np.ndarray, base: np.ndarray, final: np.ndarray, interval: bool = True) -> dict:
    """Figures of predictions [n, 3] (median, low, high) beside a baseline's."""
    if len(final) == 0:
        return {"rows": 0}
    served = np.round(predicted, 2)
    error, base_error = np.abs(served[:, 0] - final).mean(), np.abs(base - final).mean()
    out = {"rows": len(final), "mae": round(float(error), 4), "baseline_mae": round(float(base_error), 4),
           "gain": round(float(1 - error / base_error), 4)}
    if interval:
        final = np.round(final, 2)
        held = (final >= served[:, 1]) & (final <= served[:, 2])
        out |= {"coverage": round(float(held.mean()), 4), "width": round(float((served[:, 2] - served[:, 1]).mean()), 3),
                "below": round(float((final < served[:, 1]).mean()), 4), "above": round(float((final > served[:, 2]).mean()), 4)}
    return out


def group_of(rows: points.Rows, positions: np.ndarray) -> np.ndarray:
    """QB, RB, WR, TE or, where the file gives no position, what he did most in this and his last games. For reports alone."""
    roles = rows.final[:, points.ROLE_COLUMNS] + rows.history[:, :points.HISTORY_GAMES_NEAR][:, :, points.ROLE_COLUMNS].sum(1)
    derived = np.array(["(passer)", "(runner)", "(catcher)"])[roles.argmax(1)]
    derived = np.where(roles.sum(1) == 0, "(other)", derived)
    named = np.where(positions == "FB", "RB", positions)
    return np.where(np.isin(named, ["QB", "RB", "WR", "TE"]), named, derived)


def judge_points(season: points.Season, first: int, models: Path, ruleset: points.Ruleset) -> dict:
    """The live points of the seasons from `first` on, by population, moment and group."""
    rows = points.rows_of(season, first)
    features, names = points.features(rows, ruleset)
    session, manifest = load(models, "points", names)
    remaining = run(session, features)[0].astype(np.float64)
    so_far = ruleset.points(rows.line)
    predicted, final, base = remaining + so_far[:, None], ruleset.points(rows.final), points.baseline(rows, ruleset)
    groups = group_of(rows, np.array([a.position for a in season.appearances])[rows.game])
    out: dict = {"ruleset": ruleset.name, "model": f"points {manifest['version']}", "populations": {}}
    for population, meaning in POPULATIONS.items():
        chosen = rows.games > 0 if population == "known" else np.ones(len(final), bool)
        quarters = {str(q): judge(predicted[m], base[m], final[m])
                    for q in range(points.MOMENTS) for m in [chosen & (rows.quarter == q)]}
        by_group = {g: {str(q): judge(predicted[m], base[m], final[m]) for q in range(points.MOMENTS)
                        for m in [chosen & (rows.quarter == q) & (groups == g)]} for g in sorted(set(groups.tolist()))}
        out["populations"][population] = {"meaning": meaning, "quarters": quarters, "groups": by_group}
    return out


def latency(session: onnxruntime.InferenceSession, width: int) -> dict:
    """Microseconds a run of 1, 32 and 512 rows, median and 99th percentile, one thread."""
    out = {}
    for rows in (1, 32, 512):
        data = np.zeros((rows, width), np.float32)
        times = []
        for turn in range(330 if rows < 512 else 130):
            start = time.perf_counter()
            session.run(None, {"features": data})
            if turn >= 30:
                times.append(time.perf_counter() - start)
        out[str(rows)] = {"p50_us": round(float(np.median(times)) * 1e6, 1), "p99_us": round(float(np.quantile(times, 0.99)) * 1e6, 1)}
    return out


def table(title: str, lines: dict[str, dict]) -> str:
    """A table of figures as text."""
    head = f"{title:<28}{'rows':>7}{'MAE':>8}{'baseline':>10}{'gain':>8}{'coverage':>10}{'width':>8}"
    text = [head]
    for name, f in lines.items():
        if f["rows"]:
            text.append(f"  {name:<26}{f['rows']:>7}{f['mae']:>8.3f}{f['baseline_mae']:>10.3f}{f['gain'] * 100:>7.1f}%"
                        + (f"{f['coverage'] * 100:>9.1f}%{f['width']:>8.2f}" if "coverage" in f else ""))
    return "\n".join(text)


def show(report: dict) -> str:
    """The whole report as text."""
    moments = {"0": "before kickoff", "1": "end of Q1", "2": "end of Q2", "3": "end of Q3"}
    parts = []
    for name, population in report["points"]["populations"].items():
        parts.append(table(f"points, {name} ({report['points']['ruleset']})",
                           {moments[q]: f for q, f in population["quarters"].items()}))
    groups = report["points"]["populations"]["known"]["groups"]
    parts.append(table("points by position, known",
                       {f"{g} {moments[q]}": f for g, quarters in groups.items() for q, f in quarters.items()}))
    for name, figures in report["season"].items():
        parts.append(table(f"season, {name}", figures))
    return "\n\n".join(parts)


def of_player_quarters(files: list[Path], earlier: list[Path], plays: list[Path], models: Path, ruleset: points.Ruleset) -> dict:
    """Figures of the live points and of the season output. `earlier` is history alone; `plays` may be of both."""
    from . import season_evaluate

    first = min(a.season for a in points.read(files).appearances)
    season = points.read([*earlier, *files])
    return {"files": [p.name for p in files], "history": [p.name for p in earlier],
            "points": judge_points(season, first, models, ruleset),
            "season": season_evaluate.judge_seasons(season, plays, first, models, ruleset)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--player-quarters", nargs="+", type=Path, required=True)
    parser.add_argument("--history", nargs="*", type=Path, default=[], help="player_quarters files of earlier seasons")
    parser.add_argument("--plays", nargs="*", type=Path, default=[], help="plays files, of history too, for the season models")
    parser.add_argument("--models", type=Path, default=shipped.FOLDER)
    parser.add_argument("--ruleset", type=Path, default=RULESET)
    parser.add_argument("--json", type=Path, help="write the figures here; - is standard output in place of the text")
    parser.add_argument("--latency", action="store_true", help="time the models too")
    args = parser.parse_args()
    report = of_player_quarters(args.player_quarters, args.history, args.plays, args.models, points.read_ruleset(args.ruleset))
    if args.latency:
        paths = [shipped.model_file(name, args.models) for name in ("points", "season", "season_team")]
        report["latency"] = {p.stem: latency(session_of(p), len(json.loads(p.with_suffix(".json").read_text())["features"]))
                             for p in paths}
    text = json.dumps(report, indent=1)
    if args.json and str(args.json) != "-":
        args.json.write_text(text + "\n")
    print(text if str(args.json) == "-" else show(report))


if __name__ == "__main__":
    sys.exit(main())
