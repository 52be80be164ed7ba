// What the page knows: games, players with points, what is thought to come, and what of it changed
// since it last drew.
// Filled by frames, read by the views; touches no element.

import { elapsedSeconds } from './games.js';
import { toUnits } from './points.js';

// A minute of the game has two or three plays; a step for each of the longest one.
const WIN_STEPS_MAX = 400;

export class Model {
  /** game id -> {game, status, home, away, kickoff, clock, score, situation} */
  games = new Map();
  /** player id -> {player, name, team, position, game, stats, units} */
  players = new Map();
  /** game id -> {predictions: kind -> prediction, outcomes: kind -> outcome, tally} */
  forecasts = new Map();
  /** game id -> [[seconds played, …], [the home team's chance, …]], since the page was opened */
  winLines = new Map();
  /** Under which points are shown. */
  ruleset = null;
  /** Ids that changed since the last `takeChanges`; bounded by what there is. */
  #changedGames = new Set();
  #changedPlayers = new Set();
  #hasNewPlayers = false;

  /** From `GET /v1/games`: may be older than the slate's frames, so it only fills what is missing. */
  addGames(list) {
    for (const entry of list) {
      this.games.set(entry.game, { ...entry, ...this.games.get(entry.game) });
      this.#changedGames.add(entry.game);
    }
  }

  /** A snapshot of the slate also says which games are gone; a delta speaks of some games only. */
  applySlate(view, frame) {
    for (const { game } of frame?.games ?? view.games.values()) this.#mergeGame(game, view.games.get(game));
    if (frame?.type === 'delta') return;
    for (const game of this.games.keys()) {
      if (!view.games.has(game)) this.#removeGame(game);
    }
  }

  applyGame(game, view, frame) {
    // Score and clock come with the slate, which orders them itself; only it may set them twice.
    if (view.situation) this.#mergeGame(game, { situation: view.situation });
    for (const { player } of frame?.players ?? view.players.values()) this.#mergePlayer(game, view.players.get(player));
  }

  applyForecasts(game, view) {
    const before = this.forecasts.get(game);
    this.forecasts.set(game, view);
    this.#changedGames.add(game);
    this.#drawOutWin(game, view, before);
    if (view.predictions.get('points') !== before?.predictions.get('points')) this.#touchPlayersOf(game);
  }

  /** The points that a player is thought to end the game with: {points, low, high, source}, or null. */
  expectedOf({ player, game }, ruleset = this.ruleset) {
    const prediction = this.forecasts.get(game)?.predictions.get('points');
    const expected = prediction?.points_ruleset === ruleset ? prediction?.players.get(player) : null;
    return expected ? { ...expected, source: prediction.source } : null;
  }

  /** The calls of all games that a model was sure enough of: {right, calls}. */
  tally() {
    const sum = { right: 0, calls: 0 };
    for (const { tally } of this.forecasts.values()) {
      sum.right += tally?.right ?? 0;
      sum.calls += tally?.calls ?? 0;
    }
    return sum;
  }

  /** Who has played in a game, best first. */
  playersOf(game) {
    return [...this.players.values()].filter((player) => player.game === game && player.units !== null)
      .sort((a, b) => b.units - a.units || (a.player < b.player ? -1 : 1));
  }

  /** From `GET /v1/players`: people without a stat yet, and names that a frame left out. */
  addPlayers(list) {
    for (const { player, name, team, position, game } of list) {
      const known = this.players.get(player);
      if (!known) {
        this.players.set(player, { player, name, team, position, game, stats: {}, units: null });
        this.#hasNewPlayers = true;
      } else if (known.name === undefined) {
        Object.assign(known, { name, team, position });
        this.#hasNewPlayers = true;
      }
    }
  }

  /** Points of one ruleset mean nothing under another. */
  forgetPoints() {
    for (const [id, entry] of this.players) {
      entry.units = null;
      this.#changedPlayers.add(id);
    }
  }

  /** `{games, players, hasNewPlayers}` since the last call. */
  takeChanges() {
    const changes = {
      games: this.#changedGames, players: this.#changedPlayers, hasNewPlayers: this.#hasNewPlayers,
    };
    this.#changedGames = new Set();
    this.#changedPlayers = new Set();
    this.#hasNewPlayers = false;
    return changes;
  }

  #mergeGame(game, fields) {
    this.games.set(game, { game, ...this.games.get(game), ...fields });
    this.#changedGames.add(game);
  }

  #removeGame(game) {
    this.games.delete(game);
    this.forecasts.delete(game);
    this.winLines.delete(game);
    this.#changedGames.add(game);
    for (const [id, entry] of this.players) {
      if (entry.game === game) this.players.delete(id);
    }
    this.#hasNewPlayers = true;
  }

  #drawOutWin(game, view, before) {
    const known = this.games.get(game);
    const [thought, came] = [view.predictions.get('win'), view.outcomes.get('win')];
    if (!known?.home || thought === before?.predictions.get('win') && came === before?.outcomes.get('win')) return;
    const isOver = !thought && Boolean(came);
    const chances = isOver ? { [came.actual]: 1 } : thought?.probabilities;
    // Nobody has won a tie.
    if (!chances || isOver && came.actual === 'tie') return;
    const home = chances[known.home] ?? (isOver ? 0 : chances.home);
    const at = elapsedSeconds(known);
    if (!Number.isFinite(home) || at === null) return;
    const [xs, ys] = this.winLines.get(game) ?? [[], []];
    // A clock that is set back, by a review, takes the line back with it.
    while (xs.length > 0 && xs.at(-1) >= at) {
      xs.pop();
      ys.pop();
    }
    xs.push(at);
    ys.push(home);
    if (xs.length > WIN_STEPS_MAX) {
      xs.shift();
      ys.shift();
    }
    this.winLines.set(game, [xs, ys]);
  }

  #touchPlayersOf(game) {
    for (const [id, entry] of this.players) if (entry.game === game) this.#changedPlayers.add(id);
  }

  #mergePlayer(game, from) {
    const known = this.players.get(from.player);
    this.players.set(from.player, {
      ...known, ...from, game, units: toUnits(from.points),
    });
    this.#changedPlayers.add(from.player);
    // First points make a row belong elsewhere at once, not at the next reordering.
    if (!known || known.units === null) this.#hasNewPlayers = true;
  }
}
