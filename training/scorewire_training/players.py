"""What the models of players' points and of season output are learnt from: rulesets, and an epoch's rows.

An epoch has every row once with all the history there is, and some again with their own season's alone, as a server
sees them that starts without any; half of each are in the judged ruleset, half in another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import points, season, shipped

RULESETS = shipped.FOLDER.parent / "rulesets"
JUDGED = "draftkings"
"""The ruleset that figures and calibration are of."""
RULESET_RANGES = {"rec": [0, 1.5], "pass_td": [4, 6], "int": [-2, -1], "fumbles_lost": [-2, 0], "bonus": [0, 3]}
"""What the models are trained on; elsewhere they do not answer."""
POINTS_ALONE, SEASON_ALONE = 1.0, 0.3
"""Of the rows that are shown again with no season before their own."""
NO_PLAYS = 0.25
"""Of the rows of season output that are shown without the team's plays."""


@dataclass(frozen=True)
class Rules:
    """The rulesets that are served, and the judged one."""

    served: list[points.Ruleset]
    judged: points.Ruleset

    @staticmethod
    def read(folder: Path = RULESETS) -> "Rules":
        """From their files."""
        served = [points.read_ruleset(path) for path in sorted(folder.glob("*.toml"))]
        return Rules(served, next(ruleset for ruleset in served if ruleset.name == JUDGED))

    def draw(self, rng: np.random.Generator) -> points.Ruleset:
        """One that is served, and a third of the time a neighbour of it."""
        ruleset = self.served[int(rng.integers(len(self.served)))]
        weights, bonuses = ruleset.weights.copy(), ruleset.bonuses.copy()
        if rng.random() < 1 / 3:
            weights[points.INDEX["pass_td"]] = rng.choice([4, 5, 6])
            weights[points.INDEX["int"]] = rng.choice([-2, -1])
            weights[points.INDEX["fumbles_lost"]] = rng.choice([-2, -1, 0])
            weights[points.INDEX["rec"]] = rng.choice([0, 0.25, 0.5, 0.75, 1, 1.5])
            bonuses[:] = rng.choice([0, 1, 2, 3])
        return points.Ruleset(ruleset.name + "'", weights, bonuses)


def by_season(data: points.Season) -> list[points.Season]:
    """Each season as if nothing was known before it."""
    years = sorted({a.season for a in data.appearances})
    return [points.Season([a for a in data.appearances if a.season == year], data.teams) for year in years]


def _arrays(sources: list[points.Rows] | list[season.Moments], rules: Rules) -> Iterator[np.ndarray]:
    """The columns of sources, and the rulesets."""
    for source in sources:
        yield from vars(source).values()
    for ruleset in rules.served:
        yield from (ruleset.weights, ruleset.bonuses)


class Live:
    """Rows of live points; the first source has all history, the second a season's own."""

    heads = 1

    def __init__(self, sources: list[points.Rows], seasons: list[np.ndarray], rules: Rules) -> None:
        self.sources, self.seasons, self.rules = sources, seasons, rules
        self.ready = [(self.features(rows), self.targets(rows)) for rows in sources]
        self.rows = len(sources[0].quarter) + int(POINTS_ALONE * len(sources[1].quarter))

    @staticmethod
    def of(data: points.Season, rules: Rules) -> "Live":
        """From a table."""
        whole, parts = points.rows_of(data), [points.rows_of(own) for own in by_season(data)]
        alone = {name: np.concatenate([getattr(part, name) for part in parts]) for name in points.Rows.__dataclass_fields__}
        years = sorted({a.season for a in data.appearances})
        own = np.concatenate([np.full(len(part.quarter), year) for part, year in zip(parts, years)])
        of_appearance = np.array([a.season for a in data.appearances])
        return Live([whole, points.Rows(**alone)], [of_appearance[whole.game], own], rules)

    def where(self, is_kept: Callable[[np.ndarray], np.ndarray]) -> "Live":
        """The rows of some seasons."""
        kept = [is_kept(seasons) for seasons in self.seasons]
        sources = [rows.take(mask) for rows, mask in zip(self.sources, kept)]
        return Live(sources, [seasons[mask] for seasons, mask in zip(self.seasons, kept)], self.rules)

    def features(self, rows: points.Rows) -> np.ndarray:
        """`[rows, F]` in the judged ruleset."""
        return points.features(rows, self.rules.judged)[0]

    def targets(self, rows: points.Rows) -> np.ndarray:
        """`[rows, 1]` in the judged ruleset."""
        return points.remaining(rows, self.rules.judged)[:, None]

    def arrays(self) -> Iterator[np.ndarray]:
        """All that it is drawn from."""
        return _arrays(self.sources, self.rules)

    def __call__(self, epoch: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """An epoch."""
        xs, ys = [], []
        for rows, (x, y), part in zip(self.sources, self.ready, (1.0, POINTS_ALONE)):
            kept = rng.permutation(len(y))[: int(part * len(y))]
            other = kept[: len(kept) // 2]
            ruleset, taken = self.rules.draw(rng), rows.take(other)
            xs += [points.features(taken, ruleset)[0], x[kept[len(other) :]]]
            ys += [points.remaining(taken, ruleset)[:, None], y[kept[len(other) :]]]
        return np.concatenate(xs), np.concatenate(ys)


class Moments:
    """Moments of a season, of players or of teams; the sources are as those of `Live`."""

    names: list[str]
    heads: int

    def __init__(self, sources: list[season.Moments], rules: Rules) -> None:
        self.sources, self.rules = sources, rules
        self.seasons = [moments.season for moments in sources]
        self.rows = self._rows()

    @classmethod
    def of(cls, data: points.Season, plays: dict, rules: Rules) -> "Moments":
        """From a table of players' quarters and the sums of tables of plays."""
        which = 0 if cls is SeasonPlayers else 1
        whole, parts = season.moments_of(data, plays)[which], [season.moments_of(own, plays)[which] for own in by_season(data)]
        alone = {name: np.concatenate([getattr(part, name) for part in parts]) for name in season.Moments.__dataclass_fields__}
        return cls([whole, season.Moments(**alone)], rules)

    def where(self, is_kept: Callable[[np.ndarray], np.ndarray]) -> "Moments":
        """The rows of some seasons."""
        return type(self)([moments.take(is_kept(moments.season)) for moments in self.sources], self.rules)

    def arrays(self) -> Iterator[np.ndarray]:
        """All that it is drawn from."""
        return _arrays(self.sources, self.rules)

    def _without_plays(self, features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        columns = [place for place, name in enumerate(self.names) if name.startswith("plays")]
        features[np.ix_(rng.random(len(features)) < NO_PLAYS, columns)] = 0
        return features


class SeasonPlayers(Moments):
    """Players' output over the coming games."""

    names, heads = season.NAMES, 2

    def _rows(self) -> int:
        return len(self.seasons[0]) + int(SEASON_ALONE * len(self.seasons[1]))

    def features(self, moments: season.Moments) -> np.ndarray:
        """`[rows, F]` in the judged ruleset."""
        return season.features(moments, self.rules.judged)[0]

    def targets(self, moments: season.Moments) -> np.ndarray:
        """`[rows, 2]` in the judged ruleset."""
        return season.targets(moments, self.rules.judged)

    def __call__(self, epoch: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """An epoch."""
        xs, ys = [], []
        for moments, part in zip(self.sources, (1.0, SEASON_ALONE)):
            kept = rng.permutation(len(moments.week))[: int(part * len(moments.week))]
            other = self.rules.draw(rng)
            half = len(kept) // 2
            for ruleset, chosen in ((other, kept[:half]), (self.rules.judged, kept[half:])):
                taken = moments.take(chosen)
                xs.append(self._without_plays(season.features(taken, ruleset)[0], rng))
                ys.append(season.targets(taken, ruleset))
        return np.concatenate(xs), np.concatenate(ys)


class SeasonTeams(Moments):
    """Teams' points over the coming games."""

    names, heads = season.TEAM_NAMES, 1

    def _rows(self) -> int:
        return len(self.seasons[0]) + len(self.seasons[1])

    def features(self, moments: season.Moments) -> np.ndarray:
        """`[rows, F]`."""
        return season.team_features(moments)[0]

    def targets(self, moments: season.Moments) -> np.ndarray:
        """`[rows, 1]`."""
        return season.team_targets(moments)

    def __call__(self, epoch: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """An epoch."""
        features = np.concatenate([self.features(moments) for moments in self.sources])
        targets = np.concatenate([self.targets(moments) for moments in self.sources])
        return self._without_plays(features, rng), targets
