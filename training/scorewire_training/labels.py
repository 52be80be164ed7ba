"""What happened: the call, the kind of play, how the drive ended, who won.

A drive is what one team snaps without a kickoff, a try or a halftime in between. Drive numbers of a feed are not used:
the server is not told any, and judges its own forecasts by the same rule.
"""

from __future__ import annotations

from .features import KICKS, SKIPPED
from .plays import DROPBACKS, Game, Play

KINDS = ("run", "pass", "punt", "field_goal", "other")
"""Kinds of play; `pass` is any dropback, `other` a kneel or a spike."""
DRIVE_ENDS = ("touchdown", "field_goal", "punt", "turnover", "other")
"""How a drive ends. `turnover`: an interception, a lost fumble, a fourth down that fails. `other`: a missed field goal,
a safety, the end of a half."""
NONE = -1
"""There is no such label: a kick has no kind, and belongs to no drive."""


def kind(play: Play) -> int:
    """The place of a snap's kind in `KINDS`."""
    if not play.down:
        return NONE
    if play.kind in DROPBACKS:
        return 1
    return {"run": 0, "punt": 2, "field_goal": 3, "kneel": 4, "spike": 4}.get(play.kind, NONE)


def _half(play: Play) -> int:
    return min((play.quarter + 1) // 2, 3)


def drive_ends(game: Game) -> dict[int, int]:
    """How the drive of each snap from scrimmage ended, by play id."""
    drives: list[list[Play]] = []
    open_drive = False
    for play in game.plays:
        if play.kind in SKIPPED or not play.offence:
            continue
        if not play.down:
            open_drive = open_drive and play.kind not in KICKS
            continue
        last = drives[-1][-1] if drives else None
        if open_drive and last and last.offence == play.offence and _half(last) == _half(play):
            drives[-1].append(play)
        else:
            drives.append([play])
        open_drive = play.kind not in ("punt", "field_goal")
    ends = {}
    for place, drive in enumerate(drives):
        after = drives[place + 1][0] if place + 1 < len(drives) else None
        end = DRIVE_ENDS.index(_end(drive[-1], after))
        ends.update((play.id, end) for play in drive)
    return ends


def _end(last: Play, after: Play | None) -> str:
    if last.kind == "punt":
        return "punt"
    if last.kind == "field_goal":
        return "field_goal" if last.scored and not last.touchdown else "other"
    if last.turnover:
        return "turnover"
    if last.touchdown:
        return "touchdown"
    is_over = after is None or _half(after) != _half(last)
    if last.down == 4 and last.is_call and not last.first_down and not is_over and after.offence != last.offence:
        return "turnover"
    return "other"


def wins(game: Game) -> dict[str, float]:
    """Each team's result: 1 for a win, 0.5 for a tie; nobody's where the list does not tell how the game ended."""
    score = game.final_score()
    if score is None:
        return {}
    home, away = score
    result = 0.5 if home == away else float(home > away)
    return {game.home: result, game.away: 1 - result}
