// The page against the fake server: what a real one won't do on demand.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { FakeServer } from './fake_server.js';
import { eventually, go, launchBrowser, openPage, screenshot } from './support.js';

const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>\u2028\'&quot;</td>';

let browser;
let server;
let page;
let errors = [];

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
  assert.deepEqual(errors, []);
});

async function open(path = '/#leaders') {
  ({ page, errors } = await openPage(browser, await server.start() + path));
}

const player = (id) => server.slate.players.get(id);
const play = (id, change, kind = 'play') => {
  const moved = player(id);
  for (const [stat, by] of Object.entries(change)) moved.stats[stat] = (moved.stats[stat] ?? 0) + by;
  return { game: server.slate.games.get(moved.game), moved: [[moved, change]], cause: { game: moved.game, play: '1', rev: 1, kind } };
};
const text = (selector) => page.locator(selector).textContent();
const says = (selector, wanted) => eventually(async () => assert.equal(await text(selector), wanted));

/** Puts a player into my team, and shows it. */
async function pick(id) {
  await page.locator(`#rows tr[data-player="${id}"] .pick`).click();
  await go(page, 'team');
  await eventually(async () => assert.notEqual(await text('#total'), '–'));
}

test('a hostile name is text, wherever it shows', async () => {
  Object.assign(player('NE-0'), { name: HOSTILE, team: '<b>NE</b>', position: '<i>QB</i>' });
  Object.assign(player('HOU-0'), { name: HOSTILE });
  Object.assign(server.slate.games.get('g2'), { home: '"><svg onload=alert(1)>' });
  await open();
  await page.locator('#rows tr[data-player="HOU-0"] .pick').click();
  assert.equal(await text('#rows tr[data-player="NE-0"] .name'), HOSTILE);
  assert.match(await text('#rows tr[data-player="NE-0"] .meta'), /<b>NE<\/b> · <i>QB<\/i>/);
  await go(page, 'team');
  await page.locator('.slot[data-player="HOU-0"]').waitFor();
  server.publish(play('HOU-0', { passing_yards: 50 }));
  await page.waitForSelector('.news-item');
  for (const selector of ['.slot[data-player] .name', '.news-who']) assert.equal(await text(selector), HOSTILE);
  // The search, too, and what it is asked.
  await page.locator('#team-search').fill('<img src=x');
  await page.locator('#clear').click();
  await page.locator('#team-search').fill('<img src=x');
  assert.equal(await text('#team-options [role="option"]:first-child .name'), HOSTILE);
  await go(page, 'slate');
  assert.match(await text('li[data-game="g2"]'), /svg onload/);
  await page.locator('li[data-game="g2"] button').click();
  assert.match(await text('#spotlight'), /svg onload/);
  await page.locator('li[data-game="g1"] button').click();
  assert.equal(await page.locator('main :is(img, script, svg, b, i)').count(), 0);
  assert.match(await page.title(), /^Scorewire/);
});

test('gains flash up, corrections flash down and are called corrections', async () => {
  await open();
  const row = page.locator('#rows tr[data-player="NE-1"]');
  server.publish(play('NE-1', { rushing_yards: 12, rushing_attempts: 1 }));
  await row.locator('.points[data-flash^="up"]').waitFor();
  assert.equal(await row.locator('.change').textContent(), '+1.20');
  await pick('NE-1');
  server.publish(play('NE-1', { rushing_yards: 24, rushing_attempts: 1, rushing_tds: 1 }));
  await says('#total', '9.60');
  server.publish(play('NE-1', { rushing_yards: -4 }, 'correction'));
  await page.locator('#total[data-flash^="down"]').waitFor();
  assert.equal(await text('#total'), '9.20');
  const told = await page.$$eval('.news-item', (items) => items.map((item) => ['.news-change', '.badge', '.news-text'].map((part) => item.querySelector(part)?.textContent)));
  assert.deepEqual(told, [['−0.40', 'Correction', '−4 rushing yards'], ['+8.40', undefined, '24-yd TD run']]);
});

test('a play that moves two players of a team is one step of its total', async () => {
  await open();
  await page.locator('#rows tr[data-player="NE-0"] .pick').click();
  await pick('NE-3');
  const moved = [['NE-0', { completions: 1, passing_attempts: 1, passing_yards: 20 }], ['NE-3', { receptions: 1, receiving_yards: 20 }]];
  for (const [id, change] of moved) for (const [stat, by] of Object.entries(change)) player(id).stats[stat] = (player(id).stats[stat] ?? 0) + by;
  const game = server.slate.games.get('g1');
  await page.evaluate(() => {
    window.totals = [];
    new MutationObserver(() => window.totals.push(document.querySelector('#total').textContent))
      .observe(document.querySelector('#total'), { childList: true, characterData: true, subtree: true });
  });
  server.publish({ game, moved: moved.map(([id, change]) => [player(id), change]), cause: { game: 'g1', play: '9', rev: 1, kind: 'play' } });
  await says('#total', '3.80');
  assert.deepEqual(await page.evaluate(() => window.totals), ['3.80']);
  assert.deepEqual(await page.locator('.news-text').allTextContents(), ['20-yd catch', '20-yd pass']);
});

test('a captain counts one and a half', async () => {
  await open('/#team');
  await page.locator('#format').selectOption('showdown');
  player('NE-1').stats = { rushing_yards: 30 };
  player('NE-1').name = 'Zebulon Quill';
  await page.locator('.slot[data-slot="CPT"] .slot-choose').click();
  await page.locator('#team-search').fill('zebulon');
  await page.waitForSelector('#team-options [role="option"]');
  // The field keeps the focus; the arrows and Enter do the rest.
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.locator('#team-search').getAttribute('aria-activedescendant'), 'team-option-0');
  await page.keyboard.press('Enter');
  await says('#total', '4.50');
  assert.equal(await page.locator('.slot[data-slot="CPT"]').getAttribute('data-player'), 'NE-1');
  server.publish(play('NE-1', { rushing_yards: 10, rushing_attempts: 1 }));
  await says('#total', '6.00');
  assert.equal(await text('.news-change'), '+1.50');
});

test('a team without a play has no line yet, and is told so', async () => {
  player('NE-1').stats = {};
  await open();
  await pick('NE-1');
  await page.waitForSelector('.curve .is-waiting');
  assert.match(await page.locator('.curve [role="img"]').getAttribute('aria-label'), /no play yet/);
  server.publish(play('NE-1', { rushing_yards: 10, rushing_attempts: 1 }));
  await page.waitForSelector('.curve canvas');
  assert.equal(await page.locator('.curve .is-waiting').count(), 0);
});

test('a latecomer sees the points that came before, and how the team may end', async () => {
  player('NE-1').stats = { rushing_yards: 50 };
  const at = Date.now() * 1000 - 600e6;
  server.histories.set('NE-1', [[at, 1, 1], [at + 60e6, 2, 5]]);
  server.projections.set('NE-1', { player: 'NE-1', game: 'g1', ruleset: 'draftkings', points: 5, projected: 12, low: 8, high: 17, source: 'historical' });
  await open();
  await pick('NE-1');
  await page.waitForSelector('.curve canvas');
  assert.match(await page.locator('.curve [role="img"]').getAttribute('aria-label'), /from 1\.00 to 5\.00/);
  await says('#projected', '12.0 (8–17)');
});

test('who finds no open slot is told so', async () => {
  await open();
  for (const id of ['NE-0', 'HOU-0']) await page.locator(`#rows tr[data-player="${id}"] .pick`).click();
  await says('#leaders-hint', `My team has no open slot for ${player('HOU-0').name}.`);
  assert.equal(await page.locator('#rows tr[data-player="HOU-0"] .pick').getAttribute('aria-pressed'), 'false');
  await page.locator('#rows tr[data-player="NE-0"] .pick').click();
  await says('#leaders-hint', '');
});

test('a link’s team that is kept is mine, and its link is done with', async () => {
  await open('/#team=1,c,half_ppr,NE-0,NE-1,,,,,,,');
  await page.waitForSelector('#shared:not([hidden])');
  assert.equal(await page.locator('#view-team .team-controls').isVisible(), false);
  await page.locator('#keep').click();
  await page.waitForSelector('#shared', { state: 'hidden' });
  assert.match(page.url(), /#team$/);
  await page.reload();
  await page.waitForSelector('.slot[data-player="NE-1"]');
  assert.equal(await page.locator('#shared').isVisible(), false);
});

test('a merged frame counts as merged and says how many it stands for', async () => {
  await open();
  await pick('NE-1');
  server.publish(play('NE-1', { rushing_yards: 12 }), 3);
  await page.waitForSelector('.news-item');
  assert.equal(await text('.news-item .badge'), '3 in one');
  assert.equal(await text('.news-text'), '+12 rushing yards');
  await go(page, 'pulse');
  await eventually(async () => assert.notEqual(await text('#pulse-merged'), '0'));
});

test('a restarted server with another history replaces everything', async () => {
  await open();
  await pick('NE-1');
  server.epoch = 'epoch-2';
  player('NE-1').stats = { rushing_yards: 100 };
  server.cut();
  await says('#total', '10.00');
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
  errors = [];
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
  await page.goto(`${url}/#leaders&token=a.b.c`);
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
  await open('/');
  await page.waitForSelector('#empty:not([hidden])');
  assert.match(await page.locator('#empty').textContent(), /scorewire simulate .*http:\/\/127\.0\.0\.1/);
  await screenshot(page, 'empty');
  const { slate } = new FakeServer({ gameCount: 1 });
  server.slate.games = slate.games;
  server.slate.players = slate.players;
  server.publish(play('NE-1', { rushing_yards: 5 }));
  await page.waitForSelector('li[data-game="g1"]');
  // The slate's delta names no teams: the page asks for them.
  await eventually(async () => assert.match(await page.locator('li[data-game="g1"]').textContent(), /NE.*HOU/));
});

test('a game that ends says so, and so does the night', async () => {
  await open('/#slate');
  const end = (id) => {
    const game = server.slate.games.get(id);
    game.status = 'final';
    server.publish({ game, moved: [], cause: { game: id, kind: 'game' } });
  };
  server.publish(play('NE-1', { rushing_yards: 120 }));
  end('g1');
  await page.waitForSelector('li[data-game="g1"][data-status="final"]');
  assert.match(await text('li[data-game="g1"]'), /Final/);
  assert.equal(await page.locator('#night-over').isVisible(), false);
  end('g2');
  await page.waitForSelector('#night-over:not([hidden])');
  assert.match(await text('#night-over-text'), new RegExp(`Most points: ${player('NE-1').name} 12.00`));
  await screenshot(page, 'night-over');
});

test('what is read out is at most a sentence now and then', async () => {
  await open();
  await pick('NE-1');
  await page.evaluate(() => {
    window.spoken = [];
    for (const live of document.querySelectorAll('[aria-live], [role="status"], [role="alert"]')) {
      new MutationObserver(() => window.spoken.push(live.textContent)).observe(live, { childList: true, characterData: true, subtree: true });
    }
  });
  const began = Date.now();
  while ((await page.evaluate(() => window.spoken.length)) < 1 && Date.now() - began < 40_000) {
    server.publish(play('NE-1', { rushing_yards: 1, rushing_attempts: 1 }));
    await page.waitForTimeout(100);
  }
  assert.equal(await page.evaluate(() => window.spoken.length), 1);
  assert.match(await page.evaluate(() => window.spoken[0]), /^My team: [\d.]+ points\. .*: 1-yd run\.$/);
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
  await page.waitForSelector('#rows tr');
  assert.equal(await page.locator('#rows tr[data-player="NE-1"]').count(), 0);
  await page.locator('#search').fill('zebulon');
  await page.waitForSelector('#rows tr[data-player="NE-1"]');
  await pick('NE-1');
  await says('.slot[data-player] .name', 'Zebulon Quill');
});
