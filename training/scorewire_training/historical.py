"""What usually happened: frequencies by a few coarse bins, for when a model is unsure, missing or broken.

A table's cell is the frequency of each class among the training plays of that cell, as if `PRIOR` more plays had
followed the cell one axis coarser.
"""

from __future__ import annotations

import bisect
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PRIOR = 20.0


@dataclass
class Table:
    """Axes are named features; a value belongs to the bin after the last edge that is not above it."""

    axes: list[tuple[str, list[float]]]
    classes: tuple[str, ...]
    values: np.ndarray
    """`[bins of the first axis, …, classes]`."""

    @staticmethod
    def fit(axes: list[tuple[str, list[float]]], classes: tuple[str, ...], columns: np.ndarray, labels: np.ndarray) -> "Table":
        """`columns`: a column for each axis; `labels`: places in `classes`."""
        shape = [len(edges) + 1 for _, edges in axes]
        places = [np.searchsorted(edges, column, side="right") for (_, edges), column in zip(axes, columns.T)]
        hits = np.eye(len(classes))[labels]
        values = (hits.sum(axis=0) + PRIOR / len(classes)) / (len(labels) + PRIOR)
        for depth in range(1, len(axes) + 1):
            cell = np.ravel_multi_index(places[:depth], shape[:depth])
            size = int(np.prod(shape[:depth]))
            counts = np.bincount(cell, minlength=size)[:, None]
            sums = np.stack([np.bincount(cell, hits[:, k], minlength=size) for k in range(len(classes))], axis=1)
            coarser = np.repeat(values.reshape(-1, len(classes)), shape[depth - 1], axis=0)
            values = (sums + PRIOR * coarser) / (counts + PRIOR)
        return Table(axes, classes, values.reshape(*shape, len(classes)))

    def at(self, row: list[float]) -> np.ndarray:
        """The probabilities for one row of the axes' features."""
        place = tuple(bisect.bisect_right(edges, value) for (_, edges), value in zip(self.axes, row))
        return self.values[place]

    def rows(self, columns: np.ndarray) -> np.ndarray:
        """The probabilities for many."""
        places = tuple(np.searchsorted(edges, column, side="right") for (_, edges), column in zip(self.axes, columns.T))
        return self.values[places]


def save(tables: dict[str, Table], path: Path) -> None:
    """Writes tables; probabilities in a cell add up to 1 but for rounding."""
    data = {
        name: {
            "axes": [{"feature": feature, "edges": edges} for feature, edges in table.axes],
            "classes": list(table.classes),
            "values": np.round(table.values, 5).reshape(-1, len(table.classes)).tolist(),
        }
        for name, table in tables.items()
    }
    path.write_text(json.dumps(data, separators=(",", ":")) + "\n")


def load(path: Path) -> dict[str, Table]:
    """Reads what `save` wrote."""
    tables = {}
    for name, data in json.loads(path.read_text()).items():
        axes = [(axis["feature"], axis["edges"]) for axis in data["axes"]]
        shape = [len(edges) + 1 for _, edges in axes]
        values = np.array(data["values"]).reshape(*shape, len(data["classes"]))
        tables[name] = Table(axes, tuple(data["classes"]), values)
    return tables
