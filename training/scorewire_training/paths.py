"""Where the data is and where work in progress is kept."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SCOREWIRE_DATA", ROOT.parent / "shared" / "data" / "nfl")) / "train"
"""Tables of plays and of players' quarters."""
WORK = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "training"
"""Rows, checkpoints, figures: all of it can be made again."""
LEARN = "2009_2015"
VALIDATE = "2016_2017"


def plays(which: str) -> Path:
    """A table of plays."""
    return DATA / f"plays_{'train' if which == LEARN else 'valid'}_{which}.csv.gz"


def quarters(which: str) -> Path:
    """A table of players' quarters."""
    return DATA / f"player_quarters_{'train' if which == LEARN else 'valid'}_{which}.csv.gz"
