"""Tables of plays, as games.

A row is a line of a feed's play list: snaps, kicks, timeouts, remarks. Points and timeouts are those before the play.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import tables

DROPBACKS = ("pass", "sack")
"""Kinds of play in which the quarterback means to throw."""


KICKED = ("kickoff", "punt", "field_goal")
"""Kinds of play whose touchdown is the other team's, unless that lost the ball back.

So it is, by the score of the row after, for all but one of 231 of 2009–2017. A fake that who kicks runs in would look like a
return; there is none among them.
"""
BREAKS_OFF_S = 150
"""Seconds: a list whose last play has more of the fourth quarter left does not tell how the game ended."""


@dataclass(slots=True)
class Play:
    """One row, with what the server's recap of a game has too, and what only labels need."""

    id: int
    kind: str
    quarter: int
    seconds_left: int
    down: int
    """1 to 4; 0 where the play is no snap from scrimmage."""
    distance: int
    yards_to_goal: int
    offence: str
    defence: str
    points: int
    points_against: int
    timeouts: int
    timeouts_against: int
    shotgun: bool
    no_huddle: bool
    yards: int
    drive: int
    touchdown: bool
    turnover: bool
    scored: bool
    first_down: bool

    @property
    def is_call(self) -> bool:
        """Whether the offence called a run or a dropback here."""
        return self.down > 0 and (self.kind == "run" or self.kind in DROPBACKS)


@dataclass(slots=True)
class Game:
    """A game's plays in their order."""

    id: str
    season: int
    is_postseason: bool
    day: int
    """Days since 1970-01-01."""
    home: str
    away: str
    plays: list[Play] = field(default_factory=list)

    def final_score(self) -> tuple[int, int] | None:
        """Home's and away's points: those before the last snap or kick, and what it brought (a try aside that is not listed).

        None where the list breaks off before the end, or has no play of either team.
        """
        last = next((play for play in reversed(self.plays) if play.offence), None)
        if last is None or (last.quarter, -last.seconds_left) < (4, -BREAKS_OFF_S):
            return None
        points, against = last.points, last.points_against
        if last.touchdown and last.turnover == (last.kind in KICKED):
            points += 6
        elif last.touchdown:
            against += 6
        elif last.scored and last.kind in ("run", "pass", "sack", "punt", "no_play"):
            against += 2
        elif last.scored:
            points += {"field_goal": 3, "extra_point": 1, "two_point": 2, "kickoff": 2}.get(last.kind, 0)
        return (points, against) if last.offence == self.home else (against, points)


def _int(text: str, default: int) -> int:
    return int(text) if text else default


def _seconds(clock: str) -> int:
    minutes, _, seconds = clock.partition(":")
    return _int(minutes, 0) * 60 + _int(seconds, 0)


def _play(row: dict[str, str]) -> Play:
    return Play(
        id=int(row["play_id"]),
        kind=row["play_type"],
        quarter=_int(row["qtr"], 1),
        seconds_left=_seconds(row["clock"]),
        down=_int(row["down"], 0),
        distance=_int(row["distance"], 0),
        yards_to_goal=_int(row["yardline_100"], 0),
        offence=row["posteam"],
        defence=row["defteam"],
        points=_int(row["posteam_score"], 0),
        points_against=_int(row["defteam_score"], 0),
        timeouts=_int(row["pos_to"], 0),
        timeouts_against=_int(row["def_to"], 0),
        shotgun=row["shotgun"] == "1",
        no_huddle=row["no_huddle"] == "1",
        yards=_int(row["yards_gained"], 0),
        drive=_int(row["drive"], 0),
        touchdown=row["td"] == "1",
        turnover=row["turnover"] == "1",
        scored=row["scoring_play"] == "1",
        first_down=row["first_down"] == "1",
    )


def day(game_id: str) -> int:
    """The day of a game, which its id begins with, in days since 1970-01-01."""
    date = datetime.date(int(game_id[:4]), int(game_id[4:6]), int(game_id[6:8]))
    return (date - datetime.date(1970, 1, 1)).days


COLUMNS = (
    "game_id season season_type home play_id play_type qtr clock down distance yardline_100 posteam defteam posteam_score "
    "defteam_score pos_to def_to shotgun no_huddle yards_gained drive td turnover scoring_play first_down"
).split()
"""Columns of the layout that are read."""


def _game(row: dict[str, str]) -> Game:
    teams = {row["posteam"], row["defteam"], row["home"]} - {row["home"], ""}
    return Game(
        id=row["game_id"],
        season=int(row["season"]),
        is_postseason=row["season_type"] == "POST",
        day=day(row["game_id"]),
        home=row["home"],
        away=next(iter(teams), ""),
    )


def read(path: Path) -> Iterator[Game]:
    """The games of a table (`*.csv` or `*.csv.gz`), in its order."""
    game: Game | None = None
    for number, row in enumerate(tables.rows(path, COLUMNS), start=2):
        try:
            begins, play = _game(row), _play(row)
        except ValueError as error:
            raise tables.TableError(f"{path}: line {number}: {error}") from error
        if game is None or game.id != begins.id:
            if game is not None:
                yield game
            game = begins
        game.away = game.away or begins.away
        game.plays.append(play)
    if game is not None:
        yield game
