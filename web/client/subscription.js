// What one caller asked for: topics, and who is told of their changes.

import { Store, shield } from './store.js';
import { causesOf, change, changesIn } from './views.js';

// As many as the server keeps of a merged frame.
const CAUSES_MAX = 16;

export class Subscription {
  /** topic -> `{code, message}` of what the server refused. */
  errors = new Map();
  #views = new Map();
  #snapshot = null;
  /** The view, or null before there is one; of a list a Map by topic. The same object until it changes. */
  getSnapshot = () => {
    this.#snapshot ??= this.#isList ? new Map(this.#views) : [...this.#views.values()][0] ?? null;
    return this.#snapshot;
  };
  store = new Store(this.getSnapshot);
  #isList;
  #handler;
  #close;
  #readers = new Set();
  #isClosed = false;

  constructor({ isList, handler, close }) {
    this.#isList = isList;
    this.#handler = handler;
    this.#close = close;
  }

  close() {
    if (this.#isClosed) return;
    this.#close();
    this.end(true);
  }

  /** Ends the loops: nothing more will come, for good or until somebody tries again. */
  end(isForGood) {
    this.#isClosed ||= isForGood;
    for (const reader of this.#readers) {
      reader.isOver = true;
      reader.wake();
    }
  }

  take(update) {
    if (this.#isClosed) return;
    this.errors.delete(update.topic);
    this.#views.set(update.topic, update.view);
    this.#snapshot = null;
    for (const { waiting, wake } of this.#readers) {
      const older = waiting.get(update.topic);
      waiting.set(update.topic, older ? merge(older, update) : update);
      wake();
    }
    if (this.#handler) shield(this.#handler, update);
    this.store.changed();
  }

  refuse(topic, { code, message }) {
    this.errors.set(topic, { code, message });
  }

  /** Updates one by one. Whoever is slow gets the newest of each topic, `merged` of them in one. */
  async* [Symbol.asyncIterator]() {
    // At most one of each topic waits, however slow its reader is.
    const waiting = new Map([...this.#views].map(([topic, view]) => [topic, updateOf(topic, view)]));
    const reader = { waiting, wake() {}, isOver: this.#isClosed };
    this.#readers.add(reader);
    try {
      for (;;) {
        for (const [topic, update] of waiting) {
          waiting.delete(topic);
          yield update;
        }
        if (reader.isOver) return;
        await new Promise((wake) => { reader.wake = wake; });
      }
    } finally {
      this.#readers.delete(reader);
    }
  }
}

export const NO_LATENCY = { feedUs: null, serverUs: null };

/** What a frame made of a topic; without one, what there was already, or what has expired. */
export function updateOf(topic, view, previous = null, frame = null, latency = NO_LATENCY) {
  return {
    topic, ruleset: view.ruleset, view, previous, frame, latency, merged: 1, change: change(previous, view),
    changes: changesIn(frame), causes: causesOf(frame), causesOmitted: frame?.causes_omitted ?? 0,
  };
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
