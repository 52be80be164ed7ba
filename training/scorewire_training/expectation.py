"""How often a situation is answered with a dropback, whoever plays: what a team's calls are measured against.

Two small networks, one that knows the formation and one that does not. Their weights ship as JSON and are evaluated
play by play, here and in the server, in double precision: too small for an inference engine to pay.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

INPUTS = 20
"""Inputs without formation; with it two more: shotgun, no huddle."""


def seconds_left(quarter: int, seconds: int) -> tuple[int, int]:
    """Seconds left in the half and in the game; in overtime both are those of the period."""
    if quarter > 4:
        return seconds, seconds
    return (2 - quarter) % 2 * 900 + seconds, (4 - quarter) * 900 + seconds


def inputs(down: int, distance: int, yards_to_goal: int, quarter: int, seconds: int, lead: int) -> list[float]:
    """What both networks are told of a snap."""
    half, game = seconds_left(quarter, seconds)
    scaled = max(-28, min(28, lead)) / 14
    return [
        float(down == 1),
        float(down == 2),
        float(down == 3),
        float(down == 4),
        min(distance, 25) / 10,
        float(distance <= 1),
        float(distance <= 3),
        float(distance <= 6),
        yards_to_goal / 100,
        float(yards_to_goal <= 10),
        float(distance >= yards_to_goal),
        half / 1800,
        min(half, 150) / 150,
        game / 3600,
        min(game, 420) / 420,
        float(quarter > 4),
        scaled,
        float(lead > 0) - float(lead < 0),
        scaled if game < 900 else 0.0,
        scaled if game < 300 else 0.0,
    ]


Layers = list[tuple[np.ndarray, np.ndarray]]
"""Weights `[out, in]` and biases of each layer; ReLU between them."""


@dataclass
class Expectation:
    """Both networks."""

    blind: Layers
    """Without formation."""
    formed: Layers
    """With shotgun and no huddle."""

    def blind_log_odds(self, rows: np.ndarray) -> np.ndarray:
        """Log-odds of a dropback for rows of `INPUTS`."""
        return _forward(self.blind, rows)

    def formed_log_odds(self, rows: np.ndarray) -> np.ndarray:
        """The same for rows of `INPUTS + 2`."""
        return _forward(self.formed, rows)

    def save(self, path: Path) -> None:
        """Writes the weights, rounded to what is read back."""
        nets = {
            name: [{"weights": np.round(w, 6).tolist(), "biases": np.round(b, 6).tolist()} for w, b in layers]
            for name, layers in (("blind", self.blind), ("formed", self.formed))
        }
        path.write_text(json.dumps(nets, separators=(",", ":")) + "\n")

    @staticmethod
    def load(path: Path) -> "Expectation":
        """Reads what `save` wrote."""
        nets = json.loads(path.read_text())
        layers = {name: [(np.array(x["weights"]), np.array(x["biases"])) for x in net] for name, net in nets.items()}
        return Expectation(**layers)


def _forward(layers: Layers, rows: np.ndarray) -> np.ndarray:
    for weights, biases in layers[:-1]:
        rows = np.maximum(rows @ weights.T + biases, 0.0)
    weights, biases = layers[-1]
    return (rows @ weights.T + biases)[:, 0]
