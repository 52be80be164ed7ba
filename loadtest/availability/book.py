"""Books of a client's time: when it wanted to be served, and when it was not served well.

Times are intervals of seconds on one clock, exact: nothing is rounded to whole seconds before it is added up.
"""

import math

# What makes time bad, the gravest first: of two at once the first is told.
CAUSES = ["wrong", "away", "behind"]


def union(intervals):
    """Sorted, without overlaps."""
    merged = []
    for begin, end in sorted(pair for pair in intervals if pair[1] > pair[0]):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def both(a, b):
    """Where two unions overlap."""
    found, i, j = [], 0, 0
    while i < len(a) and j < len(b):
        begin, end = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if end > begin:
            found.append((begin, end))
        i, j = (i + 1, j) if a[i][1] < b[j][1] else (i, j + 1)
    return found


def without(a, b):
    """What of union `a` is not in union `b`."""
    edges = [-math.inf, *(edge for pair in b for edge in pair), math.inf]
    return both(a, list(zip(edges[::2], edges[1::2])))


def length(intervals):
    return sum(end - begin for begin, end in intervals)


class Book:
    """One client's."""

    def __init__(self):
        self.intervals = {"wanted": [], **{cause: [] for cause in CAUSES}}
        self.open = {}

    def begin(self, kind, now):
        self.open.setdefault(kind, now)

    def end(self, kind, now):
        if kind in self.open:
            self.intervals[kind].append((self.open.pop(kind), now))

    def add(self, kind, begin, end):
        self.intervals[kind].append((begin, end))

    def close(self, now):
        for kind in list(self.open):
            self.end(kind, now)


class Sum:
    """The books of all, added up over `windows` (a union of intervals that begins at 0 of the run)."""

    def __init__(self, windows):
        self.windows = windows
        self.wanted = self.wrong_or_behind = 0.0
        self.bad = dict.fromkeys(CAUSES, 0.0)
        self.seconds = self.seconds_bad = 0

    def add(self, book):
        wanted = both(union(book.intervals["wanted"]), self.windows)
        self.wanted += length(wanted)
        seen = []
        for cause in CAUSES:
            bad = without(both(wanted, union(book.intervals[cause])), seen)
            self.bad[cause] += length(bad)
            seen = union(seen + bad)
        on_screen = union(book.intervals["wrong"] + book.intervals["behind"])
        self.wrong_or_behind += length(both(wanted, on_screen))
        touched = {second for begin, end in seen for second in range(math.floor(begin), math.ceil(end))}
        for begin, end in wanted:
            whole = range(math.ceil(begin), math.floor(end))
            self.seconds += len(whole)
            self.seconds_bad += sum(second in touched for second in whole)

    def figures(self):
        wanted = max(self.wanted, 1e-9)
        return {
            "client_seconds": round(self.wanted, 1),
            "good_percent": round(100 * (1 - sum(self.bad.values()) / wanted), 4),
            "bad_client_seconds": {cause: round(seconds, 1) for cause, seconds in self.bad.items()},
            "right_and_timely_connected_or_not_percent": round(100 * (1 - self.wrong_or_behind / wanted), 4),
            "whole_seconds_good_percent": round(100 * (1 - self.seconds_bad / max(self.seconds, 1)), 4),
        }
