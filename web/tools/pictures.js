// Takes the pictures of the page that the documentation shows: `npm run pictures`.
//
// Runs the demo with a fixed seed, lets it play for a while, and saves docs/images/page.png,
// page-dark.png and page-phone.png. The binary is SCOREWIRE_BIN, or the debug build.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { launchBrowser, ROOT, startDemo } from '../tests/support.js';

const BINARY = process.env.SCOREWIRE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug', 'scorewire');
const FLAGS = ['--seed', '7', '--speed', '60', '--games', '16'];
const FOLDER = join(ROOT, 'docs', 'images');
const PICKED_AFTER_MS = 70_000;
const TAKEN_AFTER_MS = 25_000;
// Colours of a flash are at their best just after it began.
const FLASH_MS = 250;
const BYTES_MAX = 400_000;
// System fonts differ between machines; this one is metric-compatible with what most readers have.
const FONT = '"Liberation Sans", Arial, sans-serif';
const POSITIONS = ['QB', 'RB', 'WR', 'TE', 'DST'];

const PICTURES = [
  { name: 'page', options: { colorScheme: 'light', viewport: { width: 1280, height: 860 }, deviceScaleFactor: 1.5 } },
  { name: 'page-dark', options: { colorScheme: 'dark', viewport: { width: 1280, height: 860 }, deviceScaleFactor: 1.5 } },
  { name: 'page-phone', options: { colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true } },
];

const demo = await startDemo(BINARY, FLAGS);
const browser = await launchBrowser();
try {
  await wait(PICKED_AFTER_MS);
  const pages = [];
  for (const picture of PICTURES) pages.push({ ...picture, page: await open(picture.options) });
  await wait(TAKEN_AFTER_MS);
  for (const { name, page } of pages) await take(name, page);
} finally {
  await browser.close();
  await demo.stop();
}

async function open(options) {
  const context = await browser.newContext({ locale: 'en-US', timezoneId: 'America/New_York', ...options });
  const page = await context.newPage();
  await page.goto(demo.url);
  await page.waitForSelector('#rows tr');
  await page.evaluate((font) => { document.body.style.fontFamily = font; }, FONT);
  for (const position of POSITIONS) {
    await page.locator('.chip', { hasText: position }).click();
    await page.locator('#rows .pick').first().click();
  }
  await page.locator('.chip', { hasText: 'All' }).click();
  await page.evaluate(() => {
    document.activeElement.blur();
    scrollTo(0, 0);
  });
  return page;
}

/** Saves the page as it is at the moment when the total of the picked players has just risen. */
async function take(name, page) {
  await page.bringToFront();
  await page.evaluate((flashMs) => new Promise((resolve) => {
    new MutationObserver((records, observer) => {
      if (!records.some(({ target }) => target.dataset.flash?.startsWith('up'))) return;
      observer.disconnect();
      setTimeout(resolve, flashMs);
    }).observe(document.getElementById('total'), { attributes: true, attributeFilter: ['data-flash'] });
  }), FLASH_MS);
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
