// What the page makes of predictions, against the fake server: what comes, when, and what expires.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { FakeServer } from './fake_server.js';
import { eventually, go, launchBrowser, openPage, screenshot, widths } from './support.js';

const CALL = { kind: 'next_play', probabilities: { run: 0.2312, pass: 0.7688 }, call: 'pass', confidence: 0.7688, source: 'model', model: 'm', version: '1' };
const USUAL = { kind: 'next_play', probabilities: { run: 0.58, pass: 0.42 }, call: 'run', confidence: 0.58, source: 'historical' };
const WIN = { kind: 'win', probabilities: { NE: 0.61, HOU: 0.39 }, call: 'NE', confidence: 0.61, source: 'historical' };
const DRIVE = {
  kind: 'drive', team: 'NE', probabilities: { touchdown: 0.25, field_goal: 0.2, punt: 0.35, turnover: 0.1, other: 0.1 }, call: 'punt',
  confidence: 0.35, source: 'historical',
};
const POINTS = { kind: 'points', points_ruleset: 'draftkings', players: [{ player: 'NE-0', points: 18.4, low: 11.2, high: 26 }], source: 'model', model: 'p', version: '1' };
const judged = (right, tally) => ({ kind: 'next_play', call: 'pass', actual: right ? 'pass' : 'run', right, probability: 0.7, source: 'model', tally });

let browser;
let server;
let page;
let pageErrors;

before(async () => {
  browser = await launchBrowser();
});

after(() => browser?.close());

beforeEach(() => {
  server = new FakeServer({ gameCount: 2 });
});

afterEach(async () => {
  await page?.context().close();
  await server.stop();
  assert.deepEqual(pageErrors, []);
});

async function open(options = {}, path = '/#slate') {
  ({ page, errors: pageErrors } = await openPage(browser, await server.start() + path, options));
}

const card = (game = 'g1') => page.locator(`#games > li[data-game="${game}"]`);
const callText = (game) => card(game).locator('.call-text').textContent();
const expected = (player) => page.locator(`#rows tr[data-player="${player}"] .expected`).textContent();
const says = (read, wanted) => eventually(async () => assert.equal(await read(), wanted));

const DRIVE_NODE = '#spotlight .drive';

/** Where everything stands that must not move. */
const places = () => page.evaluate(() => [...document.querySelectorAll('#games > li, #spotlight, #spotlight > *, #rows tr')].map((node) => {
  const { top, left, width, height } = node.getBoundingClientRect();
  return [top, left, width, height].map(Math.round).join();
}));

test('a server without predictions shows nothing of them', async () => {
  await open();
  await card().locator('button').click();
  for (const selector of ['.outlook', '#calls', DRIVE_NODE, '.spot-win']) assert.equal(await page.locator(selector).first().isVisible(), false, selector);
  await go(page, 'leaders');
  assert.equal(await expected('NE-0'), '');
  assert.equal(await page.locator('.verdict:not(:empty)').count(), 0);
});

test('a call is shown as sure as it is, and a usual one as such', async () => {
  await open();
  server.predict('g1', CALL);
  await says(() => callText(), 'Pass 77%');
  assert.equal(await card().locator('.usual').isVisible(), false);
  assert.equal(await card('g2').locator('.outlook').isVisible(), false);
  const sureColour = await card().locator('.call-text').evaluate((node) => getComputedStyle(node).color);
  server.predict('g1', USUAL, 3);
  await says(() => callText(), 'Run 58%');
  assert.equal(await card().locator('.usual').isVisible(), true);
  assert.notEqual(await card().locator('.call-text').evaluate((node) => getComputedStyle(node).color), sureColour);
});

test('chances of winning are a line with a label', async () => {
  server.slate.forecast('g1').predictions.set('win', { ...WIN, expires_us: (Date.now() + 60_000) * 1000 });
  await open();
  await card().getByRole('img', { name: 'To win: NE 61%, HOU 39%', includeHidden: true }).waitFor();
  assert.equal(await card().locator('.win-text').textContent(), 'NE 61%');
  await card().locator('canvas').waitFor();
  // Each prediction is a step of the line, at the clock of its play.
  server.slate.games.get('g1').clock = { quarter: 3, seconds_left: 900 };
  server.publish(server.slate.correct(server.slate.players.get('NE-1')));
  server.predict('g1', { ...WIN, probabilities: { NE: 0.3, HOU: 0.7 } });
  await says(() => card().locator('.win-text').textContent(), 'HOU 70%');
  await page.locator('#spotlight canvas').waitFor();
});

test('the chosen game tells how its drive may end', async () => {
  await open();
  server.predict('g1', DRIVE);
  const drive = page.locator(DRIVE_NODE);
  await card().locator('button').click();
  await drive.waitFor();
  assert.equal(await drive.locator('.drive-title').textContent(), 'How NE’s drive ends');
  const ends = await drive.locator('li').evaluateAll((items) => items.map((item) => item.textContent));
  assert.deepEqual(ends, ['Touchdown25%', 'Field goal20%', 'Punt35%', 'Turnover10%', 'Other10%']);
  assert.equal(await drive.locator('[data-called]').getAttribute('data-end'), 'punt');
  const before = await places();
  server.outcome('g1', { ...judged(true, { right: 0, calls: 0 }), kind: 'drive', call: 'punt', actual: 'punt' });
  await says(() => drive.locator('.verdict').textContent(), '✓ Punt');
  assert.equal(await drive.locator('li').first().isVisible(), false);
  assert.deepEqual(await places(), before, 'its room is kept for the next drive');
  await card('g2').locator('button').click();
  await drive.waitFor({ state: 'hidden' });
});

test('players show what they may end with, under the ruleset it is for', async () => {
  await open({}, '/#leaders');
  server.predict('g1', POINTS);
  await says(() => expected('NE-0'), '18.4 (11–26)');
  assert.equal(await expected('NE-1'), '');
  assert.match(await page.locator('#rows tr[data-player="NE-0"] .expected').getAttribute('title'), /8 of 10 such games end between 11\.2 and 26\.0/);
  await page.locator('#ruleset').selectOption('half_ppr');
  await says(() => expected('NE-0'), '');
  await page.locator('#ruleset').selectOption('draftkings');
  await says(() => expected('NE-0'), '18.4 (11–26)');
});

test('a call ends with its play, says whether it came, and nothing moves', async () => {
  await open();
  for (const prediction of [CALL, WIN]) server.predict('g1', prediction);
  await says(() => callText(), 'Pass 77%');
  const before = await places();
  const verdict = card().locator('.verdict');
  server.outcome('g1', judged(true, { right: 1, calls: 1 }));
  await says(() => verdict.textContent(), '✓ Pass');
  assert.match(await verdict.getAttribute('data-flash'), /^up/);
  assert.equal(await callText(), '');
  assert.equal(await card().locator('.win-text').textContent(), 'NE 61%');
  server.predict('g1', CALL);
  server.outcome('g1', judged(false, { right: 1, calls: 2 }));
  await says(() => verdict.textContent(), '✗ Pass');
  assert.match(await verdict.getAttribute('data-flash'), /^down/);
  // The tally came with the first outcome; all else stands where it stood.
  assert.deepEqual(await places(), before);
});

test('a prediction that has had its time vanishes, and the others stay', async () => {
  await open();
  server.predict('g1', WIN);
  server.predict('g1', { ...CALL, expires_us: (Date.now() + 2_500) * 1000 });
  await says(() => callText(), 'Pass 77%');
  const before = await places();
  await says(() => callText(), '');
  assert.equal(await card().locator('.win-text').textContent(), 'NE 61%');
  assert.deepEqual(await places(), before);
});

test('the calls of all games add up, and their models are told to whoever asks', async () => {
  server.models = { figures: [{ model: 'next_play', version: '1', figures: { outcomes: 200, accuracy: 0.855 } }] };
  await open();
  server.slate.forecast('g2').tally = { right: 30, calls: 34 };
  server.outcome('g1', judged(true, { right: 11, calls: 13 }));
  await says(() => page.locator('#calls').textContent(), 'Right 11 of 13 calls tonight');
  // Another history begins with snapshots, and they tell it too.
  server.epoch = 'epoch-2';
  server.cut();
  await says(() => page.locator('#calls').textContent(), 'Right 41 of 47 calls tonight');
  await page.locator('#calls').hover();
  await says(() => page.locator('#calls').getAttribute('title'), 'next_play 1: right 86% of 200');
});

test('the end of a game is the end of what was thought of it', async () => {
  await open();
  for (const prediction of [CALL, WIN, POINTS]) server.predict('g1', prediction);
  await says(() => callText(), 'Pass 77%');
  server.outcome('g1', { kind: 'win', call: 'NE', actual: 'NE', right: true, tally: { right: 2, calls: 3 } });
  await says(() => callText(), '');
  await says(() => card().locator('.win-text').textContent(), '');
  await says(() => page.locator('#calls').textContent(), 'Right 2 of 3 calls tonight');
  server.slate.games.get('g1').status = 'final';
  server.publish(server.slate.correct(server.slate.players.get('NE-1')));
  await go(page, 'leaders');
  await says(() => expected('NE-0'), 'Final');
});

test('a team with a hostile name is text, and no call is read out by itself', async () => {
  const team = '<img src=x onerror=alert(1)>';
  await open();
  server.predict('g1', { ...DRIVE, team });
  server.predict('g1', CALL);
  await card().locator('button').click();
  await says(() => page.locator('.drive-title').textContent(), `How ${team}’s drive ends`);
  assert.equal(await page.locator('main img').count(), 0);
  assert.equal(await page.locator(':is([aria-live], [role="status"]) :is(.outlook, .drive, .call, #calls)').count(), 0);
});

for (const [name, options] of [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['phone', { colorScheme: 'light', viewport: { width: 380, height: 844 }, deviceScaleFactor: 2 }],
]) {
  test(`predictions fit their screen: ${name}`, async () => {
    server = new FakeServer();
    await open(options);
    server.play(100, { predicts: true });
    await card().locator('button').click();
    await page.locator(DRIVE_NODE).waitFor();
    await page.waitForSelector('.verdict:not(:empty)', { state: 'attached' });
    await page.waitForTimeout(1_500);
    await screenshot(page, `predictions-${name}`);
    const { content, screen } = await widths(page);
    assert.ok(content <= screen, `${content} px of content on ${screen} px of screen`);
    const cut = await page.$$eval('.call-words, .win', (lines) => lines.filter((line) => line.scrollWidth > line.clientWidth).map((line) => line.textContent));
    assert.deepEqual(cut, []);
  });
}
