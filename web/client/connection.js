// Stays connected: by WebSocket, by server-sent events where that is blocked, and again after each end,
// when the server says or by backoff with full jitter. README.md draws the states.

import { watchPresence } from './presence.js';
import { Socket } from './socket.js';
import { Store } from './store.js';
import { Stream } from './stream.js';

const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 20_000;
// A connection that lived this long was a good one: the next wait starts small again.
const STEADY_AFTER_MS = 5_000;
// Longer than any server tells a client to stay away, short of a fault of its own.
const TOLD_MAX_MS = 600_000;
const ASK_WHEN_MS = 5_000;
// WebSockets in a row that nobody welcomed although plain requests are answered.
const BLOCKED_AFTER = 2;

/** The token is no use, or none came where one is needed. */
export const UNAUTHORIZED = 4003;
/** Close codes of which the protocol says not to come back: it would end the same way. */
export const FINAL_CODES = [1000, 1002, 1003, 1007, 1009, UNAUTHORIZED];

export class Connection {
  #status = { state: 'connecting', retryAtMs: null, code: null, transport: null, coding: null };
  status = new Store(() => this.#status);
  /** What is open now: a Socket or a Stream; null while there is none. */
  transport = null;
  /** When the server that is connected wants it back; null where it has not said so. */
  toldMs = null;
  #options;
  #on;
  #token = null;
  #attempt = 0;
  #failures = 0;
  #blocked = 0;
  #isReached = true;
  #hasRenewed = false;
  #openedAtMs = 0;
  #retryTimer = null;
  #isTold = false;
  #cursors = new Map();
  #hiddenTimers = [];
  #unwatch;

  /**
   * Options are those of `connect`, with `base`, the server's address as a URL. `on.message(message, atUs,
   * ruleset)`, `on.open()`, `on.bad(error)`, `on.refused(topic, ruleset, error)`, `on.slow(isSlow)` when the
   * page is hidden or shown again, `on.wanted()` for what a stream should carry.
   */
  constructor(options, on) {
    this.#options = options;
    this.#on = on;
    this.#unwatch = watchPresence({
      shown: (isShown) => (isShown ? this.#shown() : this.#hidden()),
      // Only a hint: a server on this machine is there without a net.
      online: (isOnline) => (isOnline ? this.#hurry() : this.check()),
    });
    this.#open('connecting');
  }

  get isIn() {
    return this.transport?.isWelcomed ?? false;
  }

  get #isOver() {
    return ['refused', 'stopped'].includes(this.#status.state);
  }

  send(message) {
    this.transport.send(message);
  }

  check() {
    if (this.isIn) this.transport.check?.();
  }

  /** Comes back now rather than when the wait is over; also after a refusal, with a new token. */
  retry() {
    if (!this.transport && this.#status.state !== 'stopped') this.#open('connecting');
  }

  close() {
    this.#end('stopped', null);
  }

  /** Ends as by a close with that code. */
  fail(code) {
    if (this.#isOver) return;
    this.#attempt += 1;
    this.transport?.close();
    this.#lost(code);
  }

  welcomed() {
    this.#hasRenewed = false;
    this.#blocked = 0;
    const { transport, coding } = this.transport;
    this.#set({ state: 'live', code: null, transport, coding });
  }

  late(isLate) {
    if (this.isIn) this.#set({ state: isLate ? 'late' : 'live' });
  }

  /** A new token, where one can be had: shown to the server that is connected. */
  async renew() {
    const { transport } = this;
    if (typeof this.#options.token !== 'function') return;
    try {
      this.#token = await this.#options.token();
    } catch {
      // It ends with 4004 then, and the next connection asks again.
      return;
    }
    if (transport === this.transport && this.isIn) transport.send?.({ op: 'auth', id: 0, token: this.#token });
  }

  /** `fetch` on the server, with the token; throws what `ok` is not, as `{status, code, message, toldMs}`. */
  request = async (path, init = {}) => {
    const headers = { ...init.headers, ...(this.#token && { authorization: `Bearer ${this.#token}` }) };
    const { fetch, base } = this.#options;
    const response = await fetch(new URL(path, base), { ...init, headers });
    if (response.ok) return response;
    const { status } = response;
    const said = await response.json().catch(() => ({}));
    const error = Object.assign(new Error(said?.error ?? `HTTP ${status}`), { status, code: said?.code });
    const afterMs = said?.reconnect_after_ms ?? 1_000 * (response.headers.get('retry-after') ?? NaN);
    if (Number.isFinite(afterMs)) error.toldMs = afterMs;
    if (status === 401) error.closeCode = UNAUTHORIZED;
    throw error;
  };

  async #open(state) {
    clearTimeout(this.#retryTimer);
    const attempt = ++this.#attempt;
    const { token } = this.#options;
    this.#set({ state, retryAtMs: null, code: null });
    try {
      this.#token = typeof token === 'function' ? await token() : token;
    } catch (error) {
      this.#on.bad(error);
      if (attempt === this.#attempt) this.#lost();
      return;
    }
    if (attempt !== this.#attempt) return;
    this.#openedAtMs = Date.now();
    this.toldMs = null;
    try {
      this.transport = this.#begin();
    } catch {
      // A page may forbid itself the address.
      this.#lost();
    }
  }

  #begin() {
    const { base, transport, WebSocket } = this.#options;
    const on = { ...this.#on, silent: (isSilent) => this.late(isSilent), lost: (code, toldMs) => this.#lost(code, toldMs) };
    const options = { ...this.#options, on, token: this.#token, request: this.request, cursors: this.#cursors };
    if (transport === 'sse' || transport === 'auto' && (!WebSocket || this.#blocked >= BLOCKED_AFTER)) return new Stream(options);
    this.#cursors.clear();
    const url = new URL('v1/ws', base);
    url.protocol = url.protocol.replace('http', 'ws');
    return new Socket(String(url), options);
  }

  #lost(code, toldMs = this.toldMs) {
    const { transport, isIn } = this;
    this.transport = null;
    // Once, a token that is refused is thought to have been too old.
    const mayRenew = code === UNAUTHORIZED && typeof this.#options.token === 'function' && !this.#hasRenewed;
    if (FINAL_CODES.includes(code) && !mayRenew) {
      this.#end('refused', code);
      return;
    }
    this.#hasRenewed ||= mayRenew;
    if (isIn && Date.now() - this.#openedAtMs > STEADY_AFTER_MS) this.#failures = 0;
    // After a stream a WebSocket is tried again, once.
    if (transport?.transport === 'sse') this.#blocked = isIn ? BLOCKED_AFTER - 1 : 0;
    this.#isTold = Number.isFinite(toldMs);
    // Full jitter: clients that were cut together don't come back together. A server that says goodbye
    // has spread its clients already, so its word is taken as it is.
    const backoffMs = this.#options.random() * Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#failures);
    this.#wait(this.#isTold ? toldMs : backoffMs, !isIn && !this.#isTold);
    this.#failures += 1;
  }

  #wait(waitMs, asksFirst) {
    const ms = Math.min(Math.max(waitMs, 0), TOLD_MAX_MS);
    clearTimeout(this.#retryTimer);
    this.#retryTimer = setTimeout(() => (asksFirst ? this.#ask() : this.#open('reconnecting')), ms);
    // The browser may be wrong: a server on this machine needs no net.
    const state = globalThis.navigator?.onLine === false ? 'offline' : 'reconnecting';
    this.#set({ state, retryAtMs: Date.now() + ms, transport: null, coding: null });
  }

  // No page can read why its WebSocket was refused. Who was not let in asks, and comes when it is told.
  async #ask() {
    const attempt = this.#attempt;
    let toldMs = 0;
    try {
      const init = { cache: 'no-store', signal: AbortSignal.timeout(ASK_WHEN_MS) };
      // An answer of any status may say it.
      const response = await this.#options.fetch(new URL('v1/admission', this.#options.base), init);
      toldMs = Number((await response.json()).reconnect_after_ms) || 0;
      // What failed before there was a net again says nothing about WebSockets.
      if (this.#isReached) this.#blocked += 1;
      this.#isReached = true;
    } catch {
      this.#isReached = false;
      this.#blocked = 0;
    }
    // Somebody may have pressed a button meanwhile.
    if (attempt !== this.#attempt || this.transport || this.#isOver) return;
    if (toldMs > 0) {
      this.#isTold = true;
      this.#blocked = 0;
      this.#wait(toldMs, false);
    } else {
      this.#open('reconnecting');
    }
  }

  // What the server told stands; nobody else's wait outlives its reason.
  #hurry() {
    const { state } = this.#status;
    if (['reconnecting', 'offline'].includes(state) && !this.#isTold) this.retry();
  }

  #hidden() {
    const { hiddenAfterMs, pauseAfterMs } = this.#options;
    const later = (ms, run) => Number.isFinite(ms) && this.#hiddenTimers.push(setTimeout(run, ms));
    later(hiddenAfterMs, () => this.#on.slow(true));
    later(pauseAfterMs, () => this.#isOver || this.#end('paused', null));
  }

  #shown() {
    for (const timer of this.#hiddenTimers.splice(0)) clearTimeout(timer);
    this.#on.slow(false);
    this.check();
    if (this.#status.state === 'paused') this.retry();
    this.#hurry();
  }

  #end(state, code) {
    this.#attempt += 1;
    clearTimeout(this.#retryTimer);
    this.transport?.close();
    this.transport = null;
    if (state === 'stopped') {
      this.#unwatch();
      for (const timer of this.#hiddenTimers) clearTimeout(timer);
    }
    this.#set({ state, code, retryAtMs: null, transport: null, coding: null });
  }

  #set(changes) {
    const now = { ...this.#status, ...changes };
    if (Object.keys(changes).every((name) => now[name] === this.#status[name])) return;
    this.#status = now;
    this.status.changed();
  }
}
