// Whether everybody can use the page: axe's rules on every view, light and dark, and in the states that are rare.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FakeServer } from './fake_server.js';
import { checkAccess as check, go, launchBrowser, openPage } from './support.js';

// What moves has colours between two; they are looked at when they have come to rest.
const STILL = { reducedMotion: 'reduce' };

let browser;
let server;
let url;

before(async () => {
  browser = await launchBrowser();
  server = new FakeServer();
  url = await server.start();
  for (let i = 0; i < 200; i += 1) server.publish(server.slate.step());
  for (const game of server.slate.games.values()) {
    if (game.status === 'live') for (const prediction of server.slate.foresee(game)) server.predict(game.game, prediction);
  }
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

for (const colorScheme of ['light', 'dark']) {
  test(`every view keeps to the rules: ${colorScheme}`, async () => {
    const { page, errors } = await openPage(browser, url, { ...STILL, colorScheme });
    await page.locator('#games > li').first().waitFor();
    await check(page, 'slate');
    await go(page, 'team');
    await check(page, 'team, empty');
    await page.locator('#fill').click();
    await page.waitForSelector('.slot[data-player]');
    server.publish(server.slate.correct(server.slate.players.get(await page.locator('.slot[data-slot="RB"]').first().getAttribute('data-player'))));
    await page.waitForSelector('.news-item');
    await page.locator('.slot[data-slot="DST"] .remove').click();
    await page.locator('#team-search').fill('defence');
    await page.waitForSelector('#team-options [role="option"]');
    await check(page, 'team');
    await go(page, 'contests');
    await page.waitForSelector('#no-contests:not([hidden])');
    await check(page, 'contests, none');
    await go(page, 'leaders');
    await page.locator('#rows .pick').first().focus();
    await check(page, 'leaders');
    await go(page, 'pulse');
    await page.locator('summary').click();
    await page.waitForTimeout(1_500);
    await check(page, 'pulse');
    await page.setViewportSize({ width: 390, height: 844 });
    for (const view of ['slate', 'team', 'leaders', 'pulse']) {
      await go(page, view);
      await check(page, `${view} on a phone`);
    }
    assert.deepEqual(errors, []);
    await page.context().close();
  });
}

test('a lost connection, a refusal and a talk keep to the rules', async () => {
  const { page } = await openPage(browser, url, STILL);
  server.refuses = true;
  server.toldMs = 30_000;
  server.cut();
  await page.waitForSelector('#notice:not([hidden])');
  await check(page, 'lost');
  server.refuses = false;
  server.toldMs = 0;
  await page.goto(`${url}/?demo`);
  await page.waitForSelector('#spotlight:not([hidden])');
  await check(page, 'talk');
  await page.context().close();
});
