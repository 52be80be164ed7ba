"""WebSocket clients that come, follow a roster, lose their server, come back as docs/protocol.md says, and hold every
frame against what the feed implies. All of them live on one asyncio loop; its own lateness counts as the server's.
"""

import array
import asyncio
import base64
import collections
import functools
import json
import os
import random
import struct
import book
import truth

CONNECT_TIMEOUT_S = 10
BACKOFF_S = [0.5, 1, 2, 4, 8, 16, 20]  # the most of each wait that nobody said a time for
AWAY_S = 5  # on average, away by its own will; less where stays are short
FORGET = 0.2  # of those who leave come back with nothing, as a new page does
FAULTS_TOLD = 20
HEADER_MAX, MESSAGE_MAX = 65536, 1 << 20

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


@functools.lru_cache(maxsize=4096)
def parsed(payload):
    """A message, which nobody changes: most of them go to many."""
    return json.loads(payload)


class Crowd:
    """What all clients share."""

    def __init__(self, server, sunday, limit_s, stay_s, seed):
        self.server, self.sunday, self.limit_s, self.stay_s = server, sunday, limit_s, stay_s
        self.random = random.Random(seed)
        self.counts = collections.Counter()
        self.faults, self.fault_count = [], 0
        self.live_ms = array.array("f")  # changes that were due while their client was connected
        self.epoch = None
        self.began = None  # the run's 0 on the loop's clock; before it nothing is late
        self.incident = None
        self.is_ending = False

    def now(self):
        """Seconds of the run."""
        return asyncio.get_running_loop().time() - (self.began or 0)

    def fault(self, text):
        self.fault_count += 1
        if len(self.faults) < FAULTS_TOLD:
            self.faults.append(text)


class Client:
    def __init__(self, crowd, number, topics):
        self.crowd, self.number = crowd, number
        self.topics = {topic.name: topic for topic in topics}
        self.held = {}  # by topic: the seq it holds
        self.wrong = set()
        self.epoch = None
        self.book = book.Book()
        self.is_ready = False
        self.connection = None

    def fault(self, text):
        self.crowd.fault(f"client {self.number}: {text}")

    async def live(self):
        crowd = self.crowd
        while not crowd.is_ending:
            stay = crowd.random.expovariate(1 / crowd.stay_s)
            await self.stay(crowd.now() + stay)
            if crowd.is_ending:
                return
            crowd.counts["left"] += 1
            if crowd.random.random() < FORGET:
                self.held, self.epoch = {}, None
                self.wrong.clear()
                self.book.end("wrong", crowd.now())
            await asyncio.sleep(crowd.random.expovariate(1 / min(AWAY_S, crowd.stay_s / 10)))

    async def stay(self, until):
        """Wants to be served until then, or until the run ends: comes, and comes back."""
        crowd, tries = self.crowd, 0
        self.book.begin("wanted", crowd.now())
        self.lost()
        while not crowd.is_ending and (left := until - crowd.now()) > 0:
            gone = await self.connect()
            if gone is not None:
                await asyncio.wait([gone], timeout=left)
                was_ready, told_ms = self.connection.was_ready, self.connection.told_ms
                if not gone.done():
                    break
                tries = 0 if was_ready else tries
                if told_ms is not None:
                    crowd.counts["told when to come"] += 1
                    await asyncio.sleep(told_ms / 1000)
                    continue
            wait = crowd.random.uniform(0, BACKOFF_S[min(tries, len(BACKOFF_S) - 1)])
            tries += 1
            await asyncio.sleep(max(0, min(wait, until - crowd.now())))
        if crowd.is_ending:
            return
        self.owed(crowd.now())
        for kind in ("wanted", "away", "behind"):
            self.book.end(kind, crowd.now())
        self.is_ready = False
        if crowd.incident:
            crowd.incident.left(self)
        if self.connection is not None:
            self.connection.hang_up()

    async def connect(self):
        """What is done once the connection is gone; nothing where there is none."""
        self.crowd.counts["tries to connect"] += 1
        made = asyncio.get_running_loop().create_connection(lambda: Connection(self), "127.0.0.1", self.crowd.server.port)
        try:
            _, self.connection = await asyncio.wait_for(made, CONNECT_TIMEOUT_S)
        except (OSError, asyncio.TimeoutError):
            self.crowd.counts["connects refused"] += 1
            return None
        return self.connection.gone

    def lost(self):
        """Not served from now on; who holds nothing yet shows nothing right either."""
        self.is_ready = False
        self.book.begin("away", self.crowd.now())
        if not self.held:
            self.book.begin("behind", self.crowd.now())

    def ready(self):
        now = self.crowd.now()
        self.is_ready = True
        self.book.end("away", now)
        self.book.end("behind", now)
        if self.crowd.incident:
            self.crowd.incident.back(self, now)

    def show(self, name, seq, points):
        """What a frame says a topic is now: held against the feed, and how late it is."""
        crowd, topic, now = self.crowd, self.topics[name], self.crowd.now()
        due = topic.points_at(seq)
        if due is None or due != round(points * truth.ONE):
            told = "there is no such change" if due is None else due / truth.ONE
            self.fault(f"{name} has {points} points at seq {seq}, by the feed {told}")
            self.wrong.add(name)
            self.book.begin("wrong", now)
        elif name in self.wrong:
            self.wrong.discard(name)
            if not self.wrong:
                self.book.end("wrong", now)
        before, self.held[name] = self.held.get(name), seq
        if before is None or crowd.began is None:
            return
        for event, _ in topic.moves[before:seq]:
            moment = crowd.sunday.due[event]
            if self.is_ready and moment >= self.connection.ready_at:
                crowd.live_ms.append((now - moment) * 1000)
        if before < seq <= len(topic.moves):
            late_from = crowd.sunday.due[topic.moves[before][0]] + crowd.limit_s
            if late_from < now:
                self.book.add("behind", late_from, now)

    def owed(self, now):
        """Whatever it should have by now and has not is late."""
        for topic in self.topics.values():
            held = self.held.get(topic.name, len(topic.moves))
            if held < len(topic.moves):
                self.book.add("behind", self.crowd.sunday.due[topic.moves[held][0]] + self.crowd.limit_s, now)

    def is_complete(self):
        """Whether it is served and holds the last of everything."""
        return self.is_ready and all(self.held.get(topic.name) == len(topic.moves) for topic in self.topics.values())


class Connection(asyncio.Protocol):
    """One connection: upgrade, subscription, frames."""

    def __init__(self, client):
        self.client, self.crowd = client, client.crowd
        self.gone = asyncio.get_running_loop().create_future()
        self.buffer = bytearray()
        self.is_upgraded = self.was_ready = self.is_own_end = False
        self.told_ms = None
        self.ready_at = None
        self.due = None  # by topic: the seq it must hold to be ready
        self.since = {}
        self.close_reason = None

    def connection_made(self, transport):
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1:{self.crowd.server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: scorewire.v1.json\r\n\r\n".encode()
        )

    def connection_lost(self, error):
        if self.was_ready and not self.is_own_end:
            self.client.lost()
            if self.crowd.incident is None and not self.crowd.is_ending:
                self.client.fault(f"its connection ended though the server went on ({self.close_reason or error})")
        if not self.gone.done():
            self.gone.set_result(None)

    def hang_up(self):
        self.is_own_end = True
        if not self.transport.is_closing():
            self.send(CLOSE, struct.pack("!H", 1000))
            self.transport.close()

    def send(self, opcode, payload):
        # A key of zeros: what is masked stays readable, and nobody is between.
        head = bytes([0x80 | opcode])
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
        self.transport.write(head + length + bytes(4) + payload)

    def data_received(self, data):
        if self.is_own_end:
            return
        self.buffer += data
        try:
            if self.is_upgraded or self.upgraded():
                while (frame := self.frame()) is not None:
                    self.take(*frame)
        except (KeyError, ValueError, TypeError) as error:
            self.client.fault(f"what the server sent can't be read: {error!r}")
            self.transport.abort()

    def upgraded(self):
        """Whether the answer to the upgrade is there, and yes."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self.buffer) > HEADER_MAX:
                raise ValueError("a header without an end")
            return False
        head = bytes(self.buffer[:end]).decode("latin-1")
        status = int(head.split(" ", 2)[1])
        if status == 101:
            del self.buffer[: end + 4]
            self.is_upgraded = True
            return True
        length = next((line[15:] for line in head.lower().split("\r\n") if line.startswith("content-length:")), "0")
        if len(self.buffer) < end + 4 + int(length):
            return False
        self.crowd.counts[f"upgrades answered {status}"] += 1
        answer = json.loads(self.buffer[end + 4 : end + 4 + int(length)] or b"{}")
        if status == 503:
            self.told_ms = answer.get("reconnect_after_ms")
        else:
            self.client.fault(f"the upgrade was answered {status}: {answer}")
        self.transport.close()
        return False

    def frame(self):
        """The next whole frame, (opcode, payload), of those that came."""
        buffer = self.buffer
        if len(buffer) < 2:
            return None
        length, at = buffer[1], 2
        if length == 126 and len(buffer) >= 4:
            (length,), at = struct.unpack_from("!H", buffer, 2), 4
        elif length == 127 and len(buffer) >= 10:
            (length,), at = struct.unpack_from("!Q", buffer, 2), 10
        elif length in (126, 127):
            return None
        if buffer[0] & 0xF0 != 0x80 or buffer[1] & 0x80 or length > MESSAGE_MAX:
            raise ValueError(f"a frame that begins with {bytes(buffer[:10])!r}")
        if len(buffer) < at + length:
            return None
        opcode, payload = buffer[0] & 15, bytes(buffer[at : at + length])
        del buffer[: at + length]
        return opcode, payload

    def take(self, opcode, payload):
        if opcode == TEXT:
            self.crowd.counts["messages"] += 1
            message = parsed(payload)
            getattr(self, "on_" + message["type"], self.on_unknown)(message)
        elif opcode == PING:
            self.send(PONG, payload)
        elif opcode == CLOSE:
            self.close_reason = payload[2:].decode(errors="replace")
            self.crowd.counts[f"closed as {self.close_reason}"] += 1
            self.send(CLOSE, payload[:2])
            self.transport.close()

    def on_welcome(self, message):
        client, crowd = self.client, self.crowd
        crowd.epoch = crowd.epoch or message["epoch"]
        if message["epoch"] != crowd.epoch:
            client.fault(f"the epoch is {message['epoch']}, and was {crowd.epoch}")
            crowd.epoch = message["epoch"]
        ask = {"op": "subscribe", "id": 1, "topics": list(client.topics), "ruleset": truth.RULESET}
        if client.held and client.epoch:
            self.since = dict(client.held)
            ask |= {"epoch": client.epoch, "since": self.since}
        client.epoch = message["epoch"]
        self.send(TEXT, json.dumps(ask).encode())

    def on_subscribed(self, message):
        if message["errors"]:
            raise ValueError(f"refused: {message['errors']}")
        self.due = {topic["topic"]: topic["seq"] for topic in message["topics"]}
        if set(self.due) != set(self.client.topics):
            raise ValueError("not the topics that were asked for")
        for topic in message["topics"]:
            name, how = topic["topic"], topic["how"]
            came_back = name in self.since
            self.crowd.counts[f"topics {how}" if how == "resumed" else f"topics snapshot ({topic['reason']})"] += 1
            if how != "resumed":
                self.client.held.pop(name, None)
                if came_back and topic["reason"] in ("epoch", "ahead"):
                    self.client.fault(f"{name} at seq {self.since[name]} was not resumed: {topic['reason']}")
        self.look_whether_ready()

    def on_snapshot(self, message):
        self.crowd.counts[f"snapshots ({message['reason']})"] += 1
        self.client.show(message["topic"], message["seq"], message["points"])
        self.look_whether_ready()

    def on_delta(self, message):
        name, held = message["topic"], self.client.held.get(message["topic"])
        if message["prev"] != held:
            self.client.fault(f"{name} is at seq {held}, and a delta follows {message['prev']}")
        self.crowd.counts["deltas"] += 1
        self.client.show(name, message["seq"], message["points"])
        self.look_whether_ready()

    def look_whether_ready(self):
        if self.due is None:
            raise ValueError("a frame before `subscribed`")
        held = self.client.held
        if not self.was_ready and all(held.get(name, -1) >= seq for name, seq in self.due.items()):
            self.was_ready, self.ready_at = True, self.crowd.now()
            self.client.ready()

    def on_goodbye(self, message):
        self.told_ms = message["reconnect_after_ms"]

    def on_status(self, message):
        pass

    def on_unknown(self, message):
        raise ValueError(f"an unexpected message: {message}")
