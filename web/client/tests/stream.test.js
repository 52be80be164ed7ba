// Server-sent events, where WebSocket does not get through: streams that the test writes.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../index.js';
import { HeldSocket } from './held.js';

const QB = 'player:qb';
const encoder = new TextEncoder();

let live;
let requests;
let problems;

afterEach(() => live.close());

/** A client without WebSockets. `answer(request)` gives a Response, or nothing for a stream held open. */
function begin(answer = () => undefined, options = {}) {
  requests = [];
  problems = [];
  const fetch = async (url, init = {}) => {
    const request = {
      path: url.pathname, query: Object.fromEntries(url.searchParams), init, url,
      write: (text) => request.controller.enqueue(encoder.encode(text)),
      say: (message, id) => request.write(`id: ${id}\ndata: ${JSON.stringify(message)}\n\n`),
      end: () => request.controller.close(),
    };
    requests.push(request);
    const response = await answer(request);
    if (response) return response;
    const body = new ReadableStream({ start: (controller) => { request.controller = controller; } });
    init.signal?.addEventListener('abort', () => request.controller.error(init.signal.reason));
    return new Response(body);
  };
  live = connect('http://test/below', {
    WebSocket: undefined, fetch, ruleset: 'r', random: () => 0.001, onProblem: (problem) => problems.push(problem), ...options,
  });
}

/** Waits for what `look` finds. */
async function until(look) {
  for (let i = 0; i < 200; i += 1) {
    const found = look();
    if (found) return found;
    await sleep(5);
  }
  throw new Error(`it did not come: ${look}`);
}

const stream = (n = 1) => until(() => requests.filter(({ path, controller }) => path.endsWith('/v1/sse') && controller)[n - 1]);
const snapshot = (points, seq = 5) => ({ type: 'snapshot', topic: QB, ruleset: 'r', seq, points, stats: {}, encode_us: 5 });
const delta = (prev, seq, points) => ({ type: 'delta', topic: QB, ruleset: 'r', prev, seq, points, stats: {}, encode_us: 6 });

test('without a WebSocket it reads a stream, with the token in a header', async () => {
  begin(undefined, { token: 'a.b.c' });
  const subscription = live.subscribe([QB, 'slate']);
  const one = await stream();
  assert.equal(one.path, '/below/v1/sse');
  assert.deepEqual(one.query, { topics: `${QB},slate`, ruleset: 'r' });
  assert.equal(one.init.headers.authorization, 'Bearer a.b.c');
  await until(() => live.state === 'live');
  one.write(': a comment\n\n');
  // In pieces, and with a line end of another kind.
  const text = `id: 1\r\ndata: ${JSON.stringify(snapshot(10))}\r\n\r\n`;
  for (const piece of [text.slice(0, 9), text.slice(9, 30), text.slice(30)]) one.write(piece);
  one.say({ ...delta(5, 6, 11), name: 'a\u2028b' }, 2);
  await until(() => subscription.getSnapshot().get(QB)?.points === 11);
  assert.equal(live.status.getSnapshot().transport, 'sse');
  assert.equal(live.gaps, 0);
});

test('a stream that ends goes on where it was', async () => {
  begin();
  const subscription = live.subscribe(QB);
  const one = await stream();
  one.say(snapshot(10), 'e1.5');
  await until(() => subscription.getSnapshot());
  one.end();
  const two = await stream(2);
  assert.equal(two.init.headers['last-event-id'], 'e1.5');
  two.say(delta(5, 6, 11), 'e1.6');
  await until(() => subscription.getSnapshot().points === 11);
  assert.equal(live.gaps, 0);
});

test('a gap begins anew, from a snapshot', async () => {
  begin();
  const subscription = live.subscribe(QB);
  const one = await stream();
  one.say(snapshot(10), 'e1.5');
  one.say(delta(7, 8, 99), 'e1.8');
  const two = await stream(2);
  assert.equal(two.init.headers['last-event-id'], undefined);
  assert.equal(one.init.signal.aborted, true);
  assert.equal(live.gaps, 1);
  assert.equal(subscription.getSnapshot().points, 10);
  two.say(snapshot(12, 9), 'e1.9');
  await until(() => subscription.getSnapshot().points === 12);
});

test('without a ruleset it is the default that the frames tell', async () => {
  begin(undefined, { ruleset: undefined });
  const byDefault = live.subscribe(QB);
  const other = live.subscribe(QB, undefined, { ruleset: 'other' });
  const one = await stream(2);
  const [mine, others] = requests.map(({ query }) => query.ruleset);
  assert.deepEqual([mine, others], [undefined, 'other']);
  one.say({ ...snapshot(7), ruleset: 'other' }, 1);
  await until(() => other.getSnapshot()?.points === 7);
  assert.equal(byDefault.getSnapshot(), null);
  (await stream(1)).say(snapshot(10), 1);
  await until(() => byDefault.getSnapshot()?.points === 10);
  assert.equal(live.gaps, 0);
});

test('other topics make another stream, many topics several', async () => {
  begin();
  live.subscribe(QB);
  const one = await stream();
  const more = live.subscribe(Array.from({ length: 250 }, (_, i) => `player:${i}`));
  await stream(4);
  assert.equal(one.init.signal.aborted, true);
  const sizes = requests.slice(1).map(({ query }) => query.topics.split(',').length);
  assert.deepEqual(sizes.sort((a, b) => a - b), [51, 100, 100]);
  assert.ok(requests.every(({ url }) => url.href.length < 8_000));
  more.close();
  const last = await stream(5);
  assert.equal(last.query.topics, QB);
});

test('of topics of which one may not be read, the others are', async () => {
  const bad = 'player:secret';
  begin(({ query }) => (query.topics?.split(',').includes(bad) ? Response.json({ code: 'forbidden', error: 'not yours' }, { status: 403 }) : undefined));
  const subscription = live.subscribe([QB, 'player:b', bad, 'player:c']);
  await until(() => subscription.errors.get(bad)?.code === 'forbidden');
  const [last] = await until(() => {
    const found = requests.filter(({ query, controller }) => controller && query.topics === `${QB},player:b,player:c`);
    return found.length > 0 && found;
  });
  last.say(snapshot(10), 1);
  await until(() => subscription.getSnapshot().get(QB)?.points === 10);
  assert.deepEqual(problems.map(({ code, topic }) => [code, topic]), [['forbidden', bad]]);
});

test('a ruleset that is unknown refuses all at once, and what is no word of the server refuses nothing', async () => {
  begin(() => Response.json({ code: 'unknown_ruleset', error: 'there are …' }, { status: 404 }));
  const subscription = live.subscribe([QB, 'player:b', 'player:c']);
  await until(() => subscription.errors.size === 3);
  assert.equal(requests.length, 1);
  live.close();
  begin(() => new Response('no such page', { status: 404 }));
  live.subscribe([QB, 'player:b']);
  await until(() => live.state === 'reconnecting');
  assert.deepEqual(problems, []);
});

test('a server that is full says when to come, by its body or by Retry-After', async () => {
  const answers = [
    Response.json({ code: 'come_back_later', reconnect_after_ms: 40_000 }, { status: 503, headers: { 'retry-after': '99' } }),
    new Response('', { status: 429, headers: { 'retry-after': '7' } }),
  ];
  for (const [expected, answer] of [[40_000, answers[0]], [7_000, answers[1]]]) {
    begin(() => answer.clone());
    live.subscribe(QB);
    const { retryAtMs } = await until(() => live.state === 'reconnecting' && live.status.getSnapshot());
    assert.ok(Math.abs(retryAtMs - Date.now() - expected) < 2_000);
    live.close();
  }
});

test('a token that is no use ends it', async () => {
  begin(() => Response.json({ code: 'unauthorized', error: 'no' }, { status: 401 }));
  live.subscribe(QB);
  await until(() => live.state === 'refused');
  assert.equal(live.status.getSnapshot().code, 4003);
});

test('rubbish in a stream is reported, and an event without an end ends it', async () => {
  begin(undefined, { bytesMax: 1_000 });
  const subscription = live.subscribe(QB);
  const one = await stream();
  one.write('data: {\n\ndata: null\n\nnonsense\n\n');
  one.say(snapshot(10), 1);
  await until(() => subscription.getSnapshot());
  assert.deepEqual(problems.map(({ code }) => code), ['bad_message', 'bad_message']);
  one.write(`data: ${'x'.repeat(2_000)}`);
  await stream(2);
});

test('a lineup is named by the server first', async () => {
  const slots = [{ slot: 'QB', player: 'q', multiplier: 1.5 }];
  begin(({ path, init }) => {
    if (!path.endsWith('/v1/lineups')) return undefined;
    assert.deepEqual(JSON.parse(init.body), { ruleset: 'r', slots });
    return Response.json({ topic: 'lineup:abc', ruleset: 'r', slots });
  });
  const subscription = live.subscribe({ name: 'mine', slots });
  const one = await stream();
  assert.equal(one.query.topics, 'lineup:abc');
  one.say({ type: 'snapshot', topic: 'lineup:abc', ruleset: 'r', seq: 1, points: 9, slots: [{ slot: 'QB', player: 'q', points: 9, stats: {} }] }, 1);
  await until(() => subscription.getSnapshot()?.points === 9);
  one.end();
  await stream(2);
  assert.equal(requests.filter(({ path }) => path.endsWith('/v1/lineups')).length, 2, 'a server may have forgotten it');
});

test('a name that comes when its stream is over starts nothing there', async () => {
  let name;
  begin(({ path }) => (path.endsWith('/v1/lineups') ? new Promise((answer) => { name = () => answer(Response.json({ topic: 'lineup:abc', ruleset: 'r', slots: [] })); }) : undefined));
  live.subscribe([{ slots: [] }, QB]);
  const one = await stream();
  const first = name;
  one.end();
  await stream(2);
  const before = requests.length;
  first();
  await sleep(60);
  assert.equal(requests.filter(({ path }) => path.endsWith('/v1/lineups')).length, 2);
  assert.ok(requests.length <= before + 1);
  name();
  await until(() => requests.at(-1).query.topics === `lineup:abc,${QB}` || requests.at(-1).query.topics === `${QB},lineup:abc`);
});

test('two WebSockets that nobody welcomed, while plain requests are answered, and it reads streams', async () => {
  HeldSocket.opened = [];
  begin(({ path }) => (path.endsWith('/v1/admission') ? Response.json({ reconnect_after_ms: 0 }) : undefined), { WebSocket: HeldSocket });
  const subscription = live.subscribe(QB);
  HeldSocket.opened[0].onclose({ code: 1006 });
  (await until(() => HeldSocket.opened[1])).onclose({ code: 1006 });
  const one = await stream();
  one.say(snapshot(10), 'e1.5');
  await until(() => subscription.getSnapshot()?.points === 10);
  // When the stream ends, a WebSocket is tried once more, and what is held may be of another history.
  one.end();
  const third = await until(() => HeldSocket.opened[2]);
  third.onopen();
  third.say({ type: 'welcome', session: 's', epoch: 'e9', server_us: 1 });
  assert.equal(third.said('subscribe')[0].since, undefined);
  assert.equal(live.status.getSnapshot().transport, 'websocket');
});

test('where not even plain requests are answered, it is the net that is gone, and a WebSocket is tried first when it is back', async () => {
  HeldSocket.opened = [];
  let isGone = true;
  begin(() => {
    if (isGone) throw new TypeError('no net');
    return Response.json({ reconnect_after_ms: 0 });
  }, { WebSocket: HeldSocket });
  live.subscribe(QB);
  for (let n = 0; n < 4; n += 1) (await until(() => HeldSocket.opened[n])).onclose({ code: 1006 });
  isGone = false;
  const fifth = await until(() => HeldSocket.opened[4]);
  fifth.onclose({ code: 1006 });
  const sixth = await until(() => HeldSocket.opened[5]);
  assert.ok(requests.every(({ path }) => path.endsWith('/v1/admission')));
  sixth.onopen();
  sixth.say({ type: 'welcome', session: 's', epoch: 'e1', server_us: 1 });
  assert.equal(live.status.getSnapshot().transport, 'websocket');
});
