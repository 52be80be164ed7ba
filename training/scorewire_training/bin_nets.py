"""Networks that answer with a distribution over bins: an ensemble of perceptrons, trained one by one.

The loss is the continuous ranked probability score, the mean of the pinball losses of all quantiles. Every epoch's rows
are drawn anew (which ruleset, which history), and the number of epochs is fixed: no season after those that are learnt
from has a say. Checkpoints, devices and what is logged of them are those of `nets`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from . import bins, nets

CLIP = 5.0
"""Standard deviations beyond which an input counts as that far out."""
TARGET_MIN, TARGET_MAX = -9.9, 59.9
"""Points; what is beyond counts as that."""
ROWS_AT_ONCE = 65_536

Sample = Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""An epoch's number and a generator to its features `[rows, F]` and targets `[rows, heads]`, in points; NaN: none."""


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
    """Continuous ranked probability score, in points, of `[rows, heads * BINS]` at `[rows, heads]`; NaN counts for nothing."""
    edges = torch.tensor(bins.EDGES, device=logits.device)
    widths = edges.diff()
    weights = (widths[1:] + widths[:-1]) / 2
    mass = torch.softmax(logits.view(len(logits), -1, bins.BINS), dim=2)
    upto = mass.cumsum(2)[:, :, :-1]
    is_told = ~torch.isnan(target)
    value = torch.where(is_told, target, torch.zeros_like(target))
    step = (value[:, :, None] <= edges[1:-1]).float()
    losses = (weights * (upto - step) ** 2).sum(2)
    return (losses * is_told).sum() / is_told.sum().clamp(min=1)


class Trainer:
    """One member under way: everything that a checkpoint holds."""

    def __init__(self, recipe: Recipe, seed: int, inputs: int, heads: int, rows: int, on: torch.device) -> None:
        torch.manual_seed(seed)
        self.recipe, self.seed, self.rows, self.on = recipe, seed, rows, on
        self.draw = np.random.default_rng(seed)
        self.net = member(inputs, recipe, heads).to(on)
        self.adam = torch.optim.AdamW(self.net.parameters(), recipe.step, weight_decay=recipe.decay)
        steps = recipe.epochs * (rows // recipe.batch) + 1
        self.pace = torch.optim.lr_scheduler.OneCycleLR(self.adam, recipe.step, total_steps=steps, pct_start=0.15)
        self.scaler = torch.amp.GradScaler(on.type, enabled=on.type == "cuda")
        self.epoch = 0

    def _is_of(self) -> str:
        return f"{asdict(self.recipe)}, seed {self.seed}, {self.rows} rows"

    def save(self, checkpoint: Path) -> None:
        """Writes a checkpoint."""
        state = {"net": self.net.state_dict(), "adam": self.adam.state_dict(), "pace": self.pace.state_dict()}
        random = {"random": torch.get_rng_state(), "draw": json.dumps(self.draw.bit_generator.state)}
        torch.save({**state, **random, "epoch": self.epoch, "is_of": self._is_of()}, checkpoint)

    def resume(self, checkpoint: Path) -> None:
        """Goes on from a checkpoint, if it is of the same recipe, seed and number of rows."""
        saved = torch.load(checkpoint, map_location=self.on, weights_only=True)
        if saved["is_of"] != self._is_of():
            return
        self.net.load_state_dict(saved["net"])
        self.adam.load_state_dict(saved["adam"])
        self.pace.load_state_dict(saved["pace"])
        torch.set_rng_state(saved["random"].cpu())
        self.draw.bit_generator.state = json.loads(saved["draw"])
        self.epoch = saved["epoch"]
        print(f"  seed {self.seed}: goes on after epoch {self.epoch}", flush=True)

    def run_epoch(self, features: np.ndarray, targets: np.ndarray) -> float:
        """One epoch over standardised features and targets; the rest of the last batch is left out. The mean loss."""
        inputs = torch.from_numpy(features).to(self.on)
        labels = torch.from_numpy(targets.astype(np.float32)).clamp(TARGET_MIN, TARGET_MAX).to(self.on)
        order = torch.from_numpy(self.draw.permutation(len(inputs))).to(self.on)
        total, steps = 0.0, self.rows // self.recipe.batch
        self.net.train()
        for places in order.split(self.recipe.batch)[:steps]:
            with torch.autocast(self.on.type, enabled=self.on.type == "cuda"):
                logits = self.net(inputs[places])
            loss = crps(logits.float(), labels[places])
            self.adam.zero_grad()
            self.scaler.scale(loss).backward()
            self.scaler.step(self.adam)
            self.scaler.update()
            self.pace.step()
            total += float(loss.detach())
        self.epoch += 1
        return total / steps


@dataclass(frozen=True)
class Run:
    """What all members of a command's run share."""

    on: torch.device
    resume: bool


def train(recipe: Recipe, seed: int, sample: Sample, scaling: Scaling, shape: tuple[int, int], checkpoint: Path, run: Run) -> nn.Sequential:
    """Trains one member. `shape`: rows of an epoch, heads."""
    rows, heads = shape
    trainer = Trainer(recipe, seed, len(scaling.mean), heads, rows, run.on)
    if run.resume and checkpoint.exists():
        trainer.resume(checkpoint)
    begun = time.monotonic()
    while trainer.epoch < recipe.epochs:
        features, targets = sample(trainer.epoch, trainer.draw)
        loss = trainer.run_epoch(scaling(features), targets)
        trainer.save(checkpoint)
        took = f"{time.monotonic() - begun:.0f} s{nets.gpu_use(run.on)}"
        print(f"  seed {seed}: epoch {trainer.epoch}, loss {loss:.4f}, {took}", flush=True)
    return trainer.net.eval()


def mass(members: list[nn.Sequential], scaling: Scaling, features: np.ndarray, heads: int) -> np.ndarray:
    """The averaged distribution `[rows, heads, BINS]` of features as they are."""
    on = next(members[0].parameters()).device
    parts = []
    with torch.no_grad():
        for inputs in torch.from_numpy(scaling(features)).split(ROWS_AT_ONCE):
            logits = [net(inputs.to(on)).view(len(inputs), heads, bins.BINS) for net in members]
            parts.append(torch.stack([torch.softmax(each, dim=2) for each in logits]).mean(0).cpu().numpy())
    return np.concatenate(parts)
