// What topics show, frame by frame; and the clock.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerClock } from '../clock.js';
import { fromUnits, sumPoints, toUnits } from '../points.js';
import { apply, change, changesIn, expire, nextExpiryUs } from '../views.js';

/** Frames one after the other, each view frozen to the bottom: nothing may change one. */
function after(...frames) {
  let seq = 0;
  return frames.reduce((view, frame) => {
    seq += 1;
    return frozen(apply(view, { type: seq === 1 ? 'snapshot' : 'delta', seq, ...frame }));
  }, null);
}

function frozen(value) {
  if (value instanceof Map) {
    value.set = value.delete = value.clear = () => { throw new TypeError('a view was changed'); };
    value.forEach(frozen);
  } else if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(frozen);
    Object.freeze(value);
  }
  return value;
}

test('games and the slate merge by player and by game, and share what did not move', () => {
  const slate = { topic: 'slate' };
  const games = [{ game: 'g1', status: 'live', home: 'NE', score: { NE: 0 } }, { game: 'g2', status: 'scheduled' }];
  const first = after({ ...slate, games });
  const second = frozen(apply(first, { type: 'delta', seq: 2, ...slate, games: [{ game: 'g1', score: { NE: 7 } }] }));
  assert.deepEqual(second.games.get('g1'), { game: 'g1', status: 'live', home: 'NE', score: { NE: 7 } });
  assert.equal(second.games.get('g2'), first.games.get('g2'));
  const game = { topic: 'game:g1', ruleset: 'r' };
  const before = after({ ...game, status: 'live', players: [{ player: 'qb', name: 'Q', points: 1, stats: { passing_yards: 25 } }, { player: 'te', points: 3 }] });
  const now = frozen(apply(before, {
    type: 'delta', seq: 2, ...game, clock: { quarter: 1, seconds_left: 5 },
    players: [{ player: 'qb', points: 7, change: 6, stats: { rushing_tds: 1 } }, { player: 'wr', points: 2 }],
  }));
  assert.equal(now.status, 'live');
  assert.deepEqual(now.players.get('qb'), { player: 'qb', name: 'Q', points: 7, stats: { passing_yards: 25, rushing_tds: 1 } });
  assert.equal(now.players.get('wr').points, 2);
  assert.equal(now.players.get('te'), before.players.get('te'));
  const clockOnly = apply(now, { type: 'delta', seq: 3, ...game, clock: { quarter: 1, seconds_left: 1 }, players: [] });
  assert.equal(clockOnly.players, now.players);
});

test('what is not known any more is absent, and so is a total back at nothing', () => {
  const view = after(
    { topic: 'game:g1', status: 'live', clock: { quarter: 2, seconds_left: 7 }, situation: { down: 1 }, score: { A: 3 }, players: [] },
    { topic: 'game:g1', clock: null, situation: null, players: [] },
  );
  assert.deepEqual(Object.keys(view).sort(), ['players', 'ruleset', 'score', 'seq', 'status', 'topic']);
  const player = after(
    { topic: 'player:dst:A', points: 6, stats: { rushing_tds: 1, points_allowed: 7 } },
    { topic: 'player:dst:A', points: 10, stats: { rushing_tds: 0, points_allowed: 0 } },
  );
  assert.deepEqual(player.stats, { points_allowed: 0 });
});

test('a player whom a correction gives to the other team leaves', () => {
  const topic = 'team:A';
  const view = after(
    { topic, players: [{ player: 'x', name: 'X', team: 'A', points: 6, stats: {} }, { player: 'y', team: 'A', points: 1 }] },
    { topic, players: [{ player: 'x', team: 'B', points: 0, change: -6, stats: {} }] },
  );
  assert.deepEqual([...view.players.keys()], ['y']);
});

test('a lineup keeps the order of its slots, and the slots that did not move', () => {
  const topic = 'lineup:abc';
  const slots = [{ slot: 'QB', player: 'q', name: 'Q', points: 20, stats: {} }, { slot: 'CPT', player: 'c', multiplier: 1.5, points: 9, stats: {} }];
  const first = after({ topic, points: 29, slots });
  const second = frozen(apply(first, { type: 'delta', topic, seq: 2, points: 30.5, slots: [{ slot: 'CPT', player: 'c', points: 10.5, change: 1.5, stats: { receptions: 1 } }] }));
  assert.equal(second.points, 30.5);
  assert.equal(second.slots[0], first.slots[0]);
  assert.deepEqual(second.slots[1], { player: 'c', slot: 'CPT', points: 10.5, multiplier: 1.5, stats: { receptions: 1 } });
  assert.equal(change(first, second), 1.5);
});

test('a contest and an entry keep what a frame leaves out, and nothing of how it came', () => {
  const topic = 'entry:c1/e7';
  const slots = [{ slot: 'CPT', player: 'q', points: 30, multiplier: 1.5 }, { slot: 'FLEX', player: 'r', points: 4 }];
  const head = { contest: 'c1', entry: 'e7', name: 'fan (1/2)', entries: 9 };
  const odds = { at: 7, draws: 100, win: 0.1, cash: 0.5, top1: 0.2, expected: 12.5 };
  const first = after({ topic, ruleset: 'r', ...head, points: 34, rank: 3, tied: 2, percentile: 55.55, payout: 5, to_money: 1.5, players_left: 2, slots, odds, reason: 'subscribe', encode_us: 5 });
  const second = frozen(apply(first, { type: 'delta', topic, ruleset: 'r', prev: 1, seq: 4, points: 40, change: 6, rank: 1, tied: 1, percentile: 88.88, payout: 50, to_money: 7.5,
    players_left: 1, slots: [{ slot: 'FLEX', player: 'r', points: 10 }], feed_ts: 1, ingest_us: 2, encode_us: 3, ingest_us_first: 1 }));
  const { slots: shown, ...view } = second;
  assert.deepEqual(view, { topic, ruleset: 'r', seq: 4, ...head, points: 40, rank: 1, tied: 1, percentile: 88.88, payout: 50, to_money: 7.5, players_left: 1, odds });
  assert.equal(shown[0], first.slots[0]);
  assert.deepEqual([shown[1].player, shown[1].points], ['r', 10]);
  assert.equal(change(first, second), 6);
  assert.throws(() => apply(first, { type: 'delta', topic, seq: 5, rank: 1 }), /points is no number/);
  const contest = { topic: 'contest:c1', name: 'One', entries: 9, leaders: [{ entry: 'e7' }], cuts: [{ place: 1, payout: 5, points: 3 }], money_line: 3, distribution: { from: 0, step: 5, counts: [9] } };
  const before = after(contest);
  const now = frozen(apply(before, { type: 'delta', topic: 'contest:c1', seq: 2, prev: 1, money_line: 4 }));
  assert.deepEqual([now.money_line, now.name, now.seq], [4, 'One', 2]);
  for (const name of ['leaders', 'cuts', 'distribution']) assert.equal(now[name], before[name], name);
  assert.equal(change(before, now), null);
});

const TOPIC = 'predictions:g1';
const CALL = { type: 'prediction', topic: TOPIC, kind: 'next_play', call: 'pass', expires_us: 60 };
const WIN = { ...CALL, kind: 'win', call: 'NE', expires_us: 90 };
const POINTS = { ...CALL, kind: 'points', players: [{ player: 'qb', points: 18.4, low: 11.2, high: 26 }] };
const tally = { right: 40, calls: 47 };
const forecasts = (...frames) => after({ topic: TOPIC, predictions: [] }, ...frames);

test('a newer prediction takes the place of the one of its kind, and only of that', () => {
  const { predictions } = forecasts(CALL, WIN, { ...CALL, call: 'run' });
  assert.deepEqual([...predictions.keys()].sort(), ['next_play', 'win']);
  assert.equal(predictions.get('next_play').call, 'run');
});

test('an outcome ends the prediction of its kind, that of the game all of them', () => {
  const judged = { type: 'outcome', topic: TOPIC, kind: 'next_play', call: 'pass', actual: 'run', right: false, tally };
  const view = forecasts(CALL, WIN, POINTS, judged);
  assert.deepEqual([...view.predictions.keys()], ['win', 'points']);
  assert.equal(view.predictions.get('points').players.get('qb').low, 11.2);
  assert.deepEqual(view.tally, tally);
  assert.equal(view.outcomes.get('next_play').right, false);
  assert.equal(forecasts(CALL, WIN, POINTS, judged, { ...judged, kind: 'win' }).predictions.size, 0);
});

test('a prediction that has had its time goes, the others stay', () => {
  const view = forecasts(CALL, WIN);
  assert.equal(nextExpiryUs(view), 60);
  assert.equal(expire(view, 59), view);
  assert.deepEqual([...expire(view, 60).predictions.keys()], ['win']);
  assert.equal(nextExpiryUs(expire(view, 90)), Infinity);
});

test('a snapshot replaces everything and tells the tally', () => {
  const view = apply(forecasts(CALL), { type: 'snapshot', topic: TOPIC, seq: 12, predictions: [WIN], tally });
  assert.deepEqual([...view.predictions.keys()], ['win']);
  assert.deepEqual(view.tally, tally);
  assert.equal(apply(null, { type: 'snapshot', topic: TOPIC, seq: 12 }).tally, null);
});

test('one frame stands for as many changes as its seq goes on', () => {
  assert.equal(changesIn({ type: 'delta', prev: 5, seq: 9 }), 4);
  assert.equal(changesIn({ type: 'snapshot', seq: 9 }), 0);
});

test('points are added up in integers', () => {
  assert.equal(sumPoints([0.1, 0.2, null, undefined]), 0.3);
  assert.equal(sumPoints(Array(1_000).fill(0.0001)), 0.1);
  assert.equal(toUnits(23.48), 234_800);
  assert.equal(fromUnits(-50), -0.005);
  assert.equal(toUnits(NaN), null);
});

test('the quickest probe sets the clock, and ages are never negative', () => {
  const clock = new ServerClock();
  assert.equal(clock.ageUs(0, 0), null);
  clock.seen(5_000, 1_000);
  clock.seen(5_100, 1_200);
  assert.equal(clock.serverUs(2_000), 6_000, 'the youngest stamp, before the first pong');
  clock.add(1_000, 41_000, 900_000);
  clock.add(100_000, 102_000, 601_000);
  assert.equal(clock.best.offsetUs, 500_000);
  assert.equal(clock.ageUs(700_000, 203_000), 3_000);
  assert.equal(clock.ageUs(800_000, 203_000), 0);
});

