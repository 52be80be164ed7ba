// The client of `GET /v1/ws`: one connection, any number of subscriptions, and totals that are
// right whatever the network does. Knows the protocol; knows nothing of the page.
//
//   const live = new LiveClient({ url, onChange, onState });
//   live.follow(['player:00-0019596'], 'draftkings');
//   live.start();
//
// After a cut it comes back by itself, asks for what it missed (`since` and `epoch`) and takes
// either answer: the missing deltas or a snapshot.

import { nowUs, ServerClock } from './latency.js';
import { applyDelta, fromSnapshot, subscriptionKey } from './topics.js';

const PING_EVERY_MS = 20_000;
// A first handful of quick pings: one probe of the clocks could have met a hiccup.
const FIRST_PINGS_MS = [0, 150, 400, 1_000];
const PONG_LATE_MS = 3_000;
const PONG_LOST_MS = 10_000;
const CONNECT_LOST_MS = 10_000;
const FRAME_LATE_US = 1_000_000;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 20_000;
// A connection that lived this long was a good one: the next wait starts small again.
const STEADY_AFTER_MS = 5_000;
// Longer than any server tells a client to stay away, short of a fault of its own.
const TOLD_MAX_MS = 600_000;
// Far below the server's limit of 64 KiB a message.
const TOPICS_PER_MESSAGE = 100;

/** The token is no use, or none came where one is needed. */
export const UNAUTHORIZED = 4003;
/** Close codes of which docs/protocol.md says not to come back: it would end the same way. */
export const FINAL_CODES = [1000, 1002, 1003, 1007, 1009, UNAUTHORIZED];

const NOTHING = () => {};

export class LiveClient {
  /** `connecting`, `live`, `late`, `reconnecting`, `stopped`, or `refused`: `closeCode` says why. */
  state = 'stopped';
  /** The close code after which there is no coming back; null unless refused. */
  closeCode = null;
  /** When the next attempt is due, in `Date.now()` milliseconds; null unless one is planned. */
  retryAtMs = null;
  epoch = null;
  clock = new ServerClock();
  /** Frames whose `prev` was not ours. Each one is a server's bug; we ask for a snapshot. */
  gaps = 0;

  #url;
  #token;
  #WebSocket;
  #random;
  #onChange;
  #onState;
  #onProblem;
  #subscriptions = new Map();
  #socket = null;
  #nextId = 1;
  #pings = new Map();
  #timers = new Set();
  #retryTimer = null;
  #attempts = 0;
  #goodbyeMs = null;
  #askWhen;
  #wasRefused = false;
  #openedAtUs = 0;
  #welcomedServerUs = null;
  #heardAtUs = 0;
  #heardCount = 0;
  #isSilent = false;

  /**
   * onChange({topic, ruleset, view, frame, ageUs, receivedUs}) after each applied frame;
   * onState(state) when it changes; onProblem({code, message, topic}) for what the server refused.
   * token, where there is one, is shown first of all on each connection.
   * askWhen() promises in how many milliseconds the server would have us, 0 for now: no page can
   * read why its WebSocket was refused. It never rejects.
   */
  constructor({
    url, token = null, WebSocket = globalThis.WebSocket, random = Math.random,
    onChange = NOTHING, onState = NOTHING, onProblem = NOTHING, askWhen = null,
  }) {
    this.#url = url;
    this.#token = token;
    this.#WebSocket = WebSocket;
    this.#random = random;
    this.#onChange = onChange;
    this.#onState = onState;
    this.#onProblem = onProblem;
    this.#askWhen = askWhen;
  }

  start() {
    if (this.state === 'stopped') this.#connect('connecting');
  }

  stop() {
    this.#end('stopped');
  }

  /** Ends for good, as by a close with that code. */
  giveUp(closeCode) {
    this.closeCode = closeCode;
    this.#end('refused');
  }

  #end(state) {
    this.#forgetSocket();
    clearTimeout(this.#retryTimer);
    this.retryAtMs = null;
    this.#setState(state);
  }

  /** Comes back now rather than when the wait is over. */
  retryNow() {
    if (this.state === 'reconnecting' && !this.#socket) this.#connect('reconnecting');
  }

  /**
   * Finds out soon whether the connection still stands. For hints that it may not: the browser
   * says offline, the machine woke up. Only a hint: a server on this machine is there without a net.
   */
  check() {
    if (this.#isWelcomed()) this.#ping();
  }

  /** Subscribes; a topic already followed under this ruleset is left as it is. */
  follow(topics, ruleset) {
    const added = [];
    for (const topic of topics) {
      const key = subscriptionKey(topic, ruleset);
      if (this.#subscriptions.has(key)) continue;
      const subscription = { topic, ruleset, view: null, awaitsSnapshot: true };
      this.#subscriptions.set(key, subscription);
      added.push(subscription);
    }
    if (this.#isWelcomed()) this.#sendSubscribe(added);
  }

  unfollow(topics, ruleset) {
    const removed = topics.filter((topic) => this.#subscriptions.delete(subscriptionKey(topic, ruleset)));
    if (removed.length > 0 && this.#isWelcomed()) {
      this.#send({ op: 'unsubscribe', id: this.#newId(), topics: removed, ruleset });
    }
  }

  /** What a topic shows now, or null before its first snapshot. */
  view(topic, ruleset) {
    return this.#subscriptions.get(subscriptionKey(topic, ruleset))?.view ?? null;
  }

  #connect(state) {
    clearTimeout(this.#retryTimer);
    this.retryAtMs = null;
    this.#setState(state);
    const socket = new this.#WebSocket(this.#url, ['scorewire.v1.json']);
    this.#socket = socket;
    this.#goodbyeMs = null;
    this.#welcomedServerUs = null;
    this.#openedAtUs = nowUs();
    // A page can send no header with the upgrade. Not before it is welcomed: that may wait for the token.
    socket.onopen = () => this.#token !== null && this.#send({ op: 'auth', id: this.#newId(), token: this.#token });
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = (event) => (FINAL_CODES.includes(event?.code) ? this.giveUp(event.code) : this.#lost());
    this.#after(CONNECT_LOST_MS, () => {
      if (!this.#isWelcomed()) this.#lost();
    });
  }

  #receive(text) {
    this.#heardAtUs = nowUs();
    this.#heardCount += 1;
    if (this.#isSilent) {
      this.#isSilent = false;
      this.#setState('live');
    }
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      this.#onProblem({ code: 'bad_json', message: 'The server sent something that is not JSON.' });
      return;
    }
    switch (message.type) {
      case 'welcome': this.#welcomed(message); break;
      case 'snapshot': this.#snapshot(message); break;
      case 'delta':
      case 'prediction':
      case 'outcome': this.#delta(message); break;
      case 'pong': this.#ponged(message); break;
      case 'subscribed': for (const error of message.errors ?? []) this.#onProblem(error); break;
      case 'status': this.#setState(message.late_ms > 0 ? 'late' : 'live'); break;
      case 'goodbye': this.#goodbyeMs = message.reconnect_after_ms ?? null; break;
      case 'error': this.#onProblem(message); break;
      default: // A newer server may say more; what we don't know is not for us.
    }
  }

  #welcomed(message) {
    if (this.epoch !== null && this.epoch !== message.epoch) {
      // Another history: its sequence numbers have nothing to do with ours.
      for (const subscription of this.#subscriptions.values()) subscription.awaitsSnapshot = true;
    }
    this.epoch = message.epoch;
    this.#welcomedServerUs = message.server_us;
    // Another server may have another clock.
    this.clock.clear();
    this.#setState('live');
    this.#sendSubscribe([...this.#subscriptions.values()]);
    for (const delayMs of FIRST_PINGS_MS) this.#after(delayMs, () => this.#ping());
    this.#after(PING_EVERY_MS, () => this.#keepPinging());
  }

  #snapshot(frame) {
    const subscription = this.#subscriptionOf(frame);
    if (!subscription) return;
    subscription.view = fromSnapshot(frame.topic, frame);
    subscription.awaitsSnapshot = false;
    this.#changed(subscription, frame);
  }

  #delta(frame) {
    const subscription = this.#subscriptionOf(frame);
    // While a snapshot is on its way, deltas of the subscription it replaces may still arrive.
    if (!subscription || subscription.awaitsSnapshot) return;
    if (frame.prev !== subscription.view.seq) {
      this.gaps += 1;
      subscription.awaitsSnapshot = true;
      this.#sendSubscribe([subscription]);
      return;
    }
    applyDelta(frame.topic, subscription.view, frame);
    this.#changed(subscription, frame);
  }

  #changed({ topic, ruleset, view }, frame) {
    const receivedUs = this.#heardAtUs;
    // What is sent again after a cut is old by nature and says nothing about this connection.
    const isOurs = frame.encode_us >= this.#welcomedServerUs;
    const ageUs = isOurs ? this.clock.ageUs(frame.encode_us, receivedUs) : null;
    if (ageUs !== null) this.#setState(ageUs > FRAME_LATE_US ? 'late' : 'live');
    this.#onChange({ topic, ruleset, view, frame, ageUs, receivedUs });
  }

  #subscriptionOf(frame) {
    return this.#subscriptions.get(subscriptionKey(frame.topic, frame.ruleset));
  }

  #sendSubscribe(subscriptions) {
    for (const [ruleset, group] of groupByRuleset(subscriptions)) {
      for (let start = 0; start < group.length; start += TOPICS_PER_MESSAGE) {
        this.#sendSubscribeMessage(ruleset, group.slice(start, start + TOPICS_PER_MESSAGE));
      }
    }
  }

  #sendSubscribeMessage(ruleset, group) {
    const message = { op: 'subscribe', id: this.#newId(), topics: group.map((one) => one.topic), ruleset };
    const held = group.filter((one) => !one.awaitsSnapshot && one.view.seen);
    // What we don't hold to the last change comes as a snapshot.
    for (const one of group) one.awaitsSnapshot = !held.includes(one);
    if (held.length > 0) {
      message.epoch = this.epoch;
      message.since = Object.fromEntries(held.map((one) => [one.topic, one.view.seq]));
    }
    this.#send(message);
  }

  #ping() {
    const id = this.#newId();
    const sentUs = nowUs();
    this.#pings.set(id, sentUs);
    this.#send({ op: 'ping', id });
    // Anything heard since proves the connection as well as the pong does.
    const heardBefore = this.#heardCount;
    const heardNothing = () => this.#heardCount === heardBefore;
    this.#after(PONG_LATE_MS, () => {
      if (!heardNothing()) return;
      this.#isSilent = true;
      this.#setState('late');
    });
    this.#after(PONG_LOST_MS, () => {
      this.#pings.delete(id);
      if (heardNothing()) this.#lost();
    });
  }

  #keepPinging() {
    this.#ping();
    this.#after(PING_EVERY_MS, () => this.#keepPinging());
  }

  #ponged(message) {
    const sentUs = this.#pings.get(message.id);
    if (sentUs === undefined) return;
    this.#pings.delete(message.id);
    this.clock.add(sentUs, this.#heardAtUs, message.server_us);
  }

  #lost() {
    const livedMs = (nowUs() - this.#openedAtUs) / 1000;
    if (this.#isWelcomed() && livedMs > STEADY_AFTER_MS) this.#attempts = 0;
    this.#wasRefused = !this.#isWelcomed();
    this.#forgetSocket();
    const waitMs = this.#waitMs();
    this.#attempts += 1;
    this.#retryAfter(waitMs);
    this.#setState('reconnecting');
  }

  #retryAfter(waitMs) {
    this.retryAtMs = Date.now() + waitMs;
    this.#retryTimer = setTimeout(() => this.#comeBack(), waitMs);
  }

  // Who was not let in asks before it tries again, waits as it is told, and then tries.
  async #comeBack() {
    if (this.#wasRefused && this.#askWhen) {
      const attempts = this.#attempts;
      const toldMs = Math.min(await this.#askWhen(), TOLD_MAX_MS);
      // Somebody may have pressed a button meanwhile.
      if (this.state !== 'reconnecting' || this.#socket || attempts !== this.#attempts) return;
      if (toldMs > 0) {
        this.#wasRefused = false;
        this.#retryAfter(toldMs);
        this.#onState(this.state);
        return;
      }
    }
    this.#connect('reconnecting');
  }

  // Full jitter: clients that were cut together don't come back together. A server that says
  // goodbye has spread its clients already, so its word is taken as it is.
  #waitMs() {
    if (this.#goodbyeMs !== null) return this.#goodbyeMs;
    const ceilingMs = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#attempts);
    return this.#random() * ceilingMs;
  }

  // A dead network never answers a close, so nothing is awaited from the old socket.
  #forgetSocket() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#pings.clear();
    this.#isSilent = false;
    if (!this.#socket) return;
    this.#socket.onopen = null;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }

  #isWelcomed() {
    return this.#socket !== null && this.#welcomedServerUs !== null;
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  #newId() {
    const id = this.#nextId;
    this.#nextId += 1;
    return id;
  }

  // Timers of one connection; they die with it.
  #after(delayMs, run) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delayMs);
    this.#timers.add(timer);
  }

  #setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.#onState(state);
  }
}

function groupByRuleset(subscriptions) {
  const groups = new Map();
  for (const one of subscriptions) {
    if (!groups.has(one.ruleset)) groups.set(one.ruleset, []);
    groups.get(one.ruleset).push(one);
  }
  return groups;
}
