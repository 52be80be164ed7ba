// A contest in figures and words, which entries are mine (that comes from strangers, too), and where they were.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  compactText, distributionColumns, distributionText, gapText, moneyText, nextTier, oddsText, ordinal, placesText, prizePool, RankHistory, splitNeed, tieText, tiersOf,
} from '../contest.js';
import { decodeEntries, encodeEntries, ENTRIES_MAX, MyEntries } from '../my_entries.js';

test('places, money and odds read well', () => {
  assert.deepEqual([1, 2, 3, 4, 11, 12, 13, 21, 101, 111, 1_000_001].map(ordinal),
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '13th', '21st', '101st', '111th', '1,000,001st']);
  assert.deepEqual([placesText(1, 1), placesText(4, 10)], ['1st', '4th–10th']);
  assert.deepEqual([0, 25, 12.5, 100_000, 0.01, -5, undefined].map(moneyText), ['$0', '$25', '$12.50', '$100,000', '$0.01', '−$5', '–']);
  assert.deepEqual([tieText(1), tieText(2), tieText(1_201), tieText(undefined)], ['', 'tied with 1 other', 'tied with 1,200 others', '']);
  assert.deepEqual([12.3, -3.2, 0, undefined].map(gapText), ['12.30 above the line', '3.20 to the money', 'on the money line', '']);
  assert.deepEqual([0.41, 0.023, 0.0012, 0.0001, 0, 1, 0.9999].map((chance) => oddsText(chance, 10_000)), ['41%', '2.3%', '0.1%', '0.01%', '< 0.01%', '> 99.99%', '> 99%']);
  assert.deepEqual([oddsText(1, 1_040), oddsText(1, 0), oddsText(0, 0)], ['> 99.9%', '100%', '0%']);
  assert.equal(oddsText(undefined, 100), '–');
  assert.deepEqual([1, 950, 20_000, 1_000_000].map(compactText), ['1', '950', '20k', '1M']);
});

const PAYOUTS = [{ from: 1, to: 1, payout: 100 }, { from: 2, to: 3, payout: 20.5 }, { from: 4, to: 10, payout: 5 }];
const CUTS = [{ place: 1, payout: 100, points: 90 }, { place: 3, payout: 20.5, points: 70.5 }, { place: 7, payout: 5, points: 60 }];

test('tiers say where they begin, what all of them pay, and which is next', () => {
  assert.equal(prizePool(PAYOUTS), 176);
  const tiers = tiersOf(CUTS, PAYOUTS);
  // The last one is cut short where there are fewer entries than places.
  assert.deepEqual(tiers.map(({ from, place }) => [from, place]), [[1, 1], [2, 3], [4, 7]]);
  assert.deepEqual(tiersOf(CUTS, []).map(({ from }) => from), [1, 3, 7]);
  assert.deepEqual(nextTier(tiers, 0), { ...tiers[2], units: 600_000 });
  assert.deepEqual(nextTier(tiers, 600_000), { ...tiers[1], units: 105_000 });
  assert.equal(nextTier(tiers, 899_999).units, 1);
  assert.equal(nextTier(tiers, 900_000), null);
  assert.equal(nextTier([], 0), null);
});

test('what an entry lacks is split over those who are left, to the hundredth', () => {
  const slots = [
    { player: 'a', isLeft: true, restUnits: 100_000 }, { player: 'b', isLeft: true, restUnits: 50_000 },
    { player: 'c', isLeft: false, restUnits: null }, { player: 'd', isLeft: true, restUnits: null },
  ];
  const sum = (needs) => [...needs.values()].reduce((all, one) => all + one, 0);
  const needs = splitNeed(slots, 100_000);
  // Of d nobody has said anything: as much as the others in the mean, 7.5 of 22.5.
  assert.deepEqual([...needs], [['a', 44_500], ['b', 22_200], ['d', 33_300]]);
  assert.equal(sum(needs), 100_000);
  for (const lack of [1, 99, 100, 12_345, 999_999]) {
    assert.equal(sum(splitNeed(slots, lack)), Math.ceil(lack / 100) * 100, String(lack));
  }
  const alike = splitNeed(slots.map((slot) => ({ ...slot, restUnits: null })), 100_000);
  assert.deepEqual([...alike.values()], [33_400, 33_300, 33_300]);
  // Who are all thought to be done share alike, too.
  assert.equal(sum(splitNeed(slots.map((slot) => ({ ...slot, restUnits: 0 })), 300)), 300);
  assert.equal(splitNeed(slots.map((slot) => ({ ...slot, isLeft: false })), 100).size, 0);
  assert.equal(splitNeed(slots, 0).size, 0);
});

test('a distribution has a column for each step, and a sentence', () => {
  const distribution = { from: 10, step: 5, counts: [3, 7, 2] };
  assert.deepEqual(distributionColumns(distribution, 15), { columns: [[12.5, 17.5, 22.5], [3, null, null], [null, 7, 2]], from: 10, to: 25 });
  assert.deepEqual(distributionColumns(distribution, undefined).columns[2], [null, null, null]);
  assert.equal(distributionText(distribution, 15, [16.5]), 'Points of all entries, from 10 to 25; most have 15 to 20. The money line is at 15.00. Mine: 16.50.');
});

test('a rank’s steps are kept, the long gone in less detail, and what is stored is checked', () => {
  const history = new RankHistory();
  const at = (s, rank, points = 10, gap = 2) => history.add(s * 1e6, { rank, points, to_money: gap });
  at(1, 50);
  at(2, 50);
  at(3, 40, 12, 3.5);
  at(4, 45);
  history.add(NaN, { rank: 1, points: 1 });
  history.add(5e6, { rank: undefined, points: 1 });
  assert.equal(history.rankBefore, 40);
  assert.deepEqual(history.data(9e6), [[1, 3, 4, 9], [50, 40, 45, 45], [10, 12, 10, 10], [8, 8.5, 8, 8]]);
  assert.deepEqual(new RankHistory().data(9e6), [[], [], [], []]);
  for (let s = 10; s < 4_000; s += 1) at(s, s);
  assert.ok(history.length <= 1_800);
  const [seconds, ranks] = history.data(4_000e6);
  assert.deepEqual([seconds[0], ranks.at(-2)], [1, 3_999]);
  assert.ok(seconds.every((s, i) => i === 0 || s >= seconds[i - 1]));
  const read = RankHistory.read(JSON.parse(JSON.stringify(history.write())));
  assert.deepEqual(read.data(4_000e6), history.data(4_000e6));
  for (const bad of [null, 'x', {}, [null], [[1, 2]], [[1, 2, 3, 'x']], [['1', 2, 3, 4]]]) assert.equal(RankHistory.read(bad).length, 0, JSON.stringify(bad));
  assert.equal(RankHistory.read([[5, 1, 1, null], [3, 1, 1, null]]).length, 1);
});

test('entries are one line of text, and the same again', () => {
  const mine = { contest: 'Sunday;1', entries: ['e7', 'a%b&c=d#', '<b>'] };
  assert.deepEqual(decodeEntries(encodeEntries(mine)), mine);
  assert.equal(encodeEntries({ contest: 'c1', entries: [] }), '1,c1');
  assert.deepEqual(decodeEntries('1,c1'), { contest: 'c1', entries: [] });
  const many = Array.from({ length: ENTRIES_MAX + 1 }, (_, i) => `e${i}`);
  const hostile = [null, undefined, 7, '', '1', '1,', '2,c1', '1,c1,', '1,c1,e1,e1', '1,c1,%', '1,c1,%00', '1,c1,a b', '1,c1,a%2Fb', '1,c1,a%2Cb', '1,c1,é',
    '1,c1,%22', `1,${'x'.repeat(65)}`, encodeEntries({ contest: 'c1', entries: many }), `1,c1,${'x'.repeat(20_000)}`];
  for (const code of hostile) assert.equal(decodeEntries(code), null, String(code).slice(0, 60));
});

test('my entries are kept by contest, and a link’s touch them only when asked', () => {
  let stored = '1,c1,e1,e2;rubbish;1,c2,x;1,c1,e9';
  globalThis.localStorage = { getItem: () => stored, setItem: (key, text) => { stored = text; } };
  try {
    let changes = 0;
    const mine = new MyEntries({ onChange: () => { changes += 1; } });
    assert.deepEqual([mine.contest, mine.entries, mine.countOf('c2'), mine.countOf('c3')], ['c1', ['e1', 'e2'], 1, 0]);
    assert.equal(mine.show('1,c2,y,x'), true);
    assert.equal(mine.show('1,c2,y,'), false);
    assert.deepEqual([mine.contest, mine.entries, mine.isShared], ['c2', ['y', 'x'], true]);
    assert.equal(stored, '1,c1,e1,e2;rubbish;1,c2,x;1,c1,e9');
    mine.keep();
    assert.deepEqual([mine.entries, mine.isShared, stored], [['x', 'y'], false, '1,c2,x,y;1,c1,e1,e2']);
    mine.choose('c1');
    mine.remove('e1');
    assert.equal(mine.add('e3'), true);
    assert.equal(mine.add('a/b'), false);
    assert.equal(stored, '1,c1,e2,e3;1,c2,x,y');
    mine.show('1,c9');
    mine.leave();
    assert.deepEqual([mine.contest, changes], ['c1', 7]);
    for (let i = 0; mine.entries.length < ENTRIES_MAX; i += 1) mine.add(`more${i}`);
    assert.equal(mine.add('one-too-many'), false);
    for (let i = 0; i < 30; i += 1) mine.choose(`other${i}`);
    assert.equal(stored.split(';').length, 20);
  } finally {
    delete globalThis.localStorage;
  }
});
