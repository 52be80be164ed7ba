"""Asks `scorewire optimize`: writes the files, runs it, reads the answer back as rows and slots."""

import collections
import dataclasses
import decimal
import json
import os
import pathlib
import platform
import random
import subprocess
import sites

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ANSWERS_WITHIN_S = 600


@dataclasses.dataclass
class Answer:
    refused: bool
    said: str
    lineups: list = dataclasses.field(default_factory=list)
    totals: list = dataclasses.field(default_factory=list)  # as the answer says, in units
    proven: bool = False  # each of them
    complete: bool = False
    is_nonsense: bool = False
    is_unknown: bool = False  # nothing was found, and nothing proven
    took_ms: float | None = None  # the search alone, where the answer says it


class Command:
    def __init__(self, scorewire, folder, site, rows, asked, chosen=None, more=None):
        """`chosen`: by chance how players are named and whether the constraints are JSON. `more`: other tables."""
        self.scorewire, self.folder, self.site, self.rows = scorewire, pathlib.Path(folder), site, rows
        chosen = chosen or random.Random(0)
        self.folder.mkdir(parents=True, exist_ok=True)
        sites.write_players(site, rows, self.folder / "players.csv")
        self.named = names(chosen, rows, asked) | (more or {})
        both = [("toml", toml(self.named)), ("json", json.dumps(self.named, indent=1))]
        ending, text = chosen.choice(both)
        self.constraints = self.folder / f"constraints.{ending}"
        self.constraints.write_text(text)

    def words(self, n):
        words = [str(self.scorewire), "optimize", "--site", self.site.name, "--players", str(self.folder / "players.csv")]
        return [*words, "-n", str(n), "--constraints", str(self.constraints), "--format", "json"]

    def upload(self, n, path):
        """Writes the site's upload file."""
        words = self.words(n)
        words[words.index("--format") + 1 :] = ["upload", "--out", str(path)]
        subprocess.run(words, capture_output=True, timeout=ANSWERS_WITHIN_S, check=True)

    def run(self, n):
        done = subprocess.run(self.words(n), capture_output=True, text=True, timeout=ANSWERS_WITHIN_S, check=False)
        if done.returncode not in (0, 64, 65):
            raise RuntimeError(f"exit code {done.returncode}: {(done.stderr.strip() or done.stdout.strip())[:300]}")
        if done.returncode:
            # 64: what is asked for makes no sense, 65: it cannot be met.
            said = done.stderr.strip()
            return Answer(True, said, is_nonsense=done.returncode == 64, is_unknown="is not known" in said)
        return self.read(json.loads(done.stdout), done.stderr.strip())

    def read(self, told, said):
        by_id = {row.id: number for number, row in enumerate(self.rows)}
        slots = {name: place for place, (name, *_) in enumerate(self.site.slots)}
        lineups = [[(by_id[player["id"]], slots[player["slot"]]) for player in one["players"]] for one in told["lineups"]]
        totals = [sites.units(decimal.Decimal(str(one["projection"])) * sites.ONE) for one in told["lineups"]]
        proven = told["proven"] and all(one["proven"] for one in told["lineups"])
        return Answer(False, said, lineups, totals, proven, told["complete"], took_ms=told.get("took_ms"))


def names(chosen, rows, asked):
    """The constraints with players called by id, by name, by name and team, or by name and position."""
    people = {row.person: row for row in rows}
    often = collections.Counter(row.name.lower() for row in people.values())

    def name(person):
        row = people[person]
        of_his = [one.id for one in rows if one.person == person]
        ways = [f"{row.name} ({row.team})", f"{row.name} ({row.position})"]
        if len(of_his) == 1:
            # In showdown an id means a player in one of his roles.
            ways += of_his
        if often[row.name.lower()] == 1:
            ways += [row.name, row.name.upper()]
        return chosen.choice(ways)

    named = dict(asked)
    for key in ("lock", "exclude"):
        if key in named:
            named[key] = [name(person) for person in named[key]]
    if "group" in named:
        named["group"] = [
            {
                **group,
                "players": [name(person) for person in group["players"]],
                **({"when": name(group["when"])} if "when" in group else {}),
            }
            for group in named["group"]
        ]
    if "exposure" in named:
        named["exposure"] = [
            {**entry, "player": name(entry["player"])} if "player" in entry else entry for entry in named["exposure"]
        ]
    return named


def toml(named):
    """As a TOML file: plain keys first, then tables."""
    plain, tables = [], []
    for key, value in named.items():
        if isinstance(value, dict):
            tables += ["", f"[{key}]", *(f"{inner} = {json.dumps(what)}" for inner, what in value.items())]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for one in value:
                tables += ["", f"[[{key}]]", *(f"{inner} = {json.dumps(what)}" for inner, what in one.items())]
        else:
            plain.append(f"{key} = {json.dumps(value)}")
    return "\n".join([*plain, *tables]) + "\n"


def machine():
    """What it runs on, for whoever reads the figures."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or "unknown CPU"
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"
