// A browser, and a server to look at.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve as absolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { boundPort } from '../client/tests/real.js';
import { startFront } from '../tools/front.js';
import { FakeServer } from './fake_server.js';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const SCREENSHOTS = join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'screenshots');

const AXE = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

export { eventually, wire as startWire } from '../client/tests/real.js';

export function launchBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

export async function screenshot(page, name) {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

/**
 * A page at `url` as `{page, errors}`: whatever it throws or logs as an error is in `errors`. The browser itself
 * logs a failed connection, which tests cut on purpose, and an answer such as 404.
 */
export async function openPage(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/WebSocket|ERR_|Failed to load resource/.test(message.text())) errors.push(message.text());
  });
  await page.goto(url);
  await page.waitForSelector('#state[data-state="live"]');
  return { page, errors };
}

/** Goes to a view by its tab, and waits until it is shown. */
export async function go(page, view) {
  await page.locator(`#tab-${view}`).click();
  await page.locator(`#view-${view}`).waitFor();
}

/** Whether everybody can use what is shown: axe's rules. */
export async function checkAccess(page, what) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate((tags) => window.axe.run(document, { runOnly: { type: 'tag', values: tags } }), RULES);
  const told = violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`).join(' | ')}`);
  assert.deepEqual(told, [], what);
}

/** What must hold of every view on every screen: nothing sticks out to the right. */
export async function widths(page) {
  return page.evaluate(() => ({ content: document.documentElement.scrollWidth, screen: innerWidth }));
}

/**
 * The server under test as `{url, isFake, stop}`: one that already runs (`SCOREWIRE_URL`), the binary
 * (`SCOREWIRE_BIN`, with `SCOREWIRE_CONFIG` if set), or the fake where neither is named. On CI that
 * would test nothing real, so there one of them has to be named.
 */
export async function startServer() {
  const server = await startNamed();
  return server.isFake ? server : fronted(server);
}

/** A server with nothing in it but what a test posts, or null where no binary is named. */
export async function startEmpty() {
  const { CI, SCOREWIRE_BIN } = process.env;
  if (CI === 'true' && !SCOREWIRE_BIN) throw new Error('CI=true and no binary named: set SCOREWIRE_BIN to the built one');
  return SCOREWIRE_BIN ? fronted(await startBinary(SCOREWIRE_BIN, 'serve')) : null;
}

/** Posts events, and wants all of them taken. */
export async function post(server, events) {
  const body = events.map((event) => JSON.stringify(event)).join('\n');
  const answer = await fetch(`${server.url}/v1/events`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body });
  assert.deepEqual((await answer.json()).rejected, []);
}

// For those who change the page: its files as they are, before a server that was built with older ones.
async function fronted(server) {
  if (process.env.SCOREWIRE_PAGE !== 'disk') return server;
  const front = await startFront(server.url);
  const stop = async () => {
    await front.stop();
    await server.stop();
  };
  return { ...server, url: front.url, stop };
}

async function startNamed() {
  const { CI, SCOREWIRE_URL, SCOREWIRE_BIN } = process.env;
  if (SCOREWIRE_URL) return { url: SCOREWIRE_URL, isFake: false, stop: async () => {} };
  if (SCOREWIRE_BIN) return startDemo(SCOREWIRE_BIN);
  if (CI === 'true') {
    throw new Error('CI=true and no server named: set SCOREWIRE_BIN to the built binary or SCOREWIRE_URL to a running server');
  }
  const fake = new FakeServer();
  const url = await fake.start();
  fake.play(50);
  return { url, isFake: true, stop: () => fake.stop() };
}

/** `scorewire demo` on a free port, as `{url, isFake, stop, pid}`. */
export function startDemo(binary, flags = []) {
  return startBinary(binary, 'demo', flags);
}

/** `scorewire demo` or `serve` (nothing in it but what a test posts) on a free port, as `{url, isFake, stop, pid}`. */
async function startBinary(binary, command, flags = []) {
  const dataDir = mkdtempSync(join(tmpdir(), 'scorewire-page-'));
  const config = process.env.SCOREWIRE_CONFIG ? ['--config', absolute(process.env.SCOREWIRE_CONFIG)] : [];
  const child = spawn(absolute(binary), [command, '--bind', '127.0.0.1:0', '--data-dir', dataDir, ...config, ...flags], { cwd: ROOT });
  const exited = new Promise((resolve) => {
    child.once('exit', resolve);
    // A binary that is not there never exits.
    child.once('error', resolve);
  });
  const stop = async () => {
    child.kill('SIGTERM');
    await exited;
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    return { url: `http://127.0.0.1:${await boundPort(child)}`, isFake: false, stop, pid: child.pid };
  } catch (error) {
    await stop();
    throw error;
  }
}

