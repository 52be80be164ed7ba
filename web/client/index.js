// Live fantasy totals from a Scorewire server. README.md says how; index.d.ts has the types.

import { Live } from './live.js';
import { json } from './socket.js';

// A game's snapshot has some 40 KiB; nothing that is good has a hundred times that.
const MESSAGE_BYTES_MAX = 4 << 20;
// Chrome begins to run a hidden page's timers once a minute after five.
const PAUSE_AFTER_MS = 300_000;
const HIDDEN_AFTER_MS = 10_000;
const HIDDEN_RATE_HZ = 0.2;

export { FINAL_CODES, UNAUTHORIZED } from './connection.js';
export { fromUnits, sumPoints, toUnits } from './points.js';

/** Connects, and stays connected until `close()`. */
export function connect(url, options = {}) {
  const { fetch, WebSocket, location } = globalThis;
  return new Live({
    token: null,
    coding: json,
    transport: 'auto',
    WebSocket,
    fetch: (...request) => fetch(...request),
    random: Math.random,
    hiddenAfterMs: HIDDEN_AFTER_MS,
    hiddenRateHz: HIDDEN_RATE_HZ,
    pauseAfterMs: PAUSE_AFTER_MS,
    bytesMax: MESSAGE_BYTES_MAX,
    onProblem: ({ code, topic, message }) => console.warn('scorewire:', code, topic ?? '', message),
    ...options,
    base: baseOf(url ?? location.origin),
  });
}

/** A roster to subscribe to: `slots` is a list of `{slot, player, multiplier}`. */
export function lineup({ name, ruleset, slots }) {
  // A copy: what the caller does to the list later is another lineup.
  return { name, ruleset, slots: [...slots] };
}

// `https://host/path/`: the server's paths begin there.
function baseOf(address) {
  const url = new URL(address, globalThis.location?.href);
  url.protocol = url.protocol.replace('ws', 'http');
  url.pathname = url.pathname.replace(/v1\/ws\/?$/, '');
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}
