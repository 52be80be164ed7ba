"""Writes a made-up game with the features of each of its snaps: what the server's own features are compared with.

The game comes from a seeded generator, so nothing of a real one is in it; it has every kind of play, missing
formations aside, which the tables do not have.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from . import expectation, features, history, players_golden, shipped
from .plays import Game, Play

FILE = shipped.FOLDER.parents[1] / "tests" / "golden" / "play_features.json"
DAY = 17_500
KINDS = ["run"] * 8 + ["pass"] * 11 + ["sack", "punt", "field_goal", "kickoff", "extra_point", "two_point", "kneel"]
KINDS += ["spike", "no_play", "timeout", "other"]


def made_up(seed: int) -> Game:
    """A game that makes no sense and touches every rule."""
    draw = random.Random(seed)
    game = Game(id="9900000001", season=history.season(DAY), is_postseason=False, day=DAY, home="NE", away="PHI")
    score = {"NE": 0, "PHI": 0}
    offence = "NE"
    for number in range(120):
        quarter = min(5, 1 + number // 26)
        if draw.random() < 0.15:
            offence = "PHI" if offence == "NE" else "NE"
        defence = "PHI" if offence == "NE" else "NE"
        kind = draw.choice(KINDS)
        down = 0 if kind in ("kickoff", "extra_point", "two_point", "timeout", "other") else draw.randint(1, 4)
        brings = {"extra_point": 1, "field_goal": 3, "two_point": 2}.get(kind, 7 if draw.random() < 0.04 else 0)
        brings = 0 if kind in features.SKIPPED else brings
        play = Play(
            id=40 + number * 20,
            kind=kind,
            quarter=quarter,
            seconds_left=max(0, 900 - (number % 26) * 34 - draw.randint(0, 20)),
            down=down,
            distance=draw.choice([1, 2, 3, 5, 7, 10, 10, 10, 15, 28, 35]) if down else 0,
            yards_to_goal=draw.randint(1, 99),
            offence=offence,
            defence=defence,
            points=score[offence],
            points_against=score[defence],
            timeouts=draw.randint(0, 3),
            timeouts_against=draw.randint(0, 3),
            shotgun=bool(down) and draw.random() < 0.6,
            no_huddle=bool(down) and draw.random() < 0.1,
            yards=draw.choice([-9, -2, 0, 0, 1, 3, 4, 6, 8, 12, 55]) if kind in ("run", "pass", "sack") else 0,
            drive=0,
            touchdown=False,
            turnover=False,
            scored=brings > 0,
            first_down=False,
        )
        game.plays.append(play)
        score[offence] += brings
    return game


def told(play: Play, after: dict[str, int]) -> dict[str, object]:
    """A play as the server's test reads it. `points`: what it brought the offence."""
    names = "id kind quarter seconds_left down distance yards_to_goal shotgun no_huddle yards timeouts timeouts_against"
    fields = {name: getattr(play, name) for name in names.split()}
    return {**fields, "at_home": play.offence == "NE", "brings": after[play.offence] - play.points}


def main() -> None:
    """The command."""
    argparse.ArgumentParser(prog="training/golden", description=__doc__).parse_args()
    game = made_up(1)
    expected = expectation.Expectation.load(shipped.FOLDER / "expectation.json")
    pasts = history.load(shipped.FOLDER / "history.json")
    rows = {play.id: row for play, row in features.of_game(game, expected, pasts)}
    plays = []
    for play, after in zip(game.plays, [*game.plays[1:], game.plays[-1]]):
        scores = {after.offence: after.points, after.defence: after.points_against}
        plays.append({**told(play, scores), "features": [round(value, 6) for value in rows.get(play.id, [])]})
    golden = {"day": DAY, "home": game.home, "away": game.away, "names": features.FORMED, "plays": plays}
    lines = json.dumps(golden, separators=(",", ":")).replace('{"id"', '\n{"id"')
    FILE.write_text(lines + "\n")
    print(f"{FILE}: {len(plays)} plays, {len(rows)} snaps")
    players_golden.write_all()


if __name__ == "__main__":
    main()
