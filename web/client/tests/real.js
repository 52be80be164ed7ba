// The real server with a simulated slate, and a wire to it that the test can cut, clog and lead elsewhere.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as dial, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const LISTENING_WITHIN_MS = 60_000;
const POLL_MS = 20;

/** The binary under test; null where none is named, which on CI is a fault. */
export function binary() {
  const { CI, SCOREWIRE_BIN } = process.env;
  if (!SCOREWIRE_BIN && CI === 'true') throw new Error('CI=true and no server named: set SCOREWIRE_BIN to the built binary');
  return SCOREWIRE_BIN ? resolve(SCOREWIRE_BIN) : null;
}

/** For `test`: why it is left out without a binary. */
export const needsServer = { skip: binary() === null && 'SCOREWIRE_BIN names no server', timeout: 120_000 };

export class Folder {
  path = mkdtempSync(join(tmpdir(), 'scorewire-client-'));

  remove() {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Lines of a simulated evening, with its corrections, retractions, duplicates and late plays. */
export function eventLines({ games, seed }) {
  const folder = new Folder();
  const file = join(folder.path, 'events.ndjson');
  execFileSync(binary(), ['simulate', '--games', games, '--seed', seed, '--speed', 'max', '--out', file], { stdio: 'ignore' });
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  folder.remove();
  return lines;
}

/** `scorewire serve` on a free port, with settings as variables. */
export async function serve(folder, settings = {}) {
  const env = { ...process.env, NO_COLOR: '1', ...settings };
  const child = spawn(binary(), ['serve', '--bind', '127.0.0.1:0', '--data-dir', folder.path], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise((done) => { child.once('exit', done); });
  const port = await boundPort(child);
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    port,
    kill: (signal = 'SIGKILL') => {
      child.kill(signal);
      return exited;
    },
    /** Posts lines, and again where the server asks for it. */
    async post(lines) {
      for (;;) {
        const response = await fetch(`${url}/v1/events`, { method: 'POST', body: lines.join('\n') });
        if (response.ok) return response.json();
        if (![429, 503].includes(response.status)) throw new Error(`${response.status}: ${await response.text()}`);
        await sleep(POLL_MS);
      }
    },
    get: async (path) => (await fetch(`${url}${path}`)).json(),
  };
}

/** Where a server that was started listens, by what it says. */
export function boundPort(child) {
  return new Promise((done, fail) => {
    let log = '';
    const read = (chunk) => {
      log += chunk;
      const found = log.replace(/\x1b\[[0-9;]*m/g, '').match(/listening.*?address="?127\.0\.0\.1:(\d+)/);
      if (found) done(Number(found[1]));
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', fail);
    child.once('exit', (code) => fail(new Error(`the server ended with ${code}:\n${log}`)));
    setTimeout(() => fail(new Error(`no "listening" line yet:\n${log}`)), LISTENING_WITHIN_MS).unref();
  });
}

/** A wire to a server: `cut()` breaks it until `mend()`, `clog()` lets nothing more through until `clear()`, `to(server)` leads it elsewhere. */
export async function wire(server) {
  let { port } = server;
  let isCut = false;
  let isClogged = false;
  const pairs = new Set();
  const listener = createServer((near) => {
    if (isCut) {
      near.destroy();
      return;
    }
    const far = dial(port, '127.0.0.1');
    const pair = { near, far };
    pairs.add(pair);
    near.pipe(far);
    far.pipe(near);
    if (isClogged) far.pause();
    for (const [one, other] of [[near, far], [far, near]]) {
      one.on('error', () => other.destroy());
      one.on('close', () => {
        pairs.delete(pair);
        other.destroy();
      });
    }
  });
  await new Promise((done) => { listener.listen(0, '127.0.0.1', done); });
  const flow = (clogged) => {
    isClogged = clogged;
    for (const { near, far } of pairs) {
      if (clogged) far.unpipe(near).pause();
      else far.pipe(near);
    }
  };
  const cut = () => {
    isCut = true;
    for (const { near } of pairs) near.destroy();
  };
  return {
    url: `http://127.0.0.1:${listener.address().port}`,
    cut,
    mend: () => { isCut = false; },
    clog: () => flow(true),
    clear: () => flow(false),
    to: (other) => { ({ port } = other); },
    close: async () => {
      cut();
      await new Promise((done) => { listener.close(done); });
    },
  };
}

export const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** Tries until `attempt` gives no error, and then throws its last one. */
export async function eventually(attempt, withinMs = 30_000) {
  const giveUpAt = Date.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > giveUpAt) throw error;
      await sleep(POLL_MS);
    }
  }
}
