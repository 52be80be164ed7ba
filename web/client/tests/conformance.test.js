// An evening with the real server: clients in each coding and over event streams, wires that are cut and
// clogged, a server that is killed, drained and replaced by one of another history. At each frame what it
// says to have changed is what did; at the end each holds what the server shows to who comes new.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';
import { binary as bin } from '../binary.js';
import { connect, lineup, toUnits } from '../index.js';
import { apply } from '../views.js';
import { contestBody, postContest } from './made_contest.js';
import { eventLines, eventually, Folder, needsServer, serve, sleep, wire } from './real.js';

const BATCH = 12;
const TOPICS_PER_REQUEST = 150;
const RULESET = 'fanduel';
const SEED = 5;
const CONTEST = 'sunday';
const ENTRIES = 300;
const FOLLOWED = ['e1', 'e2', 'e150', 'e299', 'e300'];

/** One client on a wire of its own, and what it saw. */
class Watcher {
  problems = [];
  states = [];
  epochs = new Set();
  corrections = 0;
  merged = 0;
  snapshots = 0;
  deltas = 0;
  moves = 0;
  faults = [];

  constructor(name, line, options) {
    this.name = name;
    this.line = line;
    // A short wait each time: an evening of seconds has no room for twenty of them.
    this.live = connect(line.url, {
      WebSocket, ruleset: RULESET, random: () => 0.1, onProblem: (problem) => this.problems.push(problem), ...options,
    });
    this.live.onState(({ state }) => this.states.push(state));
  }

  follow(topics, slots) {
    // One that the server names alike, whatever the order; under each client's own name.
    this.lineups = [slots, [...slots].reverse()].map((own) => this.live.subscribe(lineup({ name: this.name, slots: own }), (update) => this.take(update)));
    this.subscription = this.live.subscribe(topics, (update) => this.take(update));
    // The same players under rules of another kind.
    this.other = this.live.subscribe(topics.filter((topic) => topic.startsWith('player:')), (update) => this.take(update), { ruleset: 'ppr' });
  }

  take({ topic, previous, view, frame, causes, changes, change }) {
    this.epochs.add(this.live.epoch);
    if (frame?.type === 'snapshot') this.snapshots += 1;
    if (frame?.type !== 'delta') return;
    this.deltas += 1;
    if (changes > 1) this.merged += 1;
    if (topic.startsWith('entry:')) this.moves += 1;
    if (causes.some(({ kind }) => kind === 'correction' || kind === 'retraction')) this.corrections += 1;
    if (/^(player|lineup|entry):/.test(topic)) this.adds(topic, previous, view, frame.change, change);
    for (const { player, points, change: by } of frame.players ?? []) {
      this.adds(`${topic} ${player}`, previous.players.get(player) ?? { points: 0 }, { points }, by, by);
    }
  }

  // Each change, added to the total before, is the total after; so their sum is, too.
  adds(what, before, after, ...told) {
    for (const change of told) {
      if (toUnits(before.points) + toUnits(change) !== toUnits(after.points)) this.faults.push([what, before.points, change, after.points]);
    }
  }

  async holds(server) {
    await Promise.all([[this.subscription, RULESET], [this.other, 'ppr']].map(async ([subscription, ruleset]) => {
      const held = subscription.getSnapshot();
      const topics = [...held.keys()];
      for (let at = 0; at < topics.length; at += TOPICS_PER_REQUEST) {
        const some = topics.slice(at, at + TOPICS_PER_REQUEST);
        const { snapshots } = await server.get(`/v1/snapshot?topics=${some.map(encodeURIComponent)}&ruleset=${ruleset}`);
        assert.equal(snapshots.length, some.length);
        for (const snapshot of snapshots) assert.deepEqual(shown(held.get(snapshot.topic)), shown(apply(null, snapshot)), `${this.name} ${snapshot.topic}`);
      }
    }));
  }

  async holdsLineup(server) {
    const [view, turned] = this.lineups.map((one) => one.getSnapshot());
    const { snapshots: [snapshot] } = await server.get(`/v1/snapshot?topics=${view.topic}`);
    assert.deepEqual(shown(view), shown(apply(null, snapshot)), `${this.name} ${view.topic}`);
    assert.equal(turned, view);
    // The sum of what its players have, each by himself.
    const players = this.subscription.getSnapshot();
    const units = view.slots.map(({ player, points, multiplier = 1 }) => {
      assert.equal(toUnits(points), Math.round(toUnits(players.get(`player:${player}`).points) * multiplier), `${this.name} ${player}`);
      return toUnits(points);
    });
    assert.equal(toUnits(view.points), units.reduce((sum, one) => sum + one), this.name);
    assert.ok(view.points > 20, `${view.points}`);
  }

  // Read without this library's help.
  async holdsContest(server) {
    const held = this.subscription.getSnapshot();
    for (const entry of FOLLOWED) {
      const { ruleset, contest, ...told } = await server.get(`/v1/contests/${CONTEST}/entries/${entry}`);
      const { slots, ...view } = held.get(`entry:${CONTEST}/${entry}`);
      assert.deepEqual({ ...view, slots: slots.map(({ stats, ...slot }) => slot) }, { ...told, ruleset, contest, topic: view.topic, seq: view.seq }, `${this.name} ${entry}`);
      assert.equal(toUnits(view.points), slots.reduce((sum, { points }) => sum + toUnits(points), 0), `${this.name} ${entry}`);
    }
    const { found } = await server.get(`/v1/contests/${CONTEST}/entries?count=10`);
    const { leaders, money_line: line, distribution } = held.get(`contest:${CONTEST}`);
    assert.deepEqual(leaders, found.map(({ entry, name, points, rank, payout }) => ({ entry, name, points, rank, payout })), this.name);
    assert.equal(distribution.counts.reduce((sum, count) => sum + count), ENTRIES, this.name);
    const { to_money: gap, points } = held.get(`entry:${CONTEST}/e1`);
    assert.equal(toUnits(points) - toUnits(gap), toUnits(line), this.name);
  }

  // So is this.
  async holdsPlayers(server, game) {
    const { players } = this.subscription.getSnapshot().get(`game:${game}`);
    const listed = await server.get(`/v1/games/${game}/players?ruleset=${RULESET}`);
    assert.ok(listed.length > 20);
    for (const { player, points, stats, name } of listed) {
      const held = players.get(player);
      assert.deepEqual([held.points, held.name, { ...held.stats }], [points, name, stats], `${this.name} ${player}`);
      const alone = this.subscription.getSnapshot().get(`player:${player}`);
      if (alone?.game === game) assert.deepEqual([alone.points, { ...alone.stats }], [points, stats], `${this.name} ${player}`);
    }
  }
}

// What was told since a snapshot may say more: outcomes, and of a prediction the frame that it came in.
function shown({ outcomes, predictions, players, ...view }) {
  if (predictions) {
    const plain = [...predictions.values()].map(({ kind, call, confidence, source, probabilities, expires_us: at }) => ({ kind, call, confidence, source, probabilities, at }));
    return { ...view, predictions: plain.sort((a, b) => a.kind.localeCompare(b.kind)) };
  }
  // Whom every record was taken from again is at nothing here, and not there.
  const counted = players && new Map([...players].filter(([, { points, stats }]) => points !== 0 || Object.keys(stats).length > 0).sort());
  return { ...view, ...(counted && { players: counted }) };
}

test('an evening ends with the right totals, whatever happened to the connections', needsServer, async (t) => {
  const folders = [new Folder(), new Folder()];
  const lines = eventLines({ games: 2, seed: SEED });
  t.diagnostic(`seed ${SEED}, ${lines.length} lines`);
  const players = lines.filter((line) => line.startsWith('{"type":"players"')).flatMap((line) => JSON.parse(line).players.map(({ player }) => player));
  const games = [...new Set(lines.map((line) => JSON.parse(line).game).filter(Boolean))];
  const topics = ['slate', 'team:HOU', 'player:nobody', ...games.flatMap((game) => [`game:${game}`, `predictions:${game}`]), ...players.map((player) => `player:${player}`)];
  const at = (position) => players.filter((player) => player.includes(`-${position}`));
  const byPosition = { QB: at('QB'), RB: at('RB'), WR: at('WR'), TE: at('TE'), DST: teamsOf(players) };
  const contest = contestBody({ contest: CONTEST, name: 'The Sunday one', ruleset: RULESET, entries: ENTRIES, players: byPosition, seed: SEED });
  topics.push(`contest:${CONTEST}`, ...FOLLOWED.map((entry) => `entry:${CONTEST}/${entry}`));
  const slots = players.filter((player) => /(QB|RB|WR|TE)1$/.test(player)).map((player, i) => ({ slot: 'FLEX', player, ...(i === 0 && { multiplier: 1.5 }) }));
  let server = await serve(folders[0]);
  await postContest(server.url, contest);
  let posted = 0;
  const post = async (share) => {
    for (const until = Math.floor(share * lines.length); posted < until; posted += BATCH) {
      await server.post(lines.slice(posted, posted + BATCH));
      await sleep(5);
    }
  };
  const ways = { json: {}, binary: { coding: bin }, slow: { maxRateHz: 2 }, 'event streams': { transport: 'sse' } };
  const watchers = await Promise.all(Object.entries(ways).map(async ([name, options]) => new Watcher(name, await wire(server), options)));
  const all = (act) => watchers.forEach((watcher) => act(watcher.line));
  const replace = async (signal, folder) => {
    await server.kill(signal);
    server = await serve(folder);
    all((line) => line.to(server));
  };
  const settled = () => eventually(async () => {
    for (const one of watchers) {
      await one.holds(server);
      await one.holdsLineup(server);
      await one.holdsContest(server);
    }
  });
  try {
    await post(0.2);
    for (const watcher of watchers) watcher.follow(topics, slots);
    await post(0.3);
    all((line) => line.cut());
    await post(0.4);
    all((line) => line.mend());
    await settled();
    all((line) => line.clog());
    await post(0.6);
    all((line) => line.clear());
    await replace('SIGKILL', folders[0]);
    await post(0.7);
    await settled();
    await replace('SIGTERM', folders[0]);
    await post(0.8);
    await settled();
    // Another history, as long, of the same evening told backwards: what is held there means something else here.
    all((line) => line.cut());
    await replace('SIGKILL', folders[1]);
    lines.reverse();
    // Who plays is said first: a name that comes late is shown to newcomers alone.
    await server.post(lines.filter((line) => line.startsWith('{"type":"players"')));
    await postContest(server.url, contest);
    posted = 0;
    await post(0.9);
    all((line) => line.mend());
    await eventually(() => assert.ok(watchers.every(({ live }) => live.state === 'live')));
    await post(1);
    await settled();
    for (const watcher of watchers) await check(watcher, server, games, lines);
  } finally {
    for (const { live, line } of watchers) {
      live.close();
      await line.close();
    }
    await server.kill();
    folders.forEach((folder) => folder.remove());
  }
});

const teamsOf = (players) => [...new Set(players.map((player) => `dst:${player.split('-')[1]}`))];

async function check(watcher, server, games) {
  const { name, live, faults, problems, states, epochs } = watcher;
  assert.deepEqual(faults, [], name);
  assert.deepEqual(problems, [], name);
  assert.equal(live.gaps, 0, name);
  for (const game of games) await watcher.holdsPlayers(server, game);
  // What has to have happened for this to say anything.
  assert.ok(states.filter((state) => state === 'reconnecting').length >= 4, `${name}: ${states}`);
  assert.ok(watcher.corrections > 0 && watcher.deltas > 100, `${name}: ${watcher.corrections} corrections of ${watcher.deltas}`);
  // How many one frame stands for depends on the machine: of a slow client's, 25 to 40 come.
  assert.ok(watcher.moves > 10, `${name}: ${watcher.moves} moves of entries`);
  if (name === 'slow') assert.ok(watcher.merged > 20, `${watcher.merged} merged`);
  if (name !== 'event streams') assert.equal(epochs.size, 2, name);
  const { transport, coding } = live.status.getSnapshot();
  assert.deepEqual([transport, coding], name === 'event streams' ? ['sse', 'json'] : ['websocket', name === 'binary' ? 'bin' : 'json']);
}
