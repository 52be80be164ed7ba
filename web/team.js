// A lineup by a site's slots, and its one line of text: for this browser's storage and for links.
//
// Both come from outside. What is not a team to the last character is no team.

export const FORMATS = {
  classic: {
    code: 'c', title: 'Classic',
    slots: ['QB', 'RB', 'RB', 'WR', 'WR', 'WR', 'TE', 'FLEX', 'DST'].map((slot) => ({ slot, multiplier: 1 })),
  },
  showdown: {
    code: 's', title: 'Showdown',
    slots: [{ slot: 'CPT', multiplier: 1.5 }, ...Array.from({ length: 5 }, () => ({ slot: 'FLEX', multiplier: 1 }))],
  },
};

const VERSION = '1';
const CODE_MAX = 1_000;
// The form of ids in docs/protocol.md, less the comma that parts them here.
const PLAYER = /^[!-~]{1,64}$/;
const NOT_IN_ID = /[ ,"\\/<>&]/;
const RULESET = /^[\w-]{1,64}$/;
const FLEX = ['RB', 'WR', 'TE'];
const FANTASY = ['QB', 'RB', 'WR', 'TE', 'K', 'DST'];

/** A team without players. */
export function emptyTeam(format, ruleset) {
  return { format, ruleset, players: FORMATS[format].slots.map(() => null) };
}

/** "1,c,draftkings,ID,,ID,…": a place for each slot, empty where nobody stands. */
export function encodeTeam({ format, ruleset, players }) {
  return [VERSION, FORMATS[format].code, ruleset, ...players.map((id) => (id === null ? '' : encodeURIComponent(id)))].join(',');
}

/** The team of such a line, or null for anything else. `rulesets`: the names that there are. */
export function decodeTeam(code, rulesets) {
  if (typeof code !== 'string' || code.length > CODE_MAX) return null;
  const [version, formatCode, ruleset, ...ids] = code.split(',');
  const format = Object.keys(FORMATS).find((name) => FORMATS[name].code === formatCode);
  if (version !== VERSION || !format || !RULESET.test(ruleset) || !rulesets.includes(ruleset)) return null;
  if (ids.length !== FORMATS[format].slots.length) return null;
  const players = ids.map(decodeId);
  const named = players.filter((id) => id !== null);
  if (named.includes(undefined) || new Set(named).size !== named.length) return null;
  return { format, ruleset, players };
}

/** What the lineup topic is asked for, or null while nobody stands in it. */
export function lineupOf({ format, ruleset, players }) {
  const slots = FORMATS[format].slots
    .map(({ slot, multiplier }, i) => ({ slot, player: players[i], ...(multiplier !== 1 && { multiplier }) }))
    .filter(({ player }) => player !== null);
  return slots.length > 0 ? { ruleset, slots } : null;
}

/** Whether somebody of that position may stand in that slot: in a showdown anybody anywhere. */
export function mayStand(format, index, position) {
  if (format === 'showdown') return FANTASY.includes(position);
  const { slot } = FORMATS[format].slots[index];
  return slot === 'FLEX' ? FLEX.includes(position) : slot === position;
}

/** The first open slot for somebody of that position, -1 where there is none. */
export function openSlot({ format, players }, position) {
  return players.findIndex((id, i) => id === null && mayStand(format, i, position));
}

/** A team with that player in that slot (null: nobody). Who stood elsewhere leaves there. */
export function withPlayer(team, index, id) {
  return { ...team, players: team.players.map((held, i) => (i === index ? id : held === id ? null : held)) };
}

/** Fills what is open from a list, best first. */
export function filled(team, candidates) {
  let result = team;
  for (const { player, position } of candidates) {
    if (result.players.includes(player)) continue;
    const index = openSlot(result, position);
    if (index >= 0) result = withPlayer(result, index, player);
  }
  return result;
}

// null for an empty place, undefined for what is no id.
function decodeId(text) {
  if (text === '') return null;
  try {
    const id = decodeURIComponent(text);
    return PLAYER.test(id) && !NOT_IN_ID.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
