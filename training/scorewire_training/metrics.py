"""How good probabilities are. Every function takes `p`, the forecast, and `y`, what happened.

`p` is `[rows]` of y = 1, or `[rows, classes]`. A figure that nothing can be said of is NaN: of no rows, or of one class
alone where it takes two.
"""

from __future__ import annotations

import numpy as np

BINS = 15
"""Bins of equal width for the calibration error."""
CONFIDENT = 0.70
RIGHT = 0.85
NOTHING = float("nan")


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else NOTHING


def _called(p: np.ndarray) -> np.ndarray:
    """The class that is called."""
    return p.argmax(axis=1) if p.ndim == 2 else (p > 0.5).astype(int)


def _confidence(p: np.ndarray) -> np.ndarray:
    """The probability of what is called."""
    return p.max(axis=1) if p.ndim == 2 else np.maximum(p, 1 - p)


def log_loss(p: np.ndarray, y: np.ndarray) -> float:
    """Mean of minus the log of the probability given to what happened."""
    p = np.clip(p, 1e-7, 1 - 1e-7)
    given = p[np.arange(len(y)), y] if p.ndim == 2 else np.where(y == 1, p, 1 - p)
    return _mean(-np.log(given))


def brier(p: np.ndarray, y: np.ndarray) -> float:
    """Mean squared error of a probability; over classes, their sum."""
    if p.ndim == 2:
        return _mean(((p - np.eye(p.shape[1])[y]) ** 2).sum(axis=1))
    return _mean((p - y) ** 2)


def accuracy(p: np.ndarray, y: np.ndarray) -> float:
    """Share of rows whose most probable class happened."""
    return _mean(_called(p) == y)


def auc(p: np.ndarray, y: np.ndarray) -> float:
    """Probability that a row with y = 1 is given more than one with y = 0; of classes the mean of each against the rest."""
    if p.ndim == 2:
        of_classes = np.array([auc(p[:, k], y == k) for k in range(p.shape[1])])
        return _mean(of_classes[~np.isnan(of_classes)])
    happened = y == 1
    positives, negatives = int(happened.sum()), int((~happened).sum())
    if not positives * negatives:
        return NOTHING
    order = np.argsort(p, kind="mergesort")
    ranks = np.empty(len(p))
    _, first, counts = np.unique(p[order], return_index=True, return_counts=True)
    ranks[order] = np.repeat(first + (counts + 1) / 2, counts)
    return float((ranks[happened].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def calibration(p: np.ndarray, y: np.ndarray) -> list[tuple[float, float, int]]:
    """By bin: the mean forecast, how often it happened, rows."""
    place = np.minimum((p * BINS).astype(int), BINS - 1)
    rows = [(p[place == b], y[place == b]) for b in range(BINS)]
    return [(float(f.mean()), float(h.mean()), len(f)) for f, h in rows if len(f)]


def calibration_error(p: np.ndarray, y: np.ndarray) -> float:
    """Mean distance of forecast and frequency over the bins, weighted by rows."""
    return sum(abs(f - h) * n for f, h, n in calibration(p, y)) / len(p) if len(p) else NOTHING


def at_confidence(p: np.ndarray, y: np.ndarray, confident: float = CONFIDENT) -> tuple[float, float]:
    """Share of rows whose call is at least that probable, and how many of those calls are right."""
    sure = _confidence(p) >= confident
    return _mean(sure), accuracy(p[sure], y[sure])


def coverage_at(p: np.ndarray, y: np.ndarray, right: float = RIGHT) -> float:
    """The largest share of rows, surest first, of whose calls that many are right."""
    if not len(y):
        return NOTHING
    hits = (_called(p) == y)[np.argsort(-_confidence(p), kind="mergesort")]
    kept = np.flatnonzero(np.cumsum(hits) >= right * np.arange(1, len(hits) + 1))
    return float((kept[-1] + 1) / len(y)) if len(kept) else 0.0
