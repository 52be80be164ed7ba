"""A plain reading of the constraints of docs/optimizer.md: what of them a lineup breaks, and what earlier lineups leave.

Constraints are a dict with the file's keys; players stand in it as their numbers (`Row.person`), late swap's lineups as
lists of (row, slot). A lineup is a list of (row, slot), both numbers.
"""

import collections
import fractions

STACK = {"positions": ["WR", "TE"], "at_least": 1, "at_most": None, "bring_back": 0}
BACK = ["RB", "WR", "TE"]


def exact(number):
    """0.29 is 29/100 here, as somebody who writes it means it."""
    return fractions.Fraction(str(number))


def floor_of(share, n):
    return int(exact(share) * n // 1)


def ceil_of(share, n):
    return int(-(-exact(share) * n // 1))


class Shown:
    """A lineup, taken apart."""

    def __init__(self, site, rows, lineup):
        self.site, self.rows = site, [rows[row] for row, _ in lineup]
        self.persons = {row.person for row in self.rows}
        self.slots = collections.Counter(slot for _, slot in lineup)
        self.points = sum(rows[row].points(site.slots[slot][3]) for row, slot in lineup)

    def count(self, test):
        return sum(1 for row in self.rows if test(row))

    def most(self, key):
        return max(collections.Counter(map(key, self.rows)).values())


def broken(site, rows, constraints, lineup):
    """What one lineup breaks, in words; the lineups before it aside."""
    shown, found = Shown(site, rows, lineup), []

    def hold(holds, what):
        if not holds:
            found.append(what)

    for slot, (name, positions, count, _) in enumerate(site.slots):
        hold(shown.slots[slot] == count, f"{name}: {shown.slots[slot]} of {count}")
    for row, slot in lineup:
        name, positions, _, _ = site.slots[slot]
        hold(rows[row].position in positions and name in rows[row].slots, f"{rows[row].name} cannot be {name}")
    hold(len(shown.persons) == site.size, "somebody twice")
    for holds, what in [*whole(site, constraints, shown), *stacks(constraints, shown), *groups(constraints, shown)]:
        hold(holds, what)
    return found


def whole(site, constraints, shown):
    """What is said of a lineup as a whole."""
    salary = sum(row.salary for row in shown.rows)
    yield salary <= min(site.cap, constraints.get("max_salary", site.cap)), "max_salary"
    yield salary >= constraints.get("min_salary", 0), "min_salary"
    yield set(constraints.get("lock", [])) <= shown.persons, "lock"
    yield not set(constraints.get("exclude", [])) & shown.persons, "exclude"
    per_team = [most for most in (site.max_per_team, constraints.get("max_per_team")) if most is not None]
    yield not per_team or shown.most(lambda row: row.team) <= min(per_team), "max_per_team"
    yield shown.most(lambda row: row.game) <= constraints.get("max_per_game", site.size), "max_per_game"
    teams, games = len({row.team for row in shown.rows}), len({row.game for row in shown.rows})
    yield teams >= max(site.min_teams, constraints.get("min_teams", 0)), "min_teams"
    yield games >= max(site.min_games, constraints.get("min_games", 0)), "min_games"
    if (most := constraints.get("max_against_defense")) is not None:
        positions = constraints.get("against_defense_positions")
        for defense in (row for row in shown.rows if row.position == site.defense):
            against = [row for row in shown.rows if row.team == defense.opponent]
            counted = [row for row in against if positions is None or row.position in positions]
            yield len(counted) <= most, "max_against_defense"
    ownership = constraints.get("ownership", {})
    shares = [row.ownership or 0 for row in shown.rows]
    yield sum(shares) <= exact(ownership.get("max_total", 10**9)) * 100, "ownership.max_total"
    yield sum(shares) >= exact(ownership.get("min_total", 0)) * 100, "ownership.min_total"
    yield max(shares) <= exact(ownership.get("max_player", 10**9)) * 100, "ownership.max_player"
    yield min(shares) >= exact(ownership.get("min_player", 0)) * 100, "ownership.min_player"


def stacks(constraints, shown):
    for stack in constraints.get("stack", []):
        wanted = {**STACK, **stack}
        for anchor in shown.rows:
            if anchor.position != stack["with"] or ("teams" in stack and anchor.team not in stack["teams"]):
                continue
            mates = shown.count(
                lambda row: row is not anchor and row.team == anchor.team and row.position in wanted["positions"]
            )
            back = wanted.get("bring_back_positions", BACK)
            backs = shown.count(lambda row: row.team == anchor.opponent and row.position in back)
            most = wanted["at_most"] if wanted["at_most"] is not None else mates
            yield wanted["at_least"] <= mates <= most and backs >= wanted["bring_back"], f"stack with {anchor.name}"
    for stack in constraints.get("game_stack", []):
        counted = [row for row in shown.rows if row.position in stack.get("positions", [row.position])]
        sums = collections.defaultdict(collections.Counter)
        for row in counted:
            sums[row.game][row.team] += 1
        each = stack.get("each_team", 1)
        good = {
            game
            for game, teams in sums.items()
            if teams.total() >= stack["at_least"] and min(teams[team] for team in game.split("@")) >= each
        }
        yield bool(good & set(stack.get("games", good))), "game_stack"
    for stack in constraints.get("team_stack", []):
        sums = collections.Counter(
            row.team for row in shown.rows if row.position in stack.get("positions", [row.position])
        )
        good = {team for team, count in sums.items() if count >= stack["at_least"]}
        yield bool(good & set(stack.get("teams", good))), "team_stack"


def groups(constraints, shown):
    for group in constraints.get("group", []):
        count = len(shown.persons & set(group["players"]))
        is_off = "when" in group and group["when"] not in shown.persons
        yield is_off or group.get("at_least", 0) <= count <= group.get("at_most", count), "group"


# A share of lineups: those with at least `count` of `persons`; at least and at most so many of all.
Share = collections.namedtuple("Share", "persons count least most")


def shares(rows, constraints, n):
    """Every exposure limit, for each player or set that it is about."""
    named, alone, found = set(), set(), []
    people = {row.person: row for row in rows}

    def add(entry, persons):
        least = ceil_of(entry["min"], n) if "min" in entry else 0
        most = floor_of(entry["max"], n) if "max" in entry else n
        found.append(Share(frozenset(persons), entry.get("count", 1), least, most))

    entries = constraints.get("exposure", [])
    for entry in entries:
        if "player" in entry:
            named.add(entry["player"])
            add(entry, [entry["player"]])
    for entry in (entry for entry in entries if "player" not in entry):
        fits = [
            person
            for person, row in people.items()
            if row.position == entry.get("position", row.position) and row.team == entry.get("team", row.team)
        ]
        if entry.get("each"):
            for person in fits:
                alone.add(person)
                if person not in named:
                    add(entry, [person])
        else:
            add(entry, fits)
    if "max_exposure" in constraints:
        for person in people.keys() - named - alone:
            add({"max": constraints["max_exposure"]}, [person])
    return found


def used(rows, share, lineups):
    """How many of the lineups count for a share."""
    return sum(len(share.persons & {rows[row].person for row, _ in lineup}) >= share.count for lineup in lineups)


def closed(rows, all_shares, lineups, n):
    """Shares that the next lineup must not count for, and those that it must: no more lineups may, as many as are left must."""
    left = n - len(lineups)
    counts = [(share, used(rows, share, lineups)) for share in all_shares]
    full = [share for share, count in counts if count >= share.most]
    due = [share for share, count in counts if share.least - count >= left]
    return full, due


def shared_most(site, constraints):
    """Most players that two lineups may have in common; none: they must only differ."""
    return constraints.get("max_shared")


def in_common(rows, one, other):
    return len({rows[row].person for row, _ in one} & {rows[row].person for row, _ in other})


def alike(site, rows, one, other):
    """Whether two lineups are one: the same players, and the same of them with a multiplier."""

    def key(lineup):
        return {(rows[row].person, site.slots[slot][3]) for row, slot in lineup}

    return key(one) == key(other)
