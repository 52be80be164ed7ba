// Takes the pictures of the page that the documentation shows: `npm run pictures`.
//
// Runs the demo with a fixed seed, lets it play for a while, and saves
// docs/images/slate.png, team.png, phone.png, dark.png, contests.png and contests-phone.png. The binary is SCOREWIRE_BIN,
// or the release build: odds are drawn by a core that the others then miss.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { launchBrowser, ROOT, startDemo } from '../tests/support.js';

const BINARY = process.env.SCOREWIRE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'release', 'scorewire');
const FLAGS = ['--seed', '7', '--speed', '60', '--games', '16'];
const FOLDER = join(ROOT, 'docs', 'images');
const FILLED_AFTER_MS = 30_000;
const TAKEN_AFTER_MS = 60_000;
// Colours of a flash are at their best just after it began.
const FLASH_MS = 250;
const BYTES_MAX = 400_000;
const BAR_MARGIN = 62;
// System fonts differ between machines; this one is metric-compatible with what most readers have.
const FONT = '"Liberation Sans", Arial, sans-serif';

const DESKTOP = { viewport: { width: 1280, height: 860 }, deviceScaleFactor: 1.5 };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const PICTURES = [
  { name: 'slate', view: 'slate', options: { colorScheme: 'light', ...DESKTOP } },
  { name: 'team', view: 'team', options: { colorScheme: 'light', ...DESKTOP } },
  { name: 'dark', view: 'team', options: { colorScheme: 'dark', ...DESKTOP } },
  { name: 'phone', view: 'team', options: { colorScheme: 'light', ...PHONE } },
  { name: 'contests', view: 'contests', options: { colorScheme: 'light', ...DESKTOP, viewport: { width: 1280, height: 1200 } } },
  { name: 'contests-phone', view: 'contests', from: '.entry', options: { colorScheme: 'dark', ...PHONE } },
];

const demo = await startDemo(BINARY, FLAGS);
const browser = await launchBrowser();
try {
  await wait(FILLED_AFTER_MS);
  const mine = await someEntries(demo.url);
  const pages = [];
  for (const picture of PICTURES) pages.push({ ...picture, page: await open(demo.url, picture.options, mine) });
  // Lines need a while to become lines.
  await wait(TAKEN_AFTER_MS);
  for (const picture of pages) await take(picture);
} finally {
  await browser.close();
  await demo.stop();
}

/** A contest and entries of it as a fan has them: one well placed, one about to be paid, and some others. */
async function someEntries(url) {
  const get = async (path) => (await fetch(`${url}${path}`)).json();
  const { contests: [{ contest, entries, paid_places: paid }] } = await get('/v1/contests');
  const places = [40, paid + 30, entries / 8, entries / 3, entries / 2].map(Math.floor);
  const found = await Promise.all(places.map((place) => get(`/v1/contests/${contest}/entries?count=1&from=${place}`)));
  return [contest, ...found.map(({ found: [{ entry }] }) => entry)];
}

async function open(url, options, mine) {
  const context = await browser.newContext({ locale: 'en-US', timezoneId: 'America/New_York', ...options });
  const page = await context.newPage();
  await page.goto(`${url}/#team`);
  await page.waitForSelector('#state[data-state="live"]');
  await page.evaluate((font) => { document.body.style.fontFamily = font; }, FONT);
  await page.locator('#fill').click();
  await page.waitForSelector('.slot[data-player]');
  await page.evaluate((entries) => { location.hash = `#contests=1,${entries}`; }, mine.join());
  await page.locator('#entries-keep').click();
  await page.waitForSelector('.entries tr[data-chosen]');
  return page;
}

/** Saves a view at the moment when the total of the team, or the score on a card, has just moved. */
async function take({ name, view, from, page }) {
  await page.bringToFront();
  await page.locator(`#tab-${view}`).click();
  await page.evaluate(([selector, margin]) => {
    document.activeElement.blur();
    // Below the bar, which stays.
    scrollTo(0, selector ? document.querySelector(selector).getBoundingClientRect().top + scrollY - margin : 0);
  }, [from, BAR_MARGIN]);
  const moving = { team: '#total', contests: '#entry-rank, #entry-points, .entries .points' }[view] ?? '#spotlight .points, #games .verdict';
  await page.evaluate(([selector, flashMs]) => new Promise((resolve) => {
    new MutationObserver((records, observer) => {
      if (!records.some(({ target }) => target.matches(selector) && target.dataset.flash?.startsWith('up'))) return;
      observer.disconnect();
      setTimeout(resolve, flashMs);
    }).observe(document.body, { attributes: true, attributeFilter: ['data-flash'], subtree: true });
  }), [moving, FLASH_MS]);
  const png = await page.screenshot();
  const path = join(FOLDER, `${name}.png`);
  if (png.length > BYTES_MAX) throw new Error(`${name}.png has ${png.length} bytes, more than ${BYTES_MAX}`);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(path, png);
  console.log(`${relative(ROOT, path)}: ${png.length} bytes`);
}

function wait(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}
