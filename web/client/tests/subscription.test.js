// Who is told of what: handlers, stores, and readers that are slow.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { accept, hold, settle, socket, welcome } from './held.js';

const [QB, RB] = ['player:qb', 'player:rb'];

let live;
let seq;

beforeEach(async () => {
  ({ live } = hold({ ruleset: 'r' }));
  welcome();
  seq = new Map();
});

afterEach(() => live.close());

async function begin(topics = [QB, RB], handler) {
  const subscription = live.subscribe(topics, handler);
  await settle();
  accept();
  for (const topic of [topics].flat()) {
    socket().say({ type: 'snapshot', topic, ruleset: 'r', seq: 1, points: 10, stats: {} });
    seq.set(topic, 1);
  }
  return subscription;
}

function gain(topic, points, causes = [{ game: 'g', play: '1', rev: 1, kind: 'play' }]) {
  const prev = seq.get(topic);
  seq.set(topic, prev + causes.length);
  socket().say({ type: 'delta', topic, ruleset: 'r', prev, seq: prev + causes.length, points, causes });
}

test('a store gives the same value until something has changed, and another then', async () => {
  const subscription = await begin();
  const { getSnapshot, subscribe } = subscription.store;
  const before = getSnapshot();
  assert.equal(getSnapshot(), before);
  const told = [];
  const stop = subscribe((value) => told.push(value));
  gain(QB, 11);
  const after = getSnapshot();
  assert.notEqual(after, before);
  assert.equal(after.get(RB), before.get(RB), 'what did not move is shared');
  assert.deepEqual([before.get(QB).points, after.get(QB).points], [10, 11]);
  assert.deepEqual(told, [before, after]);
  stop();
  gain(QB, 12);
  assert.equal(told.length, 2);
});

test('of one topic the value is its view, and null before there is one', async () => {
  const values = [];
  const subscription = live.subscribe(QB);
  subscription.store.subscribe((view) => values.push(view?.points ?? null));
  await settle();
  accept();
  socket().say({ type: 'snapshot', topic: QB, ruleset: 'r', seq: 1, points: 10, stats: {} });
  assert.deepEqual(values, [null, 10]);
});

test('who comes later is told what there is', async () => {
  await begin();
  const updates = [];
  const late = live.subscribe(QB, (update) => updates.push(update));
  assert.equal(updates.length, 0, 'not before the caller has the subscription');
  await settle();
  assert.deepEqual(updates.map(({ view, frame, changes }) => [view.points, frame, changes]), [[10, null, 0]]);
  assert.equal(late.getSnapshot().points, 10);
});

test('a fast reader gets each update', async () => {
  const reader = (await begin(QB))[Symbol.asyncIterator]();
  assert.equal((await reader.next()).value.view.points, 10);
  for (const points of [11, 12, 13]) {
    const next = reader.next();
    gain(QB, points);
    const { value } = await next;
    assert.deepEqual([value.view.points, value.merged, value.changes, value.change], [points, 1, 1, 1]);
  }
});

test('a slow reader gets the newest of each topic, and is told how many it stands for', async () => {
  const subscription = await begin();
  const reader = subscription[Symbol.asyncIterator]();
  await reader.next();
  await reader.next();
  for (let points = 1; points <= 1_000; points += 1) gain(QB, 10 + points / 10, [{ play: `${points}` }, { play: 'x' }]);
  gain(RB, 9, [{ kind: 'correction' }]);
  const { value } = await reader.next();
  assert.deepEqual([value.topic, value.view.points, value.previous.points, value.change], [QB, 110, 10, 100]);
  assert.deepEqual([value.merged, value.changes, value.causes.length, value.causesOmitted], [1_000, 2_000, 16, 1_984]);
  assert.equal(value.causes.at(-1).play, 'x', 'the newest causes');
  const other = await reader.next();
  assert.deepEqual([other.value.topic, other.value.merged, other.value.change], [RB, 1, -1]);
  let isThere = false;
  reader.next().then(() => { isThere = true; });
  await settle();
  assert.equal(isThere, false, 'nothing else waits');
});

test('readers are told apart, and a loop that is left asks for nothing more', async () => {
  const subscription = await begin(QB);
  const seen = [];
  const reading = (async () => {
    for await (const { view } of subscription) {
      seen.push(view.points);
      if (view.points === 12) break;
    }
  })();
  const other = subscription[Symbol.asyncIterator]();
  assert.equal((await other.next()).value.view.points, 10);
  await settle();
  gain(QB, 11);
  await settle();
  gain(QB, 12);
  await reading;
  gain(QB, 13);
  assert.deepEqual(seen, [10, 11, 12]);
  const { value } = await other.next();
  assert.deepEqual([value.view.points, value.merged], [13, 3]);
});

test('what is closed ends its readers, after what was there', async () => {
  const subscription = await begin(QB);
  const reader = subscription[Symbol.asyncIterator]();
  const [first, second] = [reader.next(), reader.next()];
  assert.equal((await first).value.view.points, 10);
  live.close();
  assert.deepEqual(await second, { done: true, value: undefined });
  assert.deepEqual(await reader.next(), { done: true, value: undefined });
  assert.deepEqual(await subscription[Symbol.asyncIterator]().next().then(({ done }) => done), false, 'what was held can still be read');
});

test('what a handler throws is reported, and stops nobody else', async (t) => {
  const thrown = [];
  const report = (error) => thrown.push(error.message);
  const before = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', report);
  t.after(() => {
    process.off('uncaughtException', report);
    for (const listener of before) process.on('uncaughtException', listener);
  });
  const bad = await begin(QB, () => { throw new Error('mine'); });
  bad.store.subscribe(() => { throw new Error('mine too'); });
  const good = live.subscribe(QB);
  await settle();
  gain(QB, 11);
  await settle();
  assert.deepEqual([bad, good].map((one) => one.getSnapshot().points), [11, 11]);
  assert.ok(thrown.includes('mine') && thrown.includes('mine too'));
});

test('a prediction that has had its time goes by itself', async () => {
  const updates = [];
  const topic = 'predictions:g1';
  live.subscribe(topic, (update) => updates.push(update));
  await settle();
  accept();
  const inUs = (ms) => (Date.now() + ms) * 1_000;
  socket().say({
    type: 'snapshot', topic, seq: 7, encode_us: inUs(0), tally: { right: 1, calls: 2 },
    predictions: [{ kind: 'next_play', call: 'pass', expires_us: inUs(60) }, { kind: 'win', call: 'A', expires_us: 1e18 }, { kind: 'drive', expires_us: inUs(-5) }],
  });
  assert.deepEqual([...updates[0].view.predictions.keys()], ['next_play', 'win']);
  await new Promise((done) => { setTimeout(done, 200); });
  const { view, previous, frame } = updates.at(-1);
  assert.deepEqual([[...view.predictions.keys()], [...previous.predictions.keys()], frame], [['win'], ['next_play', 'win'], null]);
  socket().say({ type: 'prediction', topic, prev: 7, seq: 9, kind: 'drive', call: 'punt', expires_us: 1e18 });
  assert.equal(live.gaps, 0, 'what expired takes no place in the order');
});

const MINE = { name: 'mine', slots: [{ slot: 'QB', player: 'q' }, { slot: 'CPT', player: 'c', multiplier: 1.5 }] };
const SHOWN = { points: 29, slots: [{ slot: 'QB', player: 'q', points: 20, stats: {} }, { slot: 'CPT', player: 'c', multiplier: 1.5, points: 9, stats: {} }] };

function nameLineups(name = 'lineup:abc', how = 'snapshot') {
  for (const { id, name: own } of socket().said('lineup')) {
    socket().say({ type: 'subscribed', id, name: own, topics: [{ topic: name, ruleset: 'r', seq: 5, how }], errors: [] });
  }
}

test('a lineup is sent whole, named by the server, and resumed by its name', async () => {
  const { lineup } = await import('../index.js');
  const updates = [];
  const subscription = live.subscribe(lineup(MINE), (update) => updates.push(update), { maxRateHz: 5 });
  await settle();
  const [asked] = socket().said('lineup');
  assert.deepEqual([asked.name, asked.ruleset, asked.max_rate_hz, asked.since], ['mine', 'r', 5, undefined]);
  assert.deepEqual(asked.slots, MINE.slots);
  nameLineups();
  socket().say({ type: 'snapshot', topic: 'lineup:abc', ruleset: 'r', seq: 5, ...SHOWN });
  socket().say({
    type: 'delta', topic: 'lineup:abc', ruleset: 'r', prev: 5, seq: 6, points: 30.5, change: 1.5,
    slots: [{ slot: 'CPT', player: 'c', points: 10.5, change: 1.5, stats: { receptions: 1 } }], cause: { game: 'g', play: '9', rev: 1, kind: 'play' },
  });
  assert.equal(subscription.getSnapshot().points, 30.5);
  assert.deepEqual([updates[1].change, updates[1].causes[0].play], [1.5, '9']);
  socket().onclose({ code: 1006 });
  live.retry();
  welcome();
  const [again] = socket().said('lineup');
  assert.deepEqual([again.epoch, again.since, again.slots], ['e1', 6, MINE.slots]);
  nameLineups('lineup:abc', 'resumed');
  socket().say({ type: 'delta', topic: 'lineup:abc', ruleset: 'r', prev: 6, seq: 7, points: 31, slots: [] });
  assert.equal(subscription.getSnapshot().points, 31);
  subscription.close();
  await settle();
  assert.deepEqual(socket().said('unsubscribe').map(({ topics }) => topics), [['lineup:abc']]);
  assert.equal(live.gaps, 0);
});

test('lineups that the server calls equal are one', async () => {
  const turned = { slots: [...MINE.slots].reverse() };
  const both = [live.subscribe(MINE), live.subscribe(turned), live.subscribe('lineup:abc')];
  await settle();
  accept();
  nameLineups();
  await settle();
  nameLineups();
  socket().say({ type: 'snapshot', topic: 'lineup:abc', ruleset: 'r', seq: 5, ...SHOWN });
  socket().say({ type: 'delta', topic: 'lineup:abc', ruleset: 'r', prev: 5, seq: 6, points: 30, slots: [] });
  assert.deepEqual(both.map((one) => one.getSnapshot().points), [30, 30, 30]);
  both[0].close();
  both[2].close();
  await settle();
  assert.deepEqual(socket().said('unsubscribe'), []);
  both[1].close();
  await settle();
  assert.equal(socket().said('unsubscribe').length, 1);
});

test('a lineup that is given up before it has a name is dropped once it has one', async () => {
  const subscription = live.subscribe(MINE);
  await settle();
  subscription.close();
  await settle();
  nameLineups();
  await settle();
  assert.deepEqual(socket().said('unsubscribe').map(({ topics }) => topics), [['lineup:abc']]);
  socket().onclose({ code: 1006 });
  live.retry();
  welcome();
  assert.deepEqual([socket().said('lineup'), socket().said('subscribe')], [[], []]);
});

test('a lineup that makes no sense is refused by name', async () => {
  const subscription = live.subscribe([{ ...MINE, slots: [] }]);
  await settle();
  socket().say({ type: 'error', id: socket().said('lineup')[0].id, code: 'bad_lineup', message: 'slots: there are none' });
  assert.deepEqual([...subscription.errors], [['mine', { code: 'bad_lineup', message: 'slots: there are none' }]]);
});
