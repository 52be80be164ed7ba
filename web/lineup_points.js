// What my team's topic has said: its total, each slot's points, what just happened, and the curve.
// Filled by frames, read by the view; touches no element.

import { Curve } from './curve.js';
import { happenedText, statDifference } from './happened.js';
import { toUnits } from './points.js';

const RECENT_MAX = 12;

export class LineupPoints {
  /** In 1/10,000 point; null before the first frame. */
  totalUnits = null;
  /** player -> {player, name, team, position, game, points, stats, units} */
  slots = new Map();
  /** The newest first: {id, player, units, text, badge, changes, atUs}. */
  recent = [];
  curve = new Curve();
  #nextId = 1;

  /** Another lineup: nothing of the one before stays. `slots`: `[{player, multiplier}]`. */
  begin(slots) {
    this.totalUnits = null;
    this.slots = new Map();
    this.recent = [];
    this.curve.begin(slots);
  }

  /** An update of `lineup:ID`, that came at `nowUs`; `view.slots` are each slot's totals after it. */
  apply({ view, previous, frame, causes, changes }, nowUs) {
    this.totalUnits = toUnits(view.points);
    this.slots = new Map(view.slots.map((slot) => [slot.player, { ...slot, units: toUnits(slot.points) }]));
    if (frame?.type !== 'delta' || previous === null) {
      for (const [player, { units }] of this.slots) this.curve.hold(player, nowUs, units);
      return;
    }
    const before = new Map(previous.slots.map((slot) => [slot.player, slot]));
    const atUs = frame.feed_ts ?? frame.ingest_us ?? nowUs;
    for (const [player, slot] of this.slots) {
      const held = before.get(player);
      // Another game is another stat line: what it begins with is no news.
      if (!held || held.game !== slot.game || held.points === slot.points && held.stats === slot.stats) continue;
      this.curve.addStep(player, atUs, slot.units);
      this.#remember(slot, slot.units - toUnits(held.points), statDifference(held.stats, slot.stats), causes, changes, atUs);
    }
  }

  // A pass that missed its target is no news; a correction is, even without points.
  #remember({ player }, units, moved, causes, changes, atUs) {
    const { text, badge } = happenedText(moved, causes, changes);
    if (units === 0 && badge === '') return;
    this.recent.unshift({ id: this.#nextId, player, units, text, badge, changes, atUs });
    this.#nextId += 1;
    this.recent.length = Math.min(this.recent.length, RECENT_MAX);
  }
}

/**
 * What a team is thought to end with: `{units, low, high, open}`, `open` counting the slots of which only the
 * points so far are known. `ends`: a slot each, `{units, low, high}` or `{units}`.
 *
 * Players are taken as independent: their spreads add up as squares do, below and above apart.
 */
export function projectedTotal(ends) {
  const sum = { units: 0, below: 0, above: 0, open: 0 };
  for (const { units, low, high } of ends) {
    sum.units += units;
    if (low === undefined) sum.open += 1;
    else {
      sum.below += (units - low) ** 2;
      sum.above += (high - units) ** 2;
    }
  }
  return {
    units: Math.round(sum.units), low: Math.round(sum.units - Math.sqrt(sum.below)),
    high: Math.round(sum.units + Math.sqrt(sum.above)), open: sum.open,
  };
}
