"""Rows to learn from and to judge by, kept in a file between commands.

Seasons up to `LEARN_THROUGH` are learnt from, later ones validate; what any row knows of earlier games includes the
seasons before it, as it would have at that time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import features, labels, paths, tables
from .expectation import Expectation
from .history import History
from .plays import Game

LEARN_THROUGH = 2015


@dataclass
class Snaps:
    """One row a snap."""

    features: np.ndarray
    """`[rows, FORMED]`, single precision: what models read."""
    season: np.ndarray
    game: np.ndarray
    play: np.ndarray
    quarter: np.ndarray
    down: np.ndarray
    """0 for kicks."""
    kind: np.ndarray
    """Place in `KINDS`, or `NONE`."""
    drive: np.ndarray
    """Place in `DRIVE_ENDS`, or `NONE`."""
    win: np.ndarray
    """The result of the team with the ball: 1, 0.5 for a tie, 0; NaN where it is not known."""
    at_home: np.ndarray

    @property
    def is_call(self) -> np.ndarray:
        """Which rows are runs and dropbacks."""
        return (self.kind >= 0) & (self.kind <= 1)

    @property
    def is_decided(self) -> np.ndarray:
        """Which rows are of games that somebody won."""
        return (self.win == 0) | (self.win == 1)

    def where(self, rows: np.ndarray) -> "Snaps":
        """Some of the rows."""
        return Snaps(**{name: getattr(self, name)[rows] for name in Snaps.__dataclass_fields__})

    def column(self, feature: str) -> np.ndarray:
        """One feature by name."""
        return self.features[:, features.FORMED.index(feature)]

    def columns(self, names: list[str]) -> np.ndarray:
        """Features by name, in that order."""
        return self.features[:, [features.FORMED.index(name) for name in names]]

    def axes(self, names: list[str]) -> np.ndarray:
        """The columns of a historical table: features by name, and the down as a number."""
        return np.stack([self.down if name == "down" else self.column(name) for name in names], axis=1)

    def save(self, path: Path) -> None:
        """Writes all rows."""
        np.savez(path, **{name: getattr(self, name) for name in Snaps.__dataclass_fields__})

    @staticmethod
    def load(path: Path) -> "Snaps":
        """Reads what `save` wrote."""
        with np.load(path) as arrays:
            return Snaps(**{name: arrays[name] for name in Snaps.__dataclass_fields__})


def parts() -> tuple[Snaps, Snaps]:
    """What `training/features` wrote: the rows to learn from, and those that validate."""
    try:
        learn, validate = (Snaps.load(paths.WORK / f"snaps-{part}.npz") for part in ("learn", "validate"))
    except FileNotFoundError as error:
        raise tables.TableError(f"{error.filename} is missing: run training/features first") from error
    return learn, validate


def build(games: Iterable[Game], expected: Expectation, history: History) -> Snaps:
    """Rows of games in their order; the history takes each of them in."""
    rows: list[list[float]] = []
    facts: list[tuple] = []
    for game in games:
        wins, ends = labels.wins(game), labels.drive_ends(game)
        for play, row in features.of_game(game, expected, history):
            rows.append(row)
            end = ends.get(play.id, labels.NONE) if play.down else labels.NONE
            at_home = play.offence == game.home
            fact = (game.season, int(game.id), play.id, play.quarter, play.down, labels.kind(play), end)
            facts.append((*fact, wins.get(play.offence, np.nan), at_home))
    names = [name for name in Snaps.__dataclass_fields__ if name != "features"]
    kinds = {"win": float, "at_home": bool}
    columns = {name: np.array([fact[place] for fact in facts], kinds.get(name, int)) for place, name in enumerate(names)}
    return Snaps(np.array(rows, np.float32).reshape(-1, len(features.FORMED)), **columns)
