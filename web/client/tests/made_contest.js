// A contest of made-up entries, as `POST /v1/contests` takes it. One seed, one contest.

import { seeded } from './seeded.js';

const SLOTS = [['QB', ['QB']], ['RB', ['RB']], ['RB', ['RB']], ['WR', ['WR']], ['WR', ['WR']], ['WR', ['WR']], ['TE', ['TE']], ['FLEX', ['RB', 'WR', 'TE']], ['DST', ['DST']]];
const NAMES = ['gridiron_gus', 'fourth_and_long', 'pocket-presence', 'TheWaiverWire', 'hailmary88', 'bootleg', 'the_flea_flicker', 'redzone_ruth'];

/** What a place is paid: a fifth of the field gets twice the fee, fewer get more, the best most. */
export function payoutsOf(entries, fee = 20) {
  const bounds = [1, 2, 3, 10, 50, 100, 500].filter((place) => place < entries / 5).concat(Math.max(1, Math.floor(entries / 5)));
  const times = [entries / 10, entries / 20, entries / 40, entries / 200, entries / 500, entries / 1_000, 5];
  return bounds.map((to, i) => ({
    from: (bounds[i - 1] ?? 0) + 1, to, amount: i === bounds.length - 1 ? 2 * fee : Math.max(fee * 3 + bounds.length - i, Math.round(fee * (times[i] ?? 5))),
  }));
}

/** The body: terms, then a line for each entry. `players`: ids by position, `{QB: [id, …], …, DST: ['dst:NE', …]}`. */
export function contestBody({ contest, name, ruleset, entries, players, seed = 1, payouts = payoutsOf(entries), named = () => null }) {
  const random = seeded(seed);
  // Some players are in many entries, as in a real field: the square makes the first ones likelier.
  const pick = (list) => list[Math.floor(random() ** 2 * list.length)];
  const lines = [JSON.stringify({ contest, name, ruleset, payouts })];
  for (let i = 1; i <= entries; i += 1) {
    const lineup = [];
    for (const [, positions] of SLOTS) {
      let player;
      do player = pick(players[positions[Math.floor(random() * positions.length)]]); while (lineup.includes(player));
      lineup.push(player);
    }
    lines.push(JSON.stringify({ entry: `e${i}`, name: named(i) ?? `${NAMES[i % NAMES.length]} (${Math.ceil(i / NAMES.length)}/${Math.ceil(entries / NAMES.length)})`, lineup }));
  }
  return lines.join('\n');
}

/** Posts it; the server's report. */
export async function postContest(url, body) {
  const answer = await fetch(`${url}/v1/contests`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status}: ${text}`);
  return JSON.parse(text);
}
