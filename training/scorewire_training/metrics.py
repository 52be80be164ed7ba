"""How good probabilities are. Every function takes `p`, the forecast, and `y`, what happened."""

from __future__ import annotations

import numpy as np

BINS = 15
"""Bins of equal width for the calibration error."""
CONFIDENT = 0.70
RIGHT = 0.85


def log_loss(p: np.ndarray, y: np.ndarray) -> float:
    """Mean of minus the log of the probability given to what happened. `p`: `[rows]` of y = 1, or `[rows, classes]`."""
    p = np.clip(p, 1e-7, 1 - 1e-7)
    given = p[np.arange(len(y)), y] if p.ndim == 2 else np.where(y == 1, p, 1 - p)
    return float(-np.log(given).mean())


def brier(p: np.ndarray, y: np.ndarray) -> float:
    """Mean squared error of a probability; over classes, their sum."""
    if p.ndim == 2:
        return float(((p - np.eye(p.shape[1])[y]) ** 2).sum(axis=1).mean())
    return float(((p - y) ** 2).mean())


def accuracy(p: np.ndarray, y: np.ndarray) -> float:
    """Share of rows whose most probable class happened."""
    called = p.argmax(axis=1) if p.ndim == 2 else (p > 0.5).astype(int)
    return float((called == y).mean())


def auc(p: np.ndarray, y: np.ndarray) -> float:
    """Probability that a row with y = 1 is given more than one with y = 0."""
    order = np.argsort(p, kind="mergesort")
    ranks = np.empty(len(p))
    values, first, counts = np.unique(p[order], return_index=True, return_counts=True)
    ranks[order] = np.repeat(first + (counts + 1) / 2, counts)
    positives = int((y == 1).sum())
    negatives = len(y) - positives
    return float((ranks[y == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def calibration(p: np.ndarray, y: np.ndarray) -> list[tuple[float, float, int]]:
    """By bin: the mean forecast, how often it happened, rows."""
    place = np.minimum((p * BINS).astype(int), BINS - 1)
    rows = [(p[place == b], y[place == b]) for b in range(BINS)]
    return [(float(f.mean()), float(h.mean()), len(f)) for f, h in rows if len(f)]


def calibration_error(p: np.ndarray, y: np.ndarray) -> float:
    """Mean distance of forecast and frequency over the bins, weighted by rows."""
    return sum(abs(f - h) * n for f, h, n in calibration(p, y)) / len(p)


def at_confidence(p: np.ndarray, y: np.ndarray, confident: float = CONFIDENT) -> tuple[float, float]:
    """Share of rows whose call is at least that probable, and how many of those calls are right."""
    top = p.max(axis=1) if p.ndim == 2 else np.maximum(p, 1 - p)
    sure = top >= confident
    return float(sure.mean()), accuracy(p[sure], y[sure]) if sure.any() else float("nan")


def coverage_at(p: np.ndarray, y: np.ndarray, right: float = RIGHT) -> float:
    """The largest share of rows, surest first, of whose calls that many are right."""
    top = p.max(axis=1) if p.ndim == 2 else np.maximum(p, 1 - p)
    called = p.argmax(axis=1) if p.ndim == 2 else (p > 0.5).astype(int)
    hits = (called == y)[np.argsort(-top, kind="mergesort")]
    kept = np.flatnonzero(np.cumsum(hits) >= right * np.arange(1, len(hits) + 1))
    return float((kept[-1] + 1) / len(y)) if len(kept) else 0.0
