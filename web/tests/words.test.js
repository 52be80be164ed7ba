// Numbers and words that the page shows: pure functions, known answers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockText, elapsedSeconds, gameLine, matchText, situationText, slateText } from '../games.js';
import { formatChange, formatPoints, toUnits } from '../points.js';
import { causeKind, causeText, statLine as statLineWithNoBreaks } from '../stats.js';

const statLine = (stats) => statLineWithNoBreaks(stats).replaceAll('\u00a0', ' ');

test('points are exact integers inside and two decimals outside', () => {
  assert.equal(toUnits(0.1) + toUnits(0.2), toUnits(0.3));
  assert.equal(toUnits(undefined), null);
  assert.equal(formatPoints(toUnits(23.48)), '23.48');
  assert.equal(formatPoints(toUnits(-1.5)), '−1.50');
  assert.equal(formatPoints(toUnits(-0.0049)), '0.00');
  assert.equal(formatPoints(null), '–');
  assert.equal(formatChange(toUnits(0.96)), '+0.96');
  assert.equal(formatChange(toUnits(-0.96)), '−0.96');
  assert.equal(formatChange(0), '0.00');
});

test('a stat line reads like a box score', () => {
  assert.equal(
    statLine({ completions: 12, passing_attempts: 18, passing_yards: 143, passing_tds: 1, rushing_attempts: 2, rushing_yards: -3 }),
    '12/18, 143 yds, 1 TD · 2 rush, −3 yds');
  assert.equal(statLine({ receptions: 5, targets: 7, receiving_yards: 66 }), '5/7 rec, 66 yds');
  assert.equal(statLine({ field_goals_0_39: 1, field_goals_missed: 1, extra_points: 2 }), '1/2 FG, 2/2 XP');
  assert.equal(statLine({ points_allowed: 0, sacks: 0.5 }), '0 pts allowed, 0.5 sacks');
  assert.equal(statLine({}), '');
  assert.equal(statLineWithNoBreaks({ passing_attempts: 2, passing_yards: 7, fumbles_lost: 1 }), '0/2, 7\u00a0yds\u00a0· 1\u00a0fumble\u00a0lost');
});

test('causes say what moved, summed, minor stats only when alone', () => {
  assert.equal(causeText([{ stats: { passing_yards: 24, completions: 1 } }, { stats: { passing_yards: 6, passing_tds: 1 } }]),
    '+30 passing yards, +1 passing TD');
  assert.equal(causeText([{ stats: { rushing_yards: -4 } }]), '−4 rushing yards');
  assert.equal(causeText([{ stats: { targets: 1 } }]), '+1 target');
  assert.equal(causeText([{}]), '');
  assert.equal(causeKind([{ kind: 'play' }, { kind: 'correction' }]), 'correction');
  assert.equal(causeKind([{ kind: 'retraction' }]), 'retraction');
});

test('clock, down and field position in words', () => {
  const game = { status: 'live', home: 'HOU', away: 'NE', score: { NE: 14, HOU: 10 }, clock: { quarter: 2, seconds_left: 451 },
    situation: { down: 3, distance: 7, yards_to_goal: 45, possession: 'NE' } };
  assert.equal(clockText(game), 'Q2 7:31');
  assert.equal(situationText(game), '3rd & 7 · HOU 45');
  assert.equal(situationText({ ...game, situation: { down: 1, distance: 10, yards_to_goal: 75, possession: 'NE' } }), '1st & 10 · NE 25');
  assert.equal(situationText({ ...game, situation: { down: 1, distance: 4, yards_to_goal: 4, possession: 'HOU' } }), '1st & goal · NE 4');
  assert.equal(gameLine(game), 'NE 14 – HOU 10 · Q2 7:31');
  assert.equal(clockText({ ...game, status: 'final', clock: { quarter: 5 } }), 'Final · OT');
  assert.equal(situationText({ ...game, status: 'halftime' }), '');
  assert.equal(elapsedSeconds(game), 1_349);
  assert.equal(elapsedSeconds({ clock: { quarter: 5, seconds_left: 400 } }), 3_800);
  assert.equal(elapsedSeconds({ status: 'scheduled' }), 0);
  assert.equal(elapsedSeconds({ status: 'live' }), null);
});

test('a slate in words says what is live first and leaves out what there is none of', () => {
  const games = ['final', 'live', 'scheduled', 'live', 'halftime'].map((status) => ({ status }));
  assert.equal(slateText(games), '2 live · 1 at halftime · 1 to come · 1 final');
  assert.equal(slateText([{}]), '1 to come');
  assert.equal(slateText([]), '');
  assert.equal(matchText({ away: 'NE', home: 'HOU' }), 'NE at HOU');
  assert.equal(matchText({}), '– at –');
});
