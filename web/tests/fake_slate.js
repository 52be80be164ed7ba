// A made-up slate with moving scores, enough like the real one to develop and test the page on.
// Every number comes from one seed; nothing here scores by a real site's rules.

import { seeded } from '../client/tests/seeded.js';

const TEAMS = ['NE', 'HOU', 'KC', 'DEN', 'GB', 'CHI', 'SEA', 'SF', 'DAL', 'PHI', 'BUF', 'MIA', 'PIT', 'BAL', 'LAR', 'ARI'];
const ROSTER = ['QB', 'RB', 'RB', 'WR', 'WR', 'WR', 'TE', 'K'];
const FIRST = ['Marcus', 'Tyrell', 'Owen', 'Deshawn', 'Caleb', 'Jamal', 'Luke', 'Andre', 'Ricky', 'Sam', 'Isaiah', 'Cole'];
const LAST = ['Whitfield', 'Okafor', 'Brandt', 'Castellanos', 'Reyes', 'Lindqvist', 'Moss', 'Abernathy', 'Tran', 'Dupree', 'Hale', 'Vance', 'Nakamura', 'Stone'];
const WEIGHTS = {
  passing_yards: 0.04, passing_tds: 4, interceptions: -1, rushing_yards: 0.1, rushing_tds: 6,
  receptions: 1, receiving_yards: 0.1, receiving_tds: 6, field_goals_0_39: 3, field_goals_40_49: 3,
  extra_points: 1, sacks: 1, interceptions_made: 2, fumbles_lost: -1,
};
const RULESETS = [
  { name: 'draftkings', title: 'DraftKings', source: '' },
  { name: 'half_ppr', title: 'Half PPR', source: '' },
];

export class FakeSlate {
  rulesets = { default: 'draftkings', rulesets: RULESETS };
  games = new Map();
  players = new Map();
  /** game -> {predictions: kind -> prediction, tally}: what `predictions:` shows. Empty: no predictor. */
  forecasts = new Map();
  #random;
  // Of their own, so that scores are the same with predictions and without.
  #foresight;
  #play = 0;

  constructor({ gameCount = 8, seed = 7 } = {}) {
    this.#random = seeded(seed);
    this.#foresight = seeded(seed + 1);
    for (let i = 0; i < gameCount; i += 1) this.#addGame(i);
  }

  /** Points by a ruleset's (toy) weights, rounded to four decimals as on the wire. */
  points(stats, ruleset) {
    let sum = 0;
    for (const [stat, value] of Object.entries(stats)) {
      sum += value * (stat === 'receptions' && ruleset === 'half_ppr' ? 0.5 : WEIGHTS[stat] ?? 0);
    }
    return rounded(sum);
  }

  playersOf(game) {
    return [...this.players.values()].filter((player) => player.game === game);
  }

  /** One play in one live game: `{game, cause, moved: [[player, {stat: by}], …]}`. */
  step() {
    const live = [...this.games.values()].filter((game) => game.status === 'live');
    return live.length > 0 ? this.#playIn(this.#pick(live)) : null;
  }

  /** Takes four yards back from a rusher, as an official scorer does. */
  correct(player) {
    return this.#change(this.games.get(player.game), 'correction', [[player, { rushing_yards: -4 }]]);
  }

  forecast(game) {
    if (!this.forecasts.has(game)) this.forecasts.set(game, { predictions: new Map(), tally: { right: 0, calls: 0 } });
    return this.forecasts.get(game);
  }

  /** How the held next play turned out, as the body of a frame; null without one. */
  judge({ game }) {
    const { predictions, tally } = this.forecast(game);
    const held = predictions.get('next_play');
    if (!held) return null;
    const right = this.#foresight() < held.confidence;
    const { call, confidence, source } = held;
    const counts = source === 'model' ? 1 : 0;
    return {
      kind: 'next_play', call, actual: right ? call : call === 'run' ? 'pass' : 'run', right, source,
      probability: right ? confidence : rounded(1 - confidence),
      tally: { right: tally.right + (right ? counts : 0), calls: tally.calls + counts },
    };
  }

  /** What is thought to come in that game now: bodies of frames, one a kind. */
  foresee(game) {
    const { possession, down } = game.situation;
    const pass = rounded(0.3 + 0.65 * this.#foresight());
    const confidence = Math.max(pass, rounded(1 - pass));
    const punts = down === 4 ? 0.8 : 0;
    const kinds = { run: rounded((1 - pass) * (1 - punts)), pass: rounded(pass * (1 - punts)), punt: punts, field_goal: 0, other: 0 };
    const ends = { touchdown: 0.24, field_goal: 0.18, punt: 0.36, turnover: 0.12, other: 0.1 };
    const lead = (game.score[game.home] ?? 0) - (game.score[game.away] ?? 0);
    const home = rounded(1 / (1 + Math.exp(-lead / 8)));
    const source = (sure) => (sure >= 0.7 ? { source: 'model', model: 'fake', version: '1' } : { source: 'historical' });
    return [
      { kind: 'next_play', probabilities: { run: rounded(1 - pass), pass }, kinds, call: pass >= 0.5 ? 'pass' : 'run', confidence, ...source(confidence) },
      { kind: 'drive', team: possession, probabilities: ends, call: 'punt', confidence: 0.36, ...source(0.36) },
      { kind: 'win', probabilities: { [game.home]: home, [game.away]: rounded(1 - home) }, call: home >= 0.5 ? game.home : game.away,
        confidence: Math.max(home, rounded(1 - home)), ...source(Math.max(home, 1 - home)) },
      { kind: 'points', points_ruleset: this.rulesets.default, players: this.#expected(game), ...source(1) },
    ];
  }

  #expected(game) {
    return this.playersOf(game.game).map(({ player, stats }) => {
      const now = this.points(stats, this.rulesets.default);
      const points = rounded(now + 3 + 9 * this.#foresight());
      return { player, points, low: rounded(now + 0.4 * (points - now)), high: rounded(points + 7) };
    });
  }

  #playIn(game) {
    this.#advance(game);
    const { possession } = game.situation;
    const side = this.playersOf(game.game).filter((player) => player.team === possession);
    const of = (position) => this.#pick(side.filter((player) => player.position === position));
    const other = possession === game.home ? game.away : game.home;
    const yards = Math.floor(this.#random() * 16);
    const roll = this.#random();
    if (roll < 0.05) return this.#change(game, 'play', [[of('QB'), { sacked: 1 }], [this.players.get(`dst:${other}`), { sacks: 1 }]]);
    if (roll < 0.2) return this.#change(game, 'play', [[of('QB'), { passing_attempts: 1 }], [of('WR'), { targets: 1 }]]);
    if (roll < 0.55) return this.#change(game, 'play', [[of('RB'), { rushing_attempts: 1, rushing_yards: yards - 3 }]]);
    const isTouchdown = roll > 0.95;
    if (isTouchdown) this.#score(game, possession, 6);
    const pass = { passing_attempts: 1, completions: 1, passing_yards: yards, ...(isTouchdown && { passing_tds: 1 }) };
    const catchOf = { targets: 1, receptions: 1, receiving_yards: yards, ...(isTouchdown && { receiving_tds: 1 }) };
    return this.#change(game, 'play', [[of('QB'), pass], [of(this.#random() < 0.7 ? 'WR' : 'TE'), catchOf]]);
  }

  #change(game, kind, moved) {
    this.#play += 1;
    for (const [player, change] of moved) {
      for (const [stat, by] of Object.entries(change)) player.stats[stat] = (player.stats[stat] ?? 0) + by;
    }
    return { game, moved, cause: { game: game.game, play: String(this.#play), rev: kind === 'play' ? 1 : 2, kind } };
  }

  #advance(game) {
    game.clock.seconds_left -= 9 + Math.floor(this.#random() * 20);
    if (game.clock.seconds_left < 0) {
      game.clock = { quarter: Math.min(4, game.clock.quarter + 1), seconds_left: 900 };
    }
    const situation = game.situation;
    situation.down = situation.down % 4 + 1;
    situation.distance = 1 + Math.floor(this.#random() * 10);
    situation.yards_to_goal = 1 + (situation.yards_to_goal + 90) % 99;
    if (situation.down === 1 && this.#random() < 0.4) {
      situation.possession = situation.possession === game.home ? game.away : game.home;
    }
  }

  #score(game, team, by) {
    game.score[team] += by;
  }

  #addGame(i) {
    const away = TEAMS[(2 * i) % TEAMS.length];
    const home = TEAMS[(2 * i + 1) % TEAMS.length];
    const status = i === 5 ? 'halftime' : i === 6 ? 'final' : i === 7 ? 'scheduled' : 'live';
    const score = status === 'scheduled' ? {} : { [away]: this.#pick([0, 3, 7, 10, 17]), [home]: this.#pick([0, 7, 14, 20]) };
    const game = {
      game: `g${i + 1}`, status, home, away, kickoff: (1_800_000_000 + i * 3600) * 1_000_000, score,
      clock: { quarter: status === 'final' ? 4 : 2, seconds_left: status === 'live' ? 300 + 40 * i : 0 },
      situation: { down: 1, distance: 10, yards_to_goal: 75 - 8 * i, possession: home },
    };
    this.games.set(game.game, game);
    if (status === 'scheduled') return;
    for (const team of [away, home]) {
      ROSTER.forEach((position, n) => this.#addPlayer(game, team, position, n));
      this.players.set(`dst:${team}`, { player: `dst:${team}`, name: `${team} defence`, team, position: 'DST', game: game.game, stats: { points_allowed: 7 } });
    }
  }

  #addPlayer(game, team, position, n) {
    const player = `${team}-${n}`;
    const stats = position === 'K' ? { field_goals_0_39: 1, extra_points: 2 } : {};
    this.players.set(player, { player, name: `${this.#pick(FIRST)} ${this.#pick(LAST)}`, team, position, game: game.game, stats });
  }

  #pick(list) {
    return list[Math.floor(this.#random() * list.length)];
  }
}

// As on the wire: four decimals at most.
function rounded(value) {
  return Math.round(value * 1e4) / 1e4;
}
