// What a topic shows, and how a frame changes it. Pure: no socket, no clock, no page.
//
// Frames carry totals, so a frame is applied by replacing values, never by adding up. That is why
// a merged frame (one standing for several changes) needs no case of its own here.

/** One subscription's name. The slate has no ruleset; everything else is (topic, ruleset). */
export function subscriptionKey(topic, ruleset) {
  return topic === 'slate' ? topic : `${topic}|${ruleset}`;
}

/** A fresh view from a snapshot. */
export function fromSnapshot(topic, frame) {
  const view = { seq: frame.seq, seen: frame.seq > 0 };
  if (topic === 'slate') {
    view.games = new Map();
    mergeGames(view.games, frame.games);
  } else if (topic.startsWith('game:')) {
    view.players = new Map();
    applyGameFields(view, frame);
    mergePlayers(view.players, frame.players);
  } else {
    applyPlayerFields(view, frame);
    view.stats = { ...frame.stats };
  }
  return view;
}

/** Applies a delta in place. The caller has checked that `frame.prev` is `view.seq`. */
export function applyDelta(topic, view, frame) {
  view.seq = frame.seq;
  view.seen = true;
  if (topic === 'slate') {
    mergeGames(view.games, frame.games);
  } else if (topic.startsWith('game:')) {
    applyGameFields(view, frame);
    mergePlayers(view.players, frame.players);
  } else {
    applyPlayerFields(view, frame);
    Object.assign(view.stats, frame.stats);
  }
}

/** How many changes one delta stands for. */
export function changesIn(frame) {
  return Math.max(1, frame.seq - frame.prev);
}

/** The causes of a delta, whether one or merged. */
export function causesOf(frame) {
  return frame.causes ?? (frame.cause ? [frame.cause] : []);
}

function applyPlayerFields(view, frame) {
  assignGiven(view, frame, ['points', 'game', 'name', 'team', 'position']);
}

function applyGameFields(view, frame) {
  assignGiven(view, frame, ['status', 'home', 'away', 'kickoff', 'clock', 'situation', 'score']);
}

function mergePlayers(players, changed = []) {
  for (const entry of changed) {
    const player = players.get(entry.player) ?? { player: entry.player, stats: {} };
    assignGiven(player, entry, ['name', 'team', 'position', 'points']);
    Object.assign(player.stats, entry.stats);
    players.set(entry.player, player);
  }
}

function mergeGames(games, changed = []) {
  for (const entry of changed) {
    games.set(entry.game, { ...games.get(entry.game), ...entry });
  }
}

// A delta leaves out what did not change: absent means "as before", not "gone".
function assignGiven(target, source, names) {
  for (const name of names) {
    if (source[name] !== undefined) target[name] = source[name];
  }
}
