// The binary coding: `scorewire.v1.bin` to the messages of `scorewire.v1.json`, and back. What leaves here
// is the same object in both codings, to the last key. A module of its own, for those who want it:
// `connect(url, { coding: binary })`. Every length is checked against the message's own end.

import { ENUMS, MESSAGES } from './schema.js';

const SCALES = { points: 10_000, share: 10_000, hundredths: 100, halves: 2, cents: 100, millionths: 1_000_000 };
const SIGNED = ['sint', 'points', 'halves', 'age', 'cents'];
// A double holds every sum of so many places of 7 bits.
const PLACES_MAX = 7;
const SHORT_TEXT = 24;

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** For the option `coding`. */
export const binary = { name: 'bin', protocol: 'scorewire.v1.bin', decode, encode };

/** Reads one `ServerMessage`; `{}` has no type, as one of a later version. Throws where it is malformed. */
export function decode(buffer) {
  const bytes = new Uint8Array(buffer);
  const { id, ...said } = new Reader(bytes).message('Server', bytes.length);
  const [type] = Object.keys(said);
  if (!type) return {};
  const message = said[type];
  if (type.endsWith('ubscribed')) {
    // What JSON has, and an empty protobuf list is not there to say.
    message.topics ??= [];
    message.errors ??= [];
  }
  if (type === 'delta' || type === 'prediction' || type === 'outcome' || type === 'snapshot') frame(type, message);
  return { type, ...(id !== undefined && { id }), ...message };
}

function frame(type, message) {
  const kind = message.topic.split(':', 1)[0];
  if (kind === 'contest' || kind === 'entry') {
    standing(type, message, kind);
    return;
  }
  if (kind === 'slate') message.games ??= [];
  if (kind === 'game' || kind === 'team') message.players ??= [];
  if (kind === 'lineup') message.slots ??= [];
  ungone(message);
  for (const game of message.games ?? []) ungone(game);
  if (type === 'snapshot' && kind === 'predictions') message.predictions ??= [];
  for (const prediction of message.predictions ?? [message]) {
    if (prediction.kind === 'points') prediction.players ??= [];
    stamps(prediction, message.encode_us);
  }
  if (type !== 'delta') return;
  message.causes ??= [];
  if (message.causes.length === 1 && message.seq === message.prev + 1) {
    [message.cause] = message.causes;
    delete message.causes;
  }
}

// JSON has it in the message itself, and no causes.
function standing(type, message, kind) {
  const shown = message[kind];
  delete message[kind];
  Object.assign(message, shown);
  if (kind === 'entry') message.slots ??= [];
  else if (type === 'snapshot') message.cuts ??= [];
  stamps(message, message.encode_us);
}

function ungone(shown) {
  for (const part of shown.gone ?? []) if (part) shown[part] = null;
  delete shown.gone;
}

// Ages to times. A feed's clock may say anything: what does not fit a double is reckoned modulo 2^64.
function stamps(message, encodeUs) {
  for (const name of ['ingest_us', 'feed_ts', 'ingest_us_first', 'feed_ts_first']) {
    const age = message[name];
    if (age === undefined) continue;
    const time = encodeUs - Number(age);
    message[name] = Number.isSafeInteger(time) ? time : Number(BigInt.asIntN(64, BigInt(encodeUs) - BigInt(age)));
  }
}

class Reader {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  message(name, end) {
    const fields = MESSAGES[name];
    const read = {};
    while (this.#at < end) {
      const tag = Number(this.#varint());
      const field = fields[tag >>> 3];
      if (field) this.#field(read, field, tag & 7);
      else this.#skip(tag & 7);
    }
    if (this.#at !== end) throw new RangeError('a field ends outside of its message');
    for (const field of fields) {
      if (field && !field.mark && read[field.name] === undefined) read[field.name] = this.#default(field.type);
    }
    return read;
  }

  #default(type) {
    return type === 'text' ? '' : type === 'bool' ? false : ENUMS[type]?.[0] ?? 0;
  }

  #field(read, { name, type, mark }, wire) {
    if (mark !== '*') {
      const value = this.#value(type, wire, read[name]);
      // An enum's value of a later version is not for us.
      if (value !== undefined) read[name] = value;
      return;
    }
    read[name] ??= [];
    if (wire === 2 && (ENUMS[type] || type === 'uint')) {
      for (const end = this.#end(); this.#at < end;) read[name].push(this.#value(type, 0));
    } else {
      read[name].push(this.#value(type, wire));
    }
  }

  #value(type, wire, before) {
    if (type === 'text') return this.#text(this.#length(wire));
    if (type === 'names' || type === 'shares') return this.#entry(before, type, this.#length(wire));
    if (MESSAGES[type]) {
      const message = this.message(type, this.#length(wire));
      return type === 'Counts' ? message.by_team ?? {} : message;
    }
    if (wire !== 0) throw new TypeError('a number was expected');
    const value = this.#varint();
    if (ENUMS[type]) return ENUMS[type][value];
    if (type === 'bool') return value !== 0;
    if (SIGNED.includes(type)) return type === 'age' ? unzigzag(value) : Number(unzigzag(value)) / (SCALES[type] ?? 1);
    if (typeof value === 'bigint') return Number(type === 'int' ? BigInt.asIntN(64, value) : value);
    return value / (SCALES[type] ?? 1);
  }

  // One entry of a map. `fromEntries` and spread define; a key of `__proto__` is a key.
  #entry(before, type, end) {
    let [key, value] = ['', 0];
    while (this.#at < end) {
      const tag = Number(this.#varint());
      if (tag === 10) key = this.#text(this.#end());
      else if (tag === 16) value = Number(this.#varint()) / (type === 'shares' ? SCALES.share : 1);
      else this.#skip(tag & 7);
    }
    return { ...before, ...Object.fromEntries([[key, value]]) };
  }

  #length(wire) {
    if (wire !== 2) throw new TypeError('bytes were expected');
    return this.#end();
  }

  #end() {
    const length = Number(this.#varint());
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError('it ends in the middle of a field');
    return end;
  }

  #text(end) {
    const start = this.#at;
    this.#at = end;
    if (end - start > SHORT_TEXT) return decoder.decode(this.#bytes.subarray(start, end));
    let text = '';
    for (let at = start; at < end; at += 1) {
      if (this.#bytes[at] > 0x7f) return decoder.decode(this.#bytes.subarray(start, end));
      text += String.fromCharCode(this.#bytes[at]);
    }
    return text;
  }

  #varint() {
    let value = 0;
    let scale = 1;
    for (let place = 0; place < PLACES_MAX; place += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    // Times of these centuries have one place more, and still fit.
    if (this.#bytes[this.#at] < 16) return value + this.#byte() * scale;
    let long = BigInt(value);
    for (let place = PLACES_MAX; place < 10; place += 1) {
      const byte = this.#byte();
      long += BigInt(byte & 0x7f) << BigInt(7 * place);
      if (byte < 0x80) return BigInt.asUintN(64, long);
    }
    throw new RangeError('a varint has more than 64 bits');
  }

  #byte() {
    if (this.#at >= this.#bytes.length) throw new RangeError('it ends in the middle of a field');
    return this.#bytes[this.#at++];
  }

  #skip(wire) {
    if (wire === 0) this.#varint();
    else if (wire === 1) this.#at += 8;
    else if (wire === 2) this.#at = this.#end();
    else if (wire === 5) this.#at += 4;
    else throw new TypeError('groups are not spoken');
  }
}

function unzigzag(value) {
  if (typeof value === 'number') return value % 2 ? -(value + 1) / 2 : value / 2;
  return value & 1n ? -(value >> 1n) - 1n : value >> 1n;
}

/** Writes one `ClientMessage`: an object with `op`, as JSON has it. */
export function encode({ op, id, ...body }) {
  const out = [];
  write(out, 'Client', { id, [op]: body });
  return new Uint8Array(out);
}

function write(out, name, message) {
  for (const { name: key, number, type, mark } of MESSAGES[name].filter(Boolean)) {
    const value = message[key];
    if (value === undefined) continue;
    for (const one of mark === '*' ? value : type === 'names' ? Object.entries(value) : [value]) put(out, number, type, one);
  }
}

function put(out, number, type, value) {
  if (type === 'double') {
    out.push(number << 3 | 1, ...new Uint8Array(new Float64Array([value]).buffer));
  } else if (type === 'text') {
    bytes(out, number, encoder.encode(value));
  } else if (type === 'names') {
    const entry = [];
    put(entry, 1, 'text', value[0]);
    put(entry, 2, 'uint', value[1]);
    bytes(out, number, entry);
  } else if (MESSAGES[type]) {
    const nested = [];
    write(nested, type, value);
    bytes(out, number, nested);
  } else {
    varint(out, number << 3);
    varint(out, Math.round(value * (SCALES[type] ?? 1)));
  }
}

function bytes(out, number, list) {
  varint(out, number << 3 | 2);
  varint(out, list.length);
  for (const byte of list) out.push(byte);
}

function varint(out, value) {
  for (; value >= 0x80; value = Math.floor(value / 128)) out.push(value % 128 | 0x80);
  out.push(value);
}
