// What is thought to come: in words, and in the model.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  driveEnds, expectedSentence, expectedText, isUsual, modelsText, nextPlayText, percentText, tallyText, verdictText, winChances,
} from '../forecasts.js';
import { apply, expire } from '../client/views.js';
import { Model } from '../model.js';

const TOPIC = 'predictions:g1';
const GAME = { game: 'g1', away: 'NE', home: 'HOU', status: 'live' };
const CALL = {
  kind: 'next_play', probabilities: { run: 0.2312, pass: 0.7688 }, call: 'pass', confidence: 0.7688, source: 'model', expires_us: 60,
};
const WIN = { kind: 'win', probabilities: { NE: 0.61, HOU: 0.39 }, call: 'NE', confidence: 0.61, source: 'historical', expires_us: 90 };
const POINTS = {
  kind: 'points', points_ruleset: 'draftkings', players: [{ player: 'qb', points: 18.4, low: 11.2, high: 26 }], source: 'model', expires_us: 60,
};

const snapshot = (more) => apply(null, { type: 'snapshot', topic: TOPIC, seq: 10, predictions: [], ...more });

function shownOf(...frames) {
  return frames.reduce((view, frame) => apply(view, { type: 'prediction', topic: TOPIC, seq: view.seq + 1, ...frame }), snapshot({}));
}

test('probabilities are percents, and certain only where they are', () => {
  assert.equal(percentText(0.7688), '77%');
  assert.equal(percentText(0.9999), '> 99%');
  assert.equal(percentText(0.0001), '< 1%');
  assert.equal(percentText(1), '100%');
  assert.equal(percentText(0), '0%');
});

test('a call is as sure as it is, and no run or pass where a kick is likelier', () => {
  assert.equal(nextPlayText(CALL), 'Pass 77%');
  const ofAll = (kinds) => nextPlayText({ ...CALL, kinds });
  assert.equal(ofAll({ run: 0.2, pass: 0.7, punt: 0.1, field_goal: 0, other: 0 }), 'Pass 70%');
  assert.equal(ofAll({ run: 0.03, pass: 0.1, punt: 0.85, field_goal: 0.02, other: 0 }), 'Punt 85%');
  assert.equal(ofAll({ run: 0.03, pass: 0.1, punt: 0.02, field_goal: 0.85, other: 0 }), 'FG 85%');
  // Of run and pass the call is the one that is judged.
  assert.equal(ofAll({ run: 0.46, pass: 0.44, punt: 0.1, field_goal: 0, other: 0 }), 'Pass 44%');
  assert.equal(nextPlayText(undefined), '');
  assert.equal(isUsual(CALL), false);
  assert.equal(isUsual(WIN), true);
});

test('chances of winning name both teams, by place before they are announced', () => {
  const chances = winChances(WIN, GAME);
  assert.deepEqual([chances.away, chances.home, chances.favourite, chances.text], [0.61, 0.39, 'away', 'NE 61%']);
  assert.equal(chances.label, 'To win: NE 61%, HOU 39%');
  assert.equal(winChances({ ...WIN, probabilities: { home: 0.7, away: 0.3 } }, { game: 'g1' }).label, 'To win: away 30%, home 70%');
  assert.equal(winChances({ ...WIN, probabilities: {} }, GAME), null);
  assert.equal(winChances(undefined, GAME), null);
});

test('a drive has five ends, whatever a frame leaves out', () => {
  const ends = driveEnds({ probabilities: { touchdown: 0.25, punt: 0.75 } });
  assert.deepEqual(ends.map(({ words, share }) => [words, share]),
    [['Touchdown', 0.25], ['Field goal', 0], ['Punt', 0.75], ['Turnover', 0], ['Other', 0]]);
});

test('expected points, the tally and the models in words', () => {
  const expected = { points: 18.4, low: -0.4, high: 26, source: 'model' };
  assert.equal(expectedText(expected), 'exp. 18.4 (0–26)');
  assert.equal(expectedText({ ...expected, low: -2, source: 'historical' }), 'usual 18.4 (−2–26)');
  assert.equal(expectedText(null), '');
  assert.match(expectedSentence(expected), /: 18\.4; 8 of 10 such games end between −0\.4 and 26\.0$/);
  assert.equal(tallyText({ right: 41, calls: 47 }), 'Right 41 of 47 calls tonight');
  assert.equal(tallyText({ right: 1, calls: 1 }), 'Right 1 of 1 call tonight');
  assert.equal(tallyText({ right: 0, calls: 0 }), '');
  assert.equal(verdictText({ kind: 'next_play', call: 'pass', right: true }), '✓ Pass');
  assert.equal(verdictText({ kind: 'drive', call: 'field_goal', right: false }), '✗ Field goal');
  const figures = { outcomes: 200, accuracy: 0.855 };
  const told = [{ model: 'next_play', version: '1', figures }, { model: 'new', version: '1', figures: { outcomes: 0, accuracy: null } }, { model: 'odd' }];
  assert.equal(modelsText(told), 'next_play 1: right 86% of 200');
});

function modelWith(view) {
  const model = new Model();
  model.ruleset = 'draftkings';
  model.addGames([GAME]);
  model.addPlayers([{ player: 'qb', game: 'g1' }, { player: 'wr', game: 'g1' }, { player: 'rb', game: 'g2' }]);
  model.applyForecasts('g1', view);
  return model;
}

test('expected points are those of the ruleset that is shown, while they are worth anything', () => {
  const view = shownOf(POINTS);
  const model = modelWith(view);
  assert.deepEqual([...model.takeChanges().players].sort(), ['qb', 'wr']);
  const expected = () => model.expectedOf(model.players.get('qb'));
  assert.equal(expected().points, 18.4);
  assert.equal(expected().source, 'model');
  assert.equal(model.expectedOf(model.players.get('wr')), null);
  assert.equal(model.expectedOf({ player: 'qb', game: 'g2' }), null);
  model.ruleset = 'half_ppr';
  assert.equal(expected(), null);
  model.ruleset = 'draftkings';
  model.applyForecasts('g1', expire(view, 59));
  assert.equal(expected().points, 18.4);
  model.applyForecasts('g1', expire(view, 60));
  assert.equal(expected(), null);
  assert.deepEqual([...model.takeChanges().players].sort(), ['qb', 'wr']);
});

test('the tally is that of all games, and a game that is gone takes its own along', () => {
  const model = modelWith(snapshot({ tally: { right: 3, calls: 4 } }));
  model.applyForecasts('g2', snapshot({ tally: { right: 1, calls: 2 } }));
  model.applyForecasts('g3', snapshot({}));
  assert.deepEqual(model.tally(), { right: 4, calls: 6 });
  model.applySlate({ games: new Map([['g2', {}]]) }, { type: 'snapshot', games: [{ game: 'g2' }] });
  assert.deepEqual(model.tally(), { right: 1, calls: 2 });
});
