// Coming and going: states, backoff, refusals, tokens, silence, hidden tabs.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { FINAL_CODES } from '../index.js';
import { accept, hold, HeldSocket, pass, settle, socket, welcome } from './held.js';

const QB = 'player:qb';

let held;
let live;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  begin();
});

afterEach(() => {
  live.close();
  mock.timers.reset();
});

function begin(options) {
  live?.close();
  held = hold(options);
  live = held.live;
}

/** Lets so many milliseconds go by, and what they led to happen. */
async function wait(ms) {
  mock.timers.tick(ms);
  await settle();
}

const cut = (code = 1006) => socket().onclose({ code });
const retryAtMs = () => live.status.getSnapshot().retryAtMs;

test('waits double up to a ceiling, with jitter over the whole of it', async () => {
  const waits = [];
  for (let i = 0; i < 8; i += 1) {
    const before = Date.now();
    cut();
    waits.push(retryAtMs() - before);
    await wait(retryAtMs() - before);
    held.asks.at(-1).fail(new Error('no net'));
    await settle();
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 10000, 10000]);
});

test('a connection that lived makes the next wait short again, one that did not does not', async () => {
  for (const [seconds, expected] of [[0, 250], [0, 500], [6, 250]]) {
    welcome();
    await pass(seconds);
    cut();
    assert.equal(retryAtMs() - Date.now(), expected);
    await wait(expected);
  }
});

test('every goodbye says when to come back, whatever its code', async () => {
  welcome();
  for (const code of ['draining', 'too_many_messages']) {
    const before = HeldSocket.opened.length;
    socket().say({ type: 'goodbye', code, reconnect_after_ms: 8_400 });
    cut(4000);
    await wait(8_399);
    assert.equal(HeldSocket.opened.length, before);
    await wait(1);
    assert.equal(HeldSocket.opened.length, before + 1);
    welcome();
  }
});

test('nobody stays away for longer than ten minutes, whatever he is told', () => {
  welcome();
  socket().say({ type: 'goodbye', code: 'draining', reconnect_after_ms: 1e12 });
  cut(4000);
  assert.equal(retryAtMs(), Date.now() + 600_000);
});

test('retry does not wait, and does not open twice', async () => {
  welcome();
  cut();
  live.retry();
  live.retry();
  await settle();
  assert.equal(HeldSocket.opened.length, 2);
  await wait(1_000); // The wait that was given up has no say any more.
  assert.equal(HeldSocket.opened.length, 2);
});

test('it ends where coming back would end the same way, and says why', async () => {
  for (const code of FINAL_CODES) {
    begin();
    const subscription = live.subscribe(QB);
    const ended = subscription[Symbol.asyncIterator]().next();
    welcome();
    cut(code);
    const { state, code: why, retryAtMs: at } = live.status.getSnapshot();
    assert.deepEqual([state, why, at], ['refused', code, null]);
    assert.deepEqual(await ended, { done: true, value: undefined });
    await wait(60_000);
    assert.equal(HeldSocket.opened.length, 1, `${code}`);
    live.retry();
    assert.equal(HeldSocket.opened.length, 2, 'a person may know better');
    welcome();
    await settle();
    accept();
    socket().say({ type: 'snapshot', topic: QB, seq: 1, points: 3, stats: {} });
    assert.equal(subscription.getSnapshot().points, 3);
  }
});

test('the codes that end it are those that the protocol says end it', () => {
  const table = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8').split('generated: close codes')[1];
  const rows = [...table.matchAll(/^\| (\d+) \| `\w+` \| (no|yes|after) \|/gm)];
  const final = rows.filter(([, , comeBack]) => comeBack === 'no').map(([, code]) => Number(code));
  assert.ok(rows.length >= 15);
  assert.deepEqual(new Set(FINAL_CODES), new Set(final));
  for (const code of rows.map(([, number]) => Number(number)).filter((number) => !final.includes(number))) {
    begin();
    welcome();
    cut(code);
    assert.equal(live.state, 'reconnecting', `${code}`);
  }
});

test('silence is late first, then a lost connection', async () => {
  HeldSocket.answersPings = false;
  welcome();
  await wait(1);
  await pass(3);
  assert.equal(live.state, 'late');
  socket().say({ type: 'authorized' });
  assert.equal(live.state, 'live');
  const before = socket();
  await pass(30);
  assert.equal(before.isClosed, true);
  assert.ok(HeldSocket.opened.length > 1);
});

test('a timer that slept proves nothing: it asks again before it gives up', async () => {
  HeldSocket.answersPings = false;
  welcome();
  await pass(2);
  const before = socket();
  // The machine slept for a minute: timers come late, and what was sent meanwhile has not been read.
  HeldSocket.answersPings = true;
  await wait(60_000);
  assert.deepEqual([live.state, before.isClosed], ['live', false]);
  await pass(20);
  assert.deepEqual([live.state, before.isClosed], ['live', false]);
});

test('pings a few times at first, then every 20 seconds, and learns the clocks', async () => {
  welcome();
  assert.equal(live.latency, null);
  for (const ms of [1, 150, 250, 600]) await wait(ms);
  assert.equal(socket().said('ping').length, 4);
  assert.ok(live.latency.roundTripUs >= 0);
  await pass(19);
  assert.equal(socket().said('ping').length, 5);
});

test('who is not let in asks before it tries again, and comes when it is told', async () => {
  cut();
  assert.equal(held.asks.length, 0, 'backoff first: everybody was refused at once');
  await wait(250);
  assert.deepEqual([held.asks.length, HeldSocket.opened.length], [1, 1]);
  assert.equal(held.asks[0].path, '/v1/admission');
  held.asks[0].answer({ reconnect_after_ms: 5_000 }, 503);
  await settle();
  assert.equal(retryAtMs(), Date.now() + 5_000);
  await wait(4_999);
  assert.equal(HeldSocket.opened.length, 1);
  await wait(1);
  assert.deepEqual([held.asks.length, HeldSocket.opened.length], [1, 2], 'told once, it comes');
  cut();
  await wait(20_000);
  assert.equal(held.asks.length, 2, 'refused again, it asks again');
});

test('who would be let in now comes now; who was in and was cut off comes without asking', async () => {
  cut();
  await wait(250);
  held.asks[0].answer({ reconnect_after_ms: 0 });
  await settle();
  assert.equal(HeldSocket.opened.length, 2);
  welcome();
  cut();
  await wait(1_000);
  assert.deepEqual([held.asks.length, HeldSocket.opened.length], [1, 3]);
});

test('an answer that comes too late moves nobody', async () => {
  cut();
  await wait(250);
  live.retry();
  assert.equal(HeldSocket.opened.length, 2);
  held.asks[0].answer({ reconnect_after_ms: 5_000 });
  await settle();
  assert.deepEqual([retryAtMs(), HeldSocket.opened.length], [null, 2]);
});

test('a token is shown as soon as the socket is open, on each connection', async () => {
  begin({ token: 'a.b.c' });
  for (const count of [1, 2]) {
    assert.equal(HeldSocket.opened.length, count);
    assert.deepEqual(socket().sent, []);
    welcome();
    assert.deepEqual(socket().said('auth').map(({ token }) => token), ['a.b.c']);
    cut();
    await wait(1_000);
  }
});

test('who can get tokens gets one for each connection, and again before one expires', async () => {
  let count = 0;
  const shown = () => socket().said('auth').map(({ token }) => token);
  begin({ token: async () => `token-${count += 1}` });
  await settle();
  welcome();
  assert.deepEqual(shown(), ['token-1']);
  socket().say({ type: 'auth_expiring', expires_in_ms: 60_000 });
  await settle();
  assert.deepEqual(shown(), ['token-1', 'token-2']);
  cut(4003);
  assert.equal(live.state, 'reconnecting', 'it may have been too old');
  await wait(1_000);
  assert.equal(HeldSocket.opened.length, 2);
  socket().onopen();
  assert.deepEqual(shown(), ['token-3']);
  cut(4003);
  assert.equal(live.state, 'refused', 'a fresh one was no better');
});

test('who can not get a token now tries again', async () => {
  let fails = true;
  begin({ token: () => (fails ? Promise.reject(new Error('no net')) : 'good') });
  await settle();
  assert.equal(live.state, 'reconnecting');
  assert.equal(held.problems.length, 1);
  fails = false;
  await wait(1_000);
  held.asks.at(-1).answer({ reconnect_after_ms: 0 });
  await settle();
  assert.equal(HeldSocket.opened.length, 1);
});

test('a path that the token is no use for ends it, another error does not', async () => {
  begin({ token: 'old' });
  welcome();
  const first = live.get('/v1/games');
  await settle();
  assert.equal(held.asks[0].path, '/v1/games');
  assert.equal(held.asks[0].init.headers.authorization, 'Bearer old');
  held.asks[0].answer({ code: 'unknown_game', error: 'no such game' }, 404);
  await assert.rejects(first, { status: 404, code: 'unknown_game', message: 'no such game' });
  assert.equal(live.state, 'live');
  const second = live.get('/v1/games');
  await settle();
  held.asks[1].answer({ code: 'unauthorized', error: 'no' }, 401);
  await assert.rejects(second, { status: 401 });
  assert.deepEqual([live.state, live.status.getSnapshot().code], ['refused', 4003]);
});

test('what the server says about lateness shows, and passes', () => {
  welcome();
  socket().say({ type: 'status', late_ms: 1200 });
  assert.equal(live.state, 'late');
  socket().say({ type: 'status', late_ms: 0 });
  assert.equal(live.state, 'live');
});

test('a message longer than any good one ends it', () => {
  begin({ bytesMax: 1_000 });
  welcome();
  socket().say({ type: 'authorized', padding: 'x'.repeat(1_000) });
  assert.deepEqual([live.state, live.status.getSnapshot().code], ['refused', 1009]);
});

/** A browser's page and net, as far as the client looks at them. */
function browser() {
  const page = new EventTarget();
  const net = new EventTarget();
  page.hidden = false;
  const navigator = { onLine: true };
  const fakes = {
    document: page, navigator,
    addEventListener: net.addEventListener.bind(net), removeEventListener: net.removeEventListener.bind(net),
  };
  const before = Object.fromEntries(Object.keys(fakes).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]));
  for (const [name, value] of Object.entries(fakes)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  return {
    show(isShown) {
      page.hidden = !isShown;
      page.dispatchEvent(new Event('visibilitychange'));
    },
    online(isOnline) {
      navigator.onLine = isOnline;
      net.dispatchEvent(new Event(isOnline ? 'online' : 'offline'));
    },
    restore() {
      for (const [name, descriptor] of Object.entries(before)) {
        if (descriptor) Object.defineProperty(globalThis, name, descriptor);
        else delete globalThis[name];
      }
    },
  };
}

test('a hidden page asks for less, then for nothing, and resumes when it is shown', async (t) => {
  const { show, online, restore } = browser();
  t.after(restore);
  begin();
  const subscription = live.subscribe(QB, undefined, { ruleset: 'r' });
  welcome();
  accept();
  socket().say({ type: 'snapshot', topic: QB, ruleset: 'r', seq: 5, points: 10, stats: {} });
  const rates = () => socket().said('subscribe').map((message) => message.max_rate_hz);
  show(false);
  await pass(9);
  show(true);
  await pass(2);
  assert.deepEqual(rates(), [undefined], 'a look away is nothing');
  show(false);
  await pass(11);
  assert.deepEqual(rates(), [undefined, 0.2]);
  assert.deepEqual(socket().said('subscribe')[1].since, { [QB]: 5 });
  accept('resumed');
  socket().say({ type: 'delta', topic: QB, ruleset: 'r', prev: 5, seq: 9, points: 12, stats: {} });
  assert.equal(subscription.getSnapshot().points, 12);
  await pass(300);
  assert.deepEqual([live.state, socket().isClosed, retryAtMs()], ['paused', true, null]);
  const before = HeldSocket.opened.length;
  await pass(600);
  online(true);
  assert.equal(HeldSocket.opened.length, before);
  show(true);
  assert.equal(HeldSocket.opened.length, before + 1);
  welcome();
  assert.deepEqual(socket().said('subscribe').map(({ since, max_rate_hz: rate }) => [since, rate]), [[{ [QB]: 9 }, undefined]]);
});

test('a page that was opened unseen asks for less, too', async (t) => {
  const { show, restore } = browser();
  t.after(restore);
  show(false);
  begin();
  live.subscribe(QB);
  welcome();
  accept();
  await pass(11);
  assert.deepEqual(socket().said('subscribe').map((message) => message.max_rate_hz), [undefined, 0.2]);
});

test('a page that is shown again soon gets all of it again', async (t) => {
  const { show, restore } = browser();
  t.after(restore);
  begin();
  live.subscribe(QB, undefined, { maxRateHz: 2 });
  welcome();
  accept();
  show(false);
  await pass(11);
  show(true);
  assert.deepEqual(socket().said('subscribe').map((message) => message.max_rate_hz), [2, 0.2, 2]);
});

test('without a net it says so, and the net brings it back at once', async (t) => {
  const { online, restore } = browser();
  t.after(restore);
  begin();
  welcome();
  await wait(1);
  const before = socket().said('ping').length;
  online(false);
  assert.equal(socket().said('ping').length, before + 1, 'only a hint: it looks');
  assert.equal(live.state, 'live');
  cut();
  assert.equal(live.state, 'offline');
  assert.ok(retryAtMs() > Date.now(), 'and the hint may be wrong');
  online(true);
  assert.equal(HeldSocket.opened.length, 2);
  welcome();
  socket().say({ type: 'goodbye', code: 'draining', reconnect_after_ms: 8_400 });
  cut(4000);
  online(true);
  assert.equal(HeldSocket.opened.length, 2, 'a time that the server told stands');
});

test('once closed, a page that comes and goes moves nothing', async (t) => {
  const { show, online, restore } = browser();
  t.after(restore);
  begin();
  welcome();
  live.close();
  show(false);
  await pass(400);
  show(true);
  online(true);
  live.retry();
  assert.deepEqual([HeldSocket.opened.length, live.state], [1, 'stopped']);
});
