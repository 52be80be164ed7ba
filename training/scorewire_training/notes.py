"""What a card says that is not worked out when it is written: words about the model, and how long a run takes.

`training/notes/NAME.md` are the words. `training/notes/latency.txt` is what `cargo bench --bench infer` printed on some
machine, which a line before it names.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "notes"
BATCHES = ("1", "32", "256")
"""Rows of the runs that a card shows."""
COMMAND = "`ORT_DYLIB_PATH=$(deploy/fetch-onnxruntime) cargo bench --bench infer`"


def words(name: str) -> str:
    """About a model."""
    return (FOLDER / f"{name}.md").read_text().strip()


def latency(stem: str, file: Path = FOLDER / "latency.txt") -> list[str]:
    """The lines of a card about a model's file, by backend."""
    lines = file.read_text().splitlines() if file.exists() else []
    runs = [cells for cells in map(str.split, lines) if cells[:1] == [stem] and cells[3] in BATCHES]
    if not runs:
        return [f"Not measured yet on this version; {COMMAND} does."]
    machine = "a machine that is not named" if lines[0].startswith(("model ", "skipped: ")) else lines[0]
    rows = [f"| {backend} {device} | {' | '.join(figures[:5])} |" for _, backend, device, *figures in runs]
    heads = ["| backend | rows | median | 99th percentile | CPU: median | 99th percentile |", "|---|--:|--:|--:|--:|--:|"]
    about = "µs a run, on one thread; by its own CPU it is as if nobody else had the core"
    return [f"{COMMAND} on {machine}: {about}.", "", *heads, *rows]
