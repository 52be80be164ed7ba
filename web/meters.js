// Connection state and figures in the header, and the notice while there is no connection.

import { UNAUTHORIZED } from './client/index.js';
import { setAttribute, setText } from './dom.js';
import { LatencyWindow, nowUs, Rate } from './rates.js';

const STATE_WORDS = {
  connecting: 'Connecting', live: 'Live', late: 'Late', reconnecting: 'Reconnecting', offline: 'Offline',
  paused: 'Paused', stopped: 'Stopped', refused: 'Refused',
};
const DRAW_EVERY_MS = 1_000;
// A blink is not worth a notice that pushes the page down.
const NOTICE_AFTER_MS = 1_500;

export class Meters {
  #nodes;
  #live;
  #hasToken;
  #serverAges = new LatencyWindow();
  #feedAges = new LatencyWindow();
  #rate = new Rate();
  #mergedFrames = 0;
  #lostAtMs = null;
  #lastFrameAtMs = null;

  constructor(nodes, live, { hasToken }) {
    this.#nodes = nodes;
    this.#live = live;
    this.#hasToken = hasToken;
    nodes.retry.addEventListener('click', () => live.retry());
    setInterval(() => this.draw(), DRAW_EVERY_MS);
  }

  /** One update, as `live.subscribe` tells it. */
  count({ frame, changes, latency }) {
    this.#lastFrameAtMs = Date.now();
    if (frame?.type !== 'delta') return;
    const atUs = nowUs();
    this.#rate.add(changes, atUs);
    if (changes > 1) this.#mergedFrames += 1;
    if (latency.serverUs !== null) this.#serverAges.add(latency.serverUs, atUs);
    if (latency.feedUs !== null) this.#feedAges.add(latency.feedUs, atUs);
  }

  stateChanged({ state }) {
    const isLost = ['reconnecting', 'offline'].includes(state) || (state === 'connecting' && this.#lastFrameAtMs !== null);
    if (!isLost) this.#lostAtMs = null;
    else this.#lostAtMs ??= Date.now();
    setText(this.#nodes.state, STATE_WORDS[state]);
    setAttribute(this.#nodes.state, 'data-state', state);
    this.draw();
  }

  draw() {
    const atUs = nowUs();
    const server = this.#serverAges.summary(atUs);
    const feed = this.#feedAges.summary(atUs);
    setText(this.#nodes.serverLatency, server ? milliseconds(server.medianUs) : '–');
    setAttribute(this.#nodes.serverLatency, 'title', server ? `95th percentile ${milliseconds(server.p95Us)}` : '');
    this.#nodes.feedMeter.hidden = !feed;
    setText(this.#nodes.feedLatency, feed ? milliseconds(feed.medianUs) : '–');
    setText(this.#nodes.updateRate, `${rounded(this.#rate.perSecond(atUs))}/s`);
    // Nothing merged is nothing to explain.
    this.#nodes.mergedMeter.hidden = this.#mergedFrames === 0;
    setText(this.#nodes.mergedCount, String(this.#mergedFrames));
    this.#drawNotice();
  }

  #drawNotice() {
    const { notice, noticeText, retry, body } = this.#nodes;
    const isLost = this.#lostAtMs !== null && Date.now() - this.#lostAtMs >= NOTICE_AFTER_MS;
    const isLate = this.#live.state === 'late';
    const isRefused = this.#live.state === 'refused';
    notice.hidden = !isLost && !isLate && !isRefused;
    retry.hidden = !isLost;
    setAttribute(body, 'data-stale', isLost || isRefused ? 'true' : null);
    if (isRefused) setText(noticeText, this.#refusedText());
    else if (isLost) setText(noticeText, this.#lostText());
    else if (isLate) setText(noticeText, 'The connection is slow: points may be a few seconds behind.');
  }

  #refusedText() {
    const { code } = this.#live.status.getSnapshot();
    if (code !== UNAUTHORIZED) return `The server ended the connection (${code}) and would again: load the page anew.`;
    const why = this.#hasToken ? 'The server does not take this token, or not any more.' : 'Reading takes a token here.';
    return `${why} Open the page with a good one at the end of its address: #token=…`;
  }

  // No countdown: the notice is read out when it changes, and should not be read every second.
  #lostText() {
    const why = navigator.onLine ? 'The connection is lost.' : 'This device is offline.';
    const since = this.#lastFrameAtMs
      ? ` Points are as of ${new Date(this.#lastFrameAtMs).toLocaleTimeString()}.` : '';
    return `${why}${since} Trying again by itself.`;
  }
}

function milliseconds(us) {
  if (us < 950) return '< 1 ms';
  return us < 10_000_000 ? `${Math.round(us / 1000)} ms` : `${Math.round(us / 1e6)} s`;
}

function rounded(rate) {
  return rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
}
