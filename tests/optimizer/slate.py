"""Slates by chance: games, players with salaries and projections, one seed each."""

from sites import SITES, Row

TEAMS = "ARI ATL BAL BUF CAR CHI CIN CLE DAL DEN DET GB HOU IND JAX KC LAC LAR MIA MIN NE NO NYG NYJ OAK PHI PIT SEA SF TB TEN WAS"
TEAMS = TEAMS.split()
FIRST = "Al Bo Cam Drew Eli Fred Gus Hal Ike Jay Kai Lou Max Ned Otto Pat Quin Ray Sam Ty Ugo Van Wes Xavi Yan Zach".split()
LAST = "Ash Birch Cedar Dogwood Elm Fir Gum Hazel Ivy Juniper Larch Maple Oak Pine Rowan Sorrel Teak Willow Yew".split()
LAST += ["St. Brown", "O'Neil", "Smith-Schuster", "Beckham Jr."]
KICKOFFS = ["09/24/2017 01:00PM ET", "09/24/2017 04:05PM ET", "09/24/2017 04:25PM ET", "09/24/2017 08:30PM ET"]
# Least and most of a team, salary at the low and the high end, points at the low and the high end.
DEPTH = {
    "QB": (1, 2, 4800, 8000, 10, 24),
    "RB": (1, 4, 3500, 9800, 2, 22),
    "WR": (2, 5, 3300, 9500, 2, 21),
    "TE": (1, 3, 2500, 7000, 1, 16),
    "DST": (1, 1, 2000, 4000, 3, 11),
    "K": (1, 1, 3500, 4600, 5, 9),
}
SCALE = {"draftkings": 1.0, "draftkings_showdown": 1.0, "fanduel": 1.2, "yahoo": 1 / 250}


def slate(random, site_name, games=None):
    """The rows of a players' file."""
    site = SITES[site_name]
    is_showdown = site_name == "draftkings_showdown"
    count = 1 if is_showdown else games or random.choice([2, 2, 3, 4, 5, 6, 8, 12])
    teams = random.sample(TEAMS, count * 2)
    # How projections are written: ties are common with none or one digit, and none with five.
    digits = random.choice([0, 1, 2, 2, 2, 4, 5])
    rows, names = [], set()
    for game in range(count):
        away, home = teams[2 * game : 2 * game + 2]
        kickoff = KICKOFFS[min(game * 4 // count, 3)]
        for team in (away, home):
            for position, depth in DEPTH.items():
                if position == "K" and not is_showdown:
                    continue
                for _ in range(random.randint(*depth[:2])):
                    add(random, rows, names, (site, position, team, away, home, kickoff, digits), depth)
    random.shuffle(rows)
    return rows


def add(random, rows, names, who, depth):
    site, position, team, away, home, kickoff, digits = who
    _, _, cheap, dear, low, high = depth
    worth = random.random() ** 1.7
    salary = cheap + worth * (dear - cheap)
    scaled = salary * SCALE[site.name]
    step = 1 if site.name == "yahoo" else 100
    salary = max(int(scaled / step) * step, step)
    points = (low + worth * (high - low)) * random.uniform(0.6, 1.4)
    if random.random() < 0.03:
        points = random.choice([0, 0, -1.5])
    projection = f"{points:.{digits}f}"
    first, last = name_of(random, names, position, team)
    own = min(int(worth * random.random() * 4500), 10_000)
    deviation = f"{abs(points) * random.uniform(0.2, 0.6):.2f}"
    person = len({row.person for row in rows})
    is_defense = position == "DST"
    position = site.defense if is_defense else position
    if site.name == "draftkings_showdown":
        for slot, cost, share in (("CPT", salary * 3 // 2, own // 5), ("FLEX", salary, own)):
            number = str(11_000_000 + 120 * len(rows))
            rows.append(
                Row(number, person, first, last, position, (slot,), cost, team, away, home, kickoff, projection, share, deviation)
            )
        return
    slots = (position, "FLEX") if position in ("RB", "WR", "TE") else (position,)
    if is_defense:
        slots = ("DST",) if site.name == "draftkings" else ("DEF",)
    number = {"fanduel": f"21000-{40_000 + person}", "yahoo": f"nfl.p.{7000 + person}"}.get(site.name, str(9_400_000 + person))
    rows.append(Row(number, person, first, last, position, slots, salary, team, away, home, kickoff, projection, own, deviation))


def name_of(random, names, position, team):
    """No two of a position are called the same; others may be."""
    if position == "DST":
        return team.title(), "Defense"
    while True:
        first, last = random.choice(FIRST), random.choice(LAST)
        if (first, last, position) not in names and (first, last, team) not in names:
            names.update([(first, last, position), (first, last, team)])
            return first, last


def main_slate(random, players=400):
    """A Sunday on DraftKings: 13 games, as many of each position as a real file has. No two lineups are worth the same."""
    site = SITES["draftkings"]
    teams = random.sample(TEAMS, 26)
    rows, names, places = [], set(), []
    for number, team in enumerate(teams):
        away, home = teams[number // 2 * 2 : number // 2 * 2 + 2]
        for position, count in {"QB": 2, "RB": 4, "WR": 5, "TE": 3, "DST": 1}.items():
            places += [(position, team, away, home)] * count
    places += [("WR", *random.choice(places)[1:]) for _ in range(players - len(places))]
    for position, team, away, home in places[:players]:
        kickoff = KICKOFFS[min(teams.index(away) * 4 // 26, 3)]
        add(random, rows, names, (site, position, team, away, home, kickoff, 4), DEPTH[position])
    random.shuffle(rows)
    return rows
