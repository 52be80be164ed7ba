// One WebSocket, from its opening to its end: the token first, pings, and the watch over its silence.
// Knows how messages are coded; knows nothing of topics.

import { nowUs } from './clock.js';

const PING_EVERY_MS = 20_000;
// A first handful of quick pings: one probe of the clocks could have met a hiccup.
const FIRST_PINGS_MS = [0, 150, 400, 1_000];
const PONG_LATE_MS = 3_000;
const PONG_LOST_MS = 10_000;
const CONNECT_LOST_MS = 10_000;
// A timer that comes so late has slept: the tab is hidden or the machine was, and silence proves nothing.
const SLEPT_MS = 2_000;
// So that an error that answers a ping is taken for nobody else's.
const PING_IDS_FROM = 2 ** 31;

/** One message is one text. A coding is a subprotocol, and how messages become what a socket carries. */
export const json = { name: 'json', protocol: 'scorewire.v1.json', decode: JSON.parse, encode: JSON.stringify };

export class Socket {
  transport = 'websocket';
  coding = json.name;
  isWelcomed = false;
  #socket;
  #codec = json;
  #on;
  #timers = new Set();
  #pings = new Map();
  #nextPing = PING_IDS_FROM;
  #heard = 0;
  #isSilent = false;

  /**
   * `on.message(message, atUs)` for what comes, a `pong` with `sentUs`; `on.bad(error)` for what can't be
   * read; `on.silent(isSilent)`; `on.lost(closeCode)`, once, when it has ended by itself.
   */
  constructor(url, { coding, token, bytesMax, WebSocket, on }) {
    this.#on = on;
    const socket = new WebSocket(url, [...new Set([coding.protocol, json.protocol])]);
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      // The server takes the first that it knows.
      if (socket.protocol === coding.protocol) this.#codec = coding;
      this.coding = this.#codec.name;
      // A page can send no header with the upgrade. Not before it is welcomed: that may wait for the token.
      if (token) this.send({ op: 'auth', id: 0, token });
    };
    socket.onmessage = ({ data }) => {
      if ((data.length ?? data.byteLength) > bytesMax) this.#lost(1009);
      else this.#receive(data);
    };
    // A close follows; `ws` throws where nobody listens.
    socket.onerror = () => {};
    socket.onclose = (event) => this.#lost(event?.code);
    this.#after(CONNECT_LOST_MS, () => this.isWelcomed || this.#lost());
  }

  send(message) {
    this.#socket.send(this.#codec.encode(message));
  }

  /** Finds out soon whether the connection still stands. */
  check() {
    const id = this.#nextPing++;
    const heardBefore = this.#heard;
    this.#pings.set(id, nowUs());
    this.send({ op: 'ping', id });
    // Anything heard since proves the connection as well as the pong does.
    const unlessHeard = (run) => (hasSlept) => {
      if (this.#heard !== heardBefore) return;
      if (hasSlept) this.check();
      else run();
    };
    this.#after(PONG_LATE_MS, unlessHeard(() => {
      this.#isSilent = true;
      this.#on.silent(true);
    }));
    this.#after(PONG_LOST_MS, (hasSlept) => {
      this.#pings.delete(id);
      unlessHeard(() => this.#lost())(hasSlept);
    });
  }

  /** A dead network never answers a close, so nothing is awaited. */
  close() {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    Object.assign(this.#socket, { onopen: null, onmessage: null, onclose: null });
    this.#socket.close();
  }

  #receive(data) {
    const atUs = nowUs();
    this.#heard += 1;
    if (this.#isSilent) {
      this.#isSilent = false;
      this.#on.silent(false);
    }
    // Whatever it is, it came from outside: what can't be made sense of costs a report, and no more.
    try {
      const message = this.#codec.decode(data);
      if (message.type === 'welcome') this.#welcomed();
      if (message.type === 'pong') {
        message.sentUs = this.#pings.get(message.id);
        this.#pings.delete(message.id);
      }
      this.#on.message(message, atUs);
    } catch (error) {
      this.#on.bad(error);
    }
  }

  #welcomed() {
    if (this.isWelcomed) return;
    this.isWelcomed = true;
    for (const delayMs of FIRST_PINGS_MS) this.#after(delayMs, () => this.check());
    const keepPinging = () => {
      this.check();
      this.#after(PING_EVERY_MS, keepPinging);
    };
    this.#after(PING_EVERY_MS, keepPinging);
  }

  #lost(code) {
    this.close();
    this.#on.lost(code);
  }

  // Timers of one connection; they die with it.
  #after(delayMs, run) {
    const dueMs = Date.now() + delayMs;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run(Date.now() - dueMs > SLEPT_MS);
    }, delayMs);
    this.#timers.add(timer);
  }
}
