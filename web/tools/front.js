// The page from disk before a running server: a change shows on reload, without a build.
//
//   node tools/front.js http://127.0.0.1:8080 8090     then open http://127.0.0.1:8090/

import { readFile } from 'node:fs/promises';
import { createServer, request as ask } from 'node:http';
import { connect } from 'node:net';
import { dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const WEB = join(dirname(fileURLToPath(import.meta.url)), '..');
const TYPES = { '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.svg': 'image/svg+xml' };
// As the server says it, so that what it would not run does not run here either.
const POLICY = "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/** A file of the page as `{body, headers}`, or null where a path is none. */
export async function pageFile(path) {
  const name = path === '/' ? 'index.html' : path.match(/^\/assets\/([\w./]+)$/)?.[1];
  if (!name || normalize(name) !== name || name.startsWith('.') || !(extname(name) in TYPES)) return null;
  try {
    const body = await readFile(join(WEB, name));
    return { body, headers: { 'content-type': TYPES[extname(name)], 'cache-control': 'no-cache', 'content-security-policy': POLICY } };
  } catch {
    return null;
  }
}

/** Serves the page from disk and passes all else on to `url`, as `{url, stop}`. */
export async function startFront(url, port = 0) {
  const { hostname, port: behind } = new URL(url);
  const server = createServer(async (request, response) => {
    const file = await pageFile(new URL(request.url, url).pathname);
    if (file) {
      response.writeHead(200, file.headers).end(file.body);
      return;
    }
    const { method, url: path, headers } = request;
    const onward = ask({ hostname, port: behind, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  });
  server.on('upgrade', (request, near, head) => {
    const far = connect(Number(behind), hostname);
    const lines = [`${request.method} ${request.url} HTTP/1.1`];
    for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
    far.write(`${lines.join('\r\n')}\r\n\r\n`);
    far.write(head);
    near.pipe(far).pipe(near);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy());
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , url = 'http://127.0.0.1:8080', port = '8090'] = process.argv;
  console.log((await startFront(url, Number(port))).url);
}
