// Server-sent events, for where WebSocket is blocked: the same frames over as many streams as it takes.
// Read with `fetch`, which shows the token in a header, sees why it was refused, and is in Node, too.

import { nowUs } from './clock.js';

// A comment comes every 25 s.
const SILENCE_LOST_MS = 60_000;
const REGROUP_AFTER_MS = 20;
// A topic or a ruleset, rather than the server, is why.
const REFUSED = [400, 403, 404];

export class Stream {
  transport = 'sse';
  coding = 'json';
  isWelcomed = false;
  #options;
  #on;
  /** `ruleset, topics` of a stream -> what stops it. */
  #streams = new Map();
  #regroupTimer = null;
  #isClosed = false;

  /**
   * `request(path, init)` is a `fetch` with base and token; `cursors` outlives this: stream -> the last id.
   * `on.wanted()` gives `{ruleset, topics}` for each stream; `on.open()` for each that is let in;
   * `on.message(message, atUs, isDefault)`, where the ruleset is the server's choice; `on.bad(error)`;
   * `on.refused(topic, ruleset, {code, message})`; `on.lost(closeCode, toldMs)`, once.
   */
  constructor(options) {
    this.#options = options;
    this.#on = options.on;
    this.regroup();
  }

  /** What is wanted has changed. */
  regroup() {
    if (this.#isClosed) return;
    this.#regroupTimer ??= setTimeout(() => {
      this.#regroupTimer = null;
      this.#restart();
    }, REGROUP_AFTER_MS);
  }

  /** Something is missing: from snapshots on. */
  anew() {
    this.#stop();
    this.#options.cursors.clear();
    this.regroup();
  }

  /** Ends as if the network had ended it. */
  fail(error) {
    if (this.#isClosed) return;
    this.close();
    this.#on.lost(error.closeCode, error.toldMs);
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.#regroupTimer);
    this.#stop();
  }

  #stop() {
    for (const abort of this.#streams.values()) abort();
    this.#streams.clear();
  }

  #restart() {
    const groups = new Map(this.#on.wanted().map((group) => [groupKey(group), group]));
    for (const [key, abort] of this.#streams) {
      if (groups.has(key)) continue;
      abort();
      this.#streams.delete(key);
    }
    // What another stream has carried on meanwhile is not where it was.
    const { cursors } = this.#options;
    for (const key of cursors.keys()) if (!groups.has(key)) cursors.delete(key);
    for (const [key, group] of groups) if (!this.#streams.has(key)) this.#start(key, group);
  }

  #start(key, group) {
    const controller = new AbortController();
    let isOurs = true;
    this.#streams.set(key, () => {
      isOurs = false;
      controller.abort();
    });
    // Whether it ends or breaks, with nobody here ending it, all is lost: what comes next opens all of them.
    this.#run(key, group, controller).then(() => ({}), (error) => error).then((error) => {
      if (!isOurs) return;
      if (error.code && REFUSED.includes(error.status)) this.#refused(key, group, error);
      else this.fail(error);
    });
  }

  // One topic that may not be read refuses a stream whole. Halves find it.
  #refused(key, { ruleset, topics }, reason) {
    this.#streams.delete(key);
    if (topics.length === 1 || reason.code === 'unknown_ruleset') {
      for (const topic of topics) this.#on.refused(topic, ruleset, reason);
      this.regroup();
      return;
    }
    const middle = topics.length >> 1;
    for (const half of [topics.slice(0, middle), topics.slice(middle)]) {
      const group = { ruleset, topics: half };
      this.#start(groupKey(group), group);
    }
  }

  async #run(key, { ruleset, topics }, controller) {
    const { cursors, request, bytesMax } = this.#options;
    const query = new URLSearchParams({ topics, ...(ruleset !== undefined && { ruleset }) });
    const headers = { accept: 'text/event-stream' };
    if (cursors.has(key)) headers['last-event-id'] = cursors.get(key);
    const { body } = await request(`v1/sse?${query}`, { headers, signal: controller.signal, cache: 'no-store' });
    if (controller.signal.aborted) return;
    this.isWelcomed = true;
    this.#on.open();
    let timer;
    const hear = () => {
      clearTimeout(timer);
      timer = setTimeout(() => controller.abort(), SILENCE_LOST_MS);
    };
    try {
      hear();
      for await (const { id, data } of events(body, bytesMax, hear)) {
        if (controller.signal.aborted) return;
        if (id) cursors.set(key, id);
        this.#take(data, ruleset);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #take(data, ruleset) {
    if (!data) return;
    try {
      this.#on.message(JSON.parse(data), nowUs(), ruleset === undefined);
    } catch (error) {
      this.#on.bad(error);
    }
  }
}

// Safari's streams can't be iterated, so they are read. A line may come in pieces; it has an end.
async function* events(body, bytesMax, hear) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  let event = {};
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    hear();
    text += value;
    const lines = text.split(/\r?\n/);
    text = lines.pop();
    if (text.length > bytesMax) throw new RangeError('an event has no end');
    for (const line of lines) {
      const [, name, rest] = line.match(/^(id|data): ?(.*)$/s) ?? [];
      if (name) event[name] = rest;
      if (line === '') {
        yield event;
        event = {};
      }
    }
  }
}

const groupKey = ({ ruleset, topics }) => `${ruleset ?? ''} ${topics}`;
