// Totals, gaps, resuming: the client against a socket that the test holds in its hand.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { accept, hold, HeldSocket, pass, settle, socket, welcome } from './held.js';

const QB = 'player:qb';

let held;
let updates;

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  held = hold({ ruleset: 'r' });
  updates = [];
});

afterEach(() => {
  held.live.close();
  mock.timers.reset();
});

const snapshot = (seq, points, stats, more = {}) => socket().say(
  { type: 'snapshot', topic: QB, ruleset: 'r', seq, points, stats, game: 'g1', reason: 'subscribe', ...more });
const delta = (prev, seq, points, stats, more = {}) => socket().say(
  { type: 'delta', topic: QB, ruleset: 'r', prev, seq, points, stats, ...more });

async function follow(topics = QB, options) {
  const subscription = held.live.subscribe(topics, (update) => updates.push(update), options);
  await settle();
  return subscription;
}

async function followed() {
  const subscription = await follow();
  welcome();
  accept();
  snapshot(5, 10, { passing_yards: 200, passing_tds: 1 });
  return subscription;
}

async function cutAndBack(epoch) {
  socket().onclose({ code: 1006 });
  mock.timers.tick(250); // Half of the first ceiling of 500 ms: random() is 0.5.
  await settle();
  welcome(epoch);
}

test('subscribes once welcomed, and asks for the JSON protocol', async () => {
  await follow();
  assert.equal(socket().url, 'ws://test/v1/ws');
  assert.deepEqual(socket().protocols, ['scorewire.v1.json']);
  assert.deepEqual(socket().sent, []);
  welcome();
  const [subscribe] = socket().said('subscribe');
  assert.deepEqual([subscribe.topics, subscribe.ruleset, subscribe.since], [[QB], 'r', undefined]);
  assert.deepEqual(held.states, ['connecting', 'live']);
});

test('what is asked for in one turn goes in one message, what ends too', async () => {
  welcome();
  const both = ['a', 'b'].map((id) => held.live.subscribe(`player:${id}`));
  await settle();
  assert.deepEqual(socket().said('subscribe').map(({ topics }) => topics), [['player:a', 'player:b']]);
  for (const one of both) one.close();
  await settle();
  assert.deepEqual(socket().said('unsubscribe').map(({ topics }) => topics), [['player:a', 'player:b']]);
});

test('what ends and begins again in one turn is never told to end', async () => {
  const first = await followed();
  first.close();
  await follow();
  assert.deepEqual(socket().said('unsubscribe'), []);
  assert.equal(socket().said('subscribe').length, 2);
});

test('a delta replaces totals and keeps what it leaves out', async () => {
  const { store } = await followed();
  delta(5, 6, 10.96, { passing_yards: 224 }, { change: 0.96 });
  const view = store.getSnapshot();
  assert.equal(view.points, 10.96);
  assert.deepEqual(view.stats, { passing_yards: 224, passing_tds: 1 });
  assert.equal(view.seq, 6);
  assert.deepEqual(updates.map(({ change, changes }) => [change, changes]), [[null, 0], [0.96, 1]]);
  assert.equal(updates[1].previous, updates[0].view);
});

test('a merged frame is applied like any other, and says what it stands for', async () => {
  const { store } = await followed();
  delta(5, 9, 12, { passing_yards: 250 }, { causes: [{ kind: 'play' }, { kind: 'correction' }], causes_omitted: 2 });
  assert.deepEqual([store.getSnapshot().seq, store.getSnapshot().points], [9, 12]);
  const { changes, causes, causesOmitted, change } = updates.at(-1);
  assert.deepEqual([changes, causes.length, causesOmitted, change], [4, 2, 2, 2]);
  assert.equal(held.live.gaps, 0);
});

test('a gap is never papered over: a snapshot is asked for, and nothing else counts until it comes', async () => {
  const { store } = await followed();
  delta(6, 7, 99, {});
  assert.equal(store.getSnapshot().points, 10);
  assert.equal(held.live.gaps, 1);
  assert.equal(socket().said('subscribe').length, 2);
  assert.equal(socket().said('subscribe')[1].since, undefined);
  delta(5, 6, 100, {});
  accept();
  delta(7, 8, 100, {});
  assert.equal(store.getSnapshot().points, 10);
  snapshot(8, 100, {});
  delta(8, 9, 101, {});
  assert.equal(store.getSnapshot().points, 101);
  assert.equal(held.live.gaps, 1);
});

test('a snapshot for a new game starts from nothing', async () => {
  const { store } = await followed();
  snapshot(6, 0.4, { passing_yards: 10 }, { game: 'g2', reason: 'new_game' });
  assert.deepEqual(store.getSnapshot().stats, { passing_yards: 10 });
  assert.equal(store.getSnapshot().game, 'g2');
  assert.equal(updates.at(-1).change, null, 'points of another game are no loss');
});

test('after a cut it resumes by since and epoch, and takes the missing deltas', async () => {
  const { store } = await followed();
  socket().onclose({ code: 1006 });
  assert.equal(held.live.state, 'reconnecting');
  mock.timers.tick(250);
  await settle();
  assert.equal(HeldSocket.opened.length, 2);
  welcome();
  const [subscribe] = socket().said('subscribe');
  assert.deepEqual([subscribe.since, subscribe.epoch], [{ [QB]: 5 }, 'e1']);
  accept('resumed');
  delta(5, 6, 11, {});
  assert.equal(store.getSnapshot().points, 11);
  assert.equal(held.live.gaps, 0);
});

test('under another epoch the server says whether what is held is of it, and what comes before a snapshot is dropped', async () => {
  const { store } = await followed();
  await cutAndBack('e2');
  // It may be another node of the same history.
  const [subscribe] = socket().said('subscribe');
  assert.deepEqual([subscribe.since, subscribe.epoch], [{ [QB]: 5 }, 'e1']);
  accept('snapshot');
  delta(5, 6, 99, {});
  assert.equal(store.getSnapshot().points, 10);
  snapshot(2, 3, { passing_yards: 75 });
  assert.deepEqual(store.getSnapshot().stats, { passing_yards: 75 });
});

test('a question that was not answered leaves nobody to say of which history that is', async () => {
  await followed();
  await cutAndBack('e2');
  socket().onclose({ code: 1006 });
  mock.timers.tick(1_000);
  await settle();
  welcome('e2');
  assert.equal(socket().said('subscribe')[0].since, undefined);
});

test('a server that can not resume says so, and its snapshot counts', async () => {
  const { store } = await followed();
  await cutAndBack();
  accept('snapshot');
  delta(5, 6, 99, {});
  assert.equal(store.getSnapshot().points, 10);
  snapshot(400, 31.4, {});
  assert.equal(store.getSnapshot().points, 31.4);
  assert.equal(held.live.gaps, 0);
});

test('two who ask for one topic share it, and the faster rate serves both', async () => {
  const slow = await follow(QB, { maxRateHz: 1 });
  welcome();
  accept();
  snapshot(5, 10, {});
  assert.equal(socket().said('subscribe')[0].max_rate_hz, 1);
  const fast = await follow(QB);
  const [, again] = socket().said('subscribe');
  assert.deepEqual([again.max_rate_hz, again.since], [undefined, { [QB]: 5 }]);
  delta(5, 6, 11, {});
  assert.equal(slow.store.getSnapshot().points, 10, 'what comes before the answer comes again');
  accept('resumed');
  delta(5, 6, 11, {});
  assert.deepEqual([slow, fast].map(({ store }) => store.getSnapshot().points), [11, 11]);
  fast.close();
  await settle();
  assert.deepEqual(socket().said('unsubscribe'), [], 'the other still wants it');
  slow.close();
  await settle();
  assert.equal(socket().said('unsubscribe').length, 1);
  assert.equal(held.live.gaps, 0);
});

test('without a ruleset it is the default that the server tells', async () => {
  held.live.close();
  held = hold();
  const byDefault = await follow();
  const byName = await follow(QB, { ruleset: 'r' });
  welcome();
  for (const { id, ruleset } of socket().said('subscribe')) {
    socket().say({ type: 'subscribed', id, topics: [{ topic: QB, ruleset: ruleset ?? 'r', seq: 5, how: 'snapshot' }], errors: [] });
  }
  await settle();
  // They turned out to be one, which is asked for once more: the server holds the settings of the last.
  accept();
  snapshot(5, 10, {});
  delta(5, 6, 11, {});
  assert.deepEqual([byDefault, byName].map(({ store }) => store.getSnapshot().points), [11, 11]);
  byName.close();
  await settle();
  delta(6, 7, 12, {});
  assert.equal(byDefault.store.getSnapshot().points, 12);
  assert.equal(held.live.gaps, 0);
});

test('a ruleset of a topic’s own is no default of the others', async () => {
  held.live.close();
  held = hold();
  const entry = held.live.subscribe('entry:c1/e7');
  const byDefault = held.live.subscribe(QB);
  welcome();
  await settle();
  const [{ id, topics, ruleset }] = socket().said('subscribe');
  assert.deepEqual([topics, ruleset], [['entry:c1/e7', QB], undefined]);
  const told = { 'entry:c1/e7': 'fanduel', [QB]: 'r' };
  socket().say({ type: 'subscribed', id, topics: topics.map((topic) => ({ topic, ruleset: told[topic], seq: 5, how: 'snapshot' })), errors: [] });
  socket().say({ type: 'snapshot', topic: 'entry:c1/e7', ruleset: 'fanduel', seq: 5, contest: 'c1', entry: 'e7', points: 3, rank: 2, slots: [] });
  snapshot(5, 10, {});
  socket().say({ type: 'delta', topic: 'entry:c1/e7', ruleset: 'fanduel', prev: 5, seq: 7, points: 4, change: 1, rank: 1, slots: [] });
  assert.deepEqual([entry.getSnapshot().rank, entry.getSnapshot().ruleset, byDefault.getSnapshot().points], [1, 'fanduel', 10]);
  assert.equal(byDefault.getSnapshot().ruleset, 'r');
  // What comes next of it does not follow: a snapshot is asked for.
  socket().say({ type: 'delta', topic: 'entry:c1/e7', ruleset: 'fanduel', prev: 9, seq: 10, points: 9, change: 1, rank: 9, slots: [] });
  assert.equal(entry.getSnapshot().rank, 1);
  assert.equal(held.live.gaps, 1);
  assert.deepEqual(socket().said('subscribe').at(-1).topics, ['entry:c1/e7']);
});

test('a closed subscription hears nothing more', async () => {
  const subscription = await followed();
  subscription.close();
  await settle();
  assert.deepEqual(socket().said('unsubscribe').map(({ topics, ruleset }) => [topics, ruleset]), [[[QB], 'r']]);
  const before = updates.length;
  delta(5, 6, 11, {});
  assert.equal(updates.length, before);
  assert.equal(subscription.store.getSnapshot().points, 10);
});

test('refusals, nonsense and unknown messages are reported or ignored, never fatal', async () => {
  const subscription = await followed();
  held.live.subscribe('plyer:1');
  await settle();
  accept('snapshot', { topics: [], errors: [{ topic: 'plyer:1', code: 'unknown_topic', message: 'no' }] });
  socket().onmessage({ data: '{' });
  socket().say({ type: 'of a later version' });
  for (const nonsense of [null, 7, [], 'x', { type: 'delta' }, { type: 'snapshot', topic: {}, seq: 1 }, { type: 'subscribed' }]) {
    socket().say(nonsense);
  }
  assert.deepEqual(new Set(held.problems.map(({ code }) => code)), new Set(['unknown_topic', 'bad_message']));
  assert.equal(held.problems[0].topic, 'plyer:1');
  snapshot(5, 'lots', {});
  delta(5, 6, 11, {});
  assert.equal(subscription.store.getSnapshot().points, 11);
});

test('an unknown ruleset refuses all that were asked for under it', async () => {
  const subscription = await follow(['player:a', 'player:b'], { ruleset: 'nobodys' });
  welcome();
  const [{ id }] = socket().said('subscribe');
  socket().say({ type: 'error', id, code: 'unknown_ruleset', message: 'there are …' });
  assert.deepEqual([...subscription.errors].map(([topic, { code }]) => [topic, code]),
    [['player:a', 'unknown_ruleset'], ['player:b', 'unknown_ruleset']]);
});

test('what an overloaded server refuses is asked for again', async () => {
  const subscription = await follow();
  welcome();
  accept('snapshot', { topics: [], errors: [{ topic: QB, code: 'overloaded', message: 'later' }] });
  assert.equal(subscription.errors.get(QB).code, 'overloaded');
  await pass(14);
  assert.equal(socket().said('subscribe').length, 1);
  await pass(2);
  assert.equal(socket().said('subscribe').length, 2);
  accept();
  snapshot(5, 10, {});
  assert.equal(subscription.errors.size, 0);
});

test('a subscription that a new token does not allow ends, and says so', async () => {
  const subscription = await followed();
  socket().say({ type: 'error', code: 'forbidden', message: 'not any more', topics: [{ topic: QB, ruleset: 'r' }] });
  assert.equal(subscription.errors.get(QB).code, 'forbidden');
  delta(5, 6, 11, {});
  assert.equal(subscription.store.getSnapshot().points, 10);
});

test('names that are in every object do no harm', async () => {
  const hostile = ['__proto__', 'constructor', 'toString'];
  const subscription = await follow(['player:__proto__', '__proto__', 'game:g1', 'slate']);
  welcome();
  accept();
  for (const name of hostile) {
    const stats = JSON.parse(`{"${name}": 7}`);
    const body = JSON.stringify({ type: 'snapshot', ruleset: 'r', seq: 1, points: 1 });
    socket().onmessage({ data: body.replace('{', `{"topic":"player:__proto__","stats":{"${name}":7},`) });
    socket().onmessage({ data: body.replace('{', `{"topic":"${name}","__proto__":{"polluted":1},`) });
    socket().onmessage({ data: body.replace('{', `{"topic":"game:g1","score":{"${name}":7},"players":[{"player":"${name}","points":1,"stats":{"${name}":1}}],`) });
    socket().onmessage({ data: `{"type":"snapshot","topic":"slate","seq":1,"games":[{"game":"${name}","score":{"${name}":3}}]}` });
    const views = subscription.store.getSnapshot();
    assert.deepEqual(Object.entries(views.get('player:__proto__').stats), Object.entries(stats));
    assert.equal(views.get('slate').games.size, 1);
    assert.deepEqual([...views.get('game:g1').players.keys()], [name]);
  }
  assert.equal({}.polluted, undefined);
  assert.equal(typeof {}.toString, 'function');
  await cutAndBack();
  assert.ok(Object.hasOwn(socket().said('subscribe')[0].since, 'player:__proto__'));
});
