// A contest in figures and words: ranks, money, what an entry still needs, and how it got where it is.
// Touches no element. Money is whole cents inside, points are integers of 1/10,000.

import { formatPoints, toUnits } from './points.js';

const UNITS_PER_CENT = 100;
// A scoring change every second for half an hour; then the older half is thinned.
const STEPS_MAX = 1_800;

/** The wire's amount as whole cents, or null where there is none. */
export function toCents(amount) {
  return Number.isFinite(amount) ? Math.round(amount * 100) : null;
}

/** "$100,000", "$12.50"; an en dash where there is no amount. */
export function moneyText(amount) {
  const cents = toCents(amount);
  if (cents === null) return '–';
  const places = cents % 100 === 0 ? 0 : 2;
  return `${cents < 0 ? '−' : ''}$${(Math.abs(cents) / 100).toLocaleString('en-US', { minimumFractionDigits: places, maximumFractionDigits: places })}`;
}

/** "17th", "1,000,001st". */
export function ordinal(number) {
  const tens = number % 100;
  const ending = tens >= 11 && tens <= 13 ? 'th' : ['th', 'st', 'nd', 'rd'][number % 10] ?? 'th';
  return `${countText(number)}${ending}`;
}

/** "1,000,000". */
export function countText(number) {
  return number.toLocaleString('en-US');
}

/** "1M", "20k": for an axis. */
export function compactText(number) {
  return new Intl.NumberFormat('en-US', { notation: 'compact' }).format(number).toLowerCase().replace('m', 'M');
}

/** "1st", "2nd–10th". */
export function placesText(from, to) {
  return from === to ? ordinal(to) : `${ordinal(from)}–${ordinal(to)}`;
}

/** "tied with 2 others", '' for an entry by itself. */
export function tieText(tied) {
  if (!(tied > 1)) return '';
  return tied === 2 ? 'tied with 1 other' : `tied with ${countText(tied - 1)} others`;
}

/** "+12.30 in the money", "3.20 to the money", "on the line"; '' where no place is paid. */
export function gapText(toMoney) {
  const units = toUnits(toMoney);
  if (units === null) return '';
  if (units === 0) return 'on the money line';
  return units > 0 ? `${formatPoints(units)} above the line` : `${formatPoints(-units)} to the money`;
}

/** How often in so many draws: "41%", "2.3%", "0.02%", "< 0.01%" where it never happened in 10,000. */
export function oddsText(chance, draws) {
  if (!Number.isFinite(chance)) return '–';
  if (chance <= 0) return draws > 0 ? `< ${shareText(1 / draws)}` : '0%';
  if (chance >= 1) return draws > 0 ? `> ${(100 - 100 / draws).toFixed(placesOf(100 / draws))}%` : '100%';
  return chance > 0.995 ? '> 99%' : shareText(chance);
}

function shareText(share) {
  return `${(share * 100).toFixed(placesOf(share * 100))}%`;
}

function placesOf(percent) {
  return percent >= 9.95 ? 0 : percent >= 0.095 ? 1 : percent >= 0.0095 ? 2 : 3;
}

/** What all places are paid together, of `payouts` as `GET /v1/contests/ID` tells them. */
export function prizePool(payouts) {
  return payouts.reduce((cents, { from, to, payout }) => cents + (to - from + 1) * toCents(payout), 0) / 100;
}

/** The tiers that are shown, `{from, place, payout, points}`, best first; where each begins the payouts say. */
export function tiersOf(cuts, payouts) {
  return cuts.map((cut) => {
    const tier = payouts.find(({ from, to }) => from <= cut.place && cut.place <= to);
    return { from: tier?.from ?? cut.place, ...cut };
  });
}

/** The tier that is next for an entry with so many units, `{from, place, payout, points, units}`: what it lacks. Null above them all. */
export function nextTier(tiers, units) {
  const above = tiers.filter(({ points }) => toUnits(points) > units);
  // The best come first, so the last of those above is the nearest.
  const next = above.at(-1);
  return next ? { ...next, units: toUnits(next.points) - units } : null;
}

/**
 * Splits what an entry lacks over its players who are left, by what each is thought to add still: a Map by player,
 * in units, whole hundredths of a point that add up to what is lacked (rounded up). `slots`: `[{player, isLeft, restUnits}]`, `restUnits` null
 * where nobody has said; those count as the mean of the others, and all alike where nothing is known of any.
 */
export function splitNeed(slots, lackUnits) {
  const left = slots.filter(({ isLeft }) => isLeft);
  const cents = Math.ceil(lackUnits / UNITS_PER_CENT);
  if (left.length === 0 || cents <= 0) return new Map();
  const known = left.filter(({ restUnits }) => restUnits !== null).map(({ restUnits }) => Math.max(0, restUnits));
  const mean = known.length > 0 ? known.reduce((sum, one) => sum + one, 0) / known.length : 1;
  const weights = left.map(({ restUnits }) => (restUnits === null ? mean : Math.max(0, restUnits)));
  const sum = weights.reduce((all, one) => all + one, 0);
  const shares = weights.map((weight) => (sum > 0 ? (cents * weight) / sum : cents / left.length));
  const whole = shares.map(Math.floor);
  // The largest remainders take what is over.
  const order = shares.map((share, i) => [share - whole[i], i]).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
  let over = cents - whole.reduce((all, one) => all + one, 0);
  for (const [, i] of order) {
    if (over <= 0) break;
    whole[i] += 1;
    over -= 1;
  }
  return new Map(left.map(({ player }, i) => [player, whole[i] * UNITS_PER_CENT]));
}

/** The columns of a distribution for a chart: `[middles, below, above]`, counts on either side of the money line; and its ends. */
export function distributionColumns(distribution, moneyLine) {
  const { from, step, counts } = distribution;
  const at = counts.map((count, i) => from + i * step);
  const isPaid = at.map((start) => Number.isFinite(moneyLine) && start >= moneyLine);
  return {
    columns: [at.map((start) => start + step / 2), counts.map((count, i) => (isPaid[i] ? null : count)), counts.map((count, i) => (isPaid[i] ? count : null))],
    from, to: from + counts.length * step,
  };
}

/** A distribution in a sentence, for those who do not see it. */
export function distributionText({ from, step, counts }, moneyLine, mine) {
  const most = counts.indexOf(Math.max(...counts));
  const line = Number.isFinite(moneyLine) ? ` The money line is at ${formatPoints(toUnits(moneyLine))}.` : '';
  const own = mine.length > 0 ? ` Mine: ${mine.map((points) => formatPoints(toUnits(points))).join(', ')}.` : '';
  return `Points of all entries, from ${from} to ${from + counts.length * step}; most have ${from + most * step} to ${from + (most + 1) * step}.${line}${own}`;
}

/** Where an entry was, since the page began to follow it: steps of `[seconds, rank, points, money line]`. */
export class RankHistory {
  #steps = [];

  /** What a frame has told of it, at `us`. What did not move makes no step. */
  add(us, { rank, points, to_money: toMoney }) {
    if (![us, rank, points].every(Number.isFinite)) return;
    const line = Number.isFinite(toMoney) ? (toUnits(points) - toUnits(toMoney)) / 1e4 : null;
    const [lastS = -Infinity, ...last] = this.#steps.at(-1) ?? [];
    if (last[0] === rank && last[1] === points && last[2] === line) return;
    this.#steps.push([Math.max(us / 1e6, lastS), rank, points, line]);
    if (this.#steps.length > STEPS_MAX) this.#thin();
  }

  get length() {
    return this.#steps.length;
  }

  /** The rank that it had before the last change of it, or null. */
  get rankBefore() {
    const now = this.#steps.at(-1)?.[1];
    return this.#steps.findLast(([, rank]) => rank !== now)?.[1] ?? null;
  }

  /** `[seconds, ranks, points, money lines]`, up to now. */
  data(nowUs) {
    const columns = [0, 1, 2, 3].map((column) => this.#steps.map((step) => step[column]));
    const last = this.#steps.at(-1);
    if (last) [Math.max(nowUs / 1e6, last[0]), ...last.slice(1)].forEach((value, column) => columns[column].push(value));
    return columns;
  }

  /** Text for this browser's storage; `RankHistory.read` takes it back. */
  write() {
    return this.#steps;
  }

  /** Of what was stored, which comes from outside: what is no step is left out. */
  static read(steps) {
    const history = new RankHistory();
    if (!Array.isArray(steps)) return history;
    const isStep = (step) => Array.isArray(step) && step.length === 4 && step.slice(0, 3).every(Number.isFinite) && (step[3] === null || Number.isFinite(step[3]));
    const good = steps.filter(isStep).slice(-STEPS_MAX);
    history.#steps = good.filter(([s], i) => i === 0 || s >= good[i - 1][0]);
    return history;
  }

  // Every other one of the older half goes: what is long ago is told in less detail.
  #thin() {
    const half = this.#steps.length >> 1;
    this.#steps = this.#steps.filter((step, i) => i >= half || i % 2 === 0);
  }
}
