// Puts the page together: one connection, one model, five views.
//
//   client/ ────updates──► Model ──changed ids──► Scoreboard, PlayerList, Picks, DriveOutlook (once a frame)
//        └──────────────── ages and counts ─────► Meters

import { connect } from './client/index.js';
import { oncePerFrame, setAttribute, setText } from './dom.js';
import { modelsText, tallyText } from './forecasts.js';
import { Following } from './follow.js';
import { Meters } from './meters.js';
import { Model } from './model.js';
import { DriveOutlook } from './outlook.js';
import { Picks } from './picks.js';
import { PlayerList } from './players.js';
import { Scoreboard } from './scoreboard.js';

const RULESET_KEY = 'scorewire.ruleset';
const SEARCH_AFTER_MS = 250;
const SEARCH_LENGTH_MIN = 2;
const FETCH_AGAIN_MS = 2_000;
const ASK_MODELS_EVERY_MS = 10_000;
// Of the 1,000 topics that a page may follow, games and players come first.
const PREDICTED_GAMES_MAX = 200;

const node = (id) => document.getElementById(id);
const model = new Model();
const followedGames = new Set();
const askedNames = new Set();
// `#token=…`: what follows the # is in no request, and so in no log of a server or a proxy.
const tokenShown = () => new URLSearchParams(location.hash.slice(1)).get('token');
const token = tokenShown();
let ruleset = null;

const live = connect(undefined, { token });
const following = new Following(live, applyUpdate);

const meters = new Meters({
  state: node('state'), serverLatency: node('server-latency'), feedMeter: node('feed-meter'),
  feedLatency: node('feed-latency'), updateRate: node('update-rate'), mergedMeter: node('merged-meter'),
  mergedCount: node('merged-count'),
  notice: node('notice'), noticeText: node('notice-text'), retry: node('retry'), body: document.body,
}, live, { hasToken: token !== null });

const picks = new Picks({
  list: node('picks'), hint: node('picks-hint'), total: node('total'), totalChange: node('total-change'),
  totalSpoken: node('total-spoken'), recent: node('recent'), recentTitle: node('recent-title'),
}, model, { onToggle: pickToggled });

const players = new PlayerList({
  rows: node('rows'), rowsHint: node('rows-hint'), more: node('more'), search: node('search'),
  team: node('team'), gameFilter: node('game-filter'), positions: node('positions'), sorts: document.querySelectorAll('.sort'),
}, model, picks, { onSearch: searchSoon });

const drive = new DriveOutlook({
  section: node('drive'), title: node('drive-title'), usual: node('drive-usual'),
  verdict: node('drive-verdict'), ends: node('drive-ends'),
}, model);

const scoreboard = new Scoreboard({ list: node('games'), summary: node('games-summary') }, { onSelect: gameSelected });

const drawSoon = oncePerFrame(draw);
let knownEpoch = null;
let searchTimer = null;
let modelsAskedAtMs = -Infinity;

start();

async function start() {
  addEventListener('hashchange', () => {
    // Another token is another visitor; a link within the page shows none.
    if (![null, token].includes(tokenShown())) location.reload();
  });
  node('origin').textContent = location.origin;
  live.onState(stateChanged);
  await loadRulesets();
  node('ruleset').addEventListener('change', () => useRuleset(node('ruleset').value));
  node('game-filter').addEventListener('click', () => {
    scoreboard.select(null);
    // The button is gone now; the keyboard goes on where it stood.
    node('players').focus({ preventScroll: true });
  });
  following.follow(['slate'], undefined);
  following.follow(picks.ids().map((id) => `player:${id}`), ruleset);
  node('calls').addEventListener('pointerenter', learnModels);
}

async function loadRulesets() {
  const answer = await getJson('/v1/rulesets');
  const select = node('ruleset');
  for (const { name, title } of answer.rulesets) select.add(new Option(title ?? name, name));
  const saved = readSetting(RULESET_KEY);
  const isKnown = answer.rulesets.some(({ name }) => name === saved);
  ruleset = isKnown ? saved : answer.default;
  model.ruleset = ruleset;
  select.value = ruleset;
}

function useRuleset(name) {
  const topics = rulesetTopics();
  following.unfollow(topics, ruleset);
  ruleset = name;
  model.ruleset = name;
  writeSetting(RULESET_KEY, name);
  model.forgetPoints();
  picks.forgetPoints();
  following.follow(topics, ruleset);
  drawSoon();
}

function rulesetTopics() {
  return [
    ...[...followedGames].map((game) => `game:${game}`),
    ...picks.ids().map((id) => `player:${id}`),
  ];
}

function applyUpdate(update) {
  const { topic, view, frame } = update;
  meters.count(update);
  if (topic === 'slate') {
    model.applySlate(view, frame);
    followGames();
  } else if (topic.startsWith('game:')) {
    const game = topic.slice('game:'.length);
    model.applyGame(game, view, frame);
    if ((frame?.players ?? []).some(({ player }) => model.players.get(player).name === undefined)) learnNames(game);
  } else if (topic.startsWith('predictions:')) {
    model.applyForecasts(topic.slice('predictions:'.length), view);
  } else {
    picks.apply(topic.slice('player:'.length), update);
  }
  drawSoon();
}

function followGames() {
  const gone = [...followedGames].filter((game) => !model.games.has(game));
  const added = [...model.games.keys()].filter((game) => !followedGames.has(game));
  for (const game of gone) followedGames.delete(game);
  for (const game of added) followedGames.add(game);
  following.unfollow(gone.map((game) => `game:${game}`), ruleset);
  following.follow(added.map((game) => `game:${game}`), ruleset);
  following.unfollow(gone.map((game) => `predictions:${game}`), undefined);
  following.follow([...followedGames].slice(0, PREDICTED_GAMES_MAX).map((game) => `predictions:${game}`), undefined);
  if (added.some((game) => !model.games.get(game).home)) learnGames();
}

function gameSelected(game) {
  players.showGame(game);
  drive.show(game);
}

// For whoever points at the tally. Not every server tells, or tells everybody.
async function learnModels() {
  if (performance.now() - modelsAskedAtMs < ASK_MODELS_EVERY_MS) return;
  modelsAskedAtMs = performance.now();
  const answer = await live.get('/v1/models').catch(() => null);
  const text = modelsText(answer?.figures ?? []);
  if (text) setAttribute(node('calls'), 'title', text);
}

function pickToggled(id, isPicked) {
  if (isPicked) following.follow([`player:${id}`], ruleset);
  else following.unfollow([`player:${id}`], ruleset);
  players.drawPicked(id);
}

function stateChanged(status) {
  meters.stateChanged(status);
  if (live.epoch === knownEpoch) return;
  knownEpoch = live.epoch;
  learnGames();
}

// What frames may leave out: teams and kickoff of a game, names of players.
async function learnGames() {
  const { games } = await getJson('/v1/games');
  model.addGames(games.filter(({ game }) => followedGames.has(game)));
  drawSoon();
}

async function learnNames(game) {
  // One request a game is under way at most; the next frame without a name asks again.
  if (askedNames.has(game)) return;
  askedNames.add(game);
  const list = await getJson(`/v1/games/${encodeURIComponent(game)}/players?ruleset=${encodeURIComponent(ruleset)}`);
  askedNames.delete(game);
  model.addPlayers(list);
  drawSoon();
}

// People without a stat yet are in no game's list: ask for them by name.
function searchSoon(text) {
  clearTimeout(searchTimer);
  if (text.length < SEARCH_LENGTH_MIN) return;
  searchTimer = setTimeout(async () => {
    // Once is enough: the next key asks again.
    const answer = await tryJson(`/v1/players?q=${encodeURIComponent(text)}`);
    model.addPlayers(answer?.players ?? []);
    drawSoon();
  }, SEARCH_AFTER_MS);
}

function draw() {
  const changes = model.takeChanges();
  scoreboard.draw(model, changes.games);
  drive.draw();
  drawTally();
  if (changes.hasNewPlayers || changes.games.size > 0 && model.players.size === 0) players.drawAll();
  players.draw(changes.players);
  picks.draw();
  const isEmpty = model.games.size === 0;
  node('games-section').hidden = isEmpty;
  node('empty').hidden = !isEmpty || following.view('slate') === null;
  node('columns').hidden = isEmpty && picks.ids().length === 0;
}

function drawTally() {
  const text = tallyText(model.tally());
  node('calls').hidden = !text;
  setText(node('calls'), text);
}

// What the page can't do without, it keeps asking for; the server may be starting. Who may not read is told
// so, and nothing goes on.
async function getJson(path) {
  for (;;) {
    const answer = await tryJson(path);
    if (answer !== null) return answer;
    if (live.state === 'refused') return new Promise(() => {});
    await new Promise((resolve) => { setTimeout(resolve, FETCH_AGAIN_MS); });
  }
}

// No network just now is no error of ours.
function tryJson(path) {
  return live.get(path).catch(() => null);
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
