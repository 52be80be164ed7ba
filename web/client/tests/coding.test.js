// The binary coding: the same objects as JSON, to the last key; by the schema file; and whatever comes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import WebSocket from 'ws';
import { binary, decode, encode } from '../binary.js';
import { ENUMS, MESSAGES } from '../schema.js';
import { json } from '../socket.js';
import { contestBody, postContest } from './made_contest.js';
import { eventLines, eventually, Folder, needsServer, serve, sleep } from './real.js';

/** A connection that keeps what it is told. */
async function listen(url, coding) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/ws`, [coding.protocol]);
  socket.binaryType = 'arraybuffer';
  const told = [];
  const bytes = [];
  socket.on('message', (data, isBinary) => {
    const read = isBinary ? data : data.toString();
    bytes.push(isBinary ? data.byteLength : data.length);
    told.push(coding.decode(read));
  });
  await new Promise((done, fail) => socket.once('open', done).once('error', fail));
  return { told, bytes, say: (message) => socket.send(coding.encode(message)), close: () => socket.terminate() };
}

// Of no history and no clock: two connections are two.
function comparable({ session, server_us: serverUs, encode_us: encodeUs, ...message }) {
  return [session, serverUs, encodeUs].map((value) => typeof value).concat(message);
}

test('every message of a whole evening is the same object in both codings', needsServer, async () => {
  const folder = new Folder();
  const server = await serve(folder, { SCOREWIRE__SERVER__SHARDS: '1' });
  const both = await Promise.all([json, binary].map((coding) => listen(server.url, coding)));
  try {
    await eventually(async () => assert.equal((await server.get('/readyz')).predictions.state, 'serving'));
    const lines = eventLines({ games: 2, seed: 5 });
    const head = lines.filter((line) => line.startsWith('{"type":"players"'));
    await server.post(head.concat(lines.slice(0, 40)));
    const { games } = await server.get('/v1/games');
    const ids = games.map(({ game }) => game);
    const players = head.flatMap((line) => JSON.parse(line).players.map(({ player }) => player));
    const one = (position) => players.filter((id) => id.includes(`-${position}`));
    const byPosition = { QB: one('QB'), RB: one('RB'), WR: one('WR'), TE: one('TE'), DST: ['dst:HOU', 'dst:NE', 'dst:KC'] };
    await postContest(server.url, contestBody({ contest: 'c1', name: 'One é', ruleset: 'fanduel', entries: 40, players: byPosition }));
    const topics = ['contest:c1', 'entry:c1/e1', 'entry:c1/e2', 'entry:c1/nobody', 'slate', ...ids.flatMap((id) => [`game:${id}`, `predictions:${id}`]), 'team:HOU', 'dst:x', 'player:nobody',
      ...players.map((id) => `player:${id}`)];
    const say = (message) => both.forEach((one) => one.say(message));
    say({ op: 'subscribe', id: 1, topics, ruleset: 'fanduel' });
    say({ op: 'subscribe', id: 2, topics: ['slate'], ruleset: 'nobodys' });
    say({ op: 'subscribe', id: 3, topics: ['team:HOU'], ruleset: 'ppr', max_rate_hz: 0.5 });
    say({ op: 'ping', id: 2 ** 31 });
    say({ op: 'auth', id: 5, token: 'x' });
    const slots = players.filter((id) => /(QB|RB|WR)1$/.test(id)).map((player, i) => ({ slot: 'FLEX', player, ...(i === 0 && { multiplier: 1.5 }) }));
    say({ op: 'lineup', id: 8, name: 'mine', ruleset: 'fanduel', slots });
    say({ op: 'lineup', id: 9, ruleset: 'fanduel', slots: [] });
    // Each has its answers, before what they tell of moves on.
    await eventually(() => assert.ok(both.every(({ told }) => [1, 3, 8, 9].every((id) => told.some((message) => message.id === id)))));
    // Slowly enough for the predictor.
    for (let at = 40; at < lines.length; at += 10) {
      await server.post(lines.slice(at, at + 10));
      await sleep(5);
    }
    const [snapshot] = (await server.get(`/v1/snapshot?topics=game:${ids[0]}&ruleset=fanduel`)).snapshots;
    const isThere = ({ told }) => told.some(({ topic, seq, ruleset }) => topic === snapshot.topic && ruleset === 'fanduel' && seq === snapshot.seq);
    await eventually(() => assert.ok(both.every(isThere)));
    // Nothing moves any more, but predictions: they are not asked for.
    say({ op: 'subscribe', id: 6, topics: ['player:sim-HOU-QB1', 'slate'], ruleset: 'fanduel', epoch: both[0].told[0].epoch, since: { slate: 1, 'player:sim-HOU-QB1': 2 } });
    say({ op: 'unsubscribe', id: 7, topics: ['slate', 'team:NOBODY'], ruleset: 'fanduel' });
    const ended = ({ told }) => told.some(({ id }) => id === 7) && told.some(({ type }) => type === 'outcome');
    await eventually(() => assert.ok(both.every(ended)));
    compare(both.map(({ told }) => told));
    const [inJson, inBinary] = both.map(({ bytes }) => bytes.reduce((sum, one) => sum + one));
    assert.ok(inBinary < 0.5 * inJson, `${inBinary} of ${inJson} bytes`);
  } finally {
    both.forEach((one) => one.close());
    await server.kill();
    folder.remove();
  }
});

// How a slow moment merges is each connection's own: what stands for the same changes has to be the same.
function compare(tolds) {
  const keyed = tolds.map((told) => new Map(told.map((message) => [keyOf(message), comparable(withoutMoments(message))])));
  const [inJson, inBinary] = keyed;
  const types = new Map();
  const count = (type) => types.set(type, (types.get(type) ?? 0) + 1);
  for (const [key, message] of inBinary) {
    if (!inJson.has(key)) continue;
    assert.deepStrictEqual(message, inJson.get(key));
    const [type, topic] = key.split(' ');
    count(type);
    const [kind] = topic.split(':');
    if (['lineup', 'contest', 'entry'].includes(kind)) count(`${kind}'s ${type}`);
  }
  for (const type of ['welcome', 'subscribed', 'unsubscribed', 'error', 'pong', 'snapshot', 'delta', 'prediction', 'outcome', "lineup's snapshot", "lineup's delta",
    "contest's snapshot", "contest's delta", "entry's snapshot", "entry's delta"]) {
    assert.ok(types.get(type) > 0, `no ${type} to compare: ${JSON.stringify([...types])}`);
  }
  assert.ok([...types.values()].reduce((sum, one) => sum + one) > 500, JSON.stringify([...types]));
}

// A contest may move between one subscription and the other.
const withoutMoments = (message) => (message?.type !== 'subscribed' ? message
  : { ...message, topics: message.topics.map(({ seq, ...topic }) => (/^(contest|entry):/.test(topic.topic) ? topic : { ...topic, seq })) });

const keyOf = ({ type, topic, ruleset, seq, prev, id, reason }) => [type, topic, ruleset, seq, prev, id, reason].join(' ');

test('the table is that of the schema file', () => {
  const text = readFileSync(new URL('../../../docs/scorewire.v1.proto', import.meta.url), 'utf8').replace(/\/\/.*/g, '');
  const aliases = {
    ServerMessage: 'Server', ClientMessage: 'Client', TeamCounts: 'Counts', PlayerForecast: 'Expected', Ended: 'Subscription',
    Unsubscribe: 'Subscribe', Ping: 'Pong', ForecastKind: 'Kind', LineupSlot: 'Slot', ContestLeader: 'Leader', ContestCut: 'Cut', ...{ 'Cause.Kind': 'CauseKind', 'Lineup.Slot': 'Choice' },
  };
  const renamed = { ingest_age_us: 'ingest_us', feed_age_us: 'feed_ts', ingest_age_first_us: 'ingest_us_first', feed_age_first_us: 'feed_ts_first', sacks_halves: 'sacks', multiplier_hundredths: 'multiplier', percentile_hundredths: 'percentile', payout_cents: 'payout', expected_cents: 'expected',
    win_millionths: 'win', cash_millionths: 'cash', top1_millionths: 'top1' };
  const scopes = [];
  const seen = new Map();
  for (const [, open, name, close, mark, type, field, number, value, ordinal] of text.matchAll(
    /(message|enum|oneof)\s+(\w+)\s*\{|(\})|(optional |repeated )?(map<[^>]*>|[\w.]+)\s+(\w+)\s*=\s*(\d+);|([A-Z_]+)\s*=\s*(\d+);/g)) {
    if (open) scopes.push(open === 'oneof' ? scopes.at(-1) : name);
    else if (close) scopes.pop();
    else if (field) {
      const [outer, inner] = [scopes.at(-2), scopes.at(-1)];
      const message = aliases[`${outer}.${inner}`] ?? aliases[inner] ?? inner;
      seen.set(`${message}.${renamed[field] ?? field}`, { number: Number(number), mark, type: aliases[`${inner}.${type}`] ?? aliases[type] ?? type });
    } else if (value) {
      const known = ENUMS[aliases[`${scopes.at(-2)}.${scopes.at(-1)}`] ?? aliases[scopes.at(-1)] ?? scopes.at(-1)];
      const word = known[ordinal];
      assert.ok(word === null ? Number(ordinal) === 0 : value.toLowerCase().endsWith(word), value);
    }
  }
  const scalars = {
    text: 'string', uint: /^uint(32|64)$/, int: 'int64', sint: 'sint32', bool: 'bool', double: 'double', points: 'sint64', share: 'uint32',
    halves: 'sint32', hundredths: 'uint32', millionths: 'uint32', cents: 'sint64', age: 'sint64', names: /^map<string, uint(32|64)>$/, shares: 'map<string, uint32>',
  };
  for (const [message, fields] of Object.entries(MESSAGES)) {
    for (const { name, number, type, mark } of fields.filter(Boolean)) {
      const told = seen.get(`${message}.${name}`);
      assert.ok(told, `${message}.${name} is not in the schema`);
      assert.equal(told.number, number, `${message}.${name}`);
      assert.match(told.type, scalars[type] instanceof RegExp ? scalars[type] : new RegExp(`^${scalars[type] ?? type}$`), `${message}.${name}`);
      assert.equal(told.mark === 'repeated ', mark === '*', `${message}.${name}`);
      if (told.mark === 'optional ') assert.equal(mark, '?', `${message}.${name} may be absent`);
      seen.delete(`${message}.${name}`);
    }
  }
  assert.deepEqual([...seen.keys()], [], 'fields that the table does not have');
});

test('what is asked for is written as the schema has it', () => {
  const bytes = encode({ op: 'subscribe', id: 3, topics: ['slate'], since: { slate: 300 }, max_rate_hz: 5 });
  assert.equal(Buffer.from(bytes).toString('hex'), '0803121c' + '0a05736c617465' + '220a0a05736c61746510ac02' + '290000000000001440');
});

test('times that no double holds come out as JSON has them', () => {
  // A pong of int64 -1, and one of the largest.
  const pong = (varint) => decode(new Uint8Array([58, varint.length + 1, 8, ...varint]));
  assert.equal(pong([...Array(9).fill(255), 1]).server_us, -1);
  assert.equal(pong([...Array(8).fill(255), 127]).server_us, Number(2n ** 63n - 1n));
  assert.equal(pong([...Array(7).fill(255), 15]).server_us, Number.MAX_SAFE_INTEGER);
  assert.throws(() => pong(Array(11).fill(255)), RangeError);
});

test('whatever comes is read or refused, never more', () => {
  // From a seed, so that a failure can be had again.
  let state = 7;
  const random = () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32;
  const good = [8, 5, 18, 30, 10, 6, ...Buffer.from('slate!'), 24, 9, 32, 8, 130, 1, 6, 10, 4, ...Buffer.from('g1g1'), 104, 128, 148, 235, 220, 3];
  let refused = 0;
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = new Uint8Array(round % 2 ? good : Array.from({ length: Math.floor(random() * 60) }, () => random() * 256));
    for (let flips = round % 2 ? 1 + Math.floor(random() * 3) : 0; flips > 0; flips -= 1) bytes[Math.floor(random() * bytes.length)] = random() * 256;
    try {
      assert.equal(typeof decode(bytes), 'object');
    } catch (error) {
      assert.ok(error instanceof RangeError || error instanceof TypeError, String(error.stack));
      refused += 1;
    }
  }
  assert.ok(refused > 1_000);
  assert.equal({}.polluted, undefined);
});

test('names that are in every object are names', () => {
  // ServerMessage { delta { score { by_team { "__proto__": 7 } } } }
  const entry = [10, 9, ...Buffer.from('__proto__'), 16, 7];
  const score = [10, entry.length, ...entry];
  const delta = [10, 6, ...Buffer.from('game:g'), 90, score.length, ...score];
  const { score: read } = decode(new Uint8Array([18, delta.length, ...delta]));
  assert.deepEqual(Object.entries(read), [['__proto__', 7]]);
  assert.equal(Object.getPrototypeOf(read), Object.prototype);
});
