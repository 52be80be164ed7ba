// What is published: its size, its types, its README, and what is in the package.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { eventLines, Folder, needsServer, serve } from './real.js';

const CLIENT = join(dirname(fileURLToPath(import.meta.url)), '..');
const WEB = join(CLIENT, '..');
const BYTES_MAX = 8_192;
// The binary coding, for those who import it.
const BINARY_BYTES_MAX = 4_096;

async function gzippedBytes(entry) {
  const { outputFiles: [{ contents }] } = await build({
    entryPoints: [join(CLIENT, entry)], bundle: true, minify: true, format: 'esm', target: 'es2022', write: false,
  });
  return gzipSync(contents, { level: 9 }).length;
}

test('the library is small', async (t) => {
  for (const [entry, bytesMax] of [['index.js', BYTES_MAX], ['binary.js', BINARY_BYTES_MAX]]) {
    const bytes = await gzippedBytes(entry);
    t.diagnostic(`${entry}: ${bytes} bytes, bundled, minified and gzipped`);
    assert.ok(bytes <= bytesMax, `${entry} has ${bytes} bytes, ${bytesMax} at most`);
  }
});

test('the types hold, and are those of the code', () => {
  const tsc = join(WEB, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    execFileSync(process.execPath, [tsc, '--noEmit', '-p', join(CLIENT, 'tests', 'tsconfig.json')], { encoding: 'utf8' });
  } catch (error) {
    assert.fail(error.stdout);
  }
});

test('the package has its files, and nothing of the tests', () => {
  const { files: [readme, ...files], exports } = packed();
  assert.deepEqual([readme, ...files].filter((name) => name.startsWith('tests')), []);
  const sources = readdirSync(CLIENT).filter((name) => /\.js$/.test(name));
  for (const name of [...sources, 'index.d.ts', 'binary.d.ts', 'README.md', 'package.json']) assert.ok([readme, ...files].includes(name), name);
  for (const { types, default: code } of Object.values(exports)) for (const name of [types, code]) assert.ok(files.includes(name.slice(2)), name);
});

function packed() {
  const [{ files }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--silent'], { cwd: CLIENT, encoding: 'utf8' }));
  const { exports } = JSON.parse(readFileSync(join(CLIENT, 'package.json'), 'utf8'));
  return { files: files.map(({ path }) => path), exports };
}

const firstLines = () => readFileSync(join(CLIENT, 'README.md'), 'utf8').match(/```js\n(.*?)```/s)[1];

test('the first lines of the README are ten', () => {
  assert.ok(firstLines().trim().split('\n').filter((line) => line && line !== '}').length <= 10);
});

test('the first lines of the README work when pasted', needsServer, async () => {
  const folder = new Folder();
  const server = await serve(folder);
  const lines = eventLines({ games: 1, seed: 3 });
  const rest = lines.slice(100);
  await server.post(lines.slice(0, 100));
  const code = firstLines().replace('http://127.0.0.1:8080', server.url);
  assert.ok(code.includes(server.url));
  // In this folder `scorewire-client` names itself.
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { cwd: CLIENT, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const said = await new Promise((done, fail) => {
      let text = '';
      child.stdout.on('data', (chunk) => {
        text += chunk;
        if (text.split('\n').length > 8) done(text.split('\n'));
        // What happens while it listens.
        else if (/so far/.test(text) && rest.length > 0) server.post(rest.splice(0, 60)).catch(fail);
      });
      child.once('exit', (status) => fail(new Error(`it ended with ${status}:\n${text}`)));
    });
    assert.deepEqual(said.slice(0, 2), ['connecting', 'live']);
    for (const line of said.slice(2, -1)) assert.match(line, /^\S.* -?[\d.]+ \((so far|-?[\d.]+)\), all of them -?[\d.]+$/);
  } finally {
    child.kill();
    await server.kill();
    folder.remove();
  }
});
