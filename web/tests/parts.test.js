// Parts of the page that need no browser: addresses, vitals, frame times, a talk's rounds; and the chart library.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { nextStop, stopsOf } from '../demo.js';
import { FrameTimes } from '../frame_times.js';
import { hashOf, parseHash, shareLink } from '../routes.js';
import { millisecondsText, rateText, Vitals } from '../vitals.js';

const file = (path) => readFileSync(new URL(path, import.meta.url));

test('the chart library is the one of its package, to the byte', () => {
  const { devDependencies } = JSON.parse(file('../package.json'));
  const { version } = JSON.parse(file('../node_modules/uplot/package.json'));
  assert.equal(version, devDependencies.uplot);
  for (const [ours, theirs] of [['uPlot.esm.js', 'dist/uPlot.esm.js'], ['uPlot.css', 'dist/uPlot.min.css'], ['uPlot.LICENSE', 'LICENSE']]) {
    assert.ok(file(`../vendor/${ours}`).equals(file(`../node_modules/uplot/${theirs}`)), ours);
  }
});

test('an address says which view, whose team and which token', () => {
  assert.deepEqual(parseHash(''), { view: 'slate', team: null, entries: null, token: null });
  assert.deepEqual(parseHash('#token=a.b%2Bc'), { view: 'slate', team: null, entries: null, token: 'a.b+c' });
  assert.deepEqual(parseHash('#leaders&token=t'), { view: 'leaders', team: null, entries: null, token: 't' });
  assert.deepEqual(parseHash('#team=1,c,x,,&token=%'), { view: 'team', team: '1,c,x,,', entries: null, token: '%' });
  assert.deepEqual(parseHash('#contests=1,c1,e7'), { view: 'contests', team: null, entries: '1,c1,e7', token: null });
  assert.deepEqual(parseHash('#__proto__=1&nonsense'), { view: 'slate', team: null, entries: null, token: null });
  assert.equal(parseHash(hashOf('pulse', 'a&b')).token, 'a&b');
  assert.equal(shareLink({ origin: 'http://h', pathname: '/' }, 'team', '1,c'), 'http://h/#team=1,c');
});

test('vitals are of now and of the last ten minutes, and forget what is old', () => {
  const vitals = new Vitals();
  const at = (s) => s * 1e6;
  for (let i = 1; i <= 100; i += 1) vitals.count({ changes: 1, serverUs: i, feedUs: 2 * i }, at(100));
  vitals.count({ changes: 4, serverUs: null, feedUs: null }, at(101));
  assert.deepEqual(vitals.now(at(102)), { server: { medianUs: 51, p95Us: 96 }, feed: { medianUs: 102, p95Us: 192 } });
  assert.deepEqual([vitals.updates, vitals.mergedFrames, vitals.mergedChanges], [104, 1, 3]);
  assert.equal(vitals.perSecond(at(103)), 104 / 3);
  assert.deepEqual(vitals.now(at(200)), { server: null, feed: null });
  vitals.count({ changes: 1, serverUs: 5, feedUs: null }, at(200));
  const history = vitals.history(at(206));
  assert.equal(history.length, 21);
  assert.deepEqual([history[0].perSecond, history[1].server, history.at(-1).server.medianUs], [104 / 5, null, 5]);
  for (let s = 300; s < 3_000; s += 5) vitals.count({ changes: 1, serverUs: 1, feedUs: 1 }, at(s));
  assert.equal(vitals.history(at(3_000)).length, 120);
});

test('figures read well', () => {
  assert.deepEqual([200, 1_600, 999_600, 12_000_000].map(millisecondsText), ['< 1 ms', '2 ms', '1000 ms', '12 s']);
  assert.deepEqual([0, 3.21, 48.4].map(rateText), ['0.0/s', '3.2/s', '48/s']);
});

test('frames are measured while something moves, and not for long after', () => {
  const asked = [];
  const times = new FrameTimes((run) => asked.push(run));
  assert.equal(times.summary(), null);
  times.drawn(0);
  times.drawn(1);
  for (const at of [10, 26, 42, 92]) asked.shift()(at);
  assert.deepEqual(times.summary(), { count: 3, p50: 16, p99: 50, longest: 50 });
  asked.shift()(600);
  assert.equal(asked.length, 0);
  // The pause until the next drawing is no frame.
  times.drawn(9_000);
  asked.shift()(9_010);
  asked.shift()(9_026);
  assert.deepEqual([times.summary().count, times.summary().longest], [5, 508]);
});

test('a talk goes round the closest games and all views, whatever ends meanwhile', () => {
  const game = (id, quarter, home, away) => ({ game: id, status: 'live', clock: { quarter }, home: 'H', away: 'A', score: { H: home, A: away } });
  const games = [game('far', 1, 30, 0), game('close', 4, 20, 17), game('early', 1, 0, 0), game('mid', 3, 7, 0), { game: 'f', status: 'final' }];
  const stops = stopsOf(games, { hasTeam: true });
  assert.deepEqual(stops.map(({ view, game: id }) => id ?? view), ['close', 'leaders', 'mid', 'team', 'early', 'pulse']);
  assert.deepEqual(stopsOf([], {}).map(({ view }) => view), ['slate', 'leaders', 'pulse']);
  assert.deepEqual(nextStop(stops, null), stops[0]);
  assert.deepEqual(nextStop(stops, stops[0]), stops[1]);
  assert.deepEqual(nextStop(stops, stops.at(-1)), stops[0]);
  assert.deepEqual(nextStop(stops, { view: 'slate', game: 'gone' }), { view: 'leaders' });
  assert.deepEqual(nextStop(stops, { view: 'slate' }), { view: 'leaders' });
});
