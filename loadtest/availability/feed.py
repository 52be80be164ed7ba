"""The feed: a simulated Sunday, posted when it is due, again and again until the server answers 200."""

import http.client
import json
import subprocess
import threading
import time
import truth

BATCH_MAX = 500  # lines in one request
AGAIN_S = 0.02  # between two tries


class Sunday:
    """Its lines, and when they are due, in seconds of the run. Opening lines come before it (`due` is 0)."""

    def __init__(self, program, games, seed, seconds):
        made = subprocess.run(
            [program, "simulate", "--out", "-", "--games", str(games), "--seed", str(seed)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.events = truth.read(made.stdout)
        times = [event["ts"] for event in self.events if "ts" in event]
        first, span = min(times), max(times) - min(times)
        self.speed = span / 1e6 / seconds
        is_opening = [event["type"] == "players" or event.get("status") == "scheduled" for event in self.events]
        self.opening = is_opening.index(False)
        self.due, at = [], 0.0
        for event in self.events:
            # In the order of the simulation: a late line was late.
            at = max(at, (event.get("ts", first) - first) / span * seconds)
            self.due.append(at)
        self.truth = truth.Truth(self.events)


class Feed(threading.Thread):
    def __init__(self, sunday, server):
        super().__init__(daemon=True)
        self.sunday, self.server = sunday, server
        self.connection = None
        self.posted = self.acknowledged = self.requests = self.tries = self.refused = 0
        self.known_already = 0  # lines that a repeated request brought again after they had been taken in
        self.faults = []
        self.stopped = threading.Event()
        self.began = None

    def open(self):
        """Posts what comes before the run."""
        self.post(self.sunday.opening)

    def begin(self, began):
        """The run's 0 on the monotonic clock."""
        self.began, self.wall = began, time.time() - time.monotonic() + began
        self.start()

    def run(self):
        due = self.sunday.due
        while self.posted < len(due) and not self.stopped.is_set():
            now = time.monotonic() - self.began
            if due[self.posted] > now:
                self.stopped.wait(min(due[self.posted] - now, 0.5))
                continue
            until = self.posted
            while until < len(due) and until < self.posted + BATCH_MAX and due[until] <= now:
                until += 1
            self.post(until)

    def post(self, until):
        """Events up to `until`, until they are acknowledged."""
        lines = []
        for number in range(self.posted, until):
            event = dict(self.sunday.events[number])
            event.pop("ts", None)
            if self.began is not None:
                event["ts"] = int((self.wall + self.sunday.due[number]) * 1e6)
            lines.append(json.dumps(event))
        body, first, self.posted = "\n".join(lines).encode(), self.posted, until
        self.requests += 1
        is_repeated = False
        while not self.stopped.is_set():
            answer = self.ask(body)
            self.tries += 1
            if answer is not None and answer[0] == 200:
                self.judge(json.loads(answer[1]), first, until, is_repeated)
                self.acknowledged = until
                return
            if answer is not None:
                self.refused += 1
                if answer[0] not in (429, 503):
                    self.faults.append(f"events {first} to {until} were answered {answer[0]}: {answer[1][:200]!r}")
            is_repeated = True
            self.stopped.wait(AGAIN_S)

    def ask(self, body):
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=5)
            self.connection.request("POST", "/v1/events", body, {"Content-Type": "application/x-ndjson"})
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            self.connection = None
            return None

    def judge(self, answer, first, until, is_repeated):
        repeats = sum(self.sunday.truth.repeats[first:until])
        taken, known = answer["accepted"], answer["duplicate"]
        if answer["rejected"] or taken + known != until - first:
            self.faults.append(f"events {first} to {until} were answered {answer}")
        elif known < repeats or (known > repeats and not is_repeated):
            self.faults.append(f"events {first} to {until} have {repeats} repeats and were answered {answer}")
        self.known_already += known - repeats
