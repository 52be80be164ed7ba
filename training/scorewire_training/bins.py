"""A distribution over fixed bins of points, and what is read off it. Needs numpy alone.

The interval is measured in the distribution's own mass (`span`), which calibration sets so that it holds `INTERVAL` of
what happens. One bin is an atom: "nothing more".
"""

from __future__ import annotations

import numpy as np

INTERVAL = 0.8
ATOM = 0.004
"""The bin from -ATOM to ATOM points holds "nothing more"; served numbers are hundredths."""
EDGES = np.concatenate(
    [[-10, -6, -4, -3, -2, -1, -0.5, -ATOM, ATOM], np.arange(0.5, 12.01, 0.5), np.arange(13, 25), np.arange(26, 45, 2), [50, 60]]
).astype(np.float32)
"""Points, `[BINS + 1]`; a fumble and an interception take points away."""
BINS = len(EDGES) - 1
WIDTHS = np.diff(EDGES)
ATOM_BIN = int(np.flatnonzero(EDGES == np.float32(-ATOM))[0])
ATOM_RAMP = 200
"""How sharply the interval changes where its low end leaves the atom: continuous, so that engines agree."""
HIGH_MAX = 0.9995
"""The level of the high end is at most that."""
TINY = 1e-7
"""Keeps an empty bin from dividing by nothing."""
SPANS = np.arange(0.4, 0.97, 0.005)
"""What calibration chooses from."""


def at_level(mass: np.ndarray, level: np.ndarray | float) -> np.ndarray:
    """Points `[rows]` below which lies `level` (`[rows]`, or one for all) of `mass` `[rows, BINS]`."""
    below = mass.cumsum(axis=1) - mass
    level = np.broadcast_to(level, len(mass))[:, None]
    return EDGES[0] + np.clip((level - below) / (mass + TINY), 0, 1) @ WIDTHS


def interval(mass: np.ndarray, span: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Low and high end, in points `[rows]`, of the middle `span` of `mass` `[rows, BINS]`.

    Where the low end falls on the atom, its whole mass is inside, and the high end need not make up for it.
    """
    low = np.broadcast_to((1 - np.asarray(span)) / 2, len(mass))
    under = mass[:, :ATOM_BIN].sum(axis=1)
    upto = mass[:, : ATOM_BIN + 1].sum(axis=1)
    on_atom = np.clip((upto - low) * ATOM_RAMP, 0, 1)
    outside = low - on_atom * np.maximum(low - under, 0)
    return at_level(mass, low), at_level(mass, np.minimum(outside + span, HIGH_MAX))


def answer(mass: np.ndarray, span: np.ndarray | float) -> np.ndarray:
    """Median, low and high, in points `[rows, 3]`."""
    return np.stack([at_level(mass, 0.5), *interval(mass, span)], axis=1)


def calibrate(mass: np.ndarray, target: np.ndarray) -> float:
    """The span at which the interval, rounded as it is served, holds `INTERVAL` of `target` `[rows]`."""
    best = (9.0, INTERVAL)
    for span in SPANS:
        low, high = (np.round(end, 2) for end in interval(mass, float(span)))
        held = np.mean((target >= low) & (target <= high))
        best = min(best, (abs(held - INTERVAL), float(span)))
    return round(best[1], 3)
