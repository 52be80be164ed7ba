// One topic under one ruleset, as the server sends it, however many subscriptions show it.

import { hasRuleset } from './views.js';

// Far below the server's limits of 64 KiB a message, and of 8 KiB a path with 200 topics.
const TOPICS_AT_ONCE = 100;

// A space stands in no topic and no ruleset.
export const keyOf = (name, ruleset) => (hasRuleset(name) && ruleset !== undefined ? `${name} ${ruleset}` : name);

export class Topic {
  /** `player:…`; null of a lineup that the server has not named yet. */
  name;
  ruleset;
  /** `{name, slots}` where it is one, to be sent again on each connection. */
  lineup;
  view = null;
  /** Nothing is missing from the view: a delta may follow, and `since` may ask for the rest. */
  isHeld = false;
  /** The request that was made last, until its answer: what comes before that is of the one before. */
  askedId = null;
  isRefused = false;
  /** The stream for which a lineup was last asked to be named, and for which it was: a server forgets those that nobody watches. */
  defining = null;
  definedOn = null;
  /** subscription -> at most how many frames a second; undefined for all. */
  watchers = new Map();

  constructor(name, ruleset, lineup = null) {
    this.name = name;
    this.ruleset = ruleset;
    this.lineup = lineup;
  }

  /** What it is found by: itself, while it has no name. */
  get key() {
    return this.name === null ? this : keyOf(this.name, this.ruleset);
  }

  /** The rate that serves them all, no more than `ceilingHz`. */
  rateHz(ceilingHz = Infinity) {
    const fastest = Math.max(...[...this.watchers.values()].map((rateHz) => rateHz ?? Infinity));
    const rateHz = Math.min(fastest, ceilingHz);
    return rateHz === Infinity ? undefined : rateHz;
  }

  tell(update) {
    for (const subscription of [...this.watchers.keys()]) subscription.take(update);
  }
}

/** Requests for these topics: `{ruleset, rateHz, group, topics}` each; a lineup takes one of its own. */
export function batches(topics, ceilingHz) {
  const open = new Map();
  const done = [];
  for (const topic of topics) {
    const rateHz = topic.rateHz(ceilingHz);
    const key = topic.lineup ? topic : `${topic.ruleset} ${rateHz}`;
    let batch = open.get(key);
    if (!batch || batch.group.length === TOPICS_AT_ONCE) {
      batch = { ruleset: topic.ruleset, rateHz, group: [], topics: [] };
      open.set(key, batch);
      done.push(batch);
    }
    batch.group.push(topic);
    batch.topics.push(topic.name);
  }
  return done;
}
