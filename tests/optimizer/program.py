"""The lineup problem as an integer program for HiGHS, written from docs/optimizer.md alone.

A column for each player in each slot that he may stand in, and one for each choice (which game is stacked, which team is
used). Coefficients are integers small enough to be exact as floats, the gap is 0, and what comes back is rounded and held
against the plain reading, so that a tolerance can't make a lineup that is none.
"""

import highspy
import numpy
import reading
from reading import exact

INF = highspy.kHighsInf


class Program:
    def __init__(self, site, rows, constraints, kept=(), started=()):
        """`started`: games that have begun; of their players nobody may be in it but `kept`, each (row, slot) of which must."""
        self.site, self.rows, self.constraints, self.never = site, rows, constraints, False
        self.highs = highspy.Highs()
        for option, value in [("output_flag", False), ("threads", 1), ("mip_rel_gap", 0.0), ("mip_abs_gap", 0.4)]:
            self.highs.setOptionValue(option, value)
        self.highs.setOptionValue("mip_feasibility_tolerance", 1e-7)
        self.columns, costs = {}, []
        for number, row in enumerate(rows):
            for slot, (name, positions, _, multiplier) in enumerate(site.slots):
                if name in row.slots and row.position in positions:
                    self.columns[number, slot] = len(costs)
                    costs.append(row.points(multiplier))
        self.of_person = {}
        for (number, _), column in self.columns.items():
            self.of_person.setdefault(rows[number].person, []).append(column)
        count = len(costs)
        self.highs.addVars(count, numpy.zeros(count), numpy.ones(count))
        places = numpy.arange(count, dtype=numpy.int32)
        self.highs.changeColsCost(count, places, numpy.array(costs, dtype=float))
        self.highs.changeColsIntegrality(count, places, numpy.full(count, highspy.HighsVarType.kInteger))
        self.highs.changeObjectiveSense(highspy.ObjSense.kMaximize)
        self.write()
        for place in kept:
            self.row({self.columns[place]: 1}, 1, 1)
        late = [column for place, column in self.columns.items() if rows[place[0]].game in started and place not in kept]
        self.row(dict.fromkeys(late, 1), 0, 0)

    def choice(self):
        """Another column that is 0 or 1."""
        self.highs.addVar(0.0, 1.0)
        column = self.highs.getNumCol() - 1
        self.highs.changeColIntegrality(column, highspy.HighsVarType.kInteger)
        return column

    def row(self, terms, least, most):
        if terms:
            places = numpy.array(list(terms), dtype=numpy.int32)
            values = numpy.array([float(value) for value in terms.values()])
            self.highs.addRow(float(least), float(most), len(terms), places, values)
        elif least > 0 or most < 0:
            # A sum of nobody that must be something.
            self.never = True

    def sum(self, test, weight=lambda row: 1):
        """Columns of the rows that pass."""
        chosen = {column: weight(self.rows[row]) for (row, _), column in self.columns.items() if test(self.rows[row])}
        return {column: value for column, value in chosen.items() if value}

    def people(self, persons):
        return {column: 1 for person in persons for column in self.of_person.get(person, [])}

    def when(self, person, terms, least, most):
        """Holds in lineups with that player. `terms` without him."""
        size, his = self.site.size, self.of_person.get(person, [])
        if least > 0:
            self.row({**terms, **{column: terms.get(column, 0) - least for column in his}}, 0, INF)
        if most is not None and most < size:
            # most + (size - most) × (1 - in)
            self.row({**terms, **{column: terms.get(column, 0) + size - most for column in his}}, -INF, size)

    def write(self):
        site, constraints = self.site, self.constraints
        for slot, (_, _, count, _) in enumerate(site.slots):
            self.row({column: 1 for (_, at), column in self.columns.items() if at == slot}, count, count)
        for columns in self.of_person.values():
            self.row(dict.fromkeys(columns, 1), 0, 1)
        salaries = self.sum(lambda row: True, lambda row: row.salary)
        self.row(salaries, constraints.get("min_salary", 0), min(site.cap, constraints.get("max_salary", site.cap)))
        for person in constraints.get("lock", []):
            self.row(self.people([person]), 1, 1)
        self.row(self.people(constraints.get("exclude", [])), 0, 0)
        self.write_teams()
        self.write_ownership(constraints.get("ownership", {}))
        for stack in constraints.get("stack", []):
            self.write_stack(stack)
        for stack in constraints.get("game_stack", []):
            self.write_game_stack(stack)
        for stack in constraints.get("team_stack", []):
            positions = stack.get("positions")
            teams = set(stack.get("teams", [row.team for row in self.rows]))
            self.one_of(
                [
                    [(self.sum(lambda row, team=team: row.team == team and fits(row, positions)), stack["at_least"])]
                    for team in sorted(teams)
                ]
            )
        for group in constraints.get("group", []):
            terms = self.people(group["players"])
            least, most = group.get("at_least", 0), group.get("at_most")
            if "when" in group:
                self.when(group["when"], terms, least, most)
            else:
                self.row(terms, least, INF if most is None else most)

    def write_teams(self):
        site, constraints = self.site, self.constraints
        teams, games = {row.team for row in self.rows}, {row.game for row in self.rows}
        most = min(site.max_per_team or site.size, constraints.get("max_per_team", site.size))
        for team in teams:
            self.row(self.sum(lambda row: row.team == team), 0, most)
        for game in games:
            self.row(self.sum(lambda row: row.game == game), 0, constraints.get("max_per_game", site.size))
        self.spread(teams, lambda row: row.team, max(site.min_teams, constraints.get("min_teams", 0)))
        self.spread(games, lambda row: row.game, max(site.min_games, constraints.get("min_games", 0)))
        if (most := constraints.get("max_against_defense")) is not None:
            positions = constraints.get("against_defense_positions")
            for defense in {row.person: row for row in self.rows if row.position == site.defense}.values():
                terms = self.sum(lambda row: row.team == defense.opponent and fits(row, positions))
                self.when(defense.person, terms, 0, most)

    def spread(self, keys, key_of, least):
        """Players from at least so many."""
        if least <= 1:
            return
        choices = {key: self.choice() for key in sorted(keys)}
        for key, choice in choices.items():
            self.row({**self.sum(lambda row: key_of(row) == key), choice: -1}, 0, INF)
        self.row(dict.fromkeys(choices.values(), 1), least, INF)

    def write_ownership(self, ownership):
        shares = self.sum(lambda row: True, lambda row: row.ownership or 0)
        if "max_total" in ownership or "min_total" in ownership:
            least = exact(ownership.get("min_total", 0)) * 100
            most = exact(ownership["max_total"]) * 100 if "max_total" in ownership else INF
            self.row(shares, least, most)
        if "max_player" in ownership:
            self.row(self.sum(lambda row: (row.ownership or 0) > exact(ownership["max_player"]) * 100), 0, 0)
        if "min_player" in ownership:
            self.row(self.sum(lambda row: (row.ownership or 0) < exact(ownership["min_player"]) * 100), 0, 0)

    def write_stack(self, stack):
        positions = stack.get("positions", ["WR", "TE"])
        back = stack.get("bring_back_positions", ["RB", "WR", "TE"])
        anchors = {row.person: row for row in self.rows if row.position == stack["with"]}
        for person, anchor in anchors.items():
            if "teams" in stack and anchor.team not in stack["teams"]:
                continue
            mates = self.sum(lambda row: row.person != person and row.team == anchor.team and row.position in positions)
            self.when(person, mates, stack.get("at_least", 1), stack.get("at_most"))
            backs = self.sum(lambda row: row.team == anchor.opponent and row.position in back)
            self.when(person, backs, stack.get("bring_back", 0), None)

    def write_game_stack(self, stack):
        positions, each, ways = stack.get("positions"), stack.get("each_team", 1), []
        games = {row.game for row in self.rows}
        for game in sorted(games & set(stack.get("games", games))):
            both = self.sum(lambda row: row.game == game and fits(row, positions))
            way = [(both, stack["at_least"])]
            for team in game.split("@"):
                way.append((self.sum(lambda row: row.team == team and fits(row, positions)), each))
            ways.append(way)
        self.one_of(ways)

    def one_of(self, ways):
        """Of the ways, each a list of (terms, at least), one must hold."""
        choices = []
        for way in ways:
            choices.append(self.choice())
            for terms, least in way:
                self.row({**terms, choices[-1]: -least}, 0, INF)
        self.row(dict.fromkeys(choices, 1), 1, INF)

    def forbid(self, lineup, max_shared):
        """The next one shares at most so many players with this one; `None`: it must be another."""
        if max_shared is not None:
            self.row(self.people([self.rows[row].person for row, _ in lineup]), 0, max_shared)
        columns = {}
        for row, slot in lineup:
            # In any slot that pays the same.
            for (other, at), column in self.columns.items():
                same = self.site.slots[at][3] == self.site.slots[slot][3]
                if self.rows[other].person == self.rows[row].person and same:
                    columns[column] = 1
        self.row(columns, 0, self.site.size - 1)

    def limit(self, share, counts):
        """A lineup must count for a share, or must not."""
        terms = self.people(share.persons)
        self.row(terms, share.count if counts else 0, INF if counts else share.count - 1)

    def solve(self):
        """(points, lineup) of a best one; `None` where there is none."""
        if self.never:
            return None
        self.highs.run()
        status = self.highs.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        if status != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(f"HiGHS: {self.highs.modelStatusToString(status)}")
        values = self.highs.getSolution().col_value
        lineup = [place for place, column in self.columns.items() if values[column] > 0.5]
        if wrong := reading.broken(self.site, self.rows, self.constraints, lineup):
            raise RuntimeError(f"HiGHS's lineup breaks {wrong}")
        return reading.Shown(self.site, self.rows, lineup).points, lineup


def fits(row, positions):
    return positions is None or row.position in positions
