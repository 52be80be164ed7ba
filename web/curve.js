// Points over time of a team: each player's own steps, summed. Touches no element.
//
// The past comes from `GET /v1/history` of each player, the present from the lineup's frames. Kept by
// player, so that it does not matter which of the two comes first.

import { toUnits } from './points.js';

// A play a second for an hour: more than a game has.
const STEPS_MAX = 3_600;

export class Curve {
  /** player -> {multiplier, base: units before the first step, steps: [[feed µs, units], …] by time} */
  #players = new Map();

  /** Begins anew, for these slots: `[{player, multiplier}]`. */
  begin(slots) {
    this.#players = new Map(slots.map(({ player, multiplier = 1 }) => [player, { multiplier, base: 0, steps: [] }]));
  }

  /** The answer of `/v1/history`: `[[feed_ts, seq, points], …]`, a player's own points. */
  addHistory(player, rows) {
    const held = this.#players.get(player);
    if (!held || !Array.isArray(rows)) return;
    const past = rows.filter((row) => Array.isArray(row) && Number.isFinite(row[0]) && Number.isFinite(row[2]))
      .map(([us, , points]) => [us, Math.round(toUnits(points) * held.multiplier)]);
    if (past.length === 0) return;
    const [lastUs] = past.at(-1);
    // Where the server's memory does not reach the beginning, neither does the line.
    held.base = rows[0][1] === 1 ? 0 : past[0][1];
    held.steps = [...past, ...held.steps.filter(([us]) => us > lastUs)].slice(-STEPS_MAX);
  }

  /** A slot's points (the multiplier is in them) at a moment of the feed. */
  addStep(player, us, units) {
    const held = this.#players.get(player);
    if (!held || !Number.isFinite(us) || units === null) return;
    held.steps.push([Math.max(us, held.steps.at(-1)?.[0] ?? us), units]);
    if (held.steps.length > STEPS_MAX) held.steps.shift();
  }

  /** What a snapshot tells of a slot: where its line begins, or a step that was missed. */
  hold(player, us, units) {
    const held = this.#players.get(player);
    if (!held || units === null) return;
    if (held.steps.length === 0) held.base = units;
    else if (held.steps.at(-1)[1] !== units) this.addStep(player, us, units);
  }

  /** `[[seconds, …], [points, …]]`, a step for each moment; the last one now, with `totalUnits`. */
  data(nowUs, totalUnits) {
    const steps = [];
    for (const [player, { steps: own }] of this.#players) for (const [us, units] of own) steps.push({ player, us, units });
    steps.sort((a, b) => a.us - b.us);
    const latest = new Map([...this.#players].map(([player, { base }]) => [player, base]));
    const [xs, ys] = [[], []];
    let sum = [...latest.values()].reduce((all, base) => all + base, 0);
    for (const { player, us, units } of steps) {
      sum += units - latest.get(player);
      latest.set(player, units);
      const isSameMoment = xs.at(-1) === us / 1e6;
      if (isSameMoment) ys[ys.length - 1] = sum / 1e4;
      else {
        xs.push(us / 1e6);
        ys.push(sum / 1e4);
      }
    }
    if (xs.length > 0 && totalUnits !== null) {
      xs.push(Math.max(nowUs / 1e6, xs.at(-1)));
      ys.push(totalUnits / 1e4);
    }
    return [xs, ys];
  }
}
