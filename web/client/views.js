// What a topic shows, and how a frame changes it. Pure: no socket, no clock.
//
// Frames carry totals, so a frame is applied by replacing values, never by adding up; a merged frame
// needs no case of its own. A view is never changed: each frame makes a new one, which shares with the
// old one all that did not move, so `===` tells what did.
//
// Names in frames are any text, `__proto__` too: what they key is a Map, or an object made by spread
// or `fromEntries`, which define properties and never call setters.

import { fromUnits, toUnits } from './points.js';

const GAME = 'game home away kickoff status clock situation timeouts score'.split(' ');
// As a topic of its own, in a game, or in a slot.
const PLAYER = 'player name team position game points slot multiplier'.split(' ');

/** Whether a subscription chooses the topic's ruleset. The others have one of their own, or none. Of null, a lineup that has no name yet, too. */
export function hasRuleset(topic) {
  return /^(player|game|team):/.test(topic);
}

/** The view after `frame`, which is a snapshot, or follows `view`. Throws where the frame makes no sense. */
export function apply(view, frame) {
  const { topic, ruleset, type } = frame;
  const before = type === 'snapshot' ? null : view;
  return { topic, ruleset, seq: numberOf(frame, 'seq'), ...fields(before, frame) };
}

function fields(before, frame) {
  switch (frame.topic.split(':', 1)[0]) {
    case 'slate': return { games: mergeGames(before?.games, frame.games) };
    case 'game':
    case 'team': return { ...given(before, frame, GAME), players: mergePlayers(before?.players, frame) };
    case 'predictions': return forecasts(before, frame);
    case 'lineup':
    case 'entry':
      numberOf(frame, 'points');
      return { ...told(before, frame), slots: mergeSlots(before?.slots, frame.slots) };
    case 'contest': return told(before, frame);
    // A first delta names the game in its cause alone: a player's topic shows the changes of one game.
    default: return { game: causesOf(frame)[0]?.game, ...playerFields(before, frame) };
  }
}

/** Without the predictions that are worth nothing any more at `serverUs`; the same view if there are none. */
export function expire(view, serverUs) {
  const left = [...view.predictions].filter(([, one]) => one.expires_us > serverUs);
  return left.length === view.predictions.size ? view : { ...view, predictions: new Map(left) };
}

/** When the next prediction of a view expires; Infinity where none does. */
export function nextExpiryUs(view) {
  return Math.min(...[...view?.predictions?.values() ?? []].map((one) => one.expires_us));
}

/** How many changes one frame stands for: 0 of a snapshot. */
export function changesIn(frame) {
  if (!frame || frame.type === 'snapshot') return 0;
  return frame.type === 'delta' ? frame.seq - frame.prev : 1;
}

/** The causes of a delta, whether one or merged. */
export function causesOf(frame) {
  return frame?.causes ?? (frame?.cause ? [frame.cause] : []);
}

/** By how many points a total moved, exactly; null where there is no total, or one of another game. */
export function change(previous, view) {
  const [before, after] = [toUnits(previous?.points), toUnits(view.points)];
  const isAnother = (previous?.game ?? view.game) !== view.game;
  return isAnother || before === null || after === null ? null : fromUnits(after - before);
}

function playerFields(before, frame) {
  numberOf(frame, 'points');
  return { ...given(before, frame, PLAYER), stats: mergeStats(before?.stats, frame.stats) };
}

function numberOf(frame, name) {
  if (!Number.isFinite(frame[name])) throw new TypeError(`${name} is no number`);
  return frame[name];
}

// A delta leaves out what did not change: absent means "as before". Null means "not known any more".
function given(before, frame, names) {
  const entries = names.map((name) => [name, frame[name] === undefined ? before?.[name] : frame[name]]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined && value !== null));
}

// A total that is back at 0 is absent, as in snapshots.
function mergeStats(before, moved) {
  return Object.fromEntries(Object.entries({ ...before, ...moved }).filter(([name, value]) => value !== 0 || name === 'points_allowed'));
}

function mergePlayers(before, { topic, players = [] }) {
  if (before && players.length === 0) return before;
  const merged = new Map(before);
  for (const entry of players) {
    const { player } = entry;
    const now = playerFields(merged.get(player), entry);
    // A correction may give a player to the other team.
    if (/^team:/.test(topic) && now.team && topic !== `team:${now.team}`) merged.delete(player);
    else merged.set(player, now);
  }
  return merged;
}

function mergeGames(before, games = []) {
  const merged = new Map(before);
  for (const entry of games) merged.set(entry.game, given(merged.get(entry.game), entry, GAME));
  return merged;
}

// A player stands in a lineup once at most, and the order is that of the snapshot.
function mergeSlots(before, slots = []) {
  const moved = byPlayer(slots);
  return (before ?? slots).map((held) => (moved.has(held.player) ? playerFields(before && held, moved.get(held.player)) : held));
}

// All that a frame says but how it came about; what it leaves out did not change.
function told(before, frame) {
  const shown = Object.entries(frame).filter(([name]) => !/type|reason|prev|change|cause|_(us|ts)/.test(name));
  return { ...before, ...Object.fromEntries(shown) };
}

// At most one prediction of each kind, and the outcome of each that came last.
function forecasts(before, frame) {
  const predictions = new Map(before?.predictions);
  const outcomes = new Map(before?.outcomes);
  // Those of a snapshot; no other frame has any.
  for (const one of frame.predictions ?? []) hold(predictions, one);
  if (frame.type === 'prediction') hold(predictions, frame);
  if (frame.type === 'outcome') {
    outcomes.set(frame.kind, frame);
    // Who has won ends the game, and all that was thought of it.
    if (frame.kind === 'win') predictions.clear();
    else predictions.delete(frame.kind);
  }
  return { predictions, outcomes, tally: frame.tally ?? before?.tally ?? null };
}

function hold(predictions, prediction) {
  predictions.set(prediction.kind, { ...prediction, players: byPlayer(prediction.players) });
}

function byPlayer(list = []) {
  return new Map(list.map((one) => [one.player, one]));
}
