// Contests on the page, against the real server where the environment names one: what stands on screen is what the
// server answers, whatever happened to the connection; and with the fake, what a real one won't do on demand.

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { contestBody, postContest } from '../client/tests/made_contest.js';
import { eventLines } from '../client/tests/real.js';
import { gapText, moneyText, ordinal } from '../contest.js';
import { formatPoints, toUnits } from '../points.js';
import { FakeServer } from './fake_server.js';
import { checkAccess, eventually, go, launchBrowser, openPage, post, screenshot, startEmpty, startWire, widths } from './support.js';

const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>\u2028\'&quot;</td>';
const ENTRIES = 2_000;
const MINE = ['e7', 'e1234', 'e2000'];

let browser;
let server;
let wire;
let lines;
let posted;
let page;
let errors = [];

before(async () => {
  [browser, server] = await Promise.all([launchBrowser(), startEmpty()]);
  if (server === null) return;
  wire = await startWire(new URL(server.url));
  lines = eventLines({ games: 2, seed: 5 });
  const ids = lines.filter((line) => line.startsWith('{"type":"players"')).flatMap((line) => JSON.parse(line).players.map(({ player }) => player));
  const at = (position) => ids.filter((id) => id.includes(`-${position}`));
  const players = { QB: at('QB'), RB: at('RB'), WR: at('WR'), TE: at('TE'), DST: [...new Set(ids.map((id) => `dst:${id.split('-')[1]}`))] };
  posted = 0;
  await play(0.3);
  await postContest(server.url, contestBody({ contest: 'c1', name: 'Sunday Two Thousand', ruleset: 'draftkings', entries: ENTRIES, players, seed: 3 }));
  const named = (i) => (i === 2 ? HOSTILE : null);
  await postContest(server.url, contestBody({ contest: 'evil', name: HOSTILE, ruleset: 'ppr', entries: 20, players, seed: 4, named }));
});

after(async () => {
  await browser?.close();
  await wire?.close();
  await server?.stop();
});

afterEach(async () => {
  await page?.context().close();
  page = null;
  assert.deepEqual(errors, []);
});

/** A test that takes a server which ranks. */
function real(name, run) {
  test(name, (t) => {
    if (server === null) {
      t.skip('SCOREWIRE_BIN names no server');
      return null;
    }
    return run(t);
  });
}

/** The evening up to that share of it. */
async function play(share) {
  for (const until = Math.floor(share * lines.length); posted < until; posted += 20) {
    await post(server, lines.slice(posted, posted + 20).map((line) => JSON.parse(line)));
  }
}

async function open(path = '/#contests', options = {}) {
  ({ page, errors } = await openPage(browser, wire.url + path, options));
}

const text = (selector) => page.locator(selector).textContent();

/** Adds an entry as one does it: by the search, the arrows and Enter. */
async function add(id) {
  await page.locator('#entry-search').fill(id);
  const option = page.locator('#entry-options [role="option"]', { hasText: new RegExp(`\\)${id} · `) }).first();
  await option.waitFor();
  await option.click();
  await page.waitForSelector(`.entries tr[data-entry="${id}"]`);
}

const row = (id) => page.locator(`.entries tr[data-entry="${id}"]`);

/** What a row shows, in one look. */
function shown(id) {
  return row(id).evaluate((tr) => Object.fromEntries(['.rank', '.points', '.cell-payout', '.cell-gap', '.cell-left', '.name'].map((part) => [part, tr.querySelector(part).textContent])));
}

async function checkEntries(url, contest, ids) {
  for (const id of ids) {
    await eventually(async () => {
      const answer = await (await fetch(`${url}/v1/contests/${contest}/entries/${id}`)).json();
      assert.deepEqual(await shown(id), {
        '.rank': ordinal(answer.rank), '.points': formatPoints(toUnits(answer.points)), '.cell-payout': moneyText(answer.payout),
        '.cell-gap': gapText(answer.to_money), '.cell-left': String(answer.players_left), '.name': answer.name,
      }, id);
    });
  }
}

async function openMine(options = {}) {
  await open(`/#contests=1,c1,${MINE.join()}`, options);
  await page.locator('#entries-keep').click();
  await page.waitForSelector('.entries tr[data-chosen]');
}

real('ranks, prizes and cut lines on screen are what the server answers', async () => {
  await open();
  await page.waitForSelector('#view-contests[data-contest="c1"] .contest-body:not([hidden])');
  assert.equal(await page.locator('#entries-invite').isVisible(), true);
  for (const id of MINE) await add(id);
  await checkEntries(server.url, 'c1', MINE);
  // Who was added last is looked at.
  assert.equal(await row('e2000').getAttribute('data-chosen'), 'true');
  await row('e7').locator('button.entry-choose').click();
  await play(0.5);
  await checkEntries(server.url, 'c1', MINE);
  const { cuts, leaders, payouts, entries } = await (await fetch(`${server.url}/v1/contests/c1`)).json();
  await eventually(async () => {
    const rows = await page.$$eval('#tiers tbody tr', (trs) => trs.map((tr) => [...tr.children].slice(1, 3).map((cell) => cell.textContent)));
    assert.deepEqual(rows, cuts.map(({ payout, points }) => [moneyText(payout), formatPoints(toUnits(points))]));
    const best = await page.$$eval('.field-leaders li', (items) => items.map((item) => [...item.children].slice(0, 3).map((part) => part.textContent)));
    assert.deepEqual(best, leaders.map(({ rank, name, points }) => [ordinal(rank), name, formatPoints(toUnits(points))]));
  });
  const pool = payouts.reduce((sum, { from, to, payout }) => sum + (to - from + 1) * payout, 0);
  assert.equal(await text('#contest-facts'), `${entries.toLocaleString('en-US')} entries · DraftKings · ${moneyText(pool)} in prizes for ${payouts.at(-1).to} places`);
  // The best of mine comes first.
  const ranks = await page.$$eval('.entries tbody .rank', (cells) => cells.map((cell) => Number(cell.textContent.replace(/\D/g, ''))));
  assert.deepEqual(ranks, [...ranks].sort((a, b) => a - b));
});

real('what each player needs adds up to what the entry lacks, and his points to what it has', async () => {
  await openMine();
  await row('e1234').locator('button.entry-choose').click();
  await eventually(async () => {
    assert.equal(await text('.entry-name'), (await shown('e1234'))['.name']);
    assert.equal(await page.locator('.need-slot').count(), 9);
    const { points, needs, words, total } = await page.evaluate(() => ({
      points: [...document.querySelectorAll('.need-slot .points')].map((node) => node.textContent),
      needs: [...document.querySelectorAll('.need-slot:not([data-over]) .need')].map((node) => node.textContent),
      words: document.querySelector('#need').textContent, total: document.querySelector('#entry-points').textContent,
    }));
    const units = (list) => list.reduce((sum, one) => sum + toUnits(Number(one.replace('−', '-'))), 0);
    // Each figure on screen is rounded to a cent by itself.
    assert.ok(Math.abs(units(points) - units([total])) <= 500, `${points} is not ${total}`);
    const [, lacked] = words.match(/^([\d.]+) more points? reach/) ?? [];
    assert.ok(lacked, words);
    assert.equal(units(needs), units([lacked]), `${needs} is not ${lacked}`);
  });
});

real('a correction shows as one, ranks move, and the lines are drawn', async () => {
  await openMine();
  await row('e7').locator('button.entry-choose').click();
  const { slots } = await (await fetch(`${server.url}/v1/contests/c1/entries/e7`)).json();
  const [{ player }] = slots;
  const [game] = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'play').map((event) => event.game);
  const run = (rev, yards) => post(server, [{ type: 'play', game, play: '990001', rev, stats: [{ player, team: player.split('-')[1], stat: 10, yards }] }]);
  await page.waitForSelector('.need-slot');
  await run(1, 99);
  await page.waitForSelector('#entry-news .news-item');
  await checkEntries(server.url, 'c1', ['e7']);
  const better = await text('#entry-rank');
  await run(2, 9);
  await page.waitForSelector('#entry-news .news-item[data-kind="correction"]');
  assert.equal(await text('#entry-news .news-item[data-kind="correction"] .badge'), 'Correction');
  await checkEntries(server.url, 'c1', MINE);
  assert.notEqual(await text('#entry-rank'), better);
  await eventually(async () => {
    for (const [id, words] of [['rank-chart', /^Rank over time: from [\d,]+\w\w to [\d,]+\w\w; the last paid place is 400th$/], ['entry-curve', /^Points over time: from .* the money line is at/], ['field-chart', /^Points of all entries, .* Mine: /]]) {
      await page.locator(`#${id}`).scrollIntoViewIfNeeded();
      assert.match(await page.locator(`#${id}`).getAttribute('aria-label'), words);
      assert.equal(await page.locator(`#${id} canvas`).count(), 1, id);
    }
  });
  await screenshot(page, 'contests-correction');
  // What was drawn is drawn again after a reload, and mine are still mine.
  let label;
  await eventually(async () => {
    label = await page.locator('#rank-chart').getAttribute('aria-label');
    assert.ok(label.includes(` to ${await text('#entry-rank')};`), label);
  });
  await page.reload();
  await page.waitForSelector('.entries tr[data-entry="e7"]');
  await row('e7').locator('button.entry-choose').click();
  await eventually(async () => assert.equal(await page.locator('#rank-chart').getAttribute('aria-label'), label));
  assert.equal(await page.locator('#entries-shared').isVisible(), false);
});

real('a cut connection says so, comes back by itself, and no rank is wrong', async () => {
  await openMine();
  await checkEntries(server.url, 'c1', MINE);
  wire.cut();
  try {
    await page.waitForSelector('#state[data-state="reconnecting"]');
    await page.waitForSelector('#notice:not([hidden])');
    await play(0.8);
    await screenshot(page, 'contests-lost');
  } finally {
    wire.mend();
  }
  await page.waitForSelector('#state[data-state="live"]', { timeout: 40_000 });
  await checkEntries(server.url, 'c1', MINE);
  await go(page, 'pulse');
  assert.equal(await text('#pulse-gaps'), '0');
});

real('a link shows entries to others, and touches nobody’s own', async () => {
  await openMine();
  await page.locator('#entries-share').click();
  const link = await page.locator('#entries-link').inputValue();
  assert.match(link, /#contests=1,c1,e7,e1234,e2000$/);
  await page.context().close();
  await open(link.slice(link.indexOf('/#')));
  await page.waitForSelector('#entries-shared:not([hidden])');
  await checkEntries(server.url, 'c1', MINE);
  assert.equal(await page.locator('#entry-search').isVisible(), false);
  await page.locator('#entries-leave').click();
  // Who has none of his own looks at the first contest there is.
  await page.waitForSelector('#entries-invite:not([hidden])');
  await eventually(async () => assert.equal(await page.locator('.entries tbody tr').count(), 0));
  // What is no list to the last character shows none.
  await page.context().close();
  await open(`${link.slice(link.indexOf('/#'))},`);
  assert.equal(await page.locator('#entries-shared').isVisible(), false);
});

real('an entry that there is none of says so, and the others stand', async () => {
  await open('/#contests=1,c1,e7,nobody');
  await checkEntries(server.url, 'c1', ['e7']);
  await eventually(async () => assert.equal(await row('nobody').locator('.meta').textContent(), 'no such entry'));
  assert.equal(await row('e7').getAttribute('data-chosen'), 'true');
});

real('hostile names of a contest and an entry are text', async () => {
  await open('/#contests=1,evil,e2,e3');
  await page.waitForSelector('#entries-shared:not([hidden])');
  await page.locator('#entries-keep').click();
  const { name } = await (await fetch(`${server.url}/v1/contests/evil/entries/e2`)).json();
  assert.match(name, /^<img src=x onerror/);
  await row('e2').locator('button.entry-choose').click();
  await eventually(async () => assert.equal(await text('.entry-name'), name));
  assert.equal((await shown('e2'))['.name'], name);
  assert.match(await text('#contest option:checked'), /^<img src=x onerror/);
  await page.locator('#entry-search').fill('onerror');
  await page.waitForSelector('.search-hint:not([hidden])');
  await row('e2').locator('.remove').click();
  await page.locator('#entry-search').fill('onerror');
  await page.locator('#entry-options [role="option"]').first().waitFor();
  assert.equal(await text('#entry-options .name'), name);
  assert.equal(await page.locator('main :is(img, script, svg, b, i)').count(), 0);
  assert.match(await page.title(), /^Scorewire/);
});

real('the view can be worked by keyboard, and keeps to the rules', async () => {
  await openMine({ reducedMotion: 'reduce' });
  await page.locator('#tab-contests').focus();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'tab-contests');
  await page.locator('#entry-search').focus();
  await page.keyboard.type('e10');
  await page.waitForSelector('#entry-options [role="option"]');
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.locator('#entry-search').getAttribute('aria-activedescendant'), 'entry-option-1');
  await page.keyboard.press('Enter');
  await eventually(async () => assert.equal(await page.locator('.entries tbody tr').count(), 4));
  await row('e7').locator('button.entry-choose').focus();
  await page.keyboard.press('Enter');
  await eventually(async () => assert.equal(await row('e7').getAttribute('data-chosen'), 'true'));
  await checkAccess(page, 'contests');
  await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
  await checkAccess(page, 'contests, dark');
  await page.setViewportSize({ width: 390, height: 844 });
  await checkAccess(page, 'contests on a phone');
  // The row that is let go of gives the focus to where another comes from.
  await row('e7').locator('.remove').click();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'entry-search');
});

const DESKTOP = { colorScheme: 'light' };
const DARK = { colorScheme: 'dark' };
const PHONE = { colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const SMALL = { colorScheme: 'dark', viewport: { width: 320, height: 640 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

for (const [name, options] of [['desktop', DESKTOP], ['dark', DARK], ['phone', PHONE], ['small', SMALL]]) {
  real(`contests fit the screen: ${name}`, async () => {
    await openMine(options);
    await page.waitForSelector('.need-slot');
    await page.waitForTimeout(1_500);
    await screenshot(page, `contests-${name}`);
    const { content, screen } = await widths(page);
    assert.ok(content <= screen, `${content} px of content on ${screen} px of screen`);
  });
}

real('a contest that is over says how it ended, and one that is deleted that it is gone', async () => {
  await openMine();
  await play(1);
  const { games } = await (await fetch(`${server.url}/v1/games`)).json();
  assert.ok(games.every(({ status }) => status === 'final'));
  await page.waitForSelector('#view-contests[data-over="true"]');
  await checkEntries(server.url, 'c1', MINE);
  assert.equal(await text('#contest-status'), 'Final');
  assert.match(await text('#contest-over'), /My best of 3 entries, .*, came [\d,]+\w\w of 2,000 with/);
  // Games are looked at about once a second; who never played has none that could be over.
  await eventually(async () => assert.notEqual((await shown('e7'))['.cell-left'], '9'));
  await screenshot(page, 'contests-over');
  assert.equal((await fetch(`${server.url}/v1/contests/c1`, { method: 'DELETE' })).status, 204);
  await page.waitForSelector('#contest-gone:not([hidden])');
  assert.match(await text('#contest-gone'), /^c1: /);
  assert.equal(await page.locator('.contest-body').isVisible(), false);
  await page.locator('#contest').selectOption('evil');
  await page.waitForSelector('.contest-body:not([hidden])');
});

/** A fake with one contest in it, of which `stand` tells. */
async function fakeContest() {
  const fake = new FakeServer({ gameCount: 2 });
  const slots = ['NE-0', 'NE-1', 'HOU-1', 'NE-3', 'NE-4', 'HOU-3', 'NE-6', 'HOU-4', 'dst:NE'].map((player, i) => ({ slot: ['QB', 'RB', 'RB', 'WR', 'WR', 'WR', 'TE', 'FLEX', 'DST'][i], player, points: 0 }));
  fake.contests.set('c1', { contest: 'c1', name: 'One', ruleset: 'draftkings', entries: 1_000_000, odds: { players_left: 200, unprojected: 40 }, payouts: [{ from: 1, to: 1, payout: 100_000 }, { from: 2, to: 200_000, payout: 12.5 }] });
  fake.stand('contest:c1', {
    ruleset: 'draftkings', name: 'One', entries: 1_000_000, leaders: [{ entry: 'e9', name: 'the best', points: 201.5, rank: 1, payout: 100_000 }],
    cuts: [{ place: 1, payout: 100_000, points: 201.5 }, { place: 200_000, payout: 12.5, points: 111 }], money_line: 111, distribution: { from: 0, step: 50, counts: [300_000, 500_000, 150_000, 49_999, 1] },
  });
  fake.stand('entry:c1/e1', {
    ruleset: 'draftkings', contest: 'c1', entry: 'e1', name: 'mine', entries: 1_000_000, points: 123.46, rank: 17, tied: 3, percentile: 99.99, payout: 12.5, to_money: 12.46, players_left: 9, slots,
    odds: { at: Date.UTC(2026, 10, 22, 20) * 1_000, draws: 10_000, win: 0, cash: 0.41, top1: 0.0203, expected: 31.2 },
  });
  return fake;
}

test('what is likely to become of an entry shows with when it was drawn; a better rank flashes up and is read out', async () => {
  const fake = await fakeContest();
  try {
    ({ page, errors } = await openPage(browser, `${await fake.start()}/#contests=1,c1,e1`, { reducedMotion: 'reduce' }));
    await page.waitForSelector('.odds:not([hidden])');
    const figures = await page.$$eval('.entry-figures dd', (values) => Object.fromEntries(values.map((value) => [value.dataset.figure, value.textContent])));
    assert.deepEqual(figures, {
      payout: '$12.50', gap: '12.46 above the line', ahead: '99.99%', left: '9 of 9', win: '< 0.01%', top1: '2.0%', cash: '41%', expected: '$31.20',
    });
    assert.match(await text('.odds-note'), /^The rest drawn 10,000 times at \d.*; nothing is forecast of 40 players to play, who are taken to add nothing$/);
    assert.equal(await text('.rank-of'), 'of 1,000,000, tied with 2 others');
    assert.equal(await text('#contest-facts'), '1,000,000 entries · DraftKings · $2,599,987.50 in prizes for 200,000 places');
    await checkAccess(page, 'contests with odds');
    fake.stand('entry:c1/e1', { points: 130, rank: 5, tied: 1, slots: [] });
    await page.locator('#entry-rank[data-flash^="up"]').waitFor();
    assert.deepEqual([await text('#entry-rank'), await text('.entry-place .change')], ['5th', '▲ 12']);
    await page.waitForFunction(() => /^mine: 5th of 1,000,000, 130\.00 points, 12\.46 above the line\.$/.test(document.querySelector('#spoken').textContent), null, { timeout: 40_000 });
    await screenshot(page, 'contests-odds');
  } finally {
    await page.context().close();
    page = null;
    await fake.stop();
  }
});

test('without contests the page says how to post one', async () => {
  const fake = new FakeServer({ gameCount: 2 });
  try {
    ({ page, errors } = await openPage(browser, `${await fake.start()}/#contests`));
    await page.waitForSelector('#no-contests:not([hidden])');
    assert.match(await text('#no-contests'), /curl .*http:\/\/127\.0\.0\.1:\d+\/v1\/contests/);
    assert.equal(await page.locator('#contest').isVisible(), false);
    await screenshot(page, 'contests-none');
  } finally {
    await page.context().close();
    page = null;
    await fake.stop();
  }
});
