// Takes the pictures of the page that the documentation shows: `npm run pictures`.
//
// Runs the demo with a fixed seed, lets it play for a while, and saves docs/images/slate.png, team.png,
// phone.png and dark.png. The binary is SCOREWIRE_BIN, or the debug build.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { launchBrowser, ROOT, startDemo } from '../tests/support.js';

const BINARY = process.env.SCOREWIRE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug', 'scorewire');
const FLAGS = ['--seed', '7', '--speed', '60', '--games', '16'];
const FOLDER = join(ROOT, 'docs', 'images');
const FILLED_AFTER_MS = 30_000;
const TAKEN_AFTER_MS = 60_000;
// Colours of a flash are at their best just after it began.
const FLASH_MS = 250;
const BYTES_MAX = 400_000;
// System fonts differ between machines; this one is metric-compatible with what most readers have.
const FONT = '"Liberation Sans", Arial, sans-serif';

const DESKTOP = { viewport: { width: 1280, height: 860 }, deviceScaleFactor: 1.5 };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const PICTURES = [
  { name: 'slate', view: 'slate', options: { colorScheme: 'light', ...DESKTOP } },
  { name: 'team', view: 'team', options: { colorScheme: 'light', ...DESKTOP } },
  { name: 'dark', view: 'team', options: { colorScheme: 'dark', ...DESKTOP } },
  { name: 'phone', view: 'team', options: { colorScheme: 'light', ...PHONE } },
];

const demo = await startDemo(BINARY, FLAGS);
const browser = await launchBrowser();
try {
  await wait(FILLED_AFTER_MS);
  const pages = [];
  for (const picture of PICTURES) pages.push({ ...picture, page: await open(demo.url, picture.options) });
  // Lines need a while to become lines.
  await wait(TAKEN_AFTER_MS);
  for (const picture of pages) await take(picture);
} finally {
  await browser.close();
  await demo.stop();
}

async function open(url, options) {
  const context = await browser.newContext({ locale: 'en-US', timezoneId: 'America/New_York', ...options });
  const page = await context.newPage();
  await page.goto(`${url}/#team`);
  await page.waitForSelector('#state[data-state="live"]');
  await page.evaluate((font) => { document.body.style.fontFamily = font; }, FONT);
  await page.locator('#fill').click();
  await page.waitForSelector('.slot[data-player]');
  return page;
}

/** Saves a view at the moment when the total of the team, or the score on a card, has just moved. */
async function take({ name, view, page }) {
  await page.bringToFront();
  await page.locator(`#tab-${view}`).click();
  await page.evaluate(() => {
    document.activeElement.blur();
    scrollTo(0, 0);
  });
  const moving = view === 'team' ? '#total' : '#spotlight .points, #games .verdict';
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
