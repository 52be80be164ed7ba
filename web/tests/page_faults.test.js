// The page against the fake server: what a real one won't do on demand.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { FakeServer } from './fake_server.js';
import { eventually, launchBrowser, screenshot } from './support.js';

const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>\u2028\'&quot;</td>';

let browser;
let server;
let page;

before(async () => {
  browser = await launchBrowser();
});

after(() => browser?.close());

beforeEach(() => {
  // Few enough players that all of them stand on the first page of the list.
  server = new FakeServer({ gameCount: 2 });
});

afterEach(async () => {
  await page?.context().close();
  await server.stop();
});

async function open() {
  const url = await server.start();
  page = await (await browser.newContext()).newPage();
  await page.goto(url);
  await page.waitForSelector('#state[data-state="live"]');
}

const player = (id) => server.slate.players.get(id);
const play = (id, change, kind = 'play') => {
  const moved = player(id);
  for (const [stat, by] of Object.entries(change)) moved.stats[stat] = (moved.stats[stat] ?? 0) + by;
  return { game: server.slate.games.get(moved.game), moved: [[moved, change]], cause: { game: moved.game, play: '1', rev: 1, kind } };
};
const pick = (id) => page.locator(`#rows tr[data-player="${id}"] .pick`).click();

test('a hostile name is text, wherever it shows', async () => {
  Object.assign(player('NE-0'), { name: HOSTILE, team: '<b>NE</b>', position: '<i>QB</i>' });
  Object.assign(server.slate.games.get('g2'), { home: '"><svg onload=alert(1)>' });
  await open();
  await pick('NE-0');
  server.publish(play('NE-0', { passing_yards: 50 }));
  await page.waitForSelector('.recent-item');
  for (const selector of ['#rows tr[data-player="NE-0"] .name', '.pick-card .name', '.recent-who']) {
    assert.equal(await page.locator(selector).textContent(), HOSTILE);
  }
  assert.match(await page.locator('li[data-game="g2"]').textContent(), /svg onload/);
  assert.equal(await page.locator('main img, main script, main svg, main b, main i').count(), 0);
  assert.match(await page.title(), /^Scorewire/);
});

test('gains flash up, corrections flash down and are called corrections', async () => {
  await open();
  await pick('NE-1');
  const row = page.locator('#rows tr[data-player="NE-1"]');
  server.publish(play('NE-1', { rushing_yards: 12, rushing_attempts: 1 }));
  await row.locator('.points[data-flash^="up"]').waitFor();
  assert.equal(await row.locator('.change').textContent(), '+1.20');
  server.publish(play('NE-1', { rushing_yards: -4 }, 'correction'));
  await row.locator('.points[data-flash^="down"]').waitFor();
  assert.equal(await page.locator('#total').textContent(), '0.80');
  const newest = page.locator('.recent-item').first();
  assert.equal(await newest.locator('.badge').textContent(), 'Correction');
  assert.equal(await newest.locator('.recent-text').textContent(), '−4 rushing yards');
  assert.equal(await newest.locator('.recent-change').textContent(), '−0.40');
});

test('a merged frame counts as merged and says how many it stands for', async () => {
  await open();
  await pick('NE-1');
  server.publish(play('NE-1', { rushing_yards: 12 }), 3);
  await page.waitForSelector('.recent-item');
  assert.equal(await page.locator('.recent-item .badge').textContent(), '3 in one');
  assert.equal(await page.locator('.recent-text').textContent(), '+12 rushing yards');
  await eventually(async () => assert.notEqual(await page.locator('#merged-count').textContent(), '0'));
});

test('a restarted server with another history replaces everything', async () => {
  await open();
  await pick('NE-1');
  server.epoch = 'epoch-2';
  player('NE-1').stats = { rushing_yards: 100 };
  server.cut();
  await eventually(async () => assert.equal(await page.locator('#total').textContent(), '10.00'));
});

test('a page that is not let in asks when to come, and comes then', async () => {
  await open();
  server.refuses = true;
  server.toldMs = 1_500;
  server.cut();
  await eventually(async () => assert.equal(server.asked, 1));
  await page.waitForSelector('#state[data-state="live"]');
  assert.equal(server.asked, 1);
  // Timers count whole milliseconds.
  assert.ok(server.admittedAtMs - server.toldAtMs >= server.toldMs - 1, 'not before it was told to');
});

test('a page without a token is told so where reading takes one, and with one it reads', async () => {
  server.token = 'a.b.c';
  const url = await server.start();
  page = await (await browser.newContext()).newPage();
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  const refused = async (words) => {
    await page.waitForSelector('#state[data-state="refused"]');
    assert.match(await page.locator('#notice').textContent(), words);
    assert.equal(await page.locator('#retry').isVisible(), false);
  };
  await page.goto(url);
  await refused(/Reading takes a token here.*#token=/s);
  await page.goto(`${url}/#token=x.y.z`);
  await refused(/does not take this token/);
  await page.goto(`${url}/#token=a.b.c`);
  await page.waitForSelector('#state[data-state="live"]');
  await page.waitForSelector('#rows tr[data-player="NE-1"]');
  // Where it reads, and is then told that it may not any more: no second try.
  server.closeAll(4003);
  await refused(/or not any more/);
  assert.ok(asked.every((one) => !one.includes('a.b.c')), 'a token is in no address that is asked for');
});

test('a server that reports lateness is believed', async () => {
  await open();
  server.sendAll({ type: 'status', late_ms: 2500 });
  await page.waitForSelector('#state[data-state="late"]');
  await page.waitForSelector('#notice:not([hidden])');
  server.sendAll({ type: 'status', late_ms: 0 });
  await page.waitForSelector('#state[data-state="live"]');
});

test('without games the page says how to start a feed, and shows the first one that comes', async () => {
  server = new FakeServer({ gameCount: 0 });
  await open();
  await page.waitForSelector('#empty:not([hidden])');
  assert.match(await page.locator('#empty').textContent(), /scorewire simulate .*http:\/\/127\.0\.0\.1/);
  await screenshot(page, 'empty');
  const { slate } = new FakeServer({ gameCount: 1 });
  server.slate.games = slate.games;
  server.slate.players = slate.players;
  server.publish(play('NE-1', { rushing_yards: 5 }));
  await page.waitForSelector('li[data-game="g1"]');
  await page.waitForSelector('#rows tr[data-player="NE-1"]');
  // The slate's delta names no teams: the page asks for them.
  await eventually(async () => assert.match(await page.locator('li[data-game="g1"]').textContent(), /NE.*HOU/));
});

test('a game that ends says so', async () => {
  await open();
  const game = server.slate.games.get('g1');
  game.status = 'final';
  server.publish(play('NE-1', { rushing_yards: 1 }));
  await page.waitForSelector('li[data-game="g1"][data-status="final"]');
  assert.match(await page.locator('li[data-game="g1"]').textContent(), /Final/);
});

test('less motion: nothing is animated, and the change stays to be read', async () => {
  await open();
  await page.emulateMedia({ reducedMotion: 'reduce' });
  server.publish(play('NE-1', { rushing_yards: 12 }));
  const change = page.locator('#rows tr[data-player="NE-1"] .change[data-flash]');
  await change.waitFor();
  const style = await change.evaluate((node) => {
    const { animationName, opacity } = getComputedStyle(node);
    return { animationName, opacity };
  });
  assert.deepEqual(style, { animationName: 'none', opacity: '1' });
});

test('people without a stat are found by name and can be picked', async () => {
  Object.assign(player('NE-1'), { name: 'Zebulon Quill', game: 'elsewhere' });
  await open();
  assert.equal(await page.locator('#rows tr[data-player="NE-1"]').count(), 0);
  await page.locator('#search').fill('zebulon');
  await page.waitForSelector('#rows tr[data-player="NE-1"]');
  await pick('NE-1');
  assert.equal(await page.locator('.pick-card .name').textContent(), 'Zebulon Quill');
});
