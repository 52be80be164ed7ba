"""Whether the constraints that a refusal names are a smallest set that cannot hold together, by HiGHS."""

import dataclasses
from program import Program

TABLES = ("stack", "game_stack", "team_stack", "group", "exposure")


def parts(site, asked, named):
    """What a message may name, each with what is left of (site, constraints) without it. `named`: as the file says it."""
    found = []

    def add(text, without):
        found.append((text, without))

    def site_too(key, value):
        def without(site, asked):
            return dataclasses.replace(site, **{key: value}), {other: asked[other] for other in asked if other != key}

        return without

    for key, nothing in [("min_teams", 0), ("min_games", 0), ("max_per_team", None)]:
        numbers = [one for one in (getattr(site, key), asked.get(key)) if one]
        if numbers:
            add(f"{key} = {min(numbers) if key.startswith('max') else max(numbers)}", site_too(key, nothing))
    for key in ("max_per_game", "max_against_defense", "min_salary", "max_salary"):
        if key in asked:
            add(f"{key} = {asked[key]}", lambda site, asked, key=key: (site, dropped(asked, key)))
    add(
        f"the site's salary cap of {site.cap}",
        lambda site, asked: (dataclasses.replace(site, cap=10**9), asked),
    )
    for key in ("lock", "exclude"):
        for place, person in enumerate(asked.get(key, [])):
            text = named[key][place]

            def without(site, asked, key=key, person=person):
                return site, {**asked, key: [other for other in asked[key] if other != person]}

            add(f'{key} "{text}"', without)
    for pair in (("max_player", "min_player"), ("max_total", "min_total")):
        if set(pair) & set(asked.get("ownership", {})):

            def without(site, asked, pair=pair):
                rest = {key: value for key, value in asked["ownership"].items() if key not in pair}
                return site, {**asked, "ownership": rest}

            add(f"[ownership] {pair[0]}, {pair[1]}", without)
    for key in TABLES:
        for table in asked.get(key, []):

            def without(site, asked, key=key, table=table):
                return site, {**asked, key: [other for other in asked[key] if other is not table]}

            add(f'[[{key}]] "{table["name"]}"', without)
    return found


def dropped(asked, key):
    return {other: asked[other] for other in asked if other != key}


def judge(site, rows, asked, named, message):
    """What is wrong with the reason that a refusal of one lineup gives."""
    every = parts(site, asked, named)
    chosen = [part for part in every if part[0] in message]
    others = [part for part in every if part[0] not in message]
    for _, without in others:
        site, asked = without(site, asked)
    if Program(site, rows, asked).solve() is not None:
        return [f"there is a lineup with {[text for text, _ in chosen]}: {message}"]
    if "cut short" in message:
        return []
    needless = [text for text, without in chosen if Program(*edited(without, site, rows, asked)).solve() is None]
    return [f"there is none without {text} either: {message}" for text in needless]


def edited(without, site, rows, asked):
    site, asked = without(site, asked)
    return site, rows, asked
