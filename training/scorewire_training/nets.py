"""Networks: an ensemble of small perceptrons whose probabilities are averaged, trained one by one.

A member is trained with Adam on mini-batches, its step size rising and falling once over all epochs; it keeps the
weights of its best epoch on the validation seasons and stops early. A checkpoint after each epoch lets a run that was
cut off go on where it was. On a GPU numbers are half as precise where that is safe (mixed precision), a batch can be
worked through in parts (`Run.accumulate`), and memory and use are logged with each epoch.
"""

from __future__ import annotations

import copy
import hashlib
import pickle
import subprocess
import time
from collections.abc import Callable, Iterable
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
    """Rows a step."""
    members: int = 1
    seed: int = 1
    half_life: float = 0.0
    """Seasons after which an older season's rows weigh half; 0: all weigh the same."""


@dataclass(frozen=True)
class Run:
    """What all members of a command's run share."""

    on: torch.device
    resume: bool = False
    accumulate: int = 1
    """Parts in which a batch is worked through, for a GPU without room for it: their gradients add up to the batch's."""


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


class Trainer:
    """A member under way: its weights, Adam, and everything else that a checkpoint holds."""

    def __init__(self, net: nn.Sequential, step: float, decay: float, steps: int, rising: float, on: torch.device) -> None:
        """`steps`: of all epochs; `rising`: the share of them in which their size grows up to `step`."""
        self.net, self.on, self.epoch = net.to(on), on, 0
        self.adam = torch.optim.AdamW(net.parameters(), step, weight_decay=decay)
        self.pace = torch.optim.lr_scheduler.OneCycleLR(self.adam, step, total_steps=steps, pct_start=rising)
        self.scaler = torch.amp.GradScaler(on.type, enabled=on.type == "cuda")

    def step(self, parts: Iterable[Callable[[], torch.Tensor]]) -> torch.Tensor:
        """One step down the sum of a batch's parts, each a loss that is asked for in its turn. The sum."""
        self.adam.zero_grad()
        total = torch.zeros((), device=self.on)
        for part in parts:
            with torch.autocast(self.on.type, enabled=self.on.type == "cuda"):
                value = part()
            self.scaler.scale(value).backward()
            total += value.detach()
        self.scaler.step(self.adam)
        self.scaler.update()
        self.pace.step()
        return total

    def _is_of(self, told: str) -> str:
        return f"{told}, on {self.on.type}"

    def save(self, checkpoint: Path, is_of: str, more: dict[str, object]) -> None:
        """Writes a checkpoint, whole or not at all. `is_of`: settings and rows, as `resume` has to be told them.

        The kind of device goes into it by itself: it decides how precise numbers are and whose random numbers are drawn.
        """
        kept = {name: getattr(self, name).state_dict() for name in ("net", "adam", "pace", "scaler")}
        random = {"random": torch.get_rng_state()}
        if self.on.type == "cuda":
            random["random_cuda"] = torch.cuda.get_rng_state(self.on)
        unfinished = checkpoint.with_suffix(".unfinished")
        torch.save({**kept, **random, **more, "epoch": self.epoch, "is_of": self._is_of(is_of)}, unfinished)
        unfinished.replace(checkpoint)

    def resume(self, checkpoint: Path, is_of: str) -> dict[str, object] | None:
        """Goes on from a checkpoint of the same settings, rows and kind of device: what `save` was given beside. Says what it does."""
        if not checkpoint.exists():
            return None
        try:
            saved = torch.load(checkpoint, map_location=self.on, weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError):
            saved = {}
        if saved.get("is_of") != self._is_of(is_of):
            print(f"  {checkpoint.name} is damaged, or of other settings or rows or another device: begins anew", flush=True)
            return None
        for name in ("net", "adam", "pace", "scaler"):
            getattr(self, name).load_state_dict(saved[name])
        torch.set_rng_state(saved["random"].cpu())
        if self.on.type == "cuda":
            torch.cuda.set_rng_state(saved["random_cuda"].cpu(), self.on)
        self.epoch = saved["epoch"]
        print(f"  {checkpoint.name}: goes on after epoch {self.epoch}", flush=True)
        return saved


def digest(*arrays: np.ndarray | torch.Tensor) -> str:
    """A hash of arrays: what rows a checkpoint is of."""
    total = hashlib.sha256()
    for array in arrays:
        values = np.ascontiguousarray(array.cpu() if isinstance(array, torch.Tensor) else array)
        total.update(f"{values.dtype} {values.shape};".encode())
        total.update(values.tobytes())
    return total.hexdigest()


def weighted_loss(net: nn.Module, rows: Rows, places: torch.Tensor) -> torch.Tensor:
    """The sum of some rows' cross-entropies times their weights."""
    losses = nn.functional.cross_entropy(net(rows.inputs[places]), rows.labels[places], reduction="none")
    return (losses * rows.weights[places]).sum()


def loss(net: nn.Module, rows: Rows) -> float:
    """The mean loss over all rows, without dropout."""
    net.eval()
    with torch.no_grad():
        parts = torch.arange(len(rows), device=rows.inputs.device).split(65_536)
        total = sum(weighted_loss(net, rows, part).item() for part in parts)
    net.train()
    return total / rows.weights.sum().item()


def parts_of_loss(net: nn.Module, rows: Rows, places: torch.Tensor, parts: int) -> Iterable[Callable[[], torch.Tensor]]:
    """The mean loss of a batch in parts that add up to it."""
    whole = rows.weights[places].sum()
    return ((lambda part=part: weighted_loss(net, rows, part) / whole) for part in places.chunk(parts))


def train(recipe: Recipe, learn: Rows, validate: Rows, checkpoint: Path, run: Run) -> nn.Sequential:
    """Trains one member, whose seed is the recipe's."""
    torch.manual_seed(recipe.seed)
    shuffle = torch.Generator().manual_seed(recipe.seed)
    net = member(learn.inputs.shape[1], recipe, learn.labels.shape[1])
    steps = recipe.epochs * -(-len(learn) // recipe.batch)
    trainer = Trainer(net, recipe.step, recipe.decay, steps, 0.2, run.on)
    best, best_weights, since = float("inf"), copy.deepcopy(net.state_dict()), 0
    rows = digest(*(tensor for part in (learn, validate) for tensor in (part.inputs, part.labels, part.weights)))
    is_of = f"{asdict(recipe)}, {run.accumulate} parts, rows {rows}"
    saved = trainer.resume(checkpoint, is_of) if run.resume else None
    if saved:
        shuffle.set_state(saved["shuffle"].cpu())
        best, best_weights, since = saved["best"], saved["best_weights"], saved["since"]
    started = time.monotonic()
    while trainer.epoch < recipe.epochs and since < recipe.patience:
        for places in torch.randperm(len(learn), generator=shuffle).to(run.on).split(recipe.batch):
            trainer.step(parts_of_loss(net, learn, places, run.accumulate))
        trainer.epoch += 1
        now = loss(net, validate)
        since = 0 if now < best else since + 1
        if now < best:
            best, best_weights = now, copy.deepcopy(net.state_dict())
        more = {"shuffle": shuffle.get_state(), "best": best, "best_weights": best_weights, "since": since}
        trainer.save(checkpoint, is_of, more)
        took = f"{time.monotonic() - started:.0f} s{gpu_use(run.on)}"
        print(f"  seed {recipe.seed}: epoch {trainer.epoch}, loss {now:.4f}, best {best:.4f}, {took}", flush=True)
    net.load_state_dict(best_weights)
    return net.eval()
