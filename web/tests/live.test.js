// The client against a socket that the test holds in its hand.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { FINAL_CODES, LiveClient } from '../live.js';

const QB = 'player:qb';

class FakeSocket {
  static opened = [];
  sent = [];
  isClosed = false;

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    FakeSocket.opened.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.isClosed = true;
  }

  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  subscribes() {
    return this.sent.filter((message) => message.op === 'subscribe');
  }
}

let live;
let changes;
let states;
let problems;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  FakeSocket.opened = [];
  changes = [];
  states = [];
  problems = [];
  live = new LiveClient({
    url: 'ws://test/v1/ws', WebSocket: FakeSocket, random: () => 0.5,
    onChange: (change) => changes.push(change),
    onState: (state) => states.push(state),
    onProblem: (problem) => problems.push(problem),
  });
});

afterEach(() => {
  live.stop();
  mock.timers.reset();
});

const socket = () => FakeSocket.opened.at(-1);
const welcome = (epoch = 'e1') => socket().say({ type: 'welcome', session: 's', epoch, server_us: Date.now() * 1000, limits: {} });
const snapshot = (seq, points, stats, more = {}) => socket().say(
  { type: 'snapshot', topic: QB, ruleset: 'r', seq, points, stats, game: 'g1', reason: 'subscribe', ...more });
const delta = (prev, seq, points, stats, more = {}) => socket().say(
  { type: 'delta', topic: QB, ruleset: 'r', prev, seq, points, stats, ...more });

function startFollowing() {
  live.follow([QB], 'r');
  live.start();
  welcome();
  snapshot(5, 10, { passing_yards: 200, passing_tds: 1 });
}

test('subscribes once welcomed, and asks for the JSON protocol', () => {
  live.follow([QB], 'r');
  live.start();
  assert.deepEqual(socket().protocols, ['scorewire.v1.json']);
  assert.deepEqual(socket().sent, []);
  welcome();
  const [subscribe] = socket().subscribes();
  assert.deepEqual([subscribe.topics, subscribe.ruleset, subscribe.since], [[QB], 'r', undefined]);
  assert.deepEqual(states, ['connecting', 'live']);
});

test('a delta replaces totals and keeps what it leaves out', () => {
  startFollowing();
  delta(5, 6, 10.96, { passing_yards: 224 }, { change: 0.96 });
  const view = live.view(QB, 'r');
  assert.equal(view.points, 10.96);
  assert.deepEqual(view.stats, { passing_yards: 224, passing_tds: 1 });
  assert.equal(view.seq, 6);
});

test('a merged frame is applied like any other', () => {
  startFollowing();
  delta(5, 9, 12, { passing_yards: 250 }, { causes: [{ kind: 'play' }, { kind: 'correction' }], causes_omitted: 2 });
  assert.equal(live.view(QB, 'r').seq, 9);
  assert.equal(live.view(QB, 'r').points, 12);
  assert.equal(live.gaps, 0);
});

test('a gap is never papered over: a snapshot is asked for and deltas wait for it', () => {
  startFollowing();
  delta(6, 7, 99, {});
  assert.equal(live.view(QB, 'r').points, 10);
  assert.equal(live.gaps, 1);
  assert.equal(socket().subscribes().length, 2);
  assert.equal(socket().subscribes()[1].since, undefined);
  delta(7, 8, 100, {});
  assert.equal(live.view(QB, 'r').points, 10);
  snapshot(8, 100, {});
  delta(8, 9, 101, {});
  assert.equal(live.view(QB, 'r').points, 101);
  assert.equal(live.gaps, 1);
});

test('a snapshot for a new game starts from nothing', () => {
  startFollowing();
  snapshot(6, 0.4, { passing_yards: 10 }, { game: 'g2', reason: 'new_game' });
  assert.deepEqual(live.view(QB, 'r').stats, { passing_yards: 10 });
  assert.equal(live.view(QB, 'r').game, 'g2');
});

test('a game and the slate merge by player and by game', () => {
  live.follow(['slate'], undefined);
  live.follow(['game:g1'], 'r');
  live.start();
  welcome();
  socket().say({ type: 'snapshot', topic: 'slate', seq: 1, games: [{ game: 'g1', status: 'live', home: 'NE', score: { NE: 0 } }] });
  socket().say({ type: 'delta', topic: 'slate', prev: 1, seq: 2, games: [{ game: 'g1', score: { NE: 7 } }] });
  assert.deepEqual(live.view('slate').games.get('g1'), { game: 'g1', status: 'live', home: 'NE', score: { NE: 7 } });
  const base = { topic: 'game:g1', ruleset: 'r' };
  socket().say({ ...base, type: 'snapshot', seq: 1, status: 'live', players: [{ player: 'qb', name: 'Q', points: 1, stats: { passing_yards: 25 } }] });
  socket().say({ ...base, type: 'delta', prev: 1, seq: 2, players: [{ player: 'qb', points: 7, stats: { rushing_tds: 1 } }, { player: 'wr', points: 2 }] });
  const { players, status } = live.view('game:g1', 'r');
  assert.equal(status, 'live');
  assert.deepEqual(players.get('qb'), { player: 'qb', name: 'Q', points: 7, stats: { passing_yards: 25, rushing_tds: 1 } });
  assert.equal(players.get('wr').points, 2);
});

const PREDICTIONS = 'predictions:g1';
const prediction = (prev, seq, call) => socket().say(
  { type: 'prediction', topic: PREDICTIONS, prev, seq, kind: 'next_play', call, confidence: 0.8, source: 'model', expires_us: 1e18 });

test('predictions follow what is held: what expired in between leaves no gap', () => {
  live.follow([PREDICTIONS], undefined);
  live.start();
  welcome();
  assert.equal(socket().subscribes()[0].ruleset, undefined);
  socket().say({ type: 'snapshot', topic: PREDICTIONS, seq: 1000, predictions: [], tally: { right: 0, calls: 0 }, reason: 'subscribe' });
  prediction(1000, 1007, 'pass');
  assert.equal(live.view(PREDICTIONS).predictions.get('next_play').call, 'pass');
  socket().say({ type: 'outcome', topic: PREDICTIONS, prev: 1007, seq: 1008, kind: 'next_play', call: 'pass', actual: 'pass', right: true, tally: { right: 1, calls: 1 } });
  assert.equal(live.view(PREDICTIONS).predictions.size, 0);
  assert.deepEqual(live.view(PREDICTIONS).tally, { right: 1, calls: 1 });
  assert.equal(live.gaps, 0);
  socket().onclose();
  mock.timers.tick(250);
  welcome();
  assert.deepEqual(socket().subscribes()[0].since, { [PREDICTIONS]: 1008 });
  prediction(1008, 1012, 'run');
  assert.equal(live.view(PREDICTIONS).predictions.get('next_play').call, 'run');
  assert.equal(live.gaps, 0);
  prediction(1013, 1014, 'pass');
  assert.equal(live.gaps, 1, 'a prev that is not ours is a gap here too');
});

test('after a cut it resumes by since and epoch, and takes the missing deltas', () => {
  startFollowing();
  socket().onclose();
  assert.equal(live.state, 'reconnecting');
  mock.timers.tick(250); // Half of the first ceiling of 500 ms: random() is 0.5.
  assert.equal(FakeSocket.opened.length, 2);
  welcome();
  assert.deepEqual(socket().subscribes()[0].since, { [QB]: 5 });
  assert.equal(socket().subscribes()[0].epoch, 'e1');
  delta(5, 6, 11, {});
  assert.equal(live.view(QB, 'r').points, 11);
  assert.equal(live.gaps, 0);
});

test('another epoch asks for snapshots only, and drops what comes before them', () => {
  startFollowing();
  socket().onclose();
  mock.timers.tick(250);
  welcome('e2');
  assert.equal(socket().subscribes()[0].since, undefined);
  delta(5, 6, 99, {});
  assert.equal(live.view(QB, 'r').points, 10);
  snapshot(2, 3, { passing_yards: 75 });
  assert.deepEqual(live.view(QB, 'r').stats, { passing_yards: 75 });
});

test('waits double up to a ceiling, with jitter over the whole of it', () => {
  live.start();
  const waits = [];
  for (let i = 0; i < 8; i += 1) {
    const before = Date.now();
    socket().onclose();
    waits.push(live.retryAtMs - before);
    mock.timers.tick(live.retryAtMs - before);
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 10000, 10000]);
});

test('goodbye says when to come back', () => {
  startFollowing();
  socket().say({ type: 'goodbye', code: 'draining', reconnect_after_ms: 8400 });
  socket().onclose();
  mock.timers.tick(8399);
  assert.equal(FakeSocket.opened.length, 1);
  mock.timers.tick(1);
  assert.equal(FakeSocket.opened.length, 2);
});

test('retryNow does not wait, and does not open twice', () => {
  startFollowing();
  socket().onclose();
  live.retryNow();
  live.retryNow();
  assert.equal(FakeSocket.opened.length, 2);
  mock.timers.tick(1_000); // The wait that was given up has no say any more.
  assert.equal(FakeSocket.opened.length, 2);
});

test('silence is late first, then a lost connection', () => {
  startFollowing();
  mock.timers.tick(1);
  mock.timers.tick(3_000);
  assert.equal(live.state, 'late');
  delta(5, 6, 11, {});
  assert.equal(live.state, 'live');
  const before = socket();
  // Step by step: one long tick would date the timers that timers set from its end.
  for (let second = 0; second < 30; second += 1) mock.timers.tick(1_000);
  assert.equal(before.isClosed, true);
  assert.ok(FakeSocket.opened.length > 1);
});

test('pings a few times at first, then every 20 seconds', () => {
  startFollowing();
  const pings = () => socket().sent.filter(({ op }) => op === 'ping').length;
  mock.timers.tick(1_000);
  assert.equal(pings(), 4);
  // The server is heard all along: nothing is late, nothing is lost.
  for (const { id } of socket().sent.filter(({ op }) => op === 'ping')) socket().say({ type: 'pong', id, server_us: Date.now() * 1000 });
  mock.timers.tick(19_000);
  assert.equal(pings(), 5);
  assert.ok(live.clock.best);
});

test('what the server says about lateness shows, and passes', () => {
  startFollowing();
  socket().say({ type: 'status', late_ms: 1200 });
  assert.equal(live.state, 'late');
  socket().say({ type: 'status', late_ms: 0 });
  assert.equal(live.state, 'live');
});

test('unfollowed topics are unsubscribed and their last frames ignored', () => {
  startFollowing();
  live.unfollow([QB], 'r');
  assert.equal(socket().sent.at(-1).op, 'unsubscribe');
  const before = changes.length;
  delta(5, 6, 11, {});
  assert.equal(changes.length, before);
  assert.equal(live.view(QB, 'r'), null);
});

test('refusals, nonsense and unknown messages are reported or ignored, never fatal', () => {
  startFollowing();
  socket().say({ type: 'subscribed', id: 1, topics: [], errors: [{ topic: 'plyer:1', code: 'unknown_topic', message: 'no' }] });
  socket().onmessage({ data: '{' });
  socket().say({ type: 'of a later version' });
  assert.deepEqual(problems.map(({ code }) => code), ['unknown_topic', 'bad_json']);
  delta(5, 6, 11, {});
  assert.equal(live.view(QB, 'r').points, 11);
});

// Lets promises that are settled go on.
const settle = () => new Promise((resolve) => { setImmediate(resolve); });

function liveThatAsks(toldMs) {
  const asks = [];
  live = new LiveClient({
    url: 'ws://test/v1/ws', WebSocket: FakeSocket, random: () => 0.5,
    askWhen: () => new Promise((resolve) => { asks.push(() => resolve(toldMs)); }),
  });
  live.start();
  return asks;
}

test('who is not let in asks before it tries again, and comes when it is told', async () => {
  const asks = liveThatAsks(5_000);
  socket().onclose();
  assert.equal(asks.length, 0, 'backoff first: everybody was refused at once');
  mock.timers.tick(250);
  assert.deepEqual([asks.length, FakeSocket.opened.length], [1, 1]);
  asks[0]();
  await settle();
  assert.equal(live.retryAtMs, Date.now() + 5_000);
  mock.timers.tick(4_999);
  assert.equal(FakeSocket.opened.length, 1);
  mock.timers.tick(1);
  assert.deepEqual([asks.length, FakeSocket.opened.length], [1, 2], 'told once, it comes');
  socket().onclose();
  mock.timers.tick(20_000);
  assert.equal(asks.length, 2, 'refused again, it asks again');
});

test('who would be let in now comes now', async () => {
  const asks = liveThatAsks(0);
  socket().onclose();
  mock.timers.tick(250);
  asks[0]();
  await settle();
  assert.equal(FakeSocket.opened.length, 2);
});

test('who was in and was cut off comes back without asking', async () => {
  const asks = liveThatAsks(5_000);
  welcome();
  socket().onclose();
  mock.timers.tick(250);
  assert.deepEqual([asks.length, FakeSocket.opened.length], [0, 2]);
});

test('an answer that comes too late moves nobody', async () => {
  const asks = liveThatAsks(5_000);
  socket().onclose();
  mock.timers.tick(250);
  live.retryNow();
  assert.equal(FakeSocket.opened.length, 2);
  asks[0]();
  await settle();
  assert.deepEqual([live.retryAtMs, FakeSocket.opened.length], [null, 2]);
  live.stop();
});

test('every goodbye says when to come back, whatever its code', () => {
  startFollowing();
  socket().say({ type: 'goodbye', code: 'too_many_messages', reconnect_after_ms: 12_000 });
  socket().onclose();
  mock.timers.tick(11_999);
  assert.equal(FakeSocket.opened.length, 1);
  mock.timers.tick(1);
  assert.equal(FakeSocket.opened.length, 2);
});

test('it ends where coming back would end the same way, and says why', () => {
  for (const code of FINAL_CODES) {
    FakeSocket.opened = [];
    live = new LiveClient({ url: 'ws://test/v1/ws', WebSocket: FakeSocket });
    startFollowing();
    socket().onclose({ code });
    assert.deepEqual([live.state, live.closeCode, live.retryAtMs], ['refused', code, null]);
    live.retryNow();
    live.check();
    mock.timers.tick(60_000);
    assert.equal(FakeSocket.opened.length, 1, `${code}`);
  }
});

test('the codes that end it are those that the protocol says end it', () => {
  const table = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8').split('generated: close codes')[1];
  const rows = [...table.matchAll(/^\| (\d+) \| `\w+` \| (no|yes|after) \|/gm)];
  const final = rows.filter(([, , comeBack]) => comeBack === 'no').map(([, code]) => Number(code));
  assert.ok(rows.length >= 15);
  assert.deepEqual(new Set(FINAL_CODES), new Set(final));
  for (const code of rows.map(([, number]) => Number(number)).filter((number) => !final.includes(number))) {
    live.start();
    welcome();
    socket().onclose({ code });
    assert.equal(live.state, 'reconnecting', `${code}`);
    live.stop();
  }
});

test('a token is shown as soon as the socket is open, on each connection', () => {
  live = new LiveClient({ url: 'ws://test/v1/ws', token: 'a.b.c', WebSocket: FakeSocket, random: () => 0.5 });
  live.start();
  for (const count of [1, 2]) {
    assert.equal(FakeSocket.opened.length, count);
    assert.deepEqual(socket().sent, []);
    socket().onopen();
    assert.deepEqual(socket().sent.map(({ op, token }) => [op, token]), [['auth', 'a.b.c']]);
    welcome();
    socket().onclose({ code: 1006 });
    mock.timers.tick(250);
  }
});
