"""Networks: an ensemble of small perceptrons whose probabilities are averaged, trained one by one.

A member is trained with Adam on mini-batches, its step size rising and falling once over all epochs; it keeps the
weights of its best epoch on the validation seasons and stops early. A checkpoint after each epoch lets a run that was
cut off go on where it was. On a GPU: mixed precision and gradient accumulation, and its memory and use are logged.
"""

from __future__ import annotations

import copy
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn


@dataclass(frozen=True)
class Recipe:
    """How members are built and trained."""

    hidden: tuple[int, ...]
    dropout: float
    epochs: int
    patience: int = 4
    """Epochs without a better one before a member stops."""
    step: float = 3e-3
    """The largest step size of a member."""
    decay: float = 1e-2
    """Weight decay."""
    batch: int = 1024
    accumulate: int = 1
    """Batches a step; on a GPU only, where a batch is `batch / accumulate` rows."""
    members: int = 1
    seed: int = 1
    half_life: float = 0.0
    """Seasons after which an older season's rows weigh half; 0: all weigh the same."""


def device(asked: str) -> torch.device:
    """`auto`, `cpu`, or one of torch's; says which it is."""
    name = ("cuda:0" if torch.cuda.is_available() else "cpu") if asked == "auto" else asked
    found = torch.device(name)
    if found.type == "cuda":
        properties = torch.cuda.get_device_properties(found)
        print(f"training on {properties.name}, {properties.total_memory / 2**30:.0f} GiB, mixed precision", flush=True)
    else:
        print(f"training on the CPU, {torch.get_num_threads()} threads, single precision", flush=True)
    return found


def gpu_use(on: torch.device) -> str:
    """A GPU's memory and use, for a log line; nothing on the CPU."""
    if on.type != "cuda":
        return ""
    memory = torch.cuda.max_memory_allocated(on) / 2**20
    query = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", f"--id={on.index or 0}"]
    try:
        use = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        use = "?"
    return f", GPU memory {memory:.0f} MiB at most, use {use}%"


def member(inputs: int, recipe: Recipe, outputs: int) -> nn.Sequential:
    """One perceptron: linear layers with ReLU and dropout between them."""
    layers: list[nn.Module] = []
    width = inputs
    for hidden in recipe.hidden:
        layers += [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(recipe.dropout)]
        width = hidden
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def weights(net: nn.Sequential) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights `[out, in]` and biases, layer by layer."""
    linear = [layer for layer in net if isinstance(layer, nn.Linear)]
    return [(x.weight.detach().cpu().numpy(), x.bias.detach().cpu().numpy()) for x in linear]


@dataclass
class Rows:
    """What a network learns from: standardised inputs, soft labels `[rows, classes]`, weights."""

    inputs: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor

    @staticmethod
    def of(inputs: np.ndarray, labels: np.ndarray, weights: np.ndarray, on: torch.device) -> "Rows":
        """Moves arrays to a device."""
        to = lambda array: torch.tensor(array, dtype=torch.float32, device=on)  # noqa: E731
        return Rows(to(inputs), to(labels), to(weights))

    def __len__(self) -> int:
        return len(self.inputs)


def _loss(net: nn.Module, rows: Rows, places: torch.Tensor) -> torch.Tensor:
    losses = nn.functional.cross_entropy(net(rows.inputs[places]), rows.labels[places], reduction="none")
    return (losses * rows.weights[places]).sum() / rows.weights[places].sum()


def loss(net: nn.Module, rows: Rows) -> float:
    """The mean loss over all rows, without dropout."""
    net.eval()
    with torch.no_grad():
        parts = torch.arange(len(rows), device=rows.inputs.device).split(65_536)
        total = sum(_loss(net, rows, part).item() * rows.weights[part].sum().item() for part in parts)
    net.train()
    return total / rows.weights.sum().item()


def train(recipe: Recipe, learn: Rows, validate: Rows, checkpoint: Path, resume: bool) -> nn.Sequential:
    """Trains one member, whose seed is the recipe's."""
    on = learn.inputs.device
    torch.manual_seed(recipe.seed)
    shuffle = torch.Generator().manual_seed(recipe.seed)
    net = member(learn.inputs.shape[1], recipe, learn.labels.shape[1]).to(on)
    adam = torch.optim.AdamW(net.parameters(), recipe.step, weight_decay=recipe.decay)
    parts = recipe.accumulate if on.type == "cuda" else 1
    steps = -(-len(learn) // recipe.batch)
    pace = torch.optim.lr_scheduler.OneCycleLR(adam, recipe.step, total_steps=recipe.epochs * steps, pct_start=0.2)
    scaler = torch.amp.GradScaler(on.type, enabled=on.type == "cuda")
    best, best_weights, begin, since = float("inf"), copy.deepcopy(net.state_dict()), 0, 0
    if resume and checkpoint.exists():
        saved = torch.load(checkpoint, map_location=on, weights_only=True)
        if saved["recipe"] == str(asdict(recipe)):
            net.load_state_dict(saved["net"])
            adam.load_state_dict(saved["adam"])
            pace.load_state_dict(saved["pace"])
            torch.set_rng_state(saved["random"].cpu())
            shuffle.set_state(saved["shuffle"].cpu())
            best, best_weights, begin, since = saved["best"], saved["best_weights"], saved["epoch"], saved["since"]
            print(f"  seed {recipe.seed}: goes on after epoch {begin}", flush=True)
    started = time.monotonic()
    for epoch in range(begin, recipe.epochs):
        if since >= recipe.patience:
            break
        for places in torch.randperm(len(learn), generator=shuffle).to(on).split(recipe.batch):
            adam.zero_grad()
            for part in places.chunk(parts):
                with torch.autocast(on.type, enabled=on.type == "cuda"):
                    value = _loss(net, learn, part) * (len(part) / len(places))
                scaler.scale(value).backward()
            scaler.step(adam)
            scaler.update()
            pace.step()
        now = loss(net, validate)
        since = 0 if now < best else since + 1
        if now < best:
            best, best_weights = now, copy.deepcopy(net.state_dict())
        state = {"net": net.state_dict(), "adam": adam.state_dict(), "pace": pace.state_dict()}
        random = {"random": torch.get_rng_state(), "shuffle": shuffle.get_state()}
        place = {"best": best, "best_weights": best_weights, "epoch": epoch + 1, "since": since}
        torch.save({**state, **random, **place, "recipe": str(asdict(recipe))}, checkpoint)
        took = time.monotonic() - started
        print(f"  seed {recipe.seed}: epoch {epoch + 1}, loss {now:.4f}, best {best:.4f}, {took:.0f} s{gpu_use(on)}", flush=True)
    net.load_state_dict(best_weights)
    return net.eval()
