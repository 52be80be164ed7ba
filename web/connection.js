// The page's one connection: all that it knows of the client library is here.

import { nowUs } from './client/clock.js';
import { connect, lineup, UNAUTHORIZED } from './client/index.js';

const FETCH_AGAIN_MS = 2_000;
const LOST = ['reconnecting', 'offline'];

export { nowUs, UNAUTHORIZED };

export class Connection {
  reconnects = 0;
  #live;
  #onUpdate;
  #subscriptions = new Map();
  #lineups = new Map();

  /** `onUpdate(update)` after each change, as `live.subscribe` tells it; `onState(state)` now and when it changes; `onRefused()` when a topic was refused. */
  constructor({ token, onUpdate, onState, onRefused }) {
    this.#onUpdate = onUpdate;
    this.#live = connect(undefined, {
      token,
      onProblem: ({ code, topic, message }) => {
        console.warn('scorewire:', code, topic ?? '', message);
        onRefused();
      },
    });
    let before = null;
    this.#live.onState(({ state }) => {
      if (LOST.includes(state) && !LOST.includes(before)) this.reconnects += 1;
      before = state;
      // Its caller has not got the connection yet.
      queueMicrotask(() => onState(state));
    });
  }

  get state() { return this.#live.state; }

  /** The close code that says why there is no coming back; null unless refused. */
  get closeCode() { return this.#live.status.getSnapshot().code; }

  get epoch() { return this.#live.epoch; }

  /** Frames that did not follow the one before. */
  get gaps() { return this.#live.gaps; }

  /** How well the server's clock is known: the quickest answer's round trip in µs, or null. */
  get roundTripUs() { return this.#live.latency?.roundTripUs ?? null; }

  retry() { this.#live.retry(); }

  /** A topic already followed under this ruleset is left as it is. */
  follow(topics, ruleset) {
    for (const topic of topics) {
      const key = keyOf(topic, ruleset);
      if (!this.#subscriptions.has(key)) this.#subscriptions.set(key, this.#live.subscribe(topic, this.#onUpdate, { ruleset }));
    }
  }

  unfollow(topics, ruleset) {
    for (const topic of topics) {
      const key = keyOf(topic, ruleset);
      this.#subscriptions.get(key)?.close();
      this.#subscriptions.delete(key);
    }
  }

  /** Follows this lineup, `{ruleset, slots}`, in place of the one that `name` was before; null: none. */
  followLineup(name, wanted, onUpdate) {
    this.#lineups.get(name)?.close();
    this.#lineups.set(name, wanted && this.#live.subscribe(lineup({ name, ...wanted }), onUpdate));
  }

  /** Why a lineup is not followed, in the server's words; null where it is. */
  lineupError(name) {
    const [error = null] = this.#lineups.get(name)?.errors.values() ?? [];
    return error?.message ?? null;
  }

  /** A topic that has a ruleset of its own: `{close(), error}`, the error `{code, message}` where the server refuses it. */
  listen(topic, maxRateHz, onUpdate) {
    const subscription = this.#live.subscribe(topic, onUpdate, { maxRateHz });
    return {
      close: () => subscription.close(),
      get error() { return subscription.errors.get(topic) ?? null; },
    };
  }

  /** Whether a topic has been shown yet. */
  hasView(topic) { return (this.#subscriptions.get(keyOf(topic))?.getSnapshot() ?? null) !== null; }

  /**
   * What the page can't do without, it keeps asking for; the server may be starting. Who may not read is told
   * so, and nothing goes on.
   */
  async getJson(path) {
    for (;;) {
      const answer = await this.tryJson(path);
      if (answer !== null) return answer;
      if (this.state === 'refused') return new Promise(() => {});
      await new Promise((resolve) => { setTimeout(resolve, FETCH_AGAIN_MS); });
    }
  }

  /** The answer, or null where there is none: no network just now is no error of ours. */
  tryJson(path) {
    return this.#live.get(path).catch(() => null);
  }
}

// A space stands in neither.
const keyOf = (topic, ruleset) => `${topic} ${ruleset ?? ''}`;
