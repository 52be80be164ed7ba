// A team, its line of text (which comes from strangers), its points and what is said of them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Curve } from '../curve.js';
import { happenedText, statDifference } from '../happened.js';
import { LineupPoints, projectedTotal } from '../lineup_points.js';
import { decodeTeam, emptyTeam, encodeTeam, filled, lineupOf, mayStand, openSlot, withPlayer } from '../team.js';

const RULESETS = ['draftkings', 'half_ppr'];
const classic = (...ids) => ({ format: 'classic', ruleset: 'draftkings', players: Object.assign(Array(9).fill(null), ids) });

test('a team is one line of text, and the same again', () => {
  const team = classic('00-0019596', null, 'dst:NE', 'a%b', "x'y(z)");
  const code = encodeTeam(team);
  assert.match(code, /^1,c,draftkings,/);
  assert.deepEqual(decodeTeam(code, RULESETS), team);
  const showdown = withPlayer(emptyTeam('showdown', 'half_ppr'), 0, 'qb');
  assert.deepEqual(decodeTeam(encodeTeam(showdown), RULESETS), showdown);
});

test('what is not a team to the last character is no team', () => {
  const good = encodeTeam(classic('qb'));
  assert.ok(decodeTeam(good, RULESETS));
  const hostile = [
    null, undefined, 7, '', ',', good.slice(0, -1), `${good},`, good.replace('1,', '2,'), good.replace(',c,', ',x,'),
    good.replace(',c,', ',constructor,'), good.replace('draftkings', 'nobody'), good.replace('draftkings', '__proto__'),
    good.replace('qb', '<img src=x>'), good.replace('qb', '%3Cimg%3E'), good.replace('qb', 'a%2Cb'), good.replace('qb', '%'),
    good.replace('qb', '%00'), good.replace('qb', 'é'), good.replace('qb', 'a b'), good.replace('qb', 'x'.repeat(65)),
    encodeTeam(classic('qb', 'qb')), `1,c,draftkings,${'x'.repeat(2_000)},,,,,,,,`,
  ];
  for (const code of hostile) assert.equal(decodeTeam(code, RULESETS), null, String(code));
});

test('players stand where their position may', () => {
  const team = filled(emptyTeam('classic', 'draftkings'), [
    { player: 'k', position: 'K' }, { player: 'qb1', position: 'QB' }, { player: 'qb2', position: 'QB' },
    ...['te1', 'te2', 'te3'].map((player) => ({ player, position: 'TE' })), { player: 'dst:NE', position: 'DST' },
  ]);
  assert.deepEqual(team.players, ['qb1', null, null, null, null, null, 'te1', 'te2', 'dst:NE']);
  assert.equal(openSlot(team, 'RB'), 1);
  assert.equal(openSlot(team, 'QB'), -1);
  assert.equal(mayStand('showdown', 0, 'K'), true);
  assert.equal(mayStand('showdown', 0, 'LB'), false);
  // Who moves to another slot leaves the one before.
  assert.deepEqual(withPlayer(team, 7, 'te1').players.slice(6, 8), [null, 'te1']);
});

test('a lineup names its players and what they count', () => {
  assert.equal(lineupOf(emptyTeam('classic', 'draftkings')), null);
  const team = withPlayer(withPlayer(emptyTeam('showdown', 'draftkings'), 0, 'a'), 2, 'b');
  assert.deepEqual(lineupOf(team), { ruleset: 'draftkings', slots: [{ slot: 'CPT', player: 'a', multiplier: 1.5 }, { slot: 'FLEX', player: 'b' }] });
});

test('what happened is told as a play, corrections and many at once as what they added', () => {
  const told = (moved, kind = 'play', changes = 1) => happenedText(moved, [{ kind }], changes);
  assert.deepEqual(told({ targets: 1, receptions: 1, receiving_yards: 24, receiving_tds: 1 }), { text: '24-yd TD catch', badge: '' });
  assert.equal(told({ passing_attempts: 1, completions: 1, passing_yards: 9 }).text, '9-yd pass');
  assert.equal(told({ rushing_attempts: 1, rushing_yards: -3, fumbles_lost: 1 }).text, '−3-yd run, fumble lost');
  assert.equal(told({ sacks: 0.5 }).text, 'Half a sack');
  assert.deepEqual(told({ rushing_yards: -4 }, 'correction'), { text: '−4 rushing yards', badge: 'Correction' });
  assert.deepEqual(told({ rushing_yards: -4 }, 'retraction').badge, 'Play withdrawn');
  assert.equal(told({ receptions: 2, receiving_yards: 30 }, 'play', 3).text, '+2 catches, +30 receiving yards');
  assert.equal(told({}).text, 'Stat line changed');
  assert.deepEqual(statDifference({ receptions: 1, sacks: 1 }, { receptions: 3 }), { receptions: 2, sacks: -1 });
});

test('a curve is the sum of its players, whichever of past and present comes first', () => {
  const curve = new Curve();
  curve.begin([{ player: 'a', multiplier: 1.5 }, { player: 'b' }, { player: 'c' }]);
  curve.hold('a', 50e6, 30_000);
  curve.hold('b', 50e6, 10_000);
  curve.hold('c', 50e6, 70_000);
  curve.addStep('a', 60e6, 45_000);
  curve.addHistory('a', [[10e6, 1, 1], [20e6, 2, 2]]);
  curve.addHistory('b', [[15e6, 1, 1]]);
  // Nothing is known of c's past: his points have been there all along.
  assert.deepEqual(curve.data(70e6, 125_000), [[10, 15, 20, 60, 70], [8.5, 9.5, 11, 12.5, 12.5]]);
  // What was missed while away is a step.
  curve.hold('b', 80e6, 20_000);
  assert.deepEqual(curve.data(90e6, 135_000)[1].slice(-2), [13.5, 13.5]);
  curve.addHistory('nobody', [[1, 1, 1]]);
  curve.addHistory('c', 'rubbish');
});

test('a frame of a lineup moves its total, its slots and what is said', () => {
  const points = new LineupPoints();
  points.begin([{ player: 'a' }, { player: 'b', multiplier: 1.5 }]);
  const slot = (player, value, stats) => ({ player, slot: 'FLEX', points: value, stats, game: 'g' });
  const first = { points: 3, slots: [slot('a', 1, { receptions: 1 }), slot('b', 2, {})] };
  points.apply({ view: first, previous: null, frame: { type: 'snapshot' }, causes: [], changes: 0 }, 1e6);
  assert.deepEqual([points.totalUnits, points.recent], [30_000, []]);
  const second = { points: 9.4, slots: [slot('a', 7.4, { receptions: 2, receiving_yards: 24 }), first.slots[1]] };
  points.apply({ view: second, previous: first, frame: { type: 'delta', feed_ts: 2e6 }, causes: [{ kind: 'play' }], changes: 1 }, 2e6);
  assert.equal(points.totalUnits, 94_000);
  assert.deepEqual(points.recent.map(({ player, units, text }) => [player, units, text]), [['a', 64_000, '24-yd catch']]);
});

test('a projected total adds up means, and spreads as squares', () => {
  const ends = [{ units: 100, low: 70, high: 140 }, { units: 200, low: 160, high: 230 }, { units: 50 }];
  assert.deepEqual(projectedTotal(ends), { units: 350, low: 300, high: 400, open: 1 });
});
