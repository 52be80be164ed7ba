// Stands in for the server where a test needs what a real one won't do on demand: a player with a
// hostile name, a correction right now, a merged frame, an empty slate, a refusal.
//
// By hand: `node tests/fake_server.js 8099`, then open http://127.0.0.1:8099/.

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { pageFile } from '../tools/front.js';
import { FakeSlate } from './fake_slate.js';
import { acceptWebSocket } from './websocket.js';

const PREDICTION_LIFE_MS = 60_000;

export class FakeServer {
  slate;
  epoch = 'epoch-1';
  /** Who may read: whoever shows it; everybody where it is null. */
  token = null;
  /** While true, new WebSockets are cut before they open; until somebody asks when to come. */
  refuses = false;
  /** What `/v1/admission` tells, in milliseconds, and how often it was asked. */
  toldMs = 0;
  asked = 0;
  /** What `/v1/models` answers; null where there is none. */
  models = null;
  /** When that was told last, and when a WebSocket was let in last: milliseconds of one clock. */
  toldAtMs = 0;
  admittedAtMs = 0;
  /** topic -> {ruleset, slots} of the lineups that were asked for. */
  lineups = new Map();
  /** player -> what `/v1/history` answers of him. */
  histories = new Map();
  /** player -> what `/v1/players/ID/projection` answers of him. */
  projections = new Map();
  /** contest -> what `/v1/contests/ID` answers of it. */
  contests = new Map();
  /** topic -> what a `contest:` or `entry:` topic shows. */
  standings = new Map();
  #clients = new Set();
  #seqs = new Map();
  #http;
  #timer = null;

  constructor(options) {
    this.slate = new FakeSlate(options);
    this.#http = createServer((request, response) => this.#answer(request, response));
    this.#http.on('upgrade', (request, socket) => this.#upgrade(request, socket));
  }

  async start(port = 0) {
    await new Promise((resolve) => { this.#http.listen(port, '127.0.0.1', resolve); });
    return `http://127.0.0.1:${this.#http.address().port}`;
  }

  async stop() {
    clearInterval(this.#timer);
    this.cut();
    this.#http.closeAllConnections();
    await new Promise((resolve) => { this.#http.close(resolve); });
  }

  /** A play every so often; with `predicts`, what it makes of the predictions too. */
  play(everyMs, { predicts = false } = {}) {
    this.#timer = setInterval(() => {
      const step = this.slate.step();
      if (!step) return;
      this.publish(step);
      if (predicts) this.#foresee(step.game);
    }, everyMs);
  }

  #foresee(game) {
    const outcome = this.slate.judge(game);
    if (outcome) this.outcome(game.game, outcome);
    for (const prediction of this.slate.foresee(game)) this.predict(game.game, prediction);
  }

  pause() {
    clearInterval(this.#timer);
  }

  cut() {
    for (const client of this.#clients) client.socket.destroy();
  }

  closeAll(code) {
    for (const client of this.#clients) client.close(code);
  }

  sendAll(message) {
    for (const client of this.#clients) client.send(message);
  }

  /** Sends one change to everyone who follows it; `times` > 1 makes it a merged frame. */
  publish({ game, moved, cause }, times = 1) {
    const nowUs = Date.now() * 1000;
    const stamps = { feed_ts: nowUs - 40_000, ingest_us: nowUs, encode_us: nowUs };
    for (const [player, change] of moved) {
      const own = { ...cause, stats: change };
      this.#delta(`player:${player.player}`, times, (ruleset) => ({
        ...this.#moved(player, change, ruleset), ...stamps,
        ...(times > 1 ? { causes: Array(times).fill({ ...own, stats: share(change, times) }) } : { cause: own }),
      }));
    }
    const { status, clock, situation, score } = game;
    this.#delta(`game:${game.game}`, times, (ruleset) => ({
      status, clock, situation, score, cause, ...stamps,
      players: moved.map(([player, change]) => ({ player: player.player, ...this.#moved(player, change, ruleset) })),
    }));
    this.#delta('slate', times, () => ({ games: [{ game: game.game, status, clock, score }], ...stamps }));
    for (const topic of this.lineups.keys()) this.#publishLineup(topic, moved, cause, stamps, times);
  }

  // A play that moves two players of a lineup is one delta with two slots.
  #publishLineup(topic, moved, cause, stamps, times) {
    const { ruleset, slots } = this.lineups.get(topic);
    const changed = slots.flatMap((slot) => moved.filter(([player]) => player.player === slot.player).map(([player, change]) => {
      const { points, change: by, stats } = this.#moved(player, change, ruleset);
      const { multiplier = 1 } = slot;
      return { slot: slot.slot, player: slot.player, points: exact(points * multiplier), change: exact(by * multiplier), stats };
    }));
    if (changed.length === 0) return;
    const change = exact(changed.reduce((sum, one) => sum + one.change, 0));
    this.#delta(topic, times, () => ({ ruleset, points: this.#lineup(topic).points, change, slots: changed, ...stamps,
      ...(times > 1 ? { causes: Array(times).fill(cause) } : { cause }) }));
  }

  #lineup(topic) {
    const { ruleset, slots } = this.lineups.get(topic);
    const shown = slots.map((slot) => {
      const player = this.slate.players.get(slot.player);
      const points = player ? exact(this.slate.points(player.stats, ruleset) * (slot.multiplier ?? 1)) : 0;
      const { name = slot.player, team, position, game, stats = {} } = player ?? {};
      return { ...slot, name, team, position, game, points, stats: { ...stats } };
    });
    return { ruleset, slots: shown, points: exact(shown.reduce((sum, { points }) => sum + points, 0)) };
  }

  // Equal lineups are one topic, in whatever order their slots are told.
  #define({ ruleset = this.slate.rulesets.default, slots }) {
    const name = JSON.stringify([ruleset, slots.map((slot) => JSON.stringify(slot)).sort()]);
    const topic = `lineup:${createHash('sha256').update(name).digest('hex').slice(0, 20)}`;
    this.lineups.set(topic, { ruleset, slots });
    return { topic, ruleset, slots };
  }

  /** Sends a prediction of a game, and holds it for those who come later. `skipped` went before it to nobody. */
  predict(game, body, skipped = 0) {
    const prediction = { expires_us: (Date.now() + PREDICTION_LIFE_MS) * 1000, ...body };
    this.slate.forecast(game).predictions.set(body.kind, prediction);
    this.#send(`predictions:${game}`, 1 + skipped, () => ({ type: 'prediction', ...prediction, encode_us: Date.now() * 1000 }));
  }

  /** Sends how one turned out. */
  outcome(game, body) {
    const held = this.slate.forecast(game);
    held.tally = body.tally;
    if (body.kind === 'win') held.predictions.clear();
    else held.predictions.delete(body.kind);
    this.#send(`predictions:${game}`, 1, () => ({ type: 'outcome', ...body, encode_us: Date.now() * 1000 }));
  }

  /** What a contest's or an entry's topic shows from now on: all of it before anybody follows it, then what moved. */
  stand(topic, moved) {
    this.standings.set(topic, { ...this.standings.get(topic), ...moved });
    this.#delta(topic, 1, () => ({ ...moved, encode_us: Date.now() * 1000 }));
  }

  #moved(player, change, ruleset) {
    const before = Object.fromEntries(Object.keys(player.stats).map((stat) => [stat, player.stats[stat] - (change[stat] ?? 0)]));
    const points = this.slate.points(player.stats, ruleset);
    const difference = Math.round((points - this.slate.points(before, ruleset)) * 1e4) / 1e4;
    const stats = Object.fromEntries(Object.keys(change).map((stat) => [stat, player.stats[stat]]));
    return { points, change: difference, stats };
  }

  #delta(topic, times, body) {
    this.#send(topic, times, (ruleset) => ({ type: 'delta', ...body(ruleset) }));
  }

  #send(topic, times, body) {
    const prev = this.#seqs.get(topic) ?? 1;
    this.#seqs.set(topic, prev + times);
    for (const client of this.#clients) {
      for (const ruleset of client.topics.get(topic) ?? []) {
        client.send({ topic, ruleset: this.lineups.get(topic)?.ruleset ?? ruleset, seq: prev + times, prev, ...body(ruleset) });
      }
    }
  }

  #upgrade(request, socket) {
    if (this.refuses) {
      socket.destroy();
      return;
    }
    this.admittedAtMs = performance.now();
    const connection = acceptWebSocket(request, socket);
    const client = { send: connection.send, close: connection.close, socket, topics: new Map() };
    this.#clients.add(client);
    connection.onClose = () => this.#clients.delete(client);
    connection.onMessage = (message) => this.#message(client, message);
    if (this.token === null) this.#welcome(client);
  }

  #welcome(client) {
    client.send({ type: 'welcome', session: 's', epoch: this.epoch, server_us: Date.now() * 1000, limits: {} });
  }

  #auth(client, message) {
    if (message.token !== this.token) {
      client.send({ type: 'error', id: message.id, code: 'unauthorized', message: 'the token is none that this server knows' });
      client.close(4003);
      return;
    }
    client.send({ type: 'authorized', id: message.id });
    this.#welcome(client);
  }

  #message(client, message) {
    if (message.op === 'auth' && this.token !== null) this.#auth(client, message);
    if (message.op === 'ping') client.send({ type: 'pong', id: message.id, server_us: Date.now() * 1000 });
    if (message.op === 'unsubscribe') {
      for (const topic of message.topics) client.topics.get(topic)?.delete(message.ruleset);
    }
    if (message.op === 'lineup') this.#subscribeLineup(client, message);
    if (message.op !== 'subscribe') return;
    const resumes = (topic) => message.epoch === this.epoch && message.since?.[topic] === (this.#seqs.get(topic) ?? 1);
    const topics = message.topics.map((topic) => ({ topic, ruleset: message.ruleset, how: resumes(topic) ? 'resumed' : 'snapshot' }));
    client.send({ type: 'subscribed', id: message.id, topics, errors: [] });
    for (const topic of message.topics) {
      if (!client.topics.has(topic)) client.topics.set(topic, new Set());
      client.topics.get(topic).add(message.ruleset);
      const seq = this.#seqs.get(topic) ?? 1;
      // Nobody is ever behind here: what was missed while away comes as a snapshot.
      if (resumes(topic)) continue;
      client.send({ type: 'snapshot', topic, ruleset: message.ruleset, seq, reason: 'subscribe', ...this.#snapshot(topic, message.ruleset) });
    }
  }

  #subscribeLineup(client, message) {
    const { topic, ruleset } = this.#define(message);
    const seq = this.#seqs.get(topic) ?? 1;
    const isResumed = message.epoch === this.epoch && message.since === seq;
    client.topics.set(topic, new Set([ruleset]));
    const how = isResumed ? { how: 'resumed' } : { how: 'snapshot', reason: 'fresh' };
    client.send({ type: 'subscribed', id: message.id, name: message.name, topics: [{ topic, ruleset, seq, ...how }], errors: [] });
    if (!isResumed) client.send({ type: 'snapshot', topic, seq, reason: 'subscribe', ...this.#lineup(topic) });
  }

  #snapshot(topic, ruleset) {
    if (this.lineups.has(topic)) return this.#lineup(topic);
    if (this.standings.has(topic)) return this.standings.get(topic);
    const id = topic.slice(topic.indexOf(':') + 1);
    // The slate tells of no situation: that of a snapshot would grow old there.
    if (topic === 'slate') return { games: [...this.slate.games.values()].map(({ situation, ...shown }) => shown) };
    if (topic.startsWith('game:')) return { ...this.slate.games.get(id), players: this.#list(id, ruleset) };
    if (topic.startsWith('predictions:')) {
      const { predictions, tally } = this.slate.forecast(id);
      return { predictions: [...predictions.values()], tally };
    }
    const player = this.slate.players.get(id);
    return player ? { points: this.slate.points(player.stats, ruleset), stats: player.stats, game: player.game } : { seq: 0 };
  }

  #list(game, ruleset) {
    return this.slate.playersOf(game).map(({ player, name, team, position, stats }) => (
      { player, name, team, position, stats, points: this.slate.points(stats, ruleset) }));
  }

  #entries(contest, wanted) {
    const shown = [...this.standings].filter(([topic]) => topic.startsWith(`entry:${contest}/`)).map(([, entry]) => entry);
    return shown.filter(({ entry, name }) => `${entry} ${name}`.toLowerCase().includes(wanted.toLowerCase()));
  }

  async #answer(request, response) {
    const url = new URL(request.url, 'http://fake');
    const json = request.method === 'POST' ? this.#define(await bodyOf(request)) : this.#json(url);
    if (json && this.token !== null && request.headers.authorization !== `Bearer ${this.token}`) {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"code":"unauthorized"}');
      return;
    }
    if (json) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(json));
      return;
    }
    const file = await pageFile(url.pathname);
    response.writeHead(file ? 200 : 404, file?.headers).end(file?.body);
  }

  #json(url) {
    const ofGame = url.pathname.match(/^\/v1\/games\/([^/]+)\/players$/);
    if (ofGame) return this.#list(ofGame[1], url.searchParams.get('ruleset'));
    const ofContest = url.pathname.match(/^\/v1\/contests\/([^/]+)(\/entries)?$/);
    if (ofContest?.[2]) return { found: this.#entries(ofContest[1], url.searchParams.get('q')) };
    if (ofContest) return this.contests.get(ofContest[1]) ?? null;
    if (/^\/v1\/players\/[^/]+\/projection$/.test(url.pathname)) return this.projections.get(decodeURIComponent(url.pathname.split('/')[3])) ?? {};
    switch (url.pathname) {
      case '/v1/games': return { epoch: this.epoch, games: [...this.slate.games.values()] };
      case '/v1/admission':
        this.asked += 1;
        this.refuses = false;
        this.toldAtMs = performance.now();
        return { reconnect_after_ms: this.toldMs };
      case '/v1/contests': return { contests: [...this.contests.values()] };
      case '/v1/models': return this.models;
      case '/v1/history': return this.histories.get(url.searchParams.get('topic').slice('player:'.length)) ?? [];
      case '/v1/rulesets': return this.slate.rulesets;
      case '/v1/players': {
        const wanted = url.searchParams.get('q').toLowerCase();
        const fits = ({ player, name }) => player.toLowerCase() === wanted || name.toLowerCase().includes(wanted);
        return { players: [...this.slate.players.values()].filter(fits) };
      }
      default: return null;
    }
  }
}

function share(change, times) {
  return Object.fromEntries(Object.entries(change).map(([stat, by]) => [stat, by / times]));
}

// As on the wire: four decimals at most.
function exact(value) {
  return Math.round(value * 1e4) / 1e4;
}

async function bodyOf(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = new FakeServer();
  console.log(await server.start(Number(process.argv[2] ?? 8099)));
  server.play(150, { predicts: true });
}
