"""What teams did in earlier games: decayed sums of their calls, and a rating from results.

A team's past is a `Tally` whose every number loses weight with each game (`GAME_KEEPS`) and each new season
(`SEASON_KEEPS`), so it is as large after ten seasons as after ten games. A team that moved is the same team.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, field
from pathlib import Path

from .clubs import club

GAME_KEEPS = 0.88
SEASON_KEEPS = 0.6
RATING_GAIN = 0.07
"""How much of an unexpected margin of victory goes into both teams' ratings."""
RATING_SEASON_KEEPS = 0.7
HOME_POINTS = 2.4
"""What playing at home is worth."""
MARGIN_MAX = 24


@dataclass(slots=True)
class Tally:
    """Sums over a team's calls. `residual`: dropbacks above expectation."""

    calls: float = 0.0
    residual: float = 0.0
    formed: float = 0.0
    """Calls whose formation is known."""
    shotgun: float = 0.0
    no_huddle: float = 0.0
    shotgun_residual: float = 0.0
    under_center_residual: float = 0.0
    first: float = 0.0
    first_residual: float = 0.0
    second: float = 0.0
    second_residual: float = 0.0
    late: float = 0.0
    """Third and fourth downs."""
    late_residual: float = 0.0
    short: float = 0.0
    """At most two yards to go."""
    short_residual: float = 0.0
    runs: float = 0.0
    run_yards: float = 0.0
    run_successes: float = 0.0
    passes: float = 0.0
    pass_yards: float = 0.0
    pass_successes: float = 0.0
    faced: float = 0.0
    """The other team's calls."""
    faced_residual: float = 0.0
    faced_yards: float = 0.0

    def scale(self, by: float) -> None:
        """Multiplies every sum."""
        for name in Tally.__slots__:
            setattr(self, name, getattr(self, name) * by)

    def add(self, other: "Tally") -> None:
        """Adds every sum."""
        for name in Tally.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def season(day: int) -> int:
    """The season of a day (since 1970-01-01): a year that begins in March."""
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=day - 59)).year


@dataclass(slots=True)
class Past:
    """One team's."""

    season: int
    rating: float = 0.0
    """Points by which it would beat an average team on neutral ground."""
    tally: Tally = field(default_factory=Tally)

    def as_of(self, current: int) -> "Past":
        """The same at the beginning of a game of that season."""
        gone = max(0, current - self.season)
        tally = Tally()
        tally.add(self.tally)
        tally.scale(SEASON_KEEPS**gone)
        return Past(max(current, self.season), self.rating * RATING_SEASON_KEEPS**gone, tally)


class History:
    """All teams' pasts: those that ship, as of several days, and those of games seen since."""

    def __init__(self, shipped: list[tuple[int, dict[str, Past]]] | None = None) -> None:
        self.shipped = shipped or []
        """Each the day of its last game, and pasts by team; the earliest first."""
        self.seen: dict[str, tuple[int, Past]] = {}

    def before(self, team: str, day: int) -> Past:
        """What a team brings into a game on that day: the latest that is known from before it."""
        team = club(team)
        known = [(through, teams[team]) for through, teams in self.shipped if through < day and team in teams][-1:]
        known += [self.seen[team]] if team in self.seen and self.seen[team][0] < day else []
        if not known:
            return Past(season(day))
        return max(known, key=lambda past: past[0])[1].as_of(season(day))

    def take(self, day: int, sides: dict[str, Tally], home: str, away: str, score: tuple[int, int] | None) -> None:
        """A game is over; a score that nobody knows leaves the ratings as they were."""
        if not (home and away):
            return
        pasts = {team: self.before(team, day) for team in (home, away)}
        surprise = 0.0
        if score is not None:
            margin = max(-MARGIN_MAX, min(MARGIN_MAX, score[0] - score[1]))
            surprise = RATING_GAIN * (margin - (pasts[home].rating - pasts[away].rating + HOME_POINTS))
        for team, past in pasts.items():
            past.rating += surprise if team == home else -surprise
            past.tally.scale(GAME_KEEPS)
            past.tally.add(sides.get(team, Tally()))
            self.seen[club(team)] = (day, past)


def save(histories: list[History], path: Path) -> None:
    """Writes what was seen as of several days, the earliest first."""
    data = [
        {
            "through_day": max(through for through, _ in history.seen.values()),
            "teams": {
                team: {
                    "season": past.season,
                    "rating": round(past.rating, 4),
                    "tally": {name: round(getattr(past.tally, name), 4) for name in Tally.__slots__},
                }
                for team, (_, past) in sorted(history.seen.items())
            },
        }
        for history in histories
    ]
    path.write_text(json.dumps(data, separators=(",", ":")) + "\n")


def load(path: Path) -> History:
    """Reads what `save` wrote."""

    def past(saved: dict) -> Past:
        return Past(saved["season"], saved["rating"], Tally(**saved["tally"]))

    def by_club(saved: dict[str, dict]) -> dict[str, Past]:
        # Under both its letters a club has its later season's, and of the same season that under those of now.
        pasts = sorted(saved.items(), key=lambda one: (one[1]["season"], club(one[0]) == one[0]))
        return {club(team): past(one) for team, one in pasts}

    return History([(as_of["through_day"], by_club(as_of["teams"])) for as_of in json.loads(path.read_text())])
