"""Trains `points-1.onnx`: the distribution of the points a player has still to come, for any ruleset served.

    training/run points_train all --train FILE… [--out config/models] [--seed 1]

The network gives a distribution over fixed bins (`EDGES`), trained on the continuous ranked probability score, which is the
mean of the pinball losses of all quantiles. The median and the ends of an 80% interval are read off it inside the ONNX file,
so that whoever serves it computes features and nothing else. How wide the interval has to be is calibrated by moment on seasons the
fold's network has not seen (by seasons, 3 folds). Seeded; the same machine and versions give the same file.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

from . import points, shipped

# Points still to come. The bin from -0.004 to 0.004 holds "nothing more", which is an atom.
ATOM = 0.004
EDGES = np.concatenate([[-10, -6, -4, -3, -2, -1, -0.5, -ATOM, ATOM], np.arange(0.5, 12.01, 0.5), np.arange(13, 25),
                        np.arange(26, 45, 2), [50, 60]]).astype(np.float32)
ATOM_BIN = int(np.flatnonzero(EDGES == np.float32(-ATOM))[0])
ATOM_RAMP = 200  # how sharply the interval changes where the low end leaves the atom: continuous, so that backends agree
INTERVAL = 0.8
FOLDS = 3
EPOCHS, BATCH, RATE, DECAY, DROPOUT = 7, 512, 2e-3, 1e-2, 0.2
HIDDEN = (128, 96)


class Forecast(nn.Module):
    """Features [N, F] -> for each head [N, 3]: median, low and high. Every operation is one that any backend has."""

    def __init__(self, mean: np.ndarray, scale: np.ndarray, heads: int = 1, hidden: tuple[int, int] = HIDDEN) -> None:
        super().__init__()
        self.heads = heads
        bins = len(EDGES) - 1
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("scale", torch.tensor(1 / scale))
        self.body = nn.Sequential(nn.Linear(len(mean), hidden[0]), nn.SiLU(), nn.Dropout(DROPOUT),
                                  nn.Linear(hidden[0], hidden[1]), nn.SiLU(), nn.Dropout(DROPOUT),
                                  nn.Linear(hidden[1], heads * bins))
        self.register_buffer("sums", torch.triu(torch.ones(bins, bins)))
        self.register_buffer("widths", torch.tensor(np.diff(EDGES))[:, None])
        # The mass inside the interval is 0.8 in truth; the network's own measure of it, linear in the features that say
        # which moment it is, is what calibration sets.
        self.register_buffer("span", torch.zeros(len(mean), heads))
        self.register_buffer("span_base", torch.full((heads,), INTERVAL))

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """[N, heads, bins]."""
        scaled = ((features - self.mean) * self.scale).clamp(-5, 5)
        return self.body(scaled).view(-1, self.heads, len(EDGES) - 1)

    def _quantile(self, bins: torch.Tensor, below: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        return float(EDGES[0]) + torch.clamp((level - below) / (bins + 1e-7), 0, 1) @ self.widths

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
        scaled = ((features - self.mean) * self.scale).clamp(-5, 5)
        body = self.body(scaled)
        spans = features @ self.span + self.span_base
        outputs, count = [], len(EDGES) - 1
        for head in range(self.heads):
            bins = torch.softmax(body[:, head * count:(head + 1) * count], dim=1)
            upto = bins @ self.sums
            below = upto - bins
            span = spans[:, head:head + 1]
            low = (1 - span) / 2
            # Where the low end falls on "nothing more", that atom's whole mass is inside: the high end need not make up for it.
            under, over = below[:, ATOM_BIN:ATOM_BIN + 1], upto[:, ATOM_BIN:ATOM_BIN + 1]
            on_atom = torch.clamp((over - low) * ATOM_RAMP, 0, 1)
            outside = low - on_atom * torch.clamp(low - under, min=0)
            high = torch.clamp(outside + span, max=0.9995)
            median = low * 0 + 0.5
            outputs.append(torch.cat([self._quantile(bins, below, level) for level in (median, low, high)], dim=1))
        return tuple(outputs)


def _weights() -> torch.Tensor:
    width = torch.tensor(np.diff(EDGES))
    return (width[1:] + width[:-1]) / 2


def crps(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Continuous ranked probability score of [N, heads, bins] at [N, heads]; a target that is NaN counts for nothing."""
    upto = torch.softmax(logits, dim=2).cumsum(2)[:, :, :-1]
    there = ~torch.isnan(target)
    value = torch.where(there, target, torch.zeros_like(target))
    step = (value[:, :, None] <= torch.tensor(EDGES[1:-1])).float()
    loss = (_weights() * (upto - step) ** 2).sum(2)
    return (loss * there).sum() / there.sum().clamp(min=1)


def fit(sample, width: int, rows: int, seed: int, heads: int = 1, hidden=HIDDEN, epochs: int = EPOCHS, log=None) -> Forecast:
    """Fits a network. `sample(epoch, rng)` gives that epoch's features [n, F] and targets [n, heads]."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    features, _ = sample(0, np.random.default_rng(seed))
    net = Forecast(features.mean(0), features.std(0) + 1e-3, heads, hidden)
    steps = epochs * (rows // BATCH)
    optimiser = torch.optim.AdamW(net.body.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps + 1, pct_start=0.15)
    net.train()
    for epoch in range(epochs):
        features, target = sample(epoch, rng)
        x, y = torch.from_numpy(features), torch.from_numpy(target.astype(np.float32)).clamp(-9.9, 59.9)
        order, total = torch.from_numpy(rng.permutation(len(x))), 0.0
        for start in range(0, rows // BATCH * BATCH, BATCH):
            batch = order[start:start + BATCH]
            loss = crps(net.logits(x[batch]), y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach())
        if log:
            log(f"epoch {epoch + 1}/{epochs}: CRPS {total / (rows // BATCH):.4f}")
    return net.eval()


def forecast(net: Forecast, features: np.ndarray) -> list[np.ndarray]:
    """Runs a network without gradients."""
    with torch.no_grad():
        return [o.numpy() for o in net(torch.from_numpy(features))]


def bins_of(net: Forecast, features: np.ndarray) -> np.ndarray:
    """The distribution [N, heads, bins]."""
    with torch.no_grad():
        return torch.softmax(net.logits(torch.from_numpy(features)), dim=2).numpy()


def calibrate(bins: np.ndarray, target: np.ndarray) -> float:
    """The span at which the interval holds `INTERVAL` of targets: bins [N, bins] of networks that have not seen them."""
    best = (9.0, INTERVAL)
    upto = bins.cumsum(1)
    for span in np.arange(0.4, 0.97, 0.005):
        low, high = interval(bins, upto, span)
        held = np.mean((target >= low) & (target <= high))
        best = min(best, (abs(held - INTERVAL), float(span)))
    return round(best[1], 3)


def interval(bins: np.ndarray, upto: np.ndarray, span: float) -> tuple[np.ndarray, np.ndarray]:
    """Both ends in numpy, as `Forecast.forward` computes them, to a hundredth as they are served."""
    below, low = upto - bins, (1 - span) / 2
    under, over = below[:, ATOM_BIN], upto[:, ATOM_BIN]
    outside = low - np.clip((over - low) * ATOM_RAMP, 0, 1) * np.maximum(low - under, 0)
    ends = [np.full(len(bins), low), np.minimum(outside + span, 0.9995)]
    widths = np.diff(EDGES)
    low_end, high_end = (EDGES[0] + (np.clip((e[:, None] - below) / (bins + 1e-7), 0, 1) * widths).sum(1) for e in ends)
    return np.round(low_end, 2), np.round(high_end, 2)


def export(net: Forecast, name: str, folder: Path, names: list[str], outputs: list[str], example: np.ndarray, manifest: dict) -> None:
    """Writes `NAME-VERSION.onnx` and its manifest beside it, and holds ONNX Runtime to torch."""
    import onnxruntime

    folder.mkdir(parents=True, exist_ok=True)
    path = shipped.model_file(name, folder)
    batch = torch.from_numpy(example[:64])
    torch.onnx.export(net, (batch,), str(path), input_names=["features"], output_names=outputs, opset_version=17,
                      dynamic_axes={k: {0: "N"} for k in ["features", *outputs]}, dynamo=False)
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    got, want = session.run(None, {"features": example}), forecast(net, example)
    worst = max(float(np.abs(g - w).max()) for g, w in zip(got, want))
    bins = len(EDGES) - 1
    multiplies = sum(p.numel() for p in net.body.parameters() if p.dim() == 2) + net.heads * (bins ** 2 + 3 * bins)
    write_manifest(path, {"name": name, "version": shipped.VERSION, **manifest, "features": names,
                          "outputs": {o: ["median", "low", "high"] for o in outputs}, "multiply_adds_a_row": int(multiplies),
                          "ops": sorted({n.op_type for n in model.graph.node}), "onnx_against_torch_max": worst})
    print(f"{path}: {path.stat().st_size} bytes, ONNX Runtime differs from torch by at most {worst:.2e}")


def write_manifest(path: Path, manifest: dict) -> None:
    """What a server has to know of a model file."""
    about = {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps({**manifest, **about}, indent=1) + "\n")


class Sampler:
    """An epoch: every row once with the whole history and some with a season's history alone, half of them in DraftKings."""

    ALONE = 0.35  # of the rows without earlier seasons, as a server that starts with no history sees them

    def __init__(self, whole: points.Rows, alone: points.Rows, rulesets: list[points.Ruleset], judged: points.Ruleset) -> None:
        self.sources, self.rulesets, self.judged = [whole, alone], rulesets, judged
        self.ready = [(points.features(r, judged)[0], points.remaining(r, judged)) for r in self.sources]
        self.rows = len(whole.quarter) + int(self.ALONE * len(alone.quarter))

    def __call__(self, epoch: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        xs, ys = [], []
        for rows, (x, y), part in zip(self.sources, self.ready, (1.0, self.ALONE)):
            kept = rng.permutation(len(y))[:int(part * len(y))]
            other = kept[:len(kept) // 2]
            ruleset = perturbed(self.rulesets[int(rng.integers(len(self.rulesets)))], rng)
            taken = rows.take(other)
            xs += [points.features(taken, ruleset)[0], x[kept[len(other):]]]
            ys += [points.remaining(taken, ruleset), y[kept[len(other):]]]
        return np.concatenate(xs), np.concatenate(ys)[:, None]


def perturbed(ruleset: points.Ruleset, rng: np.random.Generator) -> points.Ruleset:
    """A neighbour of a ruleset, a third of the time: six points a touchdown pass, other fumbles, other bonuses."""
    weights, bonuses = ruleset.weights.copy(), ruleset.bonuses.copy()
    if rng.random() < 1 / 3:
        weights[points.INDEX["pass_td"]] = rng.choice([4, 5, 6])
        weights[points.INDEX["int"]] = rng.choice([-2, -1])
        weights[points.INDEX["fumbles_lost"]] = rng.choice([-2, -1, 0])
        weights[points.INDEX["rec"]] = rng.choice([0, 0.25, 0.5, 0.75, 1, 1.5])
        bonuses[:] = rng.choice([0, 1, 2, 3])
    return points.Ruleset(ruleset.name + "'", weights, bonuses)


def season_rows(season: points.Season, chosen: set[int]) -> points.Rows:
    """Rows of some seasons, each with no history but its own."""
    parts = []
    for year in sorted(chosen):
        own = points.Season([a for a in season.appearances if a.season == year], season.teams)
        numbers = np.array([i for i, a in enumerate(season.appearances) if a.season == year])
        rows = points.rows_of(own)
        rows.game = numbers[rows.game]
        parts.append(rows)
    return points.Rows(**{k: np.concatenate([getattr(p, k) for p in parts]) for k in points.Rows.__dataclass_fields__})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", nargs="+", type=Path, required=True, help="player_quarters files to learn from")
    parser.add_argument("--rulesets", type=Path, default=shipped.FOLDER.parent / "rulesets")
    parser.add_argument("--judged", default="draftkings", help="the ruleset half of the rows are of, and the interval is calibrated on")
    parser.add_argument("--out", type=Path, default=shipped.FOLDER)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    season = points.read(args.train)
    rulesets = [points.read_ruleset(p) for p in sorted(args.rulesets.glob("*.toml"))]
    judged = next(r for r in rulesets if r.name == args.judged)
    whole = points.rows_of(season)
    years = np.array([a.season for a in season.appearances])
    seasons = sorted(set(years.tolist()))
    alone = season_rows(season, set(seasons))
    _, names = points.features(whole.take(slice(0, 1)), judged)

    # Seasons held out, a third at a time: distributions of rows that the network has not seen, to calibrate the interval on.
    bins, target, quarters = [], [], []
    for fold in range(FOLDS):
        held = seasons[fold::FOLDS]
        out, out_alone = np.isin(years[whole.game], held), np.isin(years[alone.game], held)
        sampler = Sampler(whole.take(~out), alone.take(~out_alone), rulesets, judged)
        net = fit(sampler, len(names), sampler.rows, args.seed)
        for rows in (whole.take(out), alone.take(out_alone)):
            bins.append(bins_of(net, points.features(rows, judged)[0])[:, 0])
            target.append(points.remaining(rows, judged))
            quarters.append(rows.quarter)
        print(f"seasons {held} held out: mean absolute error "
              f"{np.abs(forecast(net, points.features(whole.take(out), judged)[0])[0][:, 0] - target[-2]).mean():.3f}", flush=True)
    bins, target, quarters = map(np.concatenate, (bins, target, quarters))
    spans = [calibrate(bins[quarters == q], target[quarters == q]) for q in range(points.MOMENTS)]
    print("span of the interval at the end of quarter 0, 1, 2, 3:", spans)

    sampler = Sampler(whole, alone, rulesets, judged)
    net = fit(sampler, len(names), sampler.rows, args.seed, log=print)
    net.span_base.zero_()
    for quarter, span in enumerate(spans):
        net.span[names.index(f"quarter_{quarter}"), 0] = span
    ranges = {"rec": [0, 1.5], "pass_td": [4, 6], "int": [-2, -1], "fumbles_lost": [-2, 0], "bonus": [0, 3]}
    export(net, "points", args.out, names, ["remaining"], sampler.ready[0][0][::97].copy(),
           {"about": "points still to come in this game, of the features' ruleset",
            "interval": INTERVAL, "spans": spans, "ruleset_ranges": ranges, "seed": args.seed,
            "trained_on": f"{min(seasons)}-{max(seasons)}", "device": "cpu", "history_games_max": points.HISTORY_GAMES_MAX})


if __name__ == "__main__":
    main()
