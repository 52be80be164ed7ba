"""Networks that answer with a distribution over bins: an ensemble of perceptrons, trained one by one.

The loss is the continuous ranked probability score, the mean of the pinball losses of all quantiles. Every epoch's rows
are drawn anew (which ruleset, which history), and the number of epochs is fixed: no season after those that are learnt
from has a say. Checkpoints, devices and what is logged of them are those of `nets`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import nn

from . import bins, nets

CLIP = 5.0
"""Standard deviations beyond which an input counts as that far out."""
TARGET_MIN, TARGET_MAX = -9.9, 59.9
"""Points; what is beyond counts as that."""
ROWS_AT_ONCE = 65_536


class Sample(Protocol):
    """What epochs are drawn from."""

    rows: int
    """Of an epoch."""
    heads: int

    def __call__(self, epoch: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """An epoch's features `[rows, F]` and targets `[rows, heads]`, in points; NaN: none."""

    def arrays(self) -> Iterator[np.ndarray]:
        """All that it is drawn from."""



@dataclass(frozen=True)
class Recipe:
    """How members are built and trained."""

    hidden: tuple[int, int]
    epochs: int
    members: int = 1
    folds: int = 3
    """Into which the seasons are dealt for calibration; each is judged by one network that has not seen it."""
    dropout: float = 0.2
    step: float = 2e-3
    """The largest step size; it rises and falls once over all epochs."""
    decay: float = 1e-2
    """Weight decay."""
    batch: int = 512
    seed: int = 1
    """Of the first member; the others' follow."""


@dataclass(frozen=True)
class Scaling:
    """How inputs are standardised, `[F]` each."""

    mean: np.ndarray
    scale: np.ndarray

    @staticmethod
    def of(sample: Sample, seed: int) -> "Scaling":
        """Of a first epoch's rows."""
        features, _ = sample(0, np.random.default_rng(seed))
        return Scaling(features.mean(0), 1 / (features.std(0) + np.float32(1e-3)))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Standardised features."""
        return np.clip((features - self.mean) * self.scale, -CLIP, CLIP)


def member(inputs: int, recipe: Recipe, heads: int) -> nn.Sequential:
    """One perceptron `[rows, F]` -> `[rows, heads * BINS]`."""
    first, second = recipe.hidden
    return nn.Sequential(
        nn.Linear(inputs, first),
        nn.SiLU(),
        nn.Dropout(recipe.dropout),
        nn.Linear(first, second),
        nn.SiLU(),
        nn.Dropout(recipe.dropout),
        nn.Linear(second, heads * bins.BINS),
    )


def crps(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Continuous ranked probability scores, in points, of `[rows, heads * BINS]` at `[rows, heads]`: their sum; NaN counts for nothing."""
    edges = torch.tensor(bins.EDGES, device=logits.device)
    widths = edges.diff()
    weights = (widths[1:] + widths[:-1]) / 2
    mass = torch.softmax(logits.view(len(logits), -1, bins.BINS), dim=2)
    upto = mass.cumsum(2)[:, :, :-1]
    is_told = ~torch.isnan(target)
    value = torch.where(is_told, target, torch.zeros_like(target))
    step = (value[:, :, None] <= edges[1:-1]).float()
    losses = (weights * (upto - step) ** 2).sum(2)
    return (losses * is_told).sum()


def step(trainer: nets.Trainer, inputs: torch.Tensor, labels: torch.Tensor, parts: int) -> torch.Tensor:
    """One step down a batch's mean score, in parts that add up to it. That score."""
    told = (~torch.isnan(labels)).sum().clamp(min=1)
    pairs = zip(inputs.chunk(parts), labels.chunk(parts))
    return trainer.step((lambda x=x, y=y: crps(trainer.net(x).float(), y) / told) for x, y in pairs)


def _epoch(trainer: nets.Trainer, batch: int, rows: tuple[np.ndarray, np.ndarray], draw: np.random.Generator, run: nets.Run) -> float:
    """One epoch over standardised features and targets; the rest of the last batch is left out. The mean loss."""
    features, targets = rows
    inputs = torch.from_numpy(features).to(run.on)
    labels = torch.from_numpy(targets.astype(np.float32)).clamp(TARGET_MIN, TARGET_MAX).to(run.on)
    order = torch.from_numpy(draw.permutation(len(inputs))).to(run.on)
    trainer.net.train()
    batches = order.split(batch)[: len(order) // batch]
    return float(sum(step(trainer, inputs[places], labels[places], run.accumulate) for places in batches)) / len(batches)


def train(recipe: Recipe, seed: int, sample: Sample, scaling: Scaling, checkpoint: Path, run: nets.Run) -> nn.Sequential:
    """Trains one member."""
    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    net = member(len(scaling.mean), recipe, sample.heads)
    steps = recipe.epochs * (sample.rows // recipe.batch) + 1
    trainer = nets.Trainer(net, recipe.step, recipe.decay, steps, 0.15, run.on)
    rows = nets.digest(scaling.mean, scaling.scale, *sample.arrays())
    is_of = f"{asdict(recipe)}, seed {seed}, {run.accumulate} parts, rows {rows}"
    saved = trainer.resume(checkpoint, is_of) if run.resume else None
    if saved:
        draw.bit_generator.state = json.loads(saved["draw"])
    begun = time.monotonic()
    while trainer.epoch < recipe.epochs:
        features, targets = sample(trainer.epoch, draw)
        loss = _epoch(trainer, recipe.batch, (scaling(features), targets), draw, run)
        trainer.epoch += 1
        trainer.save(checkpoint, is_of, {"draw": json.dumps(draw.bit_generator.state)})
        took = f"{time.monotonic() - begun:.0f} s{nets.gpu_use(run.on)}"
        print(f"  seed {seed}: epoch {trainer.epoch}, loss {loss:.4f}, {took}", flush=True)
    return net.eval()


def mass(members: list[nn.Sequential], scaling: Scaling, features: np.ndarray, heads: int) -> np.ndarray:
    """The averaged distribution `[rows, heads, BINS]` of features as they are."""
    on = next(members[0].parameters()).device
    parts = []
    with torch.no_grad():
        for inputs in torch.from_numpy(scaling(features)).split(ROWS_AT_ONCE):
            logits = [net(inputs.to(on)).view(len(inputs), heads, bins.BINS) for net in members]
            parts.append(torch.stack([torch.softmax(each, dim=2) for each in logits]).mean(0).cpu().numpy())
    return np.concatenate(parts)
