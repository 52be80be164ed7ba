"""The models that ship: which there are, what each reads and answers, and their files.

A model is `NAME-VERSION.onnx` with a manifest `NAME-VERSION.json` beside it, and a card for people in
`NAME-VERSION.md`. `expectation.json`, `history.json` and `historical.json` belong to the features and to the gate.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import dataset, features, labels, points, season

FOLDER = Path(__file__).resolve().parents[2] / "config" / "models"


@dataclass(frozen=True)
class Spec:
    """What a model reads and answers, and the version that is trained and judged."""

    name: str
    features: list[str]
    classes: tuple[str, ...]
    about: str
    output: str = "probabilities"
    version: str = "1"

    def rows(self, snaps: dataset.Snaps) -> np.ndarray:
        """Of a model of plays: which snaps it is asked about."""
        if self.name == "win":
            return ~np.isnan(snaps.win)
        return (snaps.drive if self.name == "drive" else snaps.kind) >= 0

    def labels(self, snaps: dataset.Snaps) -> np.ndarray:
        """Of a model of plays, `[rows, classes]`: what happened; a tie is half a win."""
        if self.name == "win":
            return np.stack([1 - snaps.win, snaps.win], axis=1)
        return np.eye(len(self.classes))[snaps.drive if self.name == "drive" else snaps.kind]


SPECS = {
    spec.name: spec
    for spec in (
        Spec("next_play", features.BLIND, labels.KINDS, "the kind of the coming play, formation unknown"),
        Spec("next_play_formed", features.FORMED, labels.KINDS, "the kind of the coming play, formation known"),
        Spec("drive", features.BLIND, labels.DRIVE_ENDS, "how the drive under way ends"),
        Spec("win", features.BLIND, ("loss", "win"), "whether the team with the ball wins"),
    )
}


ENDS = ("median", "low", "high")
COMING = tuple(f"{of}_{end}" for of in ("per_game", "total_a_week") for end in ENDS)
PLAYERS = {
    spec.name: spec
    for spec in (
        Spec("points", points.NAMES, ENDS, "a player's points still to come in this game, of the features' ruleset", "remaining"),
        Spec("season", season.NAMES, COMING, "a player's points a coming game he appears in, and a coming week", "coming"),
        Spec("season_team", season.TEAM_NAMES, ENDS, "points that a team scores a coming game", "per_game"),
    )
}
"""Models of players and teams: the middle and an interval, in points."""


def model_file(name: str, folder: Path = FOLDER) -> Path:
    """Where a model's ONNX file belongs."""
    return folder / f"{name}-{(SPECS | PLAYERS)[name].version}.onnx"


def folder_of_models(text: str) -> Path:
    """What a command is given as one: it has at least one of the models, in the version that is judged."""
    folder, files = Path(text), [model_file(name).name for name in SPECS | PLAYERS]
    if not any((folder / file).is_file() for file in files):
        raise argparse.ArgumentTypeError(f"{folder} is no folder with any of {', '.join(files)}")
    return folder


def found(file: str, folder: Path) -> Path:
    """A file of that name of a folder of models, or where it has none that of those that ship."""
    return folder / file if (folder / file).exists() else FOLDER / file


def write_manifest(spec: Spec, folder: Path, trained: dict[str, object], more: dict[str, object] | None = None) -> None:
    """What the server has to know of a model file; `more`: what only this kind of model has."""
    file = model_file(spec.name, folder)
    manifest = {
        "name": spec.name,
        "version": spec.version,
        "about": spec.about,
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "features": spec.features,
        "output": spec.output,
        "classes": list(spec.classes),
        **(more or {}),
        "trained": trained,
    }
    file.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n")


class Model:
    """A shipped model, run by ONNX Runtime on one thread."""

    def __init__(self, name: str, folder: Path = FOLDER) -> None:
        import onnxruntime

        self.file = file = found(model_file(name).name, folder)
        if not file.exists():
            raise FileNotFoundError(f"{file}: no such model: train it first")
        self.manifest = json.loads(file.with_suffix(".json").read_text())
        wanted = (SPECS | PLAYERS)[name]
        if (self.manifest["features"], self.manifest["classes"]) != (list(wanted.features), list(wanted.classes)):
            raise ValueError(f"{file.with_suffix('.json')}: its features or classes are not those of this version; train it again")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """`[rows, F]` of the manifest's features to `[rows, classes]`."""
        if not len(rows):
            return np.zeros((0, len(self.manifest["classes"])), np.float32)
        parts = np.array_split(rows.astype(np.float32), max(1, len(rows) // 4096))
        return np.concatenate([self.run(part) for part in parts])

    def run(self, rows: np.ndarray) -> np.ndarray:
        """The same in one run, of rows in single precision."""
        return self.session.run([self.manifest["output"]], {"features": rows})[0]
