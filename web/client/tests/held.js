// A client whose socket the test holds in its hand, and whose time it moves.

import { mock } from 'node:test';
import { connect } from '../index.js';

export class HeldSocket {
  static opened = [];
  /** Whether pings are answered. */
  static answersPings = true;
  sent = [];
  isClosed = false;
  protocol = 'scorewire.v1.json';

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    HeldSocket.opened.push(this);
  }

  send(text) {
    const message = JSON.parse(text);
    this.sent.push(message);
    if (message.op === 'ping' && HeldSocket.answersPings) this.say({ type: 'pong', id: message.id, server_us: Date.now() * 1_000 });
  }

  close() {
    this.isClosed = true;
  }

  say(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  /** What of `op` was sent, oldest first. */
  said(op) {
    return this.sent.filter((message) => message.op === op);
  }
}

export const socket = () => HeldSocket.opened.at(-1);

/** Lets promises that are settled go on. */
export const settle = () => new Promise((resolve) => { setImmediate(resolve); });

/** Second by second: one long tick would date the timers that timers set from its end. */
export async function pass(seconds) {
  for (let second = 0; second < seconds; second += 1) {
    mock.timers.tick(1_000);
    await settle();
  }
}

/** The client as `{live, problems, states, asks}`; `asks` are requests under way, to be answered by the test. */
export function hold(options = {}) {
  HeldSocket.opened = [];
  HeldSocket.answersPings = true;
  const problems = [];
  const states = [];
  const asks = [];
  const fetch = (url, init) => new Promise((resolve, reject) => {
    asks.push({ path: url.pathname, init, answer: (body, status = 200) => resolve(Response.json(body, { status })), fail: reject });
  });
  const live = connect('http://test', {
    WebSocket: HeldSocket, fetch, random: () => 0.5, onProblem: (problem) => problems.push(problem), ...options,
  });
  live.onState(({ state }) => states.at(-1) !== state && states.push(state));
  return { live, problems, states, asks };
}

/** The server's first word. */
export function welcome(epoch = 'e1') {
  socket().onopen?.();
  socket().say({ type: 'welcome', session: 's', epoch, server_us: Date.now() * 1_000, limits: {} });
}

/** Answers the requests for topics that have no answer yet: all taken. `how` is for all, or by topic. */
export function accept(how = 'snapshot', more = {}) {
  const asked = socket().said('subscribe').filter((message) => !message.isAnswered);
  for (const message of asked) {
    const { id, topics, ruleset } = message;
    message.isAnswered = true;
    const told = topics.map((topic) => ({ topic, ruleset, seq: 0, how: how[topic] ?? how }));
    socket().say({ type: 'subscribed', id, topics: told, errors: [], ...more });
  }
}
