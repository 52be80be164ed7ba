// Puts the page together: one connection, one model, five views.
//
//   Connection ──frames──► Model, LineupPoints, Vitals ──what changed──► the view that is shown (once a frame)

import { Connection, nowUs } from './connection.js';
import { ContestFeed } from './contest_feed.js';
import { hashOf, isDemo, parseHash, shareLink } from './routes.js';
import { rotate, stopsOf } from './demo.js';
import { oncePerFrame, setText } from './dom.js';
import { FrameTimes } from './frame_times.js';
import { LineupPoints } from './lineup_points.js';
import { Model } from './model.js';
import { MyEntries } from './my_entries.js';
import { MyTeam } from './my_team.js';
import { displayName, positionOf } from './people.js';
import { formatPoints } from './points.js';
import { lineupOf } from './team.js';
import { Tabs } from './tabs.js';
import { Vitals } from './vitals.js';
import { ContestsView } from './views/contests.js';
import { Leaders } from './views/leaders.js';
import { Pulse } from './views/pulse.js';
import { Slate } from './views/slate.js';
import { Status } from './views/status.js';
import { TeamView } from './views/team.js';

const RULESET_KEY = 'scorewire.ruleset';
const SEARCH_AFTER_MS = 250;
const SEARCH_LENGTH_MIN = 2;
const PROJECTION_AFTER_MS = 2_000;
// A screen reader that hears every play hears nothing else.
const SPEAK_EVERY_MS = 20_000;
// Of the 1,000 topics that a page may follow, games and players come first.
const PREDICTED_GAMES_MAX = 200;
const MY_TEAM = 'my team';

const node = (id) => document.getElementById(id);
const { token } = parseHash(location.hash);
const isTalk = isDemo(location.search);
const model = new Model();
const vitals = new Vitals();
const frameTimes = new FrameTimes();
const lineup = new LineupPoints();
const followedGames = new Set();
const askedNames = new Set();
const askedProjections = new Set();
const connection = new Connection({ token, onUpdate: applyUpdate, onState: stateChanged, onRefused: () => drawSoon() });
const status = new Status({
  state: node('state'), serverLatency: node('server-latency'), notice: node('notice'), noticeText: node('notice-text'),
  retry: node('retry'), body: document.body,
}, { connection, vitals, hasToken: token !== null });
const drawSoon = oncePerFrame(draw);

let ruleset = null;
let rulesets = null;
let myTeam = null;
let myEntries = null;
let contests = null;
let views = null;
let tabs = null;
let knownEpoch = null;
let followedLineup = null;
let searchTimer = null;
let spoken = '';

// For tests and for the curious; nothing here changes anything.
window.scorewire = Object.freeze({
  frames: () => frameTimes.summary(), clearFrames: () => frameTimes.clear(), vitals: () => vitals.now(nowUs()),
});

start();

async function start() {
  if (isTalk) document.documentElement.dataset.demo = 'true';
  node('origin').textContent = location.origin;
  addEventListener('hashchange', readHash);
  connection.follow(['slate'], undefined);
  await loadRulesets();
  myTeam = new MyTeam({ ruleset, rulesets: rulesets.map(({ name }) => name), onChange: teamChanged });
  myEntries = new MyEntries({ onChange: entriesChanged });
  contests = new ContestFeed({ connection, mine: myEntries, model, now: nowUs, learnPeople, onChange: contestUpdated });
  addEventListener('pagehide', () => contests.keepHistories());
  makeViews();
  node('ruleset').addEventListener('change', () => useRuleset(node('ruleset').value, true));
  node('skip').addEventListener('click', (event) => {
    // An address of its own would be another view.
    event.preventDefault();
    node('main').focus();
  });
  readHash();
  teamChanged();
  entriesChanged();
  followGames();
  setInterval(speak, SPEAK_EVERY_MS);
  if (isTalk) contests.learnList();
  if (isTalk) rotate(() => stopsOf([...model.games.values()], { hasTeam: myTeam.ids().length > 0, hasContest: myEntries.contest !== null }), showStop);
}

function makeViews() {
  views = {
    slate: new Slate({
      head: node('slate-head'), list: node('games'), summary: node('games-summary'), spotlight: node('spotlight'), calls: node('calls'),
      empty: node('empty'), over: node('night-over'), overText: node('night-over-text'),
    }, { model, onMore: showPlayersOf, ask: (path) => connection.tryJson(path), hasSlate: () => connection.hasView('slate') }),
    team: new TeamView(node('view-team'), {
      model, mine: myTeam, points: lineup, find: findPlayers, best, isReadOnly: isTalk,
      linkOf: (code) => shareLink(location, 'team', code), whyRefused: () => connection.lineupError(MY_TEAM),
    }),
    contests: new ContestsView(node('view-contests'), {
      feed: contests, mine: myEntries, model, isReadOnly: isTalk, linkOf: (code) => shareLink(location, 'contests', code),
      rulesetTitle: (name) => rulesets.find((one) => one.name === name)?.title ?? name,
    }),
    leaders: new Leaders({
      rows: node('rows'), rowsHint: node('rows-hint'), search: node('search'), team: node('team-filter'), gameFilter: node('game-filter'),
      positions: node('positions'), sorts: document.querySelectorAll('.sort'), count: node('leaders-count'),
    }, model, { has: (id) => myTeam.has(id), toggle: toggle }, { onSearch: searchSoon }),
    pulse: new Pulse(node('view-pulse'), { connection, vitals, frameTimes }),
  };
  tabs = new Tabs(node('tabs'), { token, onShow: showView });
}

function showView(view, before) {
  views[before]?.setShown(false);
  views[view].setShown(true);
}

// A link's team is shown until it is kept or left; another token is another visitor.
function readHash() {
  const route = parseHash(location.hash);
  if (route.token !== null && route.token !== token) {
    location.reload();
    return;
  }
  // Who is refused gets no further.
  if (tabs === null) return;
  if (route.team !== null && myTeam.show(route.team)) useRuleset(myTeam.sharedRuleset, false);
  if (route.entries !== null) myEntries.show(route.entries);
  tabs.show(route.view);
}

function showStop({ view, game }) {
  if (game) views.slate.select(game);
  tabs.show(view);
}

function showPlayersOf(game) {
  views.leaders.showGame(game);
  tabs.go('leaders');
}

async function loadRulesets() {
  const answer = await connection.getJson('/v1/rulesets');
  rulesets = answer.rulesets;
  const select = node('ruleset');
  for (const { name, title } of rulesets) select.add(new Option(title ?? name, name));
  const saved = readSetting(RULESET_KEY);
  const isKnown = rulesets.some(({ name }) => name === saved);
  ruleset = isKnown ? saved : answer.default;
  model.ruleset = ruleset;
  select.value = ruleset;
}

function useRuleset(name, isKept) {
  if (isKept) writeSetting(RULESET_KEY, name);
  if (name === ruleset) return;
  const topics = [...followedGames].map((game) => `game:${game}`);
  connection.unfollow(topics, ruleset);
  ruleset = name;
  node('ruleset').value = name;
  model.ruleset = name;
  model.forgetPoints();
  connection.follow(topics, ruleset);
  myTeam.useRuleset(name);
  drawSoon();
}

function applyUpdate(update) {
  const { topic, view, frame } = update;
  countUpdate(update);
  if (topic === 'slate') {
    model.applySlate(view, frame);
    followGames();
  } else if (topic.startsWith('game:')) {
    const game = topic.slice('game:'.length);
    model.applyGame(game, view, frame);
    if ((frame?.players ?? []).some(({ player }) => model.players.get(player).name === undefined)) learnNames(game);
  } else if (topic.startsWith('predictions:')) {
    model.applyForecasts(topic.slice('predictions:'.length), view);
  }
  drawSoon();
}

// What has expired here is no message; a prediction's age says nothing of the scores'.
function countUpdate({ frame, changes, latency }) {
  if (frame !== null) vitals.count({ changes, ...(frame.type === 'delta' ? latency : { serverUs: null, feedUs: null }) }, nowUs());
}

// Before the rulesets are known, only the slate is followed.
function followGames() {
  if (views === null) return;
  const gone = [...followedGames].filter((game) => !model.games.has(game));
  const added = [...model.games.keys()].filter((game) => !followedGames.has(game));
  for (const game of gone) followedGames.delete(game);
  for (const game of added) followedGames.add(game);
  connection.unfollow(gone.map((game) => `game:${game}`), ruleset);
  connection.follow(added.map((game) => `game:${game}`), ruleset);
  connection.unfollow(gone.map((game) => `predictions:${game}`), undefined);
  connection.follow([...followedGames].slice(0, PREDICTED_GAMES_MAX).map((game) => `predictions:${game}`), undefined);
  if (added.some((game) => !model.games.get(game).home)) learnGames();
}

function teamChanged() {
  if (views === null) return;
  // What was kept or left is not shown again by the next reload.
  if (!myTeam.isShared && parseHash(location.hash).team !== null) history.replaceState(null, '', hashOf('team', token));
  const asked = lineupOf(myTeam.team);
  const name = JSON.stringify(asked);
  if (name !== followedLineup) {
    followedLineup = name;
    lineup.begin(asked?.slots ?? []);
    views.team.begin();
    connection.followLineup(MY_TEAM, asked, lineupUpdated);
    for (const { player } of asked?.slots ?? []) learnPlayer(player, name);
  }
  views.leaders.drawPicked();
  drawSoon();
}

function entriesChanged() {
  if (views === null) return;
  // As of a team: what was kept or left is not shown again by the next reload.
  if (!myEntries.isShared && parseHash(location.hash).entries !== null) history.replaceState(null, '', hashOf('contests', token));
  contests.follow();
}

function contestUpdated(update) {
  if (update !== null) countUpdate(update);
  drawSoon();
}

function lineupUpdated(update) {
  countUpdate(update);
  lineup.apply(update, nowUs());
  model.addPlayers(update.view.slots);
  drawSoon();
}

// The points that he has had and, where nobody has said it, his name and what he is thought to end with.
async function learnPlayer(player, name) {
  const id = encodeURIComponent(player);
  const rows = await connection.tryJson(`/v1/history?topic=player:${id}&ruleset=${encodeURIComponent(ruleset)}`);
  if (name !== followedLineup) return;
  lineup.curve.addHistory(player, rows);
  if (model.players.get(player)?.name === undefined) await learnPeople(player);
  drawSoon();
  setTimeout(() => learnProjection(player), PROJECTION_AFTER_MS);
}

// Frames tell it for games with a prediction; a defence has none.
async function learnProjection(player) {
  const known = model.players.get(player);
  const isOver = model.games.get(known?.game)?.status === 'final';
  if (askedProjections.has(player) || isOver || player.startsWith('dst:') || (known && model.expectedOf(known))) return;
  askedProjections.add(player);
  views.team.addProjection(player, await connection.tryJson(`/v1/players/${encodeURIComponent(player)}/projection?horizon=game`));
  drawSoon();
}

async function learnPeople(text) {
  const answer = await connection.tryJson(`/v1/players?q=${encodeURIComponent(text)}`);
  model.addPlayers(answer?.players ?? []);
  return answer?.players ?? [];
}

async function findPlayers(text) {
  return (await learnPeople(text)).map((player) => ({ ...model.players.get(player.player), ...player }));
}

function best() {
  return [...model.players.values()].filter(({ units }) => units !== null).sort((a, b) => b.units - a.units)
    .map((player) => ({ player: player.player, position: positionOf(player) }));
}

function toggle(player) {
  const isTaken = myTeam.toggle(player.player, positionOf(player));
  setText(node('leaders-hint'), isTaken ? '' : `My team has no open slot for ${displayName(player)}.`);
}

function stateChanged() {
  status.draw();
  if (connection.epoch === knownEpoch) return;
  knownEpoch = connection.epoch;
  contests?.forgetList();
  learnGames();
}

// What frames may leave out: teams and kickoff of a game, names of players.
async function learnGames() {
  const { games } = await connection.getJson('/v1/games');
  model.addGames(games.filter(({ game }) => model.games.has(game)));
  drawSoon();
}

async function learnNames(game) {
  // One request a game is under way at most; the next frame without a name asks again.
  if (askedNames.has(game)) return;
  askedNames.add(game);
  const list = await connection.getJson(`/v1/games/${encodeURIComponent(game)}/players?ruleset=${encodeURIComponent(ruleset)}`);
  askedNames.delete(game);
  model.addPlayers(list);
  drawSoon();
}

// People without a stat yet are in no game's list: ask for them by name.
function searchSoon(text) {
  clearTimeout(searchTimer);
  if (text.length < SEARCH_LENGTH_MIN) return;
  // Once is enough: the next key asks again.
  searchTimer = setTimeout(() => learnPeople(text).then(drawSoon), SEARCH_AFTER_MS);
}

function draw() {
  if (views === null) return;
  const changes = model.takeChanges();
  views.slate.draw(changes.games);
  if (changes.hasNewPlayers) views.leaders.drawAll();
  views.leaders.draw(changes.players);
  views.team.draw();
  views.contests.draw();
  frameTimes.drawn(performance.now());
}

// One sentence now and then, and only where it says something new.
function speak() {
  const text = tabs.current === 'team' ? teamSentence() : tabs.current === 'contests' ? views.contests.sentence() : '';
  if (text === '' || text === spoken) return;
  spoken = text;
  setText(node('spoken'), text);
}

function teamSentence() {
  if (lineup.totalUnits === null) return '';
  const [latest] = lineup.recent;
  const who = latest ? displayName({ ...model.players.get(latest.player), player: latest.player }) : '';
  return `My team: ${formatPoints(lineup.totalUnits)} points.${latest ? ` ${who}: ${latest.badge ? `${latest.badge}, ` : ''}${latest.text}.` : ''}`;
}

function readSetting(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function writeSetting(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
