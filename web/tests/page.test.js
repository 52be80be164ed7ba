// The page in a real browser, against the real server where the environment names one
// (`SCOREWIRE_URL` or `SCOREWIRE_BIN`). Scores move all the while, so checks compare what stood
// still between two looks, and look again otherwise.

import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, test } from 'node:test';
import { formatPoints, toUnits } from '../points.js';
import { eventually, go, launchBrowser, openPage, post, screenshot, startServer, startWire, widths } from './support.js';

let browser;
let server;
let wire;
let page;
let errors;

before(async () => {
  [browser, server] = await Promise.all([launchBrowser(), startServer()]);
  wire = await startWire(new URL(server.url));
});

after(async () => {
  await browser?.close();
  await wire?.close();
  await server?.stop();
});

beforeEach(() => open({}));

afterEach(async () => {
  await page.context().close();
  assert.deepEqual(errors, []);
});

async function open(options, path = '/#leaders') {
  ({ page, errors } = await openPage(browser, wire.url + path, options));
  // The demo starts with games that nobody has played in yet.
  if (path.startsWith('/#leaders')) await page.waitForSelector('#rows tr', { timeout: 60_000 });
}

async function reopen(options, path) {
  await page.context().close();
  await open(options, path);
}

const text = (selector) => page.locator(selector).textContent();
const shownPoints = () => page.$$eval('#rows tr', (rows) => rows.map((row) => [row.dataset.player, row.querySelector('.points').textContent]));
const number = (shown) => toUnits(Number(shown.replace('−', '-')));

/** A slot is 1 cent off at most, as each figure on screen is rounded to a cent by itself. */
async function checkTotalIsSum() {
  await eventually(async () => {
    // One look at both, between two drawings.
    const { total, points } = await page.evaluate(() => ({
      total: document.querySelector('#total').textContent,
      points: [...document.querySelectorAll('.slot[data-player] .points')].map((node) => node.textContent),
    }));
    assert.ok(points.length > 0 && !points.includes('–'), points.join());
    const difference = Math.abs(number(total) - points.reduce((units, one) => units + number(one), 0));
    assert.ok(difference <= 50 * (points.length + 1), `${total} is not the sum of ${points}`);
  });
}

/** Every total of a game on screen, compared with `GET /v1/games/…/players`, on a look when nothing moved between. */
async function checkGame(id) {
  const ruleset = await page.locator('#ruleset').inputValue();
  const answer = async () => (await fetch(`${server.url}/v1/games/${id}/players?ruleset=${ruleset}`)).json();
  await eventually(async () => {
    const expected = (await answer()).map(({ player, points }) => [player, formatPoints(toUnits(points))]);
    const shown = new Map(await shownPoints());
    assert.ok(expected.length > 2);
    for (const [player, points] of expected) assert.equal(shown.get(player), points, player);
  }, 40_000);
}

async function chooseLiveGame() {
  await go(page, 'slate');
  const card = page.locator('#games > li[data-status="live"]').first();
  await card.locator('button').click();
  const id = await card.getAttribute('data-game');
  await page.locator('#spotlight button').click();
  await page.locator('#game-filter').waitFor();
  return id;
}

async function fillTeam() {
  await go(page, 'team');
  await page.locator('#fill').click();
  await page.waitForSelector('.slot[data-player]');
}

test('games stand on the slate, and scores move', async () => {
  const { games } = await (await fetch(`${server.url}/v1/games`)).json();
  const before = JSON.stringify(await shownPoints());
  await eventually(async () => assert.notEqual(JSON.stringify(await shownPoints()), before), 30_000);
  await page.waitForSelector('#rows .points[data-flash]', { timeout: 30_000 });
  await go(page, 'slate');
  assert.equal(await page.locator('#games > li').count(), games.length);
  assert.equal(await page.locator('#spotlight').isVisible(), true);
  assert.equal(await page.locator('#games [aria-pressed="true"]').count(), 1);
});

test('every total on screen is what the server answers', async () => {
  await checkGame(await chooseLiveGame());
});

test('a team adds up, survives a reload, and can be let go', async () => {
  await fillTeam();
  const count = await page.locator('.slot[data-player]').count();
  assert.ok(count >= 5, `${count} slots`);
  await checkTotalIsSum();
  const total = await text('#total');
  assert.ok(number(total) > 0, total);
  await page.reload();
  await page.waitForSelector('#state[data-state="live"]');
  await checkTotalIsSum();
  assert.equal(await page.locator('.slot[data-player]').count(), count);
  await page.locator('#clear').click();
  await eventually(async () => assert.equal(await page.locator('.slot[data-player]').count(), 0));
  assert.equal(await text('#total'), '0.00');
});

test('a link shows a team to others, under its own ruleset, and touches nobody’s own', async () => {
  const rulesets = await page.$$eval('#ruleset option', (options) => options.map((option) => option.value));
  const current = await page.locator('#ruleset').inputValue();
  const other = rulesets.find((name) => name !== current);
  await page.locator('#ruleset').selectOption(other);
  await fillTeam();
  await page.locator('#share').click();
  const link = await page.locator('#team-link').inputValue();
  const players = await page.$$eval('.slot', (slots) => slots.map((slot) => slot.dataset.player ?? null));
  await reopen({}, link.slice(link.indexOf('/#')));
  await page.waitForSelector('#shared:not([hidden])');
  assert.deepEqual(await page.$$eval('.slot', (slots) => slots.map((slot) => slot.dataset.player ?? null)), players);
  assert.equal(await page.locator('#ruleset').inputValue(), other);
  await checkTotalIsSum();
  await page.locator('#leave').click();
  await eventually(async () => assert.equal(await page.locator('.slot[data-player]').count(), 0));
  // What is no team to the last character shows nothing of it.
  await reopen({}, `${link.slice(link.indexOf('/#'))},x`);
  assert.equal(await page.locator('#shared').isVisible(), false);
});

test('another ruleset shows its own points', async () => {
  const names = await page.$$eval('#ruleset option', (options) => options.map((option) => option.value));
  const current = await page.locator('#ruleset').inputValue();
  const other = names.find((name) => name !== current);
  await page.locator('#ruleset').selectOption(other);
  await checkGame(await chooseLiveGame());
});

test('the list filters by name and position and sorts by name', async () => {
  await page.locator('.chip', { hasText: 'QB' }).click();
  await eventually(async () => {
    const metas = await page.locator('#rows .meta').allTextContents();
    assert.ok(metas.length > 0 && metas.every((meta) => meta.endsWith('QB')), metas.join());
  });
  await page.locator('[data-sort="name"]').click();
  assert.equal(await page.locator('th:has([data-sort="name"])').getAttribute('aria-sort'), 'ascending');
  const names = await page.locator('#rows .name').allTextContents();
  assert.deepEqual(names, [...names].sort((a, b) => a.localeCompare(b)));
  await page.locator('#search').fill('nobody is called this');
  await page.waitForSelector('#rows-hint:not([hidden])');
});

test('a game is chosen on the slate and let go from the list', async () => {
  const id = await chooseLiveGame();
  const teams = await page.$$eval(`#games > li[data-game="${id}"] .team-name`, (names) => names.map((name) => name.textContent));
  const filter = page.locator('#game-filter');
  assert.equal(await filter.textContent(), `${teams.join(' at ')} ×`);
  const metas = await page.locator('#rows .meta').allTextContents();
  assert.ok(metas.length > 0 && metas.every((meta) => teams.includes(meta.split(' · ')[0])), metas.join());
  await filter.click();
  await filter.waitFor({ state: 'hidden' });
});

test('names and points that a feed posts arrive as text, and a correction as one', async (t) => {
  if (server.isFake) {
    t.skip('the fake takes no events');
    return;
  }
  const name = '<img src=x onerror="document.title=1">"&amp;\u2028é';
  const stats = [{ player: 'hostile-1', team: 'NE', stat: 10, yards: 99 }];
  // The slate is of one day: a game of another one would not show.
  const kickoff = Date.now() * 1000;
  const game = { type: 'game', game: 'hostile', status: 'live', home: 'NE', away: "'~b~`(AW);", kickoff, score: {} };
  await post(server, [
    game,
    { type: 'players', players: [{ player: 'hostile-1', name, team: 'NE', position: 'RB' }] },
    { type: 'play', game: 'hostile', play: '1', stats },
  ]);
  // The list begins with the best; the search finds anybody.
  await page.locator('#search').fill('onerror');
  const row = page.locator('#rows tr[data-player="hostile-1"]');
  await row.waitFor();
  assert.equal(await row.locator('.name').textContent(), name);
  await row.locator('.pick').click();
  await go(page, 'team');
  await eventually(async () => assert.equal(await text('.slot[data-player] .name'), name));
  await eventually(async () => assert.notEqual(await text('#total'), '–'));
  await post(server, [{ type: 'play', game: 'hostile', play: '1', rev: 2, stats: [{ ...stats[0], yards: 94 }] }]);
  await page.waitForSelector('.news-item[data-kind="correction"]');
  assert.equal(await text('.news-item[data-kind="correction"] .badge'), 'Correction');
  const answer = await (await fetch(`${server.url}/v1/games/hostile/players`)).json();
  const expected = formatPoints(toUnits(answer.find(({ player }) => player === 'hostile-1').points));
  await eventually(async () => assert.equal(await text('#total'), expected));
  await screenshot(page, 'correction');
  await post(server, [{ ...game, rev: 2, status: 'final' }]);
  await page.waitForSelector('#view-team[data-over="true"]');
  assert.equal(await text('#team-status'), 'Final');
  await go(page, 'slate');
  await page.locator('#games > li[data-game="hostile"] button').click();
  assert.match(await text('#spotlight'), /onerror/);
  assert.equal(await page.locator('main :is(img, script, svg, b, i)').count(), 0);
});

test('a cut connection says so, comes back by itself, and no total is wrong', async () => {
  await fillTeam();
  await checkTotalIsSum();
  wire.cut();
  try {
    await page.waitForSelector('#state[data-state="reconnecting"]');
    await page.waitForSelector('#notice:not([hidden])');
    await screenshot(page, 'connection-lost');
  } finally {
    wire.mend();
  }
  await page.waitForSelector('#state[data-state="live"]', { timeout: 40_000 });
  await page.waitForSelector('#notice', { state: 'hidden' });
  await checkTotalIsSum();
  await checkGame(await chooseLiveGame());
  await go(page, 'pulse');
  await eventually(async () => assert.equal(await text('#pulse-reconnects'), '1'));
  assert.equal(await text('#pulse-gaps'), '0');
});

test('latency is measured, and everything can be reached by keyboard', async () => {
  await eventually(async () => assert.match(await text('#server-latency'), /ms|s$/), 30_000);
  await page.locator('#tab-leaders').focus();
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'tab-pulse');
  assert.equal(await page.locator('#view-pulse').isVisible(), true);
  assert.match(page.url(), /#pulse$/);
  await page.keyboard.press('ArrowLeft');
  await page.locator('#search').focus();
  for (let i = 0; i < 20; i += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement.classList.contains('pick'))) break;
  }
  // The whole list is one stop; the arrows go on from there.
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  const player = await page.evaluate(() => document.activeElement.closest('tr').dataset.player);
  await page.keyboard.press('Enter');
  assert.equal(await page.locator(`#rows tr[data-player="${player}"] .pick`).getAttribute('aria-pressed'), 'true');
  await page.goBack();
  assert.equal(await page.locator('#view-pulse').isVisible(), true);
});

test('a talk has nothing to press, and goes round by itself', async () => {
  await reopen({}, '/?demo');
  await page.waitForSelector('#spotlight:not([hidden])');
  for (const selector of ['#tabs', '#ruleset', 'main input', 'main select', '#spotlight button']) {
    for (const one of await page.locator(selector).all()) assert.equal(await one.isVisible(), false, selector);
  }
  await screenshot(page, 'talk');
  await page.waitForSelector('#view-leaders:not([hidden])', { timeout: 30_000 });
});

const DESKTOP = { colorScheme: 'light' };
const DARK = { colorScheme: 'dark' };
const PHONE = { colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const SMALL = { colorScheme: 'dark', viewport: { width: 320, height: 640 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };

for (const [name, options] of [['desktop', DESKTOP], ['dark', DARK], ['phone', PHONE], ['small', SMALL]]) {
  test(`every view fits its screen: ${name}`, async () => {
    await reopen(options);
    await fillTeam();
    await checkTotalIsSum();
    for (const view of ['team', 'slate', 'leaders', 'pulse']) {
      await go(page, view);
      await page.evaluate(() => scrollTo(0, 0));
      await page.waitForTimeout(1_500);
      await screenshot(page, `${view}-${name}`);
      const { content, screen } = await widths(page);
      assert.ok(content <= screen, `${view}: ${content} px of content on ${screen} px of screen`);
    }
  });
}
