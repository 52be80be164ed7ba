// The connection in the header, and the notice while there is none.

import { nowUs, UNAUTHORIZED } from '../connection.js';
import { setAttribute, setText } from '../dom.js';
import { millisecondsText } from '../vitals.js';

export const STATE_WORDS = {
  connecting: 'Connecting', live: 'Live', late: 'Late', reconnecting: 'Reconnecting', offline: 'Offline', paused: 'Paused', stopped: 'Stopped',
  refused: 'Refused',
};
const DRAW_EVERY_MS = 1_000;
// A blink is not worth a notice that pushes the page down.
const NOTICE_AFTER_MS = 1_500;
const LOST = ['reconnecting', 'offline'];

export class Status {
  #nodes;
  #connection;
  #vitals;
  #hasToken;
  #lostAtMs = null;

  /** nodes: `{state, serverLatency, notice, noticeText, retry, body}`. */
  constructor(nodes, { connection, vitals, hasToken }) {
    this.#nodes = nodes;
    this.#connection = connection;
    this.#vitals = vitals;
    this.#hasToken = hasToken;
    nodes.retry.addEventListener('click', () => connection.retry());
    setInterval(() => this.draw(), DRAW_EVERY_MS);
  }

  draw() {
    const { state } = this.#connection;
    const isLost = LOST.includes(state) || (state === 'connecting' && this.#vitals.lastFrameAtMs !== null);
    if (!isLost) this.#lostAtMs = null;
    else this.#lostAtMs ??= Date.now();
    setText(this.#nodes.state, STATE_WORDS[state] ?? state);
    setAttribute(this.#nodes.state, 'data-state', state);
    const { server } = this.#vitals.now(nowUs());
    setText(this.#nodes.serverLatency, server && !isLost ? millisecondsText(server.medianUs) : '');
    this.#drawNotice(state);
  }

  #drawNotice(state) {
    const { notice, noticeText, retry, body } = this.#nodes;
    const isLost = this.#lostAtMs !== null && Date.now() - this.#lostAtMs >= NOTICE_AFTER_MS;
    const isRefused = state === 'refused';
    notice.hidden = !isLost && !isRefused && state !== 'late';
    retry.hidden = !isLost;
    setAttribute(body, 'data-stale', isLost || isRefused ? 'true' : null);
    if (isRefused) setText(noticeText, this.#refusedText());
    else if (isLost) setText(noticeText, this.#lostText());
    else if (state === 'late') setText(noticeText, 'The connection is slow: points may be a few seconds behind.');
  }

  #refusedText() {
    const code = this.#connection.closeCode;
    if (code !== UNAUTHORIZED) return `The server ended the connection (${code}) and would again: load the page anew.`;
    const why = this.#hasToken ? 'The server does not take this token, or not any more.' : 'Reading takes a token here.';
    return `${why} Open the page with a good one at the end of its address: #token=…`;
  }

  // No countdown: the notice is read out when it changes, and should not be read every second.
  #lostText() {
    const why = navigator.onLine ? 'The connection is lost.' : 'This device is offline.';
    const { lastFrameAtMs } = this.#vitals;
    const since = lastFrameAtMs === null ? '' : ` Points are as of ${new Date(lastFrameAtMs).toLocaleTimeString()}.`;
    return `${why}${since} Trying again by itself.`;
  }
}
