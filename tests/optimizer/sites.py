"""What each site asks of a lineup and how its players' file looks; written from the sites' rules and docs/optimizer.md."""

import csv
import dataclasses
import decimal
import fractions

ONE = 10_000  # units of a point


@dataclasses.dataclass(frozen=True)
class Site:
    name: str
    cap: int
    slots: tuple  # (name, positions that may stand there, how many, multiplier)
    defense: str
    max_per_team: int | None = None
    min_teams: int = 0
    min_games: int = 0

    @property
    def size(self):
        return sum(count for _, _, count, _ in self.slots)


def football(defense_slot, defense):
    flex = ("RB", "WR", "TE")
    one = fractions.Fraction(1)
    slots = [("QB", ("QB",), 1), ("RB", ("RB",), 2), ("WR", ("WR",), 3), ("TE", ("TE",), 1), ("FLEX", flex, 1)]
    return tuple((name, positions, count, one) for name, positions, count in [*slots, (defense_slot, (defense,), 1)])


ANY = ("QB", "RB", "WR", "TE", "K", "DST")
SITES = {
    "draftkings": Site("draftkings", 50_000, football("DST", "DST"), "DST", min_games=2),
    "draftkings_showdown": Site(
        "draftkings_showdown",
        50_000,
        (("CPT", ANY, 1, fractions.Fraction(3, 2)), ("FLEX", ANY, 5, fractions.Fraction(1))),
        "DST",
        min_teams=2,
    ),
    "fanduel": Site("fanduel", 60_000, football("DEF", "D"), "D", max_per_team=4, min_teams=3),
    "yahoo": Site("yahoo", 200, football("DEF", "DEF"), "DEF", max_per_team=6),
}


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a players' file: a player, in showdown a player in a role."""

    id: str
    person: int
    first: str
    last: str
    position: str
    slots: tuple
    salary: int
    team: str
    away: str
    home: str
    kickoff: str
    projection: str  # as written
    ownership: int | None  # in 1/100 per cent
    stddev: str = ""

    @property
    def name(self):
        return f"{self.first} {self.last}".strip()

    @property
    def game(self):
        return f"{self.away}@{self.home}"

    @property
    def opponent(self):
        return self.home if self.team == self.away else self.away

    def points(self, multiplier=fractions.Fraction(1)):
        return units(units(decimal.Decimal(self.projection) * ONE) * multiplier)


def units(number):
    """Rounded to an integer, half away from zero."""
    number = fractions.Fraction(number)
    whole = (abs(number) * 2 + 1) // 2
    return int(-whole if number < 0 else whole)


def write_players(site, rows, path, own_columns=True):
    """The file as the site has it; with `own_columns` projections, ownership and deviations stand in columns of their own."""
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        average = {"draftkings": "AvgPointsPerGame", "draftkings_showdown": "AvgPointsPerGame"}.get(site.name, "FPPG")
        more = ["Projection", "Ownership", "StdDev"] if own_columns else []
        lines = []
        for row in rows:
            share = "" if row.ownership is None else f"{row.ownership / 100:.2f}%"
            line = {
                "ID": row.id,
                "Id": row.id,
                "Name": row.name,
                "Name + ID": f"{row.name} ({row.id})",
                "Nickname": row.name,
                "First Name": row.first,
                "Last Name": row.last,
                "Position": row.position,
                "Roster Position": "/".join(row.slots),
                "Salary": row.salary,
                "Team": row.team,
                "TeamAbbrev": row.team,
                "Opponent": row.opponent,
                "Opp": row.opponent,
                "Game": row.game,
                "Time": f"{row.kickoff.split(' ')[1]} EDT" if row.kickoff else "",
                "Game Info": f"{row.game} {row.kickoff}".strip(),
                average: "1.5" if own_columns else row.projection,
                "Projection": row.projection,
                "Ownership": share,
                "StdDev": row.stddev,
            }
            lines.append(line)
        columns = {
            "fanduel": ["Id", "Position", "First Name", "Nickname", "Last Name", "FPPG", "Salary", "Game", "Team", "Opponent"],
            "yahoo": ["ID", "First Name", "Last Name", "Position", "Team", "Opponent", "Game", "Time", "Salary", "FPPG"],
        }.get(
            site.name,
            ["Position", "Name + ID", "Name", "ID", "Roster Position", "Salary", "Game Info", "TeamAbbrev", "AvgPointsPerGame"],
        )
        table.writerow([*columns, *more])
        table.writerows([line[column] for column in [*columns, *more]] for line in lines)
