// What a topic shows, and how a frame changes it. Pure: no socket, no clock, no page.
//
// Frames carry totals, so a frame is applied by replacing values, never by adding up. That is why
// a merged frame (one standing for several changes) needs no case of its own here.

/** One subscription's name. The slate and predictions have no ruleset; all else is (topic, ruleset). */
export function subscriptionKey(topic, ruleset) {
  return topic === 'slate' || isPredictions(topic) ? topic : `${topic}|${ruleset}`;
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
  } else if (isPredictions(topic)) {
    view.tally = frame.tally ?? null;
    view.predictions = new Map();
    // The last outcome of each kind since; a snapshot tells of none.
    view.outcomes = new Map();
    for (const prediction of frame.predictions ?? []) holdPrediction(view, prediction);
  } else {
    applyPlayerFields(view, frame);
    view.stats = { ...frame.stats };
  }
  return view;
}

/** Applies a delta, a prediction or an outcome in place. The caller has checked that `frame.prev` is `view.seq`. */
export function applyDelta(topic, view, frame) {
  view.seq = frame.seq;
  view.seen = true;
  if (topic === 'slate') {
    mergeGames(view.games, frame.games);
  } else if (topic.startsWith('game:')) {
    applyGameFields(view, frame);
    mergePlayers(view.players, frame.players);
  } else if (isPredictions(topic)) {
    if (frame.type === 'outcome') applyOutcome(view, frame);
    else holdPrediction(view, frame);
  } else {
    applyPlayerFields(view, frame);
    Object.assign(view.stats, frame.stats);
  }
}

/** Lets go of the predictions that are worth nothing any more at `serverUs`; the kinds there were. */
export function dropExpired(view, serverUs) {
  const kinds = [...view.predictions.values()].filter((one) => one.expires_us <= serverUs).map(({ kind }) => kind);
  for (const kind of kinds) view.predictions.delete(kind);
  return kinds;
}

/** How many changes one delta stands for. */
export function changesIn(frame) {
  return Math.max(1, frame.seq - frame.prev);
}

/** The causes of a delta, whether one or merged. */
export function causesOf(frame) {
  return frame.causes ?? (frame.cause ? [frame.cause] : []);
}

function isPredictions(topic) {
  return topic.startsWith('predictions:');
}

// A newer one takes the place of the one before it.
function holdPrediction(view, prediction) {
  const players = new Map((prediction.players ?? []).map((one) => [one.player, one]));
  view.predictions.set(prediction.kind, { ...prediction, players });
}

function applyOutcome(view, outcome) {
  view.tally = outcome.tally ?? view.tally;
  view.outcomes.set(outcome.kind, outcome);
  // Who has won ends the game, and all that was thought of it.
  if (outcome.kind === 'win') view.predictions.clear();
  else view.predictions.delete(outcome.kind);
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
