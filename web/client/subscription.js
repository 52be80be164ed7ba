// What one caller asked for: topics, and who is told of their changes.

import { Store, shield } from './store.js';
import { change } from './views.js';

// As many as the server keeps of a merged frame.
const CAUSES_MAX = 16;

export class Subscription {
  /** topic -> `{code, message}` of what the server refused. */
  errors = new Map();
  store = new Store(() => this.#read());
  #views = new Map();
  #snapshot = null;
  #isList;
  #handler;
  #close;
  #iterators = new Set();
  #isClosed = false;

  constructor({ isList, handler, close }) {
    this.#isList = isList;
    this.#handler = handler;
    this.#close = close;
  }

  /** The view, or null before there is one; of a list a Map by topic. The same object until it changes. */
  getSnapshot() {
    return this.#read();
  }

  close() {
    if (this.#isClosed) return;
    this.#close();
    this.end();
  }

  /** Nothing more will come. */
  end() {
    this.#isClosed = true;
    for (const iterator of this.#iterators) iterator.end();
    this.#iterators.clear();
  }

  take(update) {
    if (this.#isClosed) return;
    this.errors.delete(update.topic);
    this.#views.set(update.topic, update.view);
    this.#snapshot = null;
    for (const iterator of this.#iterators) iterator.put(update);
    if (this.#handler) shield(this.#handler, update);
    this.store.changed();
  }

  refuse(topic, { code, message }) {
    this.errors.set(topic, { code, message });
  }

  /** Updates one by one. Whoever is slow gets the newest of each topic, `merged` of them in one. */
  [Symbol.asyncIterator]() {
    const iterator = new Updates(() => this.#iterators.delete(iterator));
    for (const [topic, view] of this.#views) iterator.put(standing(topic, view));
    if (this.#isClosed) iterator.end();
    else this.#iterators.add(iterator);
    return iterator;
  }

  #read() {
    this.#snapshot ??= this.#isList ? new Map(this.#views) : [...this.#views.values()][0] ?? null;
    return this.#snapshot;
  }
}

/** What there is already, as an update. */
export function standing(topic, view) {
  const none = { frame: null, causes: [], causesOmitted: 0, changes: 0, merged: 1, change: null };
  return { topic, ruleset: view.ruleset, view, previous: null, latency: NO_LATENCY, ...none };
}

export const NO_LATENCY = Object.freeze({ feedUs: null, serverUs: null });

// At most one update of each topic waits, however slow its reader is.
class Updates {
  #waiting = new Map();
  #reader = null;
  #isOver = false;
  #left;

  constructor(left) {
    this.#left = left;
  }

  put(update) {
    const { topic } = update;
    this.#waiting.set(topic, this.#waiting.has(topic) ? merge(this.#waiting.get(topic), update) : update);
    this.#answer();
  }

  end() {
    this.#isOver = true;
    this.#answer();
  }

  next() {
    return new Promise((resolve) => {
      // Who asks twice without waiting gives the first an end.
      this.#reader?.({ done: true, value: undefined });
      this.#reader = resolve;
      this.#answer();
    });
  }

  return() {
    this.#left();
    this.#waiting.clear();
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  #answer() {
    if (!this.#reader) return;
    const [first] = this.#waiting;
    if (!first && !this.#isOver) return;
    const reader = this.#reader;
    this.#reader = null;
    if (first) this.#waiting.delete(first[0]);
    reader(first ? { done: false, value: first[1] } : { done: true, value: undefined });
  }
}

function merge(older, newer) {
  const causes = [...older.causes, ...newer.causes];
  const omitted = Math.max(0, causes.length - CAUSES_MAX);
  return {
    ...newer,
    previous: older.previous,
    change: change(older.previous, newer.view),
    causes: causes.slice(omitted),
    causesOmitted: older.causesOmitted + newer.causesOmitted + omitted,
    changes: older.changes + newer.changes,
    merged: older.merged + newer.merged,
  };
}
