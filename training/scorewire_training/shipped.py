"""The models that ship: which there are, what each reads and answers, and their files.

A model is `NAME-VERSION.onnx` with a manifest `NAME-VERSION.json` beside it, and a card for people in
`NAME-VERSION.md`. `expectation.json`, `history.json` and `historical.json` belong to the features and to the gate.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import dataset, features, labels

FOLDER = Path(__file__).resolve().parents[2] / "config" / "models"
VERSION = "1"


@dataclass(frozen=True)
class Spec:
    """What a model of plays reads and answers."""

    name: str
    features: list[str]
    classes: tuple[str, ...]
    about: str

    def rows(self, snaps: dataset.Snaps) -> np.ndarray:
        """Which snaps it is asked about."""
        if self.name == "win":
            return np.ones(len(snaps.kind), bool)
        return (snaps.drive if self.name == "drive" else snaps.kind) >= 0

    def labels(self, snaps: dataset.Snaps) -> np.ndarray:
        """`[rows, classes]`: what happened; a tie is half a win."""
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


def model_file(name: str, folder: Path = FOLDER) -> Path:
    """A model's ONNX file."""
    return folder / f"{name}-{VERSION}.onnx"


def write_manifest(spec: Spec, folder: Path, trained: dict[str, object]) -> None:
    """What the server has to know of a model file."""
    file = model_file(spec.name, folder)
    manifest = {
        "name": spec.name,
        "version": VERSION,
        "about": spec.about,
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "features": spec.features,
        "output": "probabilities",
        "classes": list(spec.classes),
        "trained": trained,
    }
    file.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n")


class Model:
    """A shipped model, run by ONNX Runtime on one thread."""

    def __init__(self, name: str, folder: Path = FOLDER) -> None:
        import onnxruntime

        file = model_file(name, folder)
        self.manifest = json.loads(file.with_suffix(".json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """`[rows, F]` of the manifest's features to `[rows, classes]`."""
        parts = np.array_split(rows.astype(np.float32), max(1, len(rows) // 4096))
        return np.concatenate([self.session.run(["probabilities"], {"features": part})[0] for part in parts])
