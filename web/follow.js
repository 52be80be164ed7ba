// Which topics the page follows, under which ruleset.

export class Following {
  #live;
  #onUpdate;
  #subscriptions = new Map();

  /** `onUpdate(update)` after each change, as `live.subscribe` tells it. */
  constructor(live, onUpdate) {
    this.#live = live;
    this.#onUpdate = onUpdate;
  }

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

  /** What a topic shows now, or null before its first snapshot. */
  view(topic, ruleset) {
    return this.#subscriptions.get(keyOf(topic, ruleset))?.getSnapshot() ?? null;
  }
}

// A space stands in neither.
const keyOf = (topic, ruleset) => `${topic} ${ruleset ?? ''}`;
