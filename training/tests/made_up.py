"""Made-up tables."""

import csv
from pathlib import Path

from scorewire_training import points

COLUMNS = [*points.COLUMNS, "team_score"]


def quarters(weeks: int) -> list[dict[str, str]]:
    """Quarter ends of one player, whose numbers grow by the quarter and differ by the week."""
    rows = []
    for week in range(1, weeks + 1):
        for quarter in (1, 2, 3, 4):
            row = dict.fromkeys(COLUMNS, "0") | {
                "game_id": f"2017{week:02}0100",
                "season": "2017",
                "season_type": "REG",
                "week": str(week),
                "gsis_id": "00-0000001",
                "name": "A Player",
                "position": "",
                "team": "NE",
                "opponent": "PHI",
                "home": "1",
                "quarter": str(quarter),
                "rec": str(quarter * (week + 1)),
                "rec_yds": str(quarter * (10 + week)),
                "team_score": str(7 * quarter),
            }
            rows.append(row)
    return rows


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    """A table of rows."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
