// The page in a real browser, against the real server where the environment names one
// (`SCOREWIRE_URL` or `SCOREWIRE_BIN`). Scores move all the while, so checks compare what stood
// still between two looks, and look again otherwise.

import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, test } from 'node:test';
import { formatPoints, toUnits } from '../points.js';
import { eventually, launchBrowser, screenshot, startServer, startWire } from './support.js';

let browser;
let server;
let wire;
let page;
let pageErrors;

before(async () => {
  [browser, server] = await Promise.all([launchBrowser(), startServer()]);
  wire = await startWire(server.url);
});

after(async () => {
  await browser?.close();
  await wire?.stop();
  await server?.stop();
});

beforeEach(async () => {
  page = await open({});
});

afterEach(async () => {
  await page.context().close();
  assert.deepEqual(pageErrors, []);
});

async function open(options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const opened = await context.newPage();
  pageErrors = [];
  opened.on('pageerror', (error) => pageErrors.push(String(error)));
  opened.on('console', (message) => {
    // The browser itself logs a failed connection; those tests cut it on purpose.
    if (message.type() === 'error' && !/WebSocket|ERR_/.test(message.text())) pageErrors.push(message.text());
  });
  await opened.goto(wire.url);
  await opened.waitForSelector('#state[data-state="live"]');
  // The demo starts with games that nobody has played in yet.
  await opened.waitForSelector('#rows tr', { timeout: 60_000 });
  return opened;
}

const text = (selector) => page.locator(selector).textContent();
const shownPoints = () => page.$$eval('#rows tr', (rows) => rows.map(
  (row) => [row.dataset.player, row.querySelector('.points').textContent]));

async function pickFirst(count) {
  for (let i = 0; i < count; i += 1) await page.locator('#rows .pick[aria-pressed="false"]').first().click();
}

async function checkTotalIsSum() {
  await eventually(async () => {
    // One look at both, between two drawings.
    const { total, points } = await page.evaluate(() => ({
      total: document.querySelector('#total').textContent,
      points: [...document.querySelectorAll('.pick-card .points')].map((node) => node.textContent),
    }));
    assert.ok(points.length > 0);
    const sum = points.reduce((units, one) => units + toUnits(Number(one.replace('−', '-'))), 0);
    // Each figure on screen is rounded to a cent by itself.
    const difference = Math.abs(toUnits(Number(total.replace('−', '-'))) - sum);
    assert.ok(difference <= 50 * (points.length + 1), `${total} is not the sum of ${points}`);
  });
}

test('games stand on the scoreboard and scores move', async () => {
  const games = await (await fetch(`${server.url}/v1/games`)).json();
  assert.equal(await page.locator('#games > li').count(), games.games.length);
  const before = JSON.stringify(await shownPoints());
  await eventually(async () => assert.notEqual(JSON.stringify(await shownPoints()), before), 30_000);
  await page.waitForSelector('#rows .points[data-flash]', { timeout: 30_000 });
});

test('every total on screen is what the server answers', async () => {
  const game = page.locator('#games > li[data-status="live"]').first();
  const id = await game.getAttribute('data-game');
  await game.locator('button').click();
  while (await page.locator('#more').isVisible()) await page.locator('#more').click();
  const ruleset = await page.locator('#ruleset').inputValue();
  const answer = async () => (await fetch(`${server.url}/v1/games/${id}/players?ruleset=${ruleset}`)).json();
  await eventually(async () => {
    const expected = (await answer()).map(({ player, points }) => [player, formatPoints(toUnits(points))]);
    const shown = new Map(await shownPoints());
    assert.ok(expected.length > 2);
    for (const [player, points] of expected) assert.equal(shown.get(player), points, player);
  }, 40_000);
});

test('picked players add up, survive a reload and can be let go', async () => {
  await pickFirst(3);
  assert.equal(await page.locator('.pick-card').count(), 3);
  await checkTotalIsSum();
  await page.reload();
  await page.waitForSelector('#state[data-state="live"]');
  assert.equal(await page.locator('.pick-card').count(), 3);
  await checkTotalIsSum();
  for (let left = 3; left > 0; left -= 1) await page.locator('.pick-card .remove').first().click();
  assert.equal(await page.locator('.pick-card').count(), 0);
  assert.equal(await text('#total'), '0.00');
});

test('another ruleset shows its own points', async () => {
  const names = await page.$$eval('#ruleset option', (options) => options.map((option) => option.value));
  assert.ok(names.length > 1);
  const current = await page.locator('#ruleset').inputValue();
  const other = names.find((name) => name !== current);
  await page.locator('#ruleset').selectOption(other);
  await eventually(async () => {
    const [[player, shown]] = await shownPoints();
    const game = await page.evaluate(async ([wanted, ruleset]) => {
      const { games } = await (await fetch('/v1/games')).json();
      for (const { game: id } of games) {
        const list = await (await fetch(`/v1/games/${id}/players?ruleset=${ruleset}`)).json();
        const found = list.find((one) => one.player === wanted);
        if (found) return found;
      }
      return null;
    }, [player, other]);
    assert.equal(shown, formatPoints(toUnits(game.points)));
  });
});

test('the list filters by name and position and sorts by name', async () => {
  await page.locator('.chip', { hasText: 'QB' }).click();
  await eventually(async () => {
    const metas = await page.locator('#rows .meta').allTextContents();
    assert.ok(metas.length > 0 && metas.every((meta) => meta.endsWith('QB')), metas.join());
  });
  await page.locator('[data-sort="name"]').click();
  assert.equal(await page.locator('#sort-name').getAttribute('aria-sort'), 'ascending');
  const names = await page.locator('#rows .name').allTextContents();
  assert.deepEqual(names, [...names].sort((a, b) => a.localeCompare(b)));
  await page.locator('#search').fill('nobody is called this');
  await page.waitForSelector('#rows-hint:not([hidden])');
});

test('a game is chosen on the scoreboard and let go from the list', async () => {
  const card = page.locator('#games > li[data-status="live"]').first();
  const teams = await card.locator('.team-name').allTextContents();
  await card.locator('button').click();
  const filter = page.locator('#game-filter');
  assert.equal(await filter.textContent(), `${teams.join(' at ')} ×`);
  const metas = await page.locator('#rows .meta').allTextContents();
  assert.ok(metas.length > 0 && metas.every((meta) => teams.includes(meta.split(' · ')[0])), metas.join());
  await filter.click();
  await filter.waitFor({ state: 'hidden' });
  assert.equal(await card.locator('button').getAttribute('aria-pressed'), 'false');
});

test('names and points that a feed posts arrive as text', async (t) => {
  if (server.isFake) {
    t.skip('the fake takes no events');
    return;
  }
  const name = '<img src=x onerror="document.title=1">"&amp;\u2028é';
  const stats = [{ player: 'hostile-1', team: 'NE', stat: 10, yards: 99 }];
  // The slate is of one day: a game of another one would not show.
  const kickoff = Date.now() * 1000;
  const game = { type: 'game', game: 'hostile', status: 'live', home: 'NE', away: 'HOU', kickoff, score: { NE: 0, HOU: 0 } };
  const events = [
    game,
    { type: 'players', players: [{ player: 'hostile-1', name, team: 'NE', position: 'RB' }] },
    { type: 'play', game: 'hostile', play: '1', stats },
  ];
  const post = async (list) => {
    const body = list.map((event) => JSON.stringify(event)).join('\n');
    const answer = await fetch(`${server.url}/v1/events`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body });
    assert.deepEqual((await answer.json()).rejected, []);
  };
  await post(events);
  // The list begins with the best fifty; the search finds anybody.
  await page.locator('#search').fill('onerror');
  const row = page.locator('#rows tr[data-player="hostile-1"]');
  await row.waitFor();
  assert.equal(await row.locator('.name').textContent(), name);
  assert.equal(await page.locator('main img').count(), 0);
  await row.locator('.pick').click();
  await eventually(async () => assert.equal(await page.locator('.pick-card .name').textContent(), name));
  await post([{ type: 'play', game: 'hostile', play: '1', rev: 2, stats: [{ ...stats[0], yards: 94 }] }]);
  await page.waitForSelector('.recent-item[data-kind="correction"]');
  const answer = await (await fetch(`${server.url}/v1/games/hostile/players`)).json();
  const expected = formatPoints(toUnits(answer.find(({ player }) => player === 'hostile-1').points));
  await eventually(async () => assert.equal(await text('#total'), expected));
  await post([{ ...game, rev: 2, status: 'final' }]);
  await page.waitForSelector('#games > li[data-game="hostile"][data-status="final"]');
});

test('a cut connection says so, comes back by itself, and the totals are right', async () => {
  await pickFirst(2);
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
  const before = JSON.stringify(await shownPoints());
  await eventually(async () => assert.notEqual(JSON.stringify(await shownPoints()), before), 30_000);
  await checkTotalIsSum();
});

test('latency is measured, and everything can be reached by keyboard', async () => {
  await eventually(async () => assert.match(await text('#server-latency'), /ms|s$/), 30_000);
  await page.locator('#search').focus();
  for (let i = 0; i < 30; i += 1) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement.classList.contains('pick'))) break;
  }
  await page.keyboard.press('Enter');
  assert.equal(await page.locator('.pick-card').count(), 1);
});

for (const [name, options] of [
  ['desktop-light', { colorScheme: 'light' }],
  ['desktop-dark', { colorScheme: 'dark' }],
  ['phone', { colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 }],
]) {
  test(`fits its screen: ${name}`, async () => {
    await page.context().close();
    page = await open(options);
    await pickFirst(4);
    await page.evaluate(() => scrollTo(0, 0));
    // A picture of a page where something has just happened.
    await page.waitForSelector('.change[data-flash]', { state: 'attached', timeout: 30_000 });
    await page.waitForTimeout(3_000);
    await screenshot(page, name);
    const [content, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= width, `${content} px of content on ${width} px of screen`);
  });
}
