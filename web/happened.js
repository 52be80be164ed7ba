// What just happened to a player, in words: "24-yd TD catch". From the difference of two stat lines.

import { causeKind, causeText } from './stats.js';

const BADGES = { correction: 'Correction', retraction: 'Play withdrawn' };

/** What moved between two stat lines: `{stat: by}`. */
export function statDifference(before = {}, after = {}) {
  // What is back at nought is absent.
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Object.fromEntries([...names].map((stat) => [stat, (after[stat] ?? 0) - (before[stat] ?? 0)]).filter(([, by]) => by !== 0));
}

/**
 * `{text, badge}` of what moved, `badge` '' for a plain play. A single play is told as a play, all else
 * (a correction, several at once) as what it added to the stat line.
 */
export function happenedText(moved, causes, changes) {
  const kind = causeKind(causes);
  const badge = BADGES[kind] ?? '';
  const summed = causeText([{ stats: moved }]) || 'Stat line changed';
  if (badge !== '' || changes > 1) return { text: summed, badge };
  return { text: playText(moved) || summed, badge };
}

// The first that fits tells the play; what a quarterback does by the way is said before what he is charged with.
const PLAYS = [
  [(m) => m.receiving_tds > 0, (m) => `${yards(m.receiving_yards)} TD catch`],
  [(m) => m.passing_tds > 0, (m) => `${yards(m.passing_yards)} TD pass`],
  [(m) => m.rushing_tds > 0, (m) => `${yards(m.rushing_yards)} TD run`],
  [(m) => m.return_tds > 0, () => 'Return TD'],
  [(m) => m.defensive_tds > 0, () => 'Defensive TD'],
  [(m) => m.fumble_recovery_tds > 0, () => 'Fumble recovered for a TD'],
  [(m) => m.two_point_conversions > 0, () => 'Two-point conversion'],
  [(m) => m.field_goals_50_plus > 0, () => 'Field goal from 50+'],
  [(m) => m.field_goals_40_49 > 0, () => 'Field goal from 40–49'],
  [(m) => m.field_goals_0_39 > 0, () => 'Short field goal'],
  [(m) => m.field_goals_missed > 0, () => 'Missed a field goal'],
  [(m) => m.extra_points > 0, () => 'Extra point'],
  [(m) => m.extra_points_missed > 0, () => 'Missed an extra point'],
  [(m) => m.interceptions > 0, () => 'Intercepted'],
  [(m) => m.interceptions_made > 0, () => 'Interception'],
  [(m) => m.fumble_recoveries > 0, () => 'Fumble recovered'],
  [(m) => m.safeties > 0, () => 'Safety'],
  [(m) => m.blocked_kicks > 0, () => 'Blocked kick'],
  [(m) => m.sacks > 0, (m) => (m.sacks === 0.5 ? 'Half a sack' : 'Sack')],
  [(m) => m.sacked > 0, () => 'Sacked'],
  [(m) => m.receptions > 0, (m) => `${yards(m.receiving_yards)} catch`],
  [(m) => m.completions > 0, (m) => `${yards(m.passing_yards)} pass`],
  [(m) => m.rushing_attempts > 0, (m) => `${yards(m.rushing_yards)} run`],
];

function playText(moved) {
  const play = PLAYS.find(([fits]) => fits(moved));
  if (!play) return '';
  const words = play[1](moved);
  return moved.fumbles_lost > 0 ? `${words}, fumble lost` : words;
}

function yards(value = 0) {
  return `${String(value).replace('-', '−')}-yd`;
}
