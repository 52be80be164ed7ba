"""Constraints by chance, of every kind, around a slate."""

import collections

from sites import SITES


def constraints(random, site_name, rows, n):
    """What is asked for beside `n` lineups; mostly possible. Keys as in the file, players by number."""
    site, asked = SITES[site_name], {}
    kinds = list(KINDS)
    weights = [kind.weight for kind in KINDS]
    for _ in range(random.choice([0, 1, 1, 1, 2, 2, 3, 5])):
        kind = random.choices(kinds, weights)[0]
        kind.make(random, site, rows, asked)
    if n > 1:
        between(random, site, rows, asked)
    for key in ("stack", "game_stack", "team_stack", "group", "exposure"):
        for number, table in enumerate(asked.get(key, [])):
            table["name"] = f"{key} {number + 1}"
    return asked


def some(random, rows, count, test=lambda row: True):
    """Players, the better ones rather than the others."""
    people = {row.person: float(row.projection) for row in rows if test(row)}
    order = sorted(people, key=lambda person: -people[person] * random.uniform(0.5, 1.5))
    return order[:count]


def positions(rows):
    return sorted({row.position for row in rows})


def skill(random, site, rows):
    """Some of the positions, or nothing: the default."""
    if random.random() < 0.4:
        return None
    every = [position for position in positions(rows) if position not in (site.defense, "K")]
    return sorted(random.sample(every, random.randint(1, len(every))))


def given(entry):
    return {key: value for key, value in entry.items() if value is not None}


def lock(random, site, rows, asked):
    asked.setdefault("lock", [])
    asked["lock"] += [one for one in some(random, rows, random.choice([1, 1, 1, 2])) if one not in asked["lock"]]


def exclude(random, site, rows, asked):
    asked["exclude"] = some(random, rows, random.choice([1, 3, 10, len(rows) // 8]))


def salary(random, site, rows, asked):
    if random.random() < 0.7:
        asked["min_salary"] = int(site.cap * random.choice([0.9, 0.95, 0.98, 0.99, 1.0]))
    else:
        asked["max_salary"] = int(site.cap * random.choice([0.8, 0.9, 0.95]))


def spread(random, site, rows, asked):
    games = len({row.game for row in rows})
    key = random.choice(["max_per_team", "max_per_game", "min_teams", "min_games"])
    asked[key] = {
        "max_per_team": random.choice([2, 3, 3, 4, 5]),
        "max_per_game": random.choice([3, 4, 5, 6]),
        "min_teams": min(random.choice([3, 4, 5, 6]), games * 2),
        "min_games": min(random.choice([2, 3, 4]), games),
    }[key]


def defense(random, site, rows, asked):
    asked["max_against_defense"] = random.choice([0, 0, 0, 1, 2])
    if random.random() < 0.5:
        asked["against_defense_positions"] = random.choice([["QB"], ["QB", "RB"], ["QB", "WR", "TE"]])


def ownership(random, site, rows, asked):
    people = sorted((row.ownership or 0) for row in rows)
    mean = sum(people) / len(people) * site.size / 100
    share = asked.setdefault("ownership", {})
    key = random.choice(["max_total", "max_total", "min_total", "max_player", "min_player"])
    share[key] = {
        "max_total": round(mean * random.uniform(0.5, 1.6), random.choice([0, 1, 2])),
        "min_total": round(mean * random.uniform(0.5, 2.0), random.choice([0, 1, 2])),
        "max_player": people[int(len(people) * random.uniform(0.6, 1)) - 1] / 100,
        "min_player": people[int(len(people) * random.uniform(0, 0.3))] / 100,
    }[key]


def stack(random, site, rows, asked):
    teams = sorted({row.team for row in rows})
    least = random.choice([None, 0, 1, 1, 2, 2, 3])
    most = random.choice([None, None, 1, 2, 3])
    if most is not None:
        most = max(most, 1 if least is None else least)
    entry = given(
        {
            "with": random.choice(["QB", "QB", "QB", "QB", "RB", "TE", site.defense]),
            "positions": skill(random, site, rows),
            "at_least": least,
            "at_most": most,
            "bring_back": random.choice([None, None, 0, 1, 1, 2]),
            "bring_back_positions": skill(random, site, rows),
            "teams": sorted(random.sample(teams, random.randint(1, len(teams)))) if random.random() < 0.2 else None,
        }
    )
    asked.setdefault("stack", []).append(entry)


def game_stack(random, site, rows, asked):
    games = sorted({row.game for row in rows})
    entry = {
        "at_least": random.choice([2, 3, 3, 4, 5]),
        "each_team": random.choice([None, 0, 1, 1, 2]),
        "positions": skill(random, site, rows),
        "games": sorted(random.sample(games, random.randint(1, len(games)))) if random.random() < 0.4 else None,
    }
    asked.setdefault("game_stack", []).append(given(entry))


def team_stack(random, site, rows, asked):
    teams = sorted({row.team for row in rows})
    entry = {
        "at_least": random.choice([2, 3, 3, 4]),
        "positions": skill(random, site, rows),
        "teams": sorted(random.sample(teams, random.randint(1, len(teams)))) if random.random() < 0.4 else None,
    }
    asked.setdefault("team_stack", []).append(given(entry))


def group(random, site, rows, asked):
    players = some(random, rows, random.choice([2, 3, 3, 5, 8]))
    entry = {"players": players}
    kind = random.choice(["most", "least", "both", "when", "when", "when most"])
    if kind in ("most", "both", "when most"):
        entry["at_most"] = random.choice([0, 1, 1, 2]) if kind == "when most" else random.choice([1, 1, 2])
    if kind in ("least", "both", "when"):
        entry["at_least"] = min(random.choice([1, 1, 2]), entry.get("at_most", 2), len(players))
    if kind.startswith("when"):
        others = some(random, rows, 1, lambda row: row.person not in players)
        entry["when"] = others[0]
    asked.setdefault("group", []).append(entry)


def between(random, site, rows, asked):
    """What holds between lineups."""
    if random.random() < 0.45:
        return
    if random.random() < 0.6:
        asked["max_shared"] = random.randint(site.size - 5, site.size - 1)
    if random.random() < 0.5:
        asked["max_exposure"] = random.choice([0.3, 0.4, 0.5, 0.55, 0.6, 0.7, 0.29])
        if site.size == 6:
            asked["max_exposure"] = random.choice([0.6, 0.7, 0.8])
    if random.random() < 0.5:
        for _ in range(random.choice([1, 1, 2])):
            exposure(random, site, rows, asked)


def exposure(random, site, rows, asked):
    entries = asked.setdefault("exposure", [])
    teams = sorted({row.team for row in rows})
    kind = random.choice(["player", "player", "each", "position", "team", "team position", "min"])
    most = random.choice([0.2, 0.25, 0.3, 0.5, 0.6])
    if kind in ("player", "min"):
        player = some(random, rows, 1)[0]
        if any(entry.get("player") == player for entry in entries):
            return
        # At least so often: of one set alone, so that what must be when is not a matter of taste.
        if kind == "min" and not any("min" in entry for entry in entries):
            best = some(random, rows, max(len(rows) // 3, 5))
            entries.append({"player": best[-1], "min": random.choice([0.1, 0.2, 0.3, 0.5]), "max": 1.0})
        else:
            entries.append({"player": player, "max": most})
    elif kind == "each":
        if not any(entry.get("each") for entry in entries):
            entries.append({"position": random.choice(positions(rows)), "each": True, "max": max(most, 0.5)})
    elif kind == "position":
        counts = collections.Counter({"RB": 3, "WR": 4, "TE": 2})
        position = random.choice(sorted(counts))
        entries.append({"position": position, "count": counts[position], "max": most})
    elif kind == "team":
        entries.append({"team": random.choice(teams), "count": random.choice([1, 2, 3]), "max": most})
    else:
        position = random.choice([one for one in positions(rows) if one != site.defense])
        entries.append({"team": random.choice(teams), "position": position, "max": most})


Kind = collections.namedtuple("Kind", "make weight")
KINDS = [
    Kind(lock, 3),
    Kind(exclude, 2),
    Kind(salary, 3),
    Kind(spread, 3),
    Kind(defense, 3),
    Kind(ownership, 3),
    Kind(stack, 5),
    Kind(game_stack, 2),
    Kind(team_stack, 2),
    Kind(group, 4),
]
