// All topics of one connection, right whatever the network does: a frame counts only where it follows
// the one before, and what is missing is asked for.

import { nowUs, ServerClock } from './clock.js';
import { Connection } from './connection.js';
import { NO_LATENCY, Subscription, updateOf } from './subscription.js';
import { batches, keyOf, Topic } from './topic.js';
import { apply, expire, hasRuleset, nextExpiryUs } from './views.js';

const FRAME_LATE_US = 1_000_000;
// An overloaded server says to try again in 10 s.
const ASK_AGAIN_MS = 10_000;
const EXPIRE_WITHIN_MS = 60_000;
const FEED_AGE_MAX_US = 60_000_000;

export class Live {
  /** Frames that did not follow what was held. Each is a fault of the server's, and cost a snapshot. */
  gaps = 0;
  /** The server's history; null before it said so. */
  epoch = null;
  #options;
  #connection;
  #clock = new ServerClock();
  #welcomedUs = Infinity;
  #topics = new Map();
  #defaultRuleset = undefined;
  #toAsk = new Set();
  #toDrop = new Set();
  #asked = new Map();
  #nextId = 1;
  #isFlushing = false;
  #isSlow = false;
  #expiryTimer = null;
  #askTimer = null;

  constructor(options) {
    this.#options = options;
    this.#connection = new Connection(options, {
      message: (message, atUs, isDefault) => this.#take(message, atUs, isDefault),
      open: () => this.#streamOpened(),
      bad: (error) => this.#problem({ code: 'bad_message', message: String(error) }),
      refused: (name, ruleset, error) => this.#refuse(this.#find(name, ruleset), error),
      slow: (isSlow) => this.#slow(isSlow),
      wanted: () => this.#wanted(),
    });
    this.status.subscribe((status) => this.#changedTo(status));
  }

  /** A store of `{state, retryAtMs, code, transport, coding}`. */
  get status() {
    return this.#connection.status;
  }

  get state() {
    return this.status.getSnapshot().state;
  }

  /** The clocks: `{offsetUs, roundTripUs}`, or null before the first pong. */
  get latency() {
    return this.#clock.best;
  }

  /** The server's time now, in microseconds, as well as it is known. */
  get serverUs() {
    return this.#clock.serverUs(nowUs());
  }

  /** Calls `listener({state, …})` now and after each change; returns what ends that. */
  onState(listener) {
    return this.status.subscribe(listener);
  }

  /** One topic, one lineup, or a list of them; `handler(update)` after each change of any. */
  subscribe(wanted, handler, { ruleset = this.#options.ruleset, maxRateHz = this.#options.maxRateHz } = {}) {
    const isList = Array.isArray(wanted);
    const subscription = new Subscription({ isList, handler, close: () => this.#leave(subscription) });
    for (const one of isList ? wanted : [wanted]) this.#join(subscription, one, ruleset, maxRateHz);
    this.#flushSoon();
    return subscription;
  }

  /** The JSON of a path such as `/v1/games`, with the token. Rejects with `{status, code, message}`. */
  async get(path) {
    try {
      return await (await this.#connection.request(path.slice(1))).json();
    } catch (error) {
      // A token that is no use here is none anywhere.
      if (error.closeCode) this.#connection.fail(error.closeCode);
      throw error;
    }
  }

  /** Comes back now rather than when the wait is over. */
  retry() {
    this.#connection.retry();
  }

  close() {
    clearTimeout(this.#expiryTimer);
    clearTimeout(this.#askTimer);
    this.#connection.close();
  }

  #join(subscription, one, given, rateHz) {
    const isLineup = typeof one === 'object';
    const ruleset = isLineup ? one.ruleset ?? given : given ?? this.#defaultRuleset;
    const fresh = isLineup ? new Topic(null, ruleset, one) : new Topic(one, hasRuleset(one) ? ruleset : undefined);
    const topic = this.#topics.get(fresh.key) ?? fresh;
    const rateBefore = topic.rateHz();
    topic.watchers.set(subscription, rateHz);
    this.#topics.set(topic.key, topic);
    if (topic === fresh || topic.rateHz() !== rateBefore) this.#toAsk.add(topic);
    const { name, view } = topic;
    // Later: the caller has not got the subscription yet that its handler may speak of.
    if (view) queueMicrotask(() => subscription.take(updateOf(name, view)));
  }

  #leave(subscription) {
    for (const topic of this.#topics.values()) {
      if (!topic.watchers.delete(subscription) || topic.watchers.size > 0) continue;
      this.#topics.delete(topic.key);
      this.#toDrop.add(topic);
    }
    this.#flushSoon();
  }

  #flushSoon() {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  // Nothing is kept for later: a connection that begins asks for everything there is.
  #flush() {
    const asks = [...this.#toAsk].filter((topic) => this.#topics.get(topic.key) === topic);
    // What is wanted again already is asked for again, and that replaces it.
    const drops = [...this.#toDrop].filter(({ name, key }) => name !== null && !this.#topics.has(key));
    this.#toAsk.clear();
    this.#toDrop.clear();
    const { transport, isIn } = this.#connection;
    transport?.regroup?.();
    if (!isIn || transport.regroup) return;
    for (const { ruleset, topics } of batches(drops.map(({ name, ruleset: of }) => new Topic(name, of)))) {
      this.#connection.send({ op: 'unsubscribe', id: this.#nextId++, topics, ruleset });
    }
    this.#ask(asks);
  }

  #ask(topics, epoch = this.epoch) {
    const ceilingHz = this.#isSlow ? this.#options.hiddenRateHz : Infinity;
    for (const { ruleset, rateHz, group, topics: names } of batches(topics, ceilingHz)) {
      const id = this.#nextId++;
      // What is not held to the last change comes as a snapshot.
      const held = group.filter((one) => epoch && one.isHeld && one.view.seq > 0);
      for (const one of group) Object.assign(one, { askedId: id, isHeld: held.includes(one), isRefused: false });
      this.#asked.set(id, group);
      const [{ lineup }] = group;
      const what = lineup ? { op: 'lineup', name: lineup.name, slots: lineup.slots } : { op: 'subscribe', topics: names };
      const since = Object.fromEntries(held.map((one) => [one.name, one.view.seq]));
      const resume = held.length > 0 && { epoch, since: lineup ? since[held[0].name] : since };
      this.#connection.send({ ...what, id, ruleset, max_rate_hz: rateHz, ...resume });
    }
  }

  #take(message, atUs, isDefault) {
    switch (message.type) {
      case 'snapshot':
      case 'delta':
      case 'prediction':
      case 'outcome': this.#frame(message, atUs, isDefault); break;
      case 'welcome': this.#welcomed(message, atUs); break;
      case 'subscribed': this.#subscribed(message); break;
      case 'pong': if (message.sentUs) this.#clock.add(message.sentUs, atUs, message.server_us); break;
      case 'goodbye': this.#connection.toldMs = message.reconnect_after_ms; break;
      case 'auth_expiring': this.#connection.renew(); break;
      case 'status': this.#connection.late(message.late_ms > 0); break;
      case 'error': this.#failed(message); break;
      default: // A newer server may say more; what we don't know is not for us.
    }
  }

  #welcomed({ epoch, server_us: serverUs }, atUs) {
    // Of which history a topic is whose question was not answered, nobody knows. Whether what is held of the others
    // is of this one says the server: it may be a node that shares it under another name.
    for (const topic of this.#topics.values()) topic.isHeld &&= topic.askedId === null;
    const heldOf = this.epoch;
    this.epoch = epoch;
    this.#clock.clear();
    this.#clock.seen(serverUs, atUs);
    this.#welcomedUs = serverUs;
    this.#connection.welcomed();
    this.#toAsk.clear();
    this.#toDrop.clear();
    this.#ask([...this.#topics.values()], heldOf);
  }

  #streamOpened() {
    // A stream does not tell its history; the next WebSocket begins with snapshots.
    this.epoch = null;
    this.#welcomedUs = Infinity;
    if (!['live', 'late'].includes(this.state)) this.#clock.clear();
    this.#connection.welcomed();
  }

  #subscribed({ id, topics, errors }) {
    const group = this.#asked.get(id);
    if (!group) return;
    this.#asked.delete(id);
    const waiting = group.filter((one) => one.askedId === id);
    const named = (name) => waiting.find((one) => one.lineup || one.name === name);
    for (const { topic: name, ruleset, how } of topics) {
      const topic = named(name);
      if (!topic) continue;
      topic.askedId = null;
      if (how !== 'resumed') topic.isHeld = false;
      if (topic.lineup) this.#rename(topic, name, ruleset);
      else if (topic.ruleset === undefined) this.#learnDefault(name, ruleset);
    }
    for (const error of errors ?? []) this.#refuse(named(error.topic), error);
  }

  // One that is a topic's own says nothing of the others'.
  #learnDefault(name, ruleset) {
    if (!ruleset || !hasRuleset(name)) return;
    this.#defaultRuleset = ruleset;
    for (const topic of [...this.#topics.values()]) {
      if (topic.ruleset === undefined && hasRuleset(topic.name)) this.#rename(topic, topic.name, ruleset);
    }
  }

  // Two that turn out to be one become one.
  #rename(topic, name, ruleset) {
    this.#topics.delete(topic.key);
    Object.assign(topic, { name, ruleset });
    if (topic.watchers.size === 0) {
      // A lineup that nobody wants any more: now it can be said which.
      this.#toDrop.add(topic);
      this.#flushSoon();
      return;
    }
    const other = this.#topics.get(topic.key);
    if (!other) {
      this.#topics.set(topic.key, topic);
      return;
    }
    other.lineup ??= topic.lineup;
    other.definedOn = topic.definedOn;
    for (const [subscription, rateHz] of topic.watchers) {
      other.watchers.set(subscription, rateHz);
      if (other.view) subscription.take(updateOf(name, other.view));
    }
    // The server has taken the settings of the one that asked last.
    this.#toAsk.add(other);
    this.#flushSoon();
  }

  #frame(frame, atUs, isDefault) {
    if (isDefault) this.#learnDefault(frame.topic, frame.ruleset);
    const topic = this.#find(frame.topic, frame.ruleset);
    if (!topic || topic.askedId !== null) return;
    const { view: previous } = topic;
    if (frame.type !== 'snapshot') {
      // While a snapshot is on its way, deltas of the subscription it replaces may still arrive.
      if (!topic.isHeld) return;
      if (frame.prev !== previous.seq) {
        this.#gap(topic);
        return;
      }
    }
    this.#clock.seen(frame.encode_us, atUs);
    const view = apply(previous, frame);
    topic.view = view.predictions ? expire(view, this.serverUs) : view;
    topic.isHeld = true;
    if (view.predictions) this.#planExpiry();
    topic.tell(updateOf(topic.name, topic.view, previous, frame, this.#latencyOf(frame, atUs)));
  }

  #gap(topic) {
    this.gaps += 1;
    topic.isHeld = false;
    const { transport } = this.#connection;
    if (transport.regroup) transport.anew();
    else this.#ask([topic]);
  }

  // What is sent again after a cut is old by nature and says nothing about this connection.
  #latencyOf(frame, atUs) {
    if (!(frame.encode_us >= this.#welcomedUs)) return NO_LATENCY;
    const serverUs = this.#clock.ageUs(frame.encode_us, atUs);
    const feedUs = this.#clock.ageUs(frame.feed_ts, atUs);
    if (serverUs !== null) this.#connection.late(serverUs > FRAME_LATE_US);
    // A feed's own clock may be anywhere.
    return { serverUs, feedUs: feedUs > 0 && feedUs < FEED_AGE_MAX_US ? feedUs : null };
  }

  #planExpiry() {
    clearTimeout(this.#expiryTimer);
    const nextUs = Math.min(...[...this.#topics.values()].map(({ view }) => nextExpiryUs(view)));
    if (nextUs === Infinity) return;
    const waitMs = Math.ceil((nextUs - this.serverUs) / 1_000);
    this.#expiryTimer = setTimeout(() => this.#expire(), Math.min(Math.max(waitMs, 1), EXPIRE_WITHIN_MS));
  }

  #expire() {
    const { serverUs } = this;
    for (const topic of this.#topics.values()) {
      const previous = topic.view;
      if (!previous?.predictions) continue;
      topic.view = expire(previous, serverUs);
      if (topic.view !== previous) topic.tell(updateOf(topic.name, topic.view, previous));
    }
    this.#planExpiry();
  }

  #failed(error) {
    for (const { topic, ruleset } of error.topics ?? []) this.#refuse(this.#find(topic, ruleset), error);
    for (const topic of this.#asked.get(error.id) ?? []) this.#refuse(topic, error);
    if (!error.topics && !this.#asked.delete(error.id)) this.#problem(error);
  }

  #problem({ code, message }, { name: topic, ruleset } = {}) {
    this.#options.onProblem({ code, message, topic, ruleset });
  }

  #refuse(topic, error) {
    if (!topic) return;
    Object.assign(topic, { askedId: null, isHeld: false, isRefused: true });
    for (const [subscription] of topic.watchers) subscription.refuse(topic.name ?? topic.lineup.name, error);
    this.#problem(error, topic);
    if (error.code !== 'overloaded') return;
    this.#askTimer ??= setTimeout(() => this.#askAgain(), ASK_AGAIN_MS * (1 + this.#options.random()));
  }

  #askAgain() {
    this.#askTimer = null;
    for (const topic of this.#topics.values()) {
      if (!topic.isRefused) continue;
      topic.isRefused = false;
      this.#toAsk.add(topic);
    }
    this.#flush();
  }

  #slow(isSlow) {
    if (this.#isSlow === isSlow) return;
    this.#isSlow = isSlow;
    for (const topic of this.#topics.values()) this.#toAsk.add(topic);
    this.#flush();
  }

  // For streams: what has no ruleset goes along with what has.
  #wanted() {
    const topics = [...this.#topics.values()].filter((topic) => {
      if (topic.isRefused) return false;
      const { transport } = this.#connection;
      const isUnknown = topic.lineup && topic.definedOn !== transport;
      if (isUnknown && topic.defining !== transport) this.#define(topic, transport);
      return !isUnknown;
    });
    const any = topics.find(({ name }) => hasRuleset(name))?.ruleset;
    return batches(topics.map(({ name, ruleset }) => new Topic(name, hasRuleset(name) ? ruleset : any)));
  }

  async #define(topic, transport) {
    const { lineup, ruleset } = topic;
    topic.defining = transport;
    try {
      const body = JSON.stringify({ ruleset, slots: lineup.slots });
      const response = await this.#connection.request('v1/lineups', { method: 'POST', body });
      const told = await response.json();
      topic.definedOn = transport;
      this.#rename(topic, told.topic, told.ruleset);
      transport.regroup();
    } catch (error) {
      if (transport !== this.#connection.transport) return;
      if (error.status === 400) this.#refuse(topic, error);
      else transport.fail(error);
    }
  }

  #changedTo({ state, transport }) {
    if (transport === null) {
      this.#asked.clear();
      for (const topic of this.#topics.values()) {
        topic.isHeld &&= topic.askedId === null;
        topic.askedId = null;
      }
    }
    if (state !== 'refused' && state !== 'stopped') return;
    for (const { watchers } of this.#topics.values()) for (const [subscription] of watchers) subscription.end(state === 'stopped');
  }

  #find(name, ruleset) {
    return this.#topics.get(keyOf(name, ruleset));
  }

}
